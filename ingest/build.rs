//! Generates the gRPC services' traits and routes with our own codec, whose reader keeps a bad element to itself and
//! answers undecodable bytes with a typed error. The messages are `playhead-proto`'s.

use tonic_prost_build::manual::{Builder, Method, Service};

const CODEC: &str = "crate::edge::grpc::codec::WireCodec";

const PLAYBACK_RPCS: [&str; 11] = [
    "GetPosition",
    "BatchGetPositions",
    "ListContinueWatching",
    "ListSessions",
    "GetSession",
    "SetPosition",
    "MarkWatched",
    "ForgetItem",
    "EraseUser",
    "ListLiveSessions",
    "StopSession",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    Builder::new().build_client(false).compile(&[ingest(), playback()]);
}

fn ingest() -> Service {
    let connect = Method::builder()
        .name("connect")
        .route_name("Connect")
        .input_type("crate::edge::grpc::codec::Frame")
        .output_type("playhead_proto::ingest::v1::ServerFrame")
        .codec_path(CODEC)
        .client_streaming()
        .server_streaming();
    let publish = Method::builder()
        .name("publish")
        .route_name("Publish")
        .input_type("crate::edge::grpc::codec::Batches")
        .output_type("playhead_proto::ingest::v1::PublishResponse")
        .codec_path(CODEC);
    let service = Service::builder().name("IngestService").package("playhead.ingest.v1");
    service.method(connect.build()).method(publish.build()).build()
}

fn playback() -> Service {
    let service = Service::builder().name("PlaybackService").package("playhead.playback.v1");
    let method = |rpc: &str| {
        Method::builder()
            .name(snake_case(rpc))
            .route_name(rpc)
            .input_type(format!("playhead_proto::playback::v1::{rpc}Request"))
            .output_type(format!("playhead_proto::playback::v1::{rpc}Response"))
            .codec_path(CODEC)
            .build()
    };
    PLAYBACK_RPCS.into_iter().fold(service, |service, rpc| service.method(method(rpc))).build()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
