//! Every target over its corpus, and over changed copies of it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may fail loudly"
)]

use std::{fs, path::Path};

use playhead_ingest::fuzzing::TARGETS;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Changed copies of each input.
const CHANGED: usize = 400;
/// The most changes in one copy.
const CHANGES_MAX: usize = 8;
/// Bytes that decoders treat in a way of their own: ends of varints, of texts and of numbers.
const TELLING: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'{', b'[', b',', b'=', b'\n'];

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{target} has no corpus"));
    let mut inputs: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            (path.display().to_string(), fs::read(&path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{target} has an empty corpus");
    inputs
}

/// A copy with some bytes changed, cut out, repeated or put in from another input.
fn changed(input: &[u8], other: &[u8], dice: &mut impl Rng) -> Vec<u8> {
    let mut copy = input.to_vec();
    for _ in 0..dice.random_range(1..=CHANGES_MAX) {
        if copy.is_empty() {
            copy.extend(other);
            continue;
        }
        let at = dice.random_range(0..copy.len());
        let end = (at + dice.random_range(1..=16)).min(copy.len());
        match dice.random_range(0..6) {
            0 => copy[at] ^= 1 << dice.random_range(0..8),
            1 => copy[at] = TELLING[dice.random_range(0..TELLING.len())],
            2 => drop(copy.drain(at..end)),
            3 => copy.truncate(at),
            4 => {
                let piece = copy[at..end].to_vec();
                copy.splice(at..at, piece);
            }
            _ if other.is_empty() => {}
            _ => {
                let from = dice.random_range(0..other.len());
                let piece = other[from..(from + 16).min(other.len())].to_vec();
                copy.splice(at..at, piece);
            }
        }
    }
    copy
}

#[test]
fn no_target_fails_over_its_corpus() {
    for (target, _) in TARGETS {
        for (path, input) in corpus(target) {
            println!("{path}");
            playhead_fuzz::run(target, &input);
        }
    }
}

#[test]
fn no_target_fails_over_changed_copies_of_its_corpus() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    for (target, _) in TARGETS {
        let inputs = corpus(target);
        for (path, input) in &inputs {
            for at in 0..CHANGED {
                let (_, other) = &inputs[dice.random_range(0..inputs.len())];
                let copy = changed(input, other, &mut dice);
                println!("{path}, change {at}: {copy:02x?}");
                playhead_fuzz::run(target, &copy);
            }
        }
    }
}
