//! What a person sees first: where the server is, whom it believes, and two lines to paste.

use crate::config::{Config, TlsSource};

use super::Server;

/// The banner of a server that is ready.
pub(super) fn text(config: &Config, server: &Server) -> String {
    let listen = server.listen;
    let recovered = match server.recovered() {
        0 => String::new(),
        events => format!("\n  journal  {events} events taken back that the store did not have yet"),
    };
    let open = match listen.insecure_non_loopback {
        true => OPEN,
        false => "",
    };
    let tls = match &server.shown.tcp {
        Some(sha256) => format!("\n  TLS      on gRPC and HTTP; SHA-256 of the certificate {sha256}"),
        None => String::new(),
    };
    let (scheme, trust) = match (&server.shown.tcp, &config.tls.source) {
        (None, _) => ("http", ""),
        (_, Some(TlsSource::Development { .. })) => ("https", "-k "),
        _ => ("https", ""),
    };
    format!(
        "playhead {version} is ready
  gRPC     {grpc}
  HTTP     {scheme}://{http}{quic}
  admin    http://{admin}/metrics (also /healthz, /readyz, /tap)
  data     {data}{recovered}{tls}
  auth     development auth: every caller is believed. A token is the user's id, such as alice
{open}
Say where alice is, ask for it, and watch events pass:
  curl {trust}-H 'authorization: Bearer alice' -H 'content-type: application/json' {scheme}://{http}/v1/events -d '{EVENTS}'
  curl {trust}-H 'authorization: Bearer alice' {scheme}://{http}/v1/users/alice/positions/movie-1
  curl -N http://{admin}/tap
",
        version = env!("CARGO_PKG_VERSION"),
        grpc = listen.grpc,
        http = listen.http,
        quic = quic(server),
        admin = listen.admin,
        data = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone()).display(),
    )
}

fn quic(server: &Server) -> String {
    match (server.listen.quic, &server.shown.quic) {
        (Some(quic), Some(sha256)) if server.shown.tcp.is_none() => {
            format!("\n  QUIC     {quic} (WebTransport too); SHA-256 of its development certificate {sha256}")
        }
        (Some(quic), _) => format!("\n  QUIC     {quic} (WebTransport too)"),
        (None, _) => String::new(),
    }
}

const EVENTS: &str = concat!(
    r#"{"session":{"session_id":"s-1","item_id":"movie-1","item_kind":"MOVIE","duration_ms":5400000},"#,
    r#""events":[{"kind":"BEAT","seq":1,"position_ms":600000}]}"#
);

const OPEN: &str = "
  !!! listen.insecure_non_loopback is on: whoever reaches these addresses can read, write and erase every viewer,
  !!! and nothing is encrypted. Keep them inside a network that you trust.
";
