//! A run: workers play the scenario, the server is watched beside them, and a report comes of it.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{net::lookup_host, sync::watch, task::JoinSet};
use tonic::transport::Endpoint;

use crate::{
    edge::streams::Streams,
    ledger::{
        record::{Run as RunRow, VERSION},
        write::{Ledger, Pen},
    },
    names::Names,
    report::{Measured, Progress, Report},
    scenario::{Port, Scenario},
    server::{self, Watched},
    stage::{Clock, SharedTally},
    tally::{POINTS_MAX, Tally, Window},
    worker,
};

/// A run could not be played.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A URL of the target cannot be used.
    #[error("target.{key} is {url:?}: {problem}; allowed is a URL such as http://127.0.0.1:7450")]
    Url {
        /// Which.
        key: &'static str,
        /// What it says.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers there.
    #[error("no server answers at {url}: {error}; `playhead serve` starts one")]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        error: String,
    },
    /// The ledger cannot be written.
    #[error("the ledger cannot be written: {0}")]
    Ledger(io::Error),
    /// A thread failed.
    #[error("the generator failed: {0}")]
    Generator(io::Error),
}

/// Plays a scenario to its end, or until `stop` comes. `tell` hears of it once a second.
///
/// # Errors
/// [`LoadError`] when it could not be played. A limit that is missed is none: the report says so.
pub async fn run(
    scenario: Scenario,
    ledger: Option<&Path>,
    mut tell: impl FnMut(&Progress),
    stop: impl Future<Output = ()>,
) -> Result<Report, LoadError> {
    let scenario = Arc::new(scenario);
    let addresses = Addresses::find(&scenario).await?;
    let started_at_ms = unix_ms();
    let run = Names::run_name(started_at_ms, scenario.seed);
    let ledger = ledger.map(|path| begin_ledger(path, &run, &scenario, started_at_ms)).transpose()?;
    let mut watched = Watched::default();
    watch_once(&mut watched, addresses.admin).await;
    let mut troupe = Troupe::start(&scenario, &addresses, ledger.as_ref(), &run);
    let mut stop = std::pin::pin!(stop);
    let mut seconds = tokio::time::interval_at((troupe.clock.begun + SECOND).into(), SECOND);
    let (mut sent, mut is_stopped) = (0, false);
    while !troupe.workers.is_empty() {
        tokio::select! {
            Some(done) = troupe.workers.join_next() => {
                sent += done.map_err(io::Error::other).flatten().map_err(LoadError::Generator)?;
            }
            _ = seconds.tick() => {
                watch_once(&mut watched, addresses.admin).await;
                tell(&Progress::new(&troupe.sum(), troupe.clock.begun.elapsed(), scenario.lasts()));
            }
            () = &mut stop, if !is_stopped => {
                is_stopped = true;
                troupe.stops.send_replace(true);
            }
        }
    }
    watch_once(&mut watched, addresses.admin).await;
    ledger.map_or(Ok(()), |ledger| ledger.close(sent)).map_err(LoadError::Ledger)?;
    let (tally, window) = (troupe.sum(), troupe.window);
    let lasted = window.lasts.min(Instant::now().saturating_duration_since(window.from));
    let (scenario, watched) = (&*scenario, addresses.admin.map(|_| &watched));
    Ok(Measured { scenario, run, started_at_ms, window, lasted, tally: &tally, watched }.report())
}

/// The workers of a run.
struct Troupe {
    clock: Clock,
    window: Window,
    tallies: Vec<SharedTally>,
    workers: JoinSet<io::Result<u64>>,
    /// Ends them early.
    stops: watch::Sender<bool>,
}

impl Troupe {
    fn start(scenario: &Arc<Scenario>, addresses: &Addresses, ledger: Option<&Ledger>, run: &str) -> Self {
        // A moment for the threads to be there before the first message is due.
        let begun = Instant::now() + HEAD_START;
        let begun_at_ms = unix_ms() + i64::try_from(HEAD_START.as_millis()).unwrap_or(0);
        let (clock, window) = (Clock { begun, begun_at_ms }, window(scenario, begun));
        let (stops, stopped) = watch::channel(false);
        let mut troupe = Self { clock, window, tallies: Vec::new(), workers: JoinSet::new(), stops };
        for number in 0..scenario.workers {
            let tally: SharedTally = Arc::new(Tally::new(window).into());
            troupe.tallies.push(Arc::clone(&tally));
            let part = worker::Part {
                scenario: Arc::clone(scenario),
                number,
                clock,
                names: Names::new(run),
                grpc: addresses.grpc.clone(),
                http: addresses.http,
                streams: addresses.streams.clone(),
                tally,
                pen: ledger.map_or_else(Pen::dry, Ledger::pen),
                stop: stopped.clone(),
            };
            troupe.workers.spawn_blocking(move || worker::play(part));
        }
        troupe
    }

