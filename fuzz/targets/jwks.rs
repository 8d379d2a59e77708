//! `cargo fuzz run jwks`: see `fuzz/src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| playhead_fuzz::run("jwks", bytes));
