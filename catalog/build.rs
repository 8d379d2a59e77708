//! Generates the gRPC services' traits and routes. The messages are `playhead-proto`'s; so are the names of the rpcs, which
//! are read from its descriptors, so that an rpc in a .proto file without its code does not compile.

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic_prost_build::manual::{Builder, Method, Service};

const PACKAGES: [(&str, &str); 3] = [
    ("playhead.catalog.v1", "playhead_proto::catalog::v1"),
    ("playhead.entitlement.v1", "playhead_proto::entitlement::v1"),
    ("playhead.screen.v1", "playhead_proto::screen::v1"),
];

fn main() -> Result<(), prost::DecodeError> {
    println!("cargo:rerun-if-changed=build.rs");
    let files = FileDescriptorSet::decode(playhead_proto::DESCRIPTORS)?.file;
    let services = PACKAGES.iter().flat_map(|(package, module)| {
        let file = files.iter().filter(move |file| file.package() == *package);
        file.flat_map(|file| &file.service).map(move |service| {
            let built = Service::builder().name(service.name()).package(*package);
            let method = |rpc: &str| {
                Method::builder()
                    .name(snake_case(rpc))
                    .route_name(rpc)
                    .input_type(format!("{module}::{rpc}Request"))
                    .output_type(output_type(module, rpc))
                    .codec_path("playhead_ingest::edge::grpc::codec::WireCodec")
                    .build()
            };
            service.method.iter().fold(built, |built, rpc| built.method(method(rpc.name()))).build()
        })
    });
    Builder::new().build_client(false).compile(&services.collect::<Vec<_>>());
    Ok(())
}

/// The generated message, but for what is asked most: its answer is sent as it is remembered.
fn output_type(module: &str, rpc: &str) -> String {
    match rpc {
        "GetItem" => "crate::wire::encoded::ItemAnswer".to_owned(),
        _ => format!("{module}::{rpc}Response"),
    }
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