    /// What all of them counted so far.
    fn sum(&self) -> Tally {
        let mut sum = Tally::new(self.window);
        for tally in &self.tallies {
            sum.add(&tally.lock().unwrap_or_else(PoisonError::into_inner));
        }
        sum
    }
}

/// Where the target is.
struct Addresses {
    grpc: Endpoint,
    http: SocketAddr,
    streams: Streams,
    admin: Option<SocketAddr>,
}

impl Addresses {
    /// Looks the target up, and makes sure that somebody answers where the scenario goes.
    async fn find(scenario: &Scenario) -> Result<Self, LoadError> {
        let target = &scenario.target;
        let url = |problem: String| LoadError::Url { key: "grpc", url: target.grpc.clone(), problem };
        let grpc = Endpoint::from_shared(target.grpc.clone()).map_err(|error| url(error.to_string()))?;
        let grpc = grpc.connect_timeout(CONNECT_PATIENCE).tcp_nodelay(true);
        if scenario.reads_per_s > 0 || scenario.goes_to(Port::Grpc) {
            let unreachable = |error: String| LoadError::Unreachable { url: target.grpc.clone(), error };
            grpc.connect().await.map_err(|error| unreachable(error.to_string()))?;
        }
        let http = look_up("http", &target.http).await?;
        if scenario.goes_to(Port::Http) {
            let unreachable = |error: io::Error| LoadError::Unreachable {
                url: target.http.clone(),
                error: error.to_string(),
            };
            tokio::net::TcpStream::connect(http).await.map_err(unreachable)?;
        }
        let admin = match &target.admin {
            Some(admin) => Some(look_up("admin", admin).await?),
            None => None,
        };
        let streams = Streams::of(target);
        if scenario.goes_to(Port::Quic) {
            let unreachable = |error: String| LoadError::Unreachable { url: target.quic.clone(), error };
            let transport = streams.quic().map_err(|error| unreachable(error.to_string()))?;
            transport.connect().await.map_err(|error| unreachable(error.to_string()))?;
        }
        Ok(Self { grpc, http, streams, admin })
    }
}

async fn look_up(key: &'static str, url: &str) -> Result<SocketAddr, LoadError> {
    let wrong = |problem: String| LoadError::Url { key, url: url.to_owned(), problem };
    let uri: http::Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    let host = uri.host().ok_or_else(|| wrong("it has no host".to_owned()))?.trim_matches(['[', ']']);
    let found = lookup_host((host, uri.port_u16().unwrap_or(80))).await;
    let mut found = found.map_err(|error| wrong(error.to_string()))?;
    found.next().ok_or_else(|| wrong("its host has no address".to_owned()))
}

fn begin_ledger(
    path: &Path,
    names: &str,
    scenario: &Scenario,
    started_at_ms: i64,
) -> Result<Ledger, LoadError> {
    let run = RunRow {
        version: VERSION,
        run: names.to_owned(),
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        started_at_ms,
    };
    Ledger::create(path, run).map_err(LoadError::Ledger)
}

async fn watch_once(watched: &mut Watched, admin: Option<SocketAddr>) {
    let Some(admin) = admin else { return };
    if let Some(sample) = server::sample(admin).await {
        watched.take(sample, Instant::now());
    }
}

fn window(scenario: &Scenario, begun: Instant) -> Window {
    let room = scenario.duration + scenario.settle();
    let seconds = room.as_secs().div_ceil(POINTS_MAX as u64).max(1);
    Window { from: begun + scenario.warmup, lasts: scenario.duration, point: Duration::from_secs(seconds) }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

const SECOND: Duration = Duration::from_secs(1);
const HEAD_START: Duration = Duration::from_millis(100);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
