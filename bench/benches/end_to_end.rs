//! End to end: gRPC over loopback into the whole engine, real fsyncs and the embedded stores included, until the last
//! event is acknowledged; against a gRPC server that only decodes and answers the same messages.
//!
//! Client and server share one process: the client is the main thread, the server has one thread for the network, and
//! the engine its own. `server_cpu` is the CPU time of all threads but the client's, which is what the goals of F1.1 and
//! F1.2 speak of, in a smaller shape: one connection, and rounds that wait for their last answer. `wall` is a round as
//! the client sees it.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up measures nothing")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use futures_util::future::{join_all, try_join_all};
use playhead_bench::{cpu, folder, sample, served::Served, sum_of};
use playhead_limits::no_op::Answers;
use playhead_proto::ingest::v1::{
    ClientFrame, ServerFrame, ingest_service_client::IngestServiceClient, server_frame,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Streaming,
    transport::{Channel, Endpoint},
};

/// The allocator of the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Streams on the connection, one session each.
const STREAMS: usize = 16;
/// Events that a stream sends, one by one, before it waits for the last to be acknowledged.
const WINDOW: usize = 128;
/// Publish calls at a time, of [`CALL_SESSIONS`] sessions with [`CALL_BEATS`] beats each: 500 events.
const CALLS: usize = 4;
const CALL_SESSIONS: usize = 20;
const CALL_BEATS: u64 = 25;

fn main() {
    let mut criterion = playhead_bench::criterion();
    connect(&mut criterion);
    publish(&mut criterion);
    criterion.final_summary();
}

fn connect(criterion: &mut Criterion) {
    let folder = folder(env!("CARGO_TARGET_TMPDIR"));
    let mut group = criterion.benchmark_group("end_to_end_connect");
    group.throughput(Throughput::Elements((STREAMS * WINDOW) as u64));
    for (name, server) in [
        ("playhead", Served::playhead(folder.path())),
        ("no_op", Served::no_op(Answers::Each)),
        ("no_op_answering_bursts", Served::no_op(Answers::Burst)),
    ] {
        let runtime = client();
        let mut streams = runtime.block_on(Stream::open_all(&server));
        measure(&mut group, name, || runtime.block_on(send_windows(&mut streams)));
    }
    group.finish();
}

fn publish(criterion: &mut Criterion) {
    let folder = folder(env!("CARGO_TARGET_TMPDIR"));
    let mut group = criterion.benchmark_group("end_to_end_publish");
    group.throughput(Throughput::Elements((CALLS * CALL_SESSIONS) as u64 * CALL_BEATS));
    for (name, server) in
        [("playhead", Served::playhead(folder.path())), ("no_op", Served::no_op(Answers::Each))]
    {
        let runtime = client();
        let client = runtime.block_on(channel(&server));
        let mut seq = 1;
        measure(&mut group, name, || runtime.block_on(publish_round(&client, &mut seq)));
    }
    group.finish();
}

/// Measures a round twice: as the client sees it, and what it costs the server.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut round: impl FnMut() -> Duration) {
    group.bench_function(format!("{name}/wall"), |bencher| {
        bencher.iter_custom(|rounds| sum_of(rounds, &mut round));
    });
    group.bench_function(format!("{name}/server_cpu"), |bencher| {
        bencher.iter_custom(|rounds| {
            let before = cpu::beside_main();
            // What the engine does between two rounds is part of its cost, so the clock goes on.
            sum_of(rounds, &mut round);
            cpu::beside_main().saturating_sub(before)
        });
    });
}

fn client() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn channel(server: &Served) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).expect("an address");
    endpoint.tcp_nodelay(true).connect().await.expect("a server that listens")
}

/// The client's side of a Connect.
struct Stream {
    frames: mpsc::Sender<ClientFrame>,
    answers: Streaming<ServerFrame>,
    seq: u64,
}

impl Stream {
    async fn open_all(server: &Served) -> Vec<Self> {
        let channel = channel(server).await;
        join_all((0..STREAMS).map(|index| Self::open(channel.clone(), index))).await
    }

    async fn open(channel: Channel, index: usize) -> Self {
        let (frames, sent) = mpsc::channel(WINDOW + 1);
        frames.try_send(sample::hello(index)).expect("room for the first");
        let mut request = Request::new(ReceiverStream::new(sent));
        request.metadata_mut().insert("authorization", sample::bearer(index).parse().expect("a header"));
        let answers = IngestServiceClient::new(channel).connect(request).await.expect("a stream");
        let mut stream = Self { frames, answers: answers.into_inner(), seq: 0 };
        let welcome = stream.answers.message().await.expect("an answer");
        assert!(welcome.is_some_and(|frame| matches!(frame.frame, Some(server_frame::Frame::Welcome(_)))));
        stream
    }

    fn window(&mut self) -> Vec<ClientFrame> {
        let now_ms = sample::now_ms();
        let frame = |seq| sample::frame(vec![sample::wire_beat(seq, now_ms)]);
        let first = self.seq + 1;
        self.seq += WINDOW as u64;
        (first..=self.seq).map(frame).collect()
    }

    /// Waits until everything sent is acknowledged.
    async fn acked(&mut self) {
        loop {
            let answer = self.answers.message().await.expect("an answer").expect("a stream that goes on");
            let Some(server_frame::Frame::Ack(ack)) = answer.frame else { continue };
            assert!(ack.busy.is_none() && ack.rejected.is_empty(), "{ack:?}");
            if ack.acked_through_seq >= self.seq {
                return;
            }
        }
    }
}

async fn send_windows(streams: &mut [Stream]) -> Duration {
    let mut windows: Vec<_> = streams.iter_mut().map(|stream| stream.window().into_iter()).collect();
    let started = Instant::now();
    for _ in 0..WINDOW {
        for (stream, frame) in streams.iter().zip(windows.iter_mut().filter_map(Iterator::next)) {
            stream.frames.try_send(frame).expect("room for a window");
        }
        // The streams' beats come one after another, not all of a stream's at once.
        tokio::task::yield_now().await;
    }
    join_all(streams.iter_mut().map(Stream::acked)).await;
    started.elapsed()
}

async fn publish_round(channel: &Channel, seq: &mut u64) -> Duration {
    let sessions = |call: usize| call * CALL_SESSIONS..(call + 1) * CALL_SESSIONS;
    let calls: Vec<_> = (0..CALLS).map(|call| sample::publish(sessions(call), CALL_BEATS, *seq)).collect();
    *seq += CALL_BEATS;
    let started = Instant::now();
    let call = |request| {
        let mut client = IngestServiceClient::new(channel.clone());
        async move { client.publish(request).await }
    };
    let answers = try_join_all(calls.into_iter().map(call)).await.expect("an answer");
    let took = started.elapsed();
    for outcome in answers.iter().flat_map(|answer| &answer.get_ref().sessions) {
        assert_eq!(u64::from(outcome.stored), CALL_BEATS, "{outcome:?}");
    }
    took
}
