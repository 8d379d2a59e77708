//! Unary calls: as many as a server can answer, or an open loop of so many by the second. Call number `n` asks for what
//! number `n` is of.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use prost::Message;
use tokio::{task::JoinSet, time};

use super::{Done, Lane, grpc, grpc::Answers, run_all};

/// A method, and what is asked of it.
#[derive(Debug)]
pub struct Call<Q, A> {
    /// Its path.
    pub method: &'static str,
    /// Who makes call number `n`; the keeper, if nobody.
    pub bearer: fn(usize) -> Option<String>,
    /// What call number `n` asks.
    pub request: fn(usize) -> Q,
    /// Whether an answer is one that counts.
    pub is_good: fn(&A) -> bool,
}

impl<Q: Message, A: Message + Default> Call<Q, A> {
    /// Makes call number `n`.
    ///
    /// # Errors
    /// When it fails, or its answer does not count.
    pub async fn make(&self, client: &SendRequest<Bytes>, n: usize) -> io::Result<A> {
        let bearer = (self.bearer)(n);
        let (mut send, response) = grpc::call(client, self.method, bearer.as_deref()).await?;
        let mut out = BytesMut::new();
        grpc::put(&mut out, &(self.request)(n));
        send.send_data(out.freeze(), true).map_err(io::Error::other)?;
        let mut answers = Answers::of(response).await?;
        while answers.more().await? {}
        let answer = answers.ready()?.filter(self.is_good);
        answer.ok_or_else(|| io::Error::other(format!("call {n} of {} has no good answer", self.method)))
    }
}

/// Connections, and calls under way on each.
#[derive(Debug)]
pub struct Unary<Q: 'static, A: 'static>(Vec<Caller<Q, A>>);

impl<Q: Message + 'static, A: Message + Default + 'static> Unary<Q, A> {
    /// Opens connections for calls number 0 to `among`, which are made again and again.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr, call: &'static Call<Q, A>, among: usize) -> io::Result<Self> {
        let mut callers = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = grpc::connection(address).await?;
            for _ in 0..CALLS {
                callers.push(Caller { client: client.clone(), call, next: callers.len(), among });
            }
        }
        Ok(Self(callers))
    }

    /// Calls for so long, then waits for the last answers.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn run(&mut self, lasting: Duration) -> io::Result<Done> {
        run_all(&mut self.0, lasting).await
    }
}

/// One call after the other.
#[derive(Debug)]
struct Caller<Q: 'static, A: 'static> {
    client: SendRequest<Bytes>,
    call: &'static Call<Q, A>,
    next: usize,
    among: usize,
}

impl<Q: Message + 'static, A: Message + Default + 'static> Lane for Caller<Q, A> {
    async fn run(&mut self, until: Instant) -> io::Result<(u64, u64)> {
        let mut answered = 0;
        while Instant::now() < until {
            self.call.make(&self.client, self.next % self.among).await?;
            self.next += CONNECTIONS * CALLS;
            answered += 1;
        }
        Ok((answered, 0))
    }
}

/// Makes each of these calls once, and gives what `keep` makes of the answers, in no order.
///
/// # Errors
/// When one fails.
pub async fn all<Q, A, T: Send + 'static>(
    address: SocketAddr,
    call: &'static Call<Q, A>,
    numbers: std::ops::Range<usize>,
    keep: fn(A) -> T,
) -> io::Result<Vec<T>>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut lanes = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let (client, numbers) = (grpc::connection(address).await?, numbers.clone());
        lanes.spawn(async move {
            let mut kept = Vec::new();
            for n in numbers.skip(lane).step_by(CONNECTIONS) {
                kept.push(keep(call.make(&client, n).await?));
            }
            io::Result::Ok(kept)
        });
    }
    let kept: io::Result<Vec<Vec<T>>> = lanes.join_all().await.into_iter().collect();
    Ok(kept?.into_iter().flatten().collect())
}

/// How fast, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Calls by the second.
    pub calls_per_s: u32,
    /// For so long.
    pub lasting: Duration,
}

impl Pace {
    /// How many calls that are.
    #[must_use]
    pub fn calls(&self) -> usize {
        let calls = self.lasting.as_millis() * u128::from(self.calls_per_s) / 1_000;
        usize::try_from(calls).unwrap_or(usize::MAX)
    }
}

/// What an open loop saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// From due to answered.
    pub latencies: Vec<Duration>,
    /// From due to begun: how late this client was.
    pub lags: Vec<Duration>,
}

/// Makes calls with these numbers, each when it is due, whatever has been answered, over a few connections.
///
/// # Errors
/// When one fails.
pub async fn paced<Q, A>(
    address: SocketAddr,
    call: &'static Call<Q, A>,
    numbers: impl Iterator<Item = usize>,
    pace: Pace,
) -> io::Result<Seen>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut clients = Vec::new();
    for _ in 0..PACED_CONNECTIONS {
        clients.push(grpc::connection(address).await?);
    }
    let every = Duration::from_secs(1) / pace.calls_per_s;
    let (mut due, mut calls, mut lags) = (time::Instant::now(), JoinSet::new(), Vec::new());
    for (n, client) in numbers.take(pace.calls()).zip(clients.iter().cycle()) {
        time::sleep_until(due).await;
        lags.push(due.elapsed());
        let client = client.clone();
        calls.spawn(async move { call.make(&client, n).await.map(|_| due.elapsed()) });
        due += every;
    }
    let latencies: io::Result<Vec<Duration>> = calls.join_all().await.into_iter().collect();
    Ok(Seen { latencies: latencies?, lags })
}

const CONNECTIONS: usize = 16;
/// Calls under way on each.
const CALLS: usize = 4;
const PACED_CONNECTIONS: usize = 4;
