//! Fuzz targets for every decoder. What each does with any bytes stands in `playhead_ingest::fuzzing`.
//!
//! `cargo test -p playhead-fuzz` runs each over its corpus (`corpus/TARGET/`) and over changed copies of it. The fuzzer
//! itself goes on for as long as it is left to:
//!
//! ```text
//! cargo install cargo-fuzz
//! cargo fuzz run --sanitizer none --features libfuzzer frame
//! ```
//!
//! With `CARGO_PROFILE_RELEASE_LTO=off` a target is linked in seconds instead of minutes. Without a sanitizer it runs on the
//! stable toolchain; there is no `unsafe` in what is tried. An input that fails is kept
//! below `artifacts/`: put it into the corpus with the fix, under a name that says what it is.

/// Runs the target of this name.
///
/// # Panics
/// When the decoder broke a promise, or there is no such target.
pub fn run(target: &str, bytes: &[u8]) {
    let found = playhead_ingest::fuzzing::TARGETS.iter().find(|(name, _)| *name == target);
    let (_, decode) = found.unwrap_or_else(|| unreachable!("{target} is no target"));
    decode(bytes);
}
