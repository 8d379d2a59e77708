//! Compiles the .proto files with protox, so that no protoc is needed anywhere.

use std::{env, error::Error, path::PathBuf};

const FILES: [&str; 5] = [
    "playhead/ingest/v1/ingest.proto",
    "playhead/playback/v1/playback.proto",
    "playhead/catalog/v1/catalog.proto",
    "playhead/entitlement/v1/entitlement.proto",
    "playhead/screen/v1/screen.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("playhead.bin");
    std::fs::write(&out, prost::Message::encode_to_vec(&descriptors))?;
    // `IngestService.Connect` would clash with the generated client's own `connect`, so transport code stays off.
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
