# The one binary in an image: `docker build -t playhead .`
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release -p playhead

FROM debian:bookworm-slim
RUN apt-get update -qq \
    && apt-get install -qq -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/playhead --uid 7450 playhead
COPY --from=build /src/target/release/playhead /usr/local/bin/playhead
USER playhead
WORKDIR /var/lib/playhead
# The journal makes an acknowledgement true: give it a volume.
ENV PLAYHEAD_DATA_DIR=/var/lib/playhead/data
VOLUME /var/lib/playhead/data
EXPOSE 7450 7480 7443/udp
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s CMD ["playhead", "health"]
# SIGTERM drains within 25 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["playhead"]
CMD ["serve"]
