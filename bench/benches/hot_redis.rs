//! The Redis hot store: a commit's updates, one script call for each session, against the bare script: the same calls,
//! made beforehand, written to a socket in one go, and their replies counted. The server is a process beside it.
//!
//! Needs redis-server on the path.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use criterion::Throughput;
use playhead_bench::{redis, sum_of};

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = playhead_bench::criterion();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::start();
    let hot = runtime.block_on(redis::connect(&server.url())).expect("a server that answers");
    let mut bare = redis::Bare::connect(&server.url()).expect("a server that listens");
    for sessions in [1, 500, 4_000] {
        let mut group = criterion.benchmark_group(format!("hot_redis_{sessions}"));
        group.throughput(Throughput::Elements(sessions as u64));
        group.bench_function("apply", |bencher| {
            bencher.iter_custom(|rounds| {
                sum_of(rounds, || redis::apply(&runtime, &hot, sessions).expect("a server that answers"))
            });
        });
        group.bench_function("bare_script", |bencher| {
            bencher.iter_custom(|rounds| {
                sum_of(rounds, || redis::call(&mut bare, &hot, sessions).expect("a server that answers"))
            });
        });
        group.finish();
    }
    criterion.final_summary();
}

/// A server of our own.
struct Server {
    address: String,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server on the path");
        Self { address: format!("127.0.0.1:{port}"), process }
    }

    fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
