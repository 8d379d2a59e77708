//! Token verification: one that the cache knows, and one that was never seen, against the bare check of its signature by
//! the same library. Left out: what a call does with the identity.

use criterion::Criterion;
use playhead_bench::tokens::Tokens;
use playhead_ingest::identity::keys::Algorithm;

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = playhead_bench::criterion();
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        against_bare(&mut criterion, algorithm);
    }
    criterion.final_summary();
}

fn against_bare(criterion: &mut Criterion, algorithm: Algorithm) {
    let tokens = Tokens::new(algorithm);
    assert!(tokens.cached() && tokens.first() && tokens.bare(), "all three take it");
    let mut group = criterion.benchmark_group(format!("token_{}", algorithm.name()));
    group.bench_function("cached", |bencher| bencher.iter(|| tokens.cached()));
    group.bench_function("first", |bencher| bencher.iter(|| tokens.first()));
    group.bench_function("bare", |bencher| bencher.iter(|| tokens.bare()));
    group.finish();
}
