//! The Redis hot store: a commit's updates, one script call for each session, against the bare script: the same calls,
//! made beforehand, written to a socket in one go, and their replies counted. The server is a process beside it.
//!
//! Needs redis-server on the path.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use criterion::Throughput;
use playhead_bench::{sample, sum_of};
use playhead_store::{
    Clock,
    hot::{
        Hot, HotUpdate,
        redis::{RedisHot, RedisHotSettings},
    },
    position::{PositionRow, PositionRules},
};

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = playhead_bench::criterion();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = Server::start();
    let settings = RedisHotSettings { urls: vec![server.url()], call_ms_max: 10_000, ..Default::default() };
    let hot = runtime.block_on(connect(&settings));
    for sessions in [1, 500, 4_000] {
        let mut seq = 0;
        let mut group = criterion.benchmark_group(format!("hot_redis_{sessions}"));
        group.throughput(Throughput::Elements(sessions as u64));
        group.bench_function("apply", |bencher| {
            bencher.iter_custom(|rounds| {
                sum_of(rounds, || {
                    let batch = batch(sessions, &mut seq);
                    let started = Instant::now();
                    runtime.block_on(hot.apply(&batch, 0)).expect("a server that answers");
                    started.elapsed()
                })
            });
        });
        let mut bare = Bare::connect(&server.address);
        group.bench_function("bare_script", |bencher| {
            bencher.iter_custom(|rounds| {
                sum_of(rounds, || {
                    let packed = hot.packed(&batch(sessions, &mut seq));
                    let started = Instant::now();
                    bare.call(&packed, sessions);
                    started.elapsed()
                })
            });
        });
        group.finish();
    }
    criterion.final_summary();
}

async fn connect(settings: &RedisHotSettings) -> RedisHot {
    let hot = RedisHot::open(settings).expect("settings of our own");
    tokio::time::timeout(PATIENCE, hot.connected()).await.expect("a server that answers");
    // The server has the script from now on.
    hot.apply(&batch(1, &mut 0), 0).await.expect("a server that answers");
    hot
}

/// What a commit says of so many sessions: each beat newer than the one before.
fn batch(sessions: usize, seq: &mut u64) -> Vec<HotUpdate> {
    *seq += 1;
    let now_ms = sample::now_ms();
    let update = |index| {
        let (key, description) = (sample::key(index), sample::description(index, now_ms));
        let beat = sample::beat(*seq, now_ms.saturating_add_unsigned(*seq));
        let rules = PositionRules::default();
        let row = PositionRow::from_event(&beat, &key.session, &description.playable, rules);
        HotUpdate {
            key,
            account: description.account,
            device: description.device,
            clock: Clock { fixed_at_ms: now_ms, offset_ms: 0 },
            last_at_ms: now_ms,
            position: row.map(|row| (description.playable.item, row)),
            beat: None,
        }
    };
    (0..sessions).map(update).collect()
}

/// A connection that knows no more than how long a reply is.
struct Bare(TcpStream);

impl Bare {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a server that listens");
        stream.set_nodelay(true).expect("an open socket");
        Self(stream)
    }

    /// Writes beside reading, since a server that cannot answer does not read for ever.
    fn call(&mut self, packed: &[u8], calls: usize) {
        std::thread::scope(|scope| {
            let mut writer = self.0.try_clone().expect("an open socket");
            let mut writing = move || writer.write_all(packed).expect("an open socket");
            match packed.len() {
                0..SMALL => writing(),
                _ => drop(scope.spawn(writing)),
            }
            let mut replies = vec![0; REPLY.len() * calls];
            self.0.read_exact(&mut replies).expect("a reply to each call");
            assert!(replies.chunks(REPLY.len()).all(|reply| reply == REPLY), "every call went well");
        });
    }
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

const PATIENCE: Duration = Duration::from_secs(10);
/// What fits into a socket's buffers.
const SMALL: usize = 32 << 10;
/// 1: it may play.
const REPLY: &[u8] = b":1\r\n";
