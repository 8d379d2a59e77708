//! What is to be played: read from a file, checked once, complete afterwards.

use std::{path::PathBuf, time::Duration};

mod keys;
mod read;

pub use crate::schedule::Step;
pub use playhead_client::Trust;

/// A scenario that can be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Viewers with the same seed do the same.
    pub seed: u64,
    /// How long is measured.
    pub duration: Duration,
    /// How long is played before anything is measured.
    pub warmup: Duration,
    /// A run whose 99th percentile of (sent - intended) is above this is invalid, ms.
    pub lag_p99_ms_max: u64,
    /// Threads that play.
    pub workers: u32,
    /// Against whom.
    pub target: Target,
    /// What is played, side by side.
    pub loads: Vec<Load>,
    /// By whom.
    pub viewers: Viewers,
    /// GetPosition calls per second, beside the writes.
    pub reads_per_s: u32,
    /// What must not be missed.
    pub limits: Vec<Limit>,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its gRPC URL.
    pub grpc: String,
    /// Its HTTP URL.
    pub http: String,
    /// Its admin URL; `None` when it has none.
    pub admin: Option<String>,
    /// Its QUIC address, `HOST:PORT`.
    pub quic: String,
    /// Whom to trust there; `None` when nothing is said.
    pub quic_trust: Option<Trust>,
}

/// The way in that a load takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Edge {
    /// A session per stream, cumulative acks.
    GrpcConnect,
    /// Batches of many sessions.
    GrpcPublish,
    /// `POST /v1/events` in JSON.
    HttpJson,
    /// `POST /v1/events` in protobuf.
    HttpProtobuf,
    /// `POST /v1/cmcd/TOKEN`: accepted, never acknowledged.
    Cmcd,
    /// A session per stream, cumulative acks, over QUIC.
    QuicStream,
    /// The same with beats as datagrams.
    QuicDatagram,
}

/// Which of a server's ports an edge goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Grpc,
    Http,
    Quic,
}

impl Edge {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::GrpcConnect,
        Self::GrpcPublish,
        Self::HttpJson,
        Self::HttpProtobuf,
        Self::Cmcd,
        Self::QuicStream,
        Self::QuicDatagram,
    ];

    /// Its name in scenarios and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GrpcConnect => "grpc-connect",
            Self::GrpcPublish => "grpc-publish",
            Self::HttpJson => "http-json",
            Self::HttpProtobuf => "http-protobuf",
            Self::Cmcd => "cmcd",
            Self::QuicStream => "quic-stream",
            Self::QuicDatagram => "quic-datagram",
        }
    }

    /// Its number in ledgers.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::GrpcConnect => 1,
            Self::GrpcPublish => 2,
            Self::HttpJson => 3,
            Self::HttpProtobuf => 4,
            Self::Cmcd => 5,
            Self::QuicStream => 6,
            Self::QuicDatagram => 7,
        }
    }

    /// Where it goes.
    pub(crate) fn port(self) -> Port {
        match self {
            Self::GrpcConnect | Self::GrpcPublish => Port::Grpc,
            Self::HttpJson | Self::HttpProtobuf | Self::Cmcd => Port::Http,
            Self::QuicStream | Self::QuicDatagram => Port::Quic,
        }
    }
}

/// One kind of traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The way in.
    pub edge: Edge,
    /// How many connections.
    pub connections: u32,
    /// Sessions that are open at a time, per connection.
    pub sessions_per_connection: u32,
    /// Rates, in all, since the beginning of what is measured. The first also holds for the warm-up.
    pub steps: Vec<Step>,
    /// Events in one message or call.
    pub events_per_message: u32,
    /// Sessions that share a Publish call; the events are dealt out evenly.
    pub sessions_per_message: u32,
    /// After a lost connection: connect again, and send again what has no ending.
    pub reconnect: bool,
    /// Send again what was refused for lack of room, or got no answer.
    pub resend: bool,
    /// How long after the end endings are waited for.
    pub settle: Duration,
}

/// Who watches what.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewers {
    /// How many titles.
    pub items: u32,
    /// How steeply popularity falls with rank.
    pub zipf: f64,
    /// How many users.
    pub users: u32,
    /// Events of a session, on average.
    pub session_events: u32,
}

/// Something measured that must stay on its side of a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Its key; `_min` at its end means at least, otherwise at most.
    pub name: String,
    /// The number.
    pub bound: f64,
}

/// What the command line says instead of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `target.grpc`.
    pub grpc: Option<String>,
    /// `target.http`.
    pub http: Option<String>,
    /// `target.admin`; empty means none.
    pub admin: Option<String>,
    /// `target.quic`.
    pub quic: Option<String>,
    /// `target.quic_fingerprint`.
    pub quic_fingerprint: Option<String>,
    /// `seed`.
    pub seed: Option<u64>,
    /// `duration_s`.
    pub duration_s: Option<u64>,
    /// The highest rate of all loads together; steps and loads keep their proportions.
    pub events_per_s: Option<u64>,
}

/// The scenario cannot be played; the process ends with [`ScenarioError::EXIT_CODE`].
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    NotToml(toml::de::Error),
    /// A value is not one that its key takes.
    #[error("{key} is {value}; allowed is {allowed}")]
    Wrong {
        /// The key.
        key: String,
        /// What it says.
        value: String,
        /// What would be taken.
        allowed: String,
    },
    /// There is no such key.
    #[error("there is no key {key:?}; allowed is {allowed}")]
    Unknown {
        /// What was said.
        key: String,
        /// The keys that there are.
        allowed: String,
    },
}

impl ScenarioError {
    /// `EX_CONFIG` of sysexits.h.
    pub const EXIT_CODE: u8 = 78;
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ScenarioError`], which names the key, the value and what is allowed.
    pub fn read(path: &std::path::Path, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScenarioError::Unreadable { path: path.to_owned(), error })?;
        Self::parse(&text, overrides)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// As [`Scenario::read`].
    pub fn parse(text: &str, overrides: &Overrides) -> Result<Self, ScenarioError> {
        let table: toml::Table = text.parse().map_err(ScenarioError::NotToml)?;
        read::scenario(table, overrides)
    }

    /// How long is played: the warm-up and what is measured.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.warmup + self.duration
    }

    /// True when a load goes there.
    pub(crate) fn goes_to(&self, port: Port) -> bool {
        self.loads.iter().any(|load| load.edge.port() == port)
    }

    /// How long endings are waited for at most.
    #[must_use]
    pub fn settle(&self) -> Duration {
        self.loads.iter().map(|load| load.settle).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
