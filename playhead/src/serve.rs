//! `playhead serve`: puts stores, engine and edges together, and takes them apart again without losing anything.

use std::{
    io,
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use playhead_ingest::{
    button::PlayButton,
    edge::{Now, grpc::Switch},
    engine::{Engine, Parts, Threads},
    journal::{Disk, FsDisk},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    CommandError,
    admin::{Admin, Phase, Served},
    auth::{self, Auth},
    block_on, check,
    cli::ConfigFlags,
    config::{self, Config, Listen, Role},
    durable, log, print,
};

mod banner;
mod catalog;
mod certificate;
mod edges;
mod error;
mod guarded;
mod hot;
mod quic;
mod signals;

pub(crate) use self::{
    error::{ServeError, beneath},
    signals::Signals,
};

use catalog::{Catalog, CatalogServer};
use certificate::Fingerprints;
use edges::Edges;
use guarded::Guards;
use quic::QuicEdge;

/// How long callers have to take their last answers, ms.
const DRAIN_MS_MAX: u64 = 7_000;
/// Edges finish their replies within this.
const EDGES_PATIENCE: Duration = Duration::from_secs(8);
/// The backlog is flushed within this; what is left stays in the journal.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);
/// The admin port's last answers, tap included, are out within this. The three are below the 25 s that we promise.
const ADMIN_PATIENCE: Duration = Duration::from_secs(2);

/// Serves until a signal comes or the engine fails.
pub(crate) fn run(flags: &ConfigFlags) -> Result<ExitCode, CommandError> {
    let config = config::load(&flags.settings())?.config;
    log::begin(&config.log);
    block_on(async {
        let mut signals = Signals::listen()?;
        if config.role == Role::Catalog {
            return run_catalog(&config, signals).await;
        }
        let mut server = tokio::select! {
            server = Server::start(&config) => server?,
            name = signals.first() => {
                print::note(&format!("playhead: {name} before the start was over"));
                return Ok(ExitCode::SUCCESS);
            }
        };
        print::note(&banner::text(&config, &server));
        tokio::select! {
            failure = server.ended() => {
                server.stop(Phase::Failed).await;
                Err(failure.into())
            }
            name = signals.first() => {
                print::note(&format!("playhead: {name}, draining (again ends at once)"));
                signals.exit_on_the_next();
                let is_flushed = server.stop(Phase::Draining).await;
                let rest = if is_flushed { "" } else { ", what the store lacks waits in the journal" };
                print::note(&format!("playhead: stopped, nothing lost{rest}"));
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

/// Serves the catalog alone until a signal comes.
async fn run_catalog(config: &Config, mut signals: Signals) -> Result<ExitCode, CommandError> {
    let mut server = CatalogServer::start(config).await?;
    print::note(&banner::catalog_text(config, &server));
    tokio::select! {
        failure = server.ended() => {
            server.stop(Phase::Failed).await;
            Err(failure.into())
        }
        name = signals.first() => {
            print::note(&format!("playhead: {name}, draining (again ends at once)"));
            signals.exit_on_the_next();
            server.stop(Phase::Draining).await;
            print::note("playhead: stopped, nothing lost");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A running server.
pub(crate) struct Server {
    /// Where it listens, with the ports that it got.
    pub(crate) listen: Listen,
    /// Of the certificates that it shows.
    shown: Fingerprints,
    engine: Arc<Engine>,
    admin: Admin,
    stop_edges: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    edge_ended: mpsc::Receiver<ServeError>,
    edges: Vec<JoinHandle<()>>,
    admin_task: JoinHandle<()>,
}

impl Server {
    /// Starts a server. When it returns it is ready; the admin port answers from the beginning.
    pub(crate) async fn start(config: &Config) -> Result<Self, ServeError> {
        let now = now();
        let tls = certificate::open(config, &now)?;
        let auth = auth::open(config, Arc::clone(&now)).await?;
        let guards = Guards::new(config, tls.as_ref());
        let (grpc, http, admin_listener, listen) = bind(config.listen).await?;
        let quic = QuicEdge::bind(config, tls.as_ref(), &now, guards.places())?;
        let listen = Listen { quic: quic.as_ref().map(|quic| quic.address), ..listen };
        let limits = &config.engine.limits;
        let admin = Admin::new(limits.shards * limits.shard_events_max);
        let (stop_admin, admin_stops) = watch::channel(false);
        let admin_serves = admin.clone().serve(admin_listener, stopped(admin_stops));
        let (ended, edge_ended) = mpsc::channel(EDGES);
        let admin_task = tokio::spawn(tell_if_ended("admin", admin_serves, ended.clone()));

        let (engine, switch) = start_engine(config, Arc::clone(&now), &auth, &admin, &stop_admin).await?;
        let ((grpc, grpc_counts), (http, http_counts)) = (guards.guard(grpc)?, guards.guard(http)?);
        let quic_meters = quic.as_ref().map(|quic| quic.meters.clone());
        let mut listeners = vec![("grpc", grpc_counts), ("http", http_counts)];
        listeners.extend(quic_meters.iter().map(|meters| ("quic", meters.connections.clone())));
        admin.attach(Served {
            engine: Arc::clone(&engine),
            listeners,
            quic: quic_meters,
            tokens: auth.meters,
        });
        let (stop_edges, edges_stop) = watch::channel(false);
        if let Some(keys) = auth.keys {
            tokio::spawn(unless_stopped(edges_stop.clone(), async move { keys.run().await }));
        }
        let quic_tls = quic.as_ref().map(|quic| quic.tls.clone());
        let shown = Fingerprints::of(tls.as_ref(), quic_tls.as_ref());
        if let Some(tls) = tls.or(quic_tls) {
            let kept = certificate::keep_fresh(tls, config.tls.reload_s, now);
            tokio::spawn(unless_stopped(edges_stop.clone(), kept));
        }
        let edges = Edges { grpc, switch, http, quic }.serve(&engine.doors(), config, &edges_stop, &ended);
        admin.enter(Phase::Ready);
        Ok(Self { listen, shown, engine, admin, stop_edges, stop_admin, edge_ended, edges, admin_task })
    }

    /// Resolves when the server cannot go on.
    pub(crate) async fn ended(&mut self) -> ServeError {
        tokio::select! {
            failure = self.engine.failed() => ServeError::Failed(failure),
            Some(error) = self.edge_ended.recv() => error,
        }
    }

    /// Stops in order: not ready, edges finish their replies, the engine commits, answers and flushes what it took.
    /// True when the store holds everything; what it lacks waits in the journal.
    pub(crate) async fn stop(self, phase: Phase) -> bool {
        self.admin.enter(phase);
        self.stop_edges.send_replace(true);
        let edges = futures_util::future::join_all(self.edges);
        if tokio::time::timeout(EDGES_PATIENCE, edges).await.is_err() {
            tracing::warn!(
                patience_s = EDGES_PATIENCE.as_secs(),
                "edges cut off, their callers were too slow"
            );
        }
        let is_flushed = self.engine.stop(FLUSH_PATIENCE).await;
        self.stop_admin.send_replace(true);
        // Whoever still reads a page is cut off; there is nothing that they could lose.
        let _ = tokio::time::timeout(ADMIN_PATIENCE, self.admin_task).await;
        is_flushed
    }

    /// What the start took back from the journal, and what it left there for the store to be caught up: events and marks.
    fn recovered(&self) -> (u64, u64) {
        let (recovered, _) = self.engine.recovered();
        (recovered.events + recovered.marks, recovered.spilled)
    }
}

/// Binds every listener before anything else is begun, so that nothing has to be undone when one cannot be had.
async fn bind(wanted: Listen) -> Result<(TcpListener, TcpListener, TcpListener, Listen), ServeError> {
    let grpc = listener("listen.grpc", wanted.grpc).await?;
    let http = listener("listen.http", wanted.http).await?;
    let admin = listener("listen.admin", wanted.admin).await?;
    let got = |listener: &TcpListener, wanted| listener.local_addr().unwrap_or(wanted);
    let listen = Listen {
        grpc: got(&grpc, wanted.grpc),
        http: got(&http, wanted.http),
        admin: got(&admin, wanted.admin),
        ..wanted
    };
    Ok((grpc, http, admin, listen))
}

async fn listener(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Listener { key, address, error })
}

/// Opens journal and stores and starts the engine on them; and the catalog beside it, on the same store, which does what it
/// does besides answering until the admin port stops: what edges finish is told to other nodes all the same.
async fn start_engine(
    config: &Config,
    now: Now,
    auth: &Auth,
    admin: &Admin,
    stop_admin: &watch::Sender<bool>,
) -> Result<(Arc<Engine>, Switch), ServeError> {
    let urls = catalog::urls(config)?;
    let disk =
        config.journal.as_ref().map(|_| FsDisk::open(check::journal_dir(&config.data_dir))).transpose();
    let disk = disk.map_err(|error| ServeError::Disk { error })?;
    let durable::Stores { durable, documents } = durable::open(config).await?;
    let hot = hot::open(&config.hot)?;
    let parts = Parts {
        durable: Arc::clone(&durable),
        hot: Arc::clone(&hot),
        disk: disk.map(|disk| Arc::new(disk) as Arc<dyn Disk>),
        journal: config.journal.clone().unwrap_or_default(),
        verifier: Arc::clone(&auth.verifier),
        now: Arc::clone(&now),
        seed: rand::random(),
        threads: Threads::Own,
    };
    let engine = Engine::start(config.engine.clone(), parts).await;
    let engine = engine.map_err(|error| ServeError::Engine { error })?;
    let button = Some(PlayButton::of_engine(&engine.doors()));
    let with = catalog::With { documents, durable, urls, button, hot: Some(hot) };
    let catalog = Catalog::new(config, with, auth, now);
    catalog.begin(admin, &stop_admin.subscribe());
    Ok((Arc::new(engine), catalog.switch))
}

fn now() -> Now {
    Arc::new(|| {
        // A clock before 1970 is wrong in any case; the year 0 of Unix is as good as any.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Waits for a listener's end and tells of it if it was not asked for: an end without an error was.
async fn tell_if_ended(
    name: &'static str,
    serves: impl Future<Output = io::Result<()>>,
    ended: mpsc::Sender<ServeError>,
) {
    if let Err(error) = serves.await {
        // Nobody listens any more when the server is being stopped.
        let _ = ended.send(ServeError::Edge(name, error)).await;
    }
}

/// Resolves when the switch is turned, or gone.
async fn stopped(mut switch: watch::Receiver<bool>) {
    let _ = switch.wait_for(|&is_stopped| is_stopped).await;
}

/// Does this until the switch is turned.
async fn unless_stopped(switch: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = stopped(switch) => {}
    }
}

/// Listeners that may end.
const EDGES: usize = 4;
