//! What the benches share. Each file in `benches/` is one room of the engine and says what it leaves out; here is what
//! goes into the rooms, and what they are held against.
//!
//! In reading order: [`sample`] makes events and sessions; [`site`] is an engine to measure, with [`null`] where a bench
//! wants no disk or no store, and [`door`] its intake by itself; [`tokens`] are
//! signed and checked; [`redis`] is called; [`served`] puts a server behind a socket, and [`cpu`]
//! says what it costs. What they are held against is the crate `playhead-limits`. Each bench takes the binary's
//! allocator, so that its figures are the binary's.
//!
//! [`figures`] runs the design's figures, with servers in processes of their own and the clients of [`drive`].

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

pub mod cpu;
pub mod door;
pub mod drive;
pub mod figures;
pub mod null;
pub mod redis;
pub mod sample;
pub mod served;
pub mod site;
pub mod stock;
pub mod tokens;

use std::time::Duration;

use criterion::Criterion;
use tempfile::TempDir;

/// Criterion, set so that all benches together take about three minutes. Flags of the command line override it.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
}

/// A folder of its own below `parent`, which goes when it is dropped.
///
/// Give it `env!("CARGO_TARGET_TMPDIR")`: that is on a disk, which the system's folder for temporary files may not be.
#[must_use]
pub fn folder(parent: &str) -> TempDir {
    tempfile::tempdir_in(parent).expect("the build's own folder can be written")
}

/// The sum of what `round` says it took, for [`criterion::Bencher::iter_custom`].
pub fn sum_of(rounds: u64, mut round: impl FnMut() -> Duration) -> Duration {
    (0..rounds).map(|_| round()).sum()
}

const SAMPLES: usize = 10;
