//! `playhead demo`: synthetic viewers play against a server, and everything that it acknowledged is read back.

use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use playhead_client::{Backoff, Client, OpenError};
use playhead_load::law::Law;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tonic::transport::{Channel, Endpoint};

use crate::{
    CommandError, block_on,
    cli::{Demo, Output},
    config::{self, Config},
    fetch, print,
    serve::{ServeError, Server, Signals},
};

mod drive;
mod figures;
mod readback;
mod session;
mod table;

use drive::{Drive, Pace};
use figures::Figures;
use table::Table;

/// Why the demo could not be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// `--server` is no address.
    #[error("--server is {value:?}: {error}; allowed is a URL such as http://127.0.0.1:7450")]
    Url {
        /// What was said.
        value: String,
        /// What is wrong with it.
        error: tonic::transport::Error,
    },
    /// Nobody answers there.
    #[error("no server answers at {url}: {error}; `playhead serve` starts one")]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        error: tonic::transport::Error,
    },
    /// There is no client for it.
    #[error("--server: {0}")]
    Client(OpenError),
    /// The demo's own server did not start.
    #[error("the demo's own server: {0}")]
    OwnServer(#[from] ServeError),
    /// There is no temporary folder for it.
    #[error("no temporary folder: {0}")]
    TemporaryFolder(io::Error),
}

/// Plays, reads back, and prints the table. Succeeds if events were acknowledged and all of them are there.
pub(crate) fn run(asked: &Demo) -> Result<ExitCode, CommandError> {
    block_on(async {
        let signals = Signals::listen()?;
        let own = match asked.server {
            None => Some(OwnServer::start().await?),
            Some(_) => None,
        };
        let url = match (&asked.server, &own) {
            (Some(url), _) => url.clone(),
            (None, Some(own)) => format!("http://{}", own.server.listen.grpc),
            (None, None) => String::new(),
        };
        let table = play(asked, &url, own.as_ref().map(|own| own.server.listen.admin), signals).await?;
        let text = match asked.output {
            Output::Text => table.text(),
            Output::Json => format!("{:#}\n", table.json()),
        };
        print::text(&text)?;
        if let Some(own) = own {
            own.stop().await;
        }
        if asked.output == Output::Text {
            print::note(&table.next_steps());
        }
        Ok(if table.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

async fn play(
    asked: &Demo,
    url: &str,
    own_admin: Option<SocketAddr>,
    mut signals: Signals,
) -> Result<Table, CommandError> {
    let channels = connect(url, asked.viewers).await?;
    let clients = clients(url, channels.len())?;
    let figures = Arc::new(Figures::default());
    let (stop, stopped) = watch::channel(false);
    let pace = Pace::begin(asked.speedup, asked.duration_s, unix_ms());
    let run = pace.run_name();
    let viewer = |client: &Client| Drive {
        client: client.clone(),
        figures: Arc::clone(&figures),
        stopped: stopped.clone(),
        pace,
        seed: asked.seed,
        run: run.clone(),
    };
    let numbered = (0..asked.viewers).zip(clients.iter().cycle());
    let viewers: JoinSet<_> = numbered.map(|(number, client)| viewer(client).watch(number)).collect();
    print::note(&format!("demo: {} viewers at {url}, Ctrl-C ends it early", asked.viewers));
    tokio::select! {
        () = show(&figures) => {}
        () = tokio::time::sleep_until(pace.over()) => {}
        _ = signals.first() => {}
    }
    signals.exit_on_the_next();
    stop.send_replace(true);
    let played = viewers.join_all().await;
    let lasted = pace.elapsed();
    note_reading_back();
    let found = readback::read_back(&channels, asked.seed, &run, &played).await;
    let law = match own_admin {
        Some(admin) => Some(Law::read(&fetch::page(admin, "/metrics").await?.1)),
        None => None,
    };
    Ok(Table { asked: asked.into(), url: url.to_owned(), run, lasted, last: figures.now(), found, law })
}

/// Ends the line of figures, if they were shown in place.
fn note_reading_back() {
    let gap = if io::stderr().is_terminal() { "\n" } else { "" };
    print::note(&format!("{gap}demo: reading everything back"));
}

/// Shows the figures once a second, for as long as it is let: in place on a terminal, otherwise a line each.
async fn show(figures: &Figures) {
    let in_place = io::stderr().is_terminal();
    let begun = Instant::now();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        let line = figures.now().line(begun.elapsed());
        match in_place {
            true => print::note_part(&format!("\r\x1b[2K{line}")),
            false => print::note(&line),
        }
    }
}

/// Connections, so that none has to carry more streams than servers allow.
async fn connect(url: &str, viewers: u32) -> Result<Vec<Channel>, DemoError> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|error| DemoError::Url { value: url.to_owned(), error })?
        .connect_timeout(CONNECT_PATIENCE)
        .tcp_nodelay(true);
    let mut channels = Vec::new();
    for _ in 0..viewers.div_ceil(STREAMS_PER_CONNECTION) {
        let connected = endpoint.connect().await;
        channels.push(connected.map_err(|error| DemoError::Unreachable { url: url.to_owned(), error })?);
    }
    Ok(channels)
}

/// A client beside each connection: those play, the connections read.
fn clients(url: &str, count: usize) -> Result<Vec<Client>, DemoError> {
    let backoff = Backoff { first: RECONNECT_WITHIN, max: RECONNECT_WITHIN };
    let client = || Client::builder(url).backoff(backoff).tries_max(RECONNECTS_MAX).build();
    (0..count).map(|_| client().map_err(DemoError::Client)).collect()
}

/// A server in this process, on free ports and a temporary folder that goes with it.
struct OwnServer {
    server: Server,
    folder: TempDir,
}

impl OwnServer {
    async fn start() -> Result<Self, CommandError> {
        let folder = tempfile::tempdir().map_err(DemoError::TemporaryFolder)?;
        let mut config: Config = config::defaults()?.config;
        config.data_dir = folder.path().to_owned();
        let listen = &mut config.listen;
        for address in [&mut listen.grpc, &mut listen.http, &mut listen.admin] {
            address.set_port(0);
        }
        listen.quic = None;
        let server = Server::start(&config).await.map_err(DemoError::OwnServer)?;
        Ok(Self { server, folder })
    }

    async fn stop(self) {
        self.server.stop(crate::admin::Phase::Draining).await;
        // A temporary folder that cannot be removed is the system's to clean up.
        let _ = self.folder.close();
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Five seconds in all, on average: a server that restarts is back by then.
const RECONNECTS_MAX: u32 = 20;
const RECONNECT_WITHIN: Duration = Duration::from_millis(500);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Below the 128 that HTTP/2 servers commonly allow.
const STREAMS_PER_CONNECTION: u32 = 100;
