//! `[durable]`: where the lasting record is: here, or in a cluster.

use std::{ops::RangeInclusive, path::PathBuf};

use playhead_store::durable::scylla::{Replication, is_keyspace_name};

use super::{ConfigError, read::Reader};

/// Where the lasting record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DurableSettings {
    /// In the data folder, as `[store]` says.
    Embedded,
    /// In ScyllaDB or Apache Cassandra.
    Cluster(ClusterSettings),
}

/// A cluster, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterSettings {
    /// Nodes to begin with, `host:port`.
    pub(crate) contact_points: Vec<String>,
    /// Where the tables are.
    pub(crate) keyspace: String,
    /// Whose nodes are asked.
    pub(crate) datacenter: String,
    /// Copies of a keyspace that `migrate` makes.
    pub(crate) replication: Replication,
    /// Role and the file of its password.
    pub(crate) login: Option<(String, PathBuf)>,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Roots>,
    /// Sessions and events are kept for so many days.
    pub(crate) retention_days: Option<u32>,
    /// Writes at a time.
    pub(crate) requests_max: usize,
    /// How long a request may take, ms.
    pub(crate) request_ms_max: u64,
    /// How long the journal keeps what the cluster acknowledged, ms.
    pub(crate) settles_in_ms: u64,
}

/// Whose certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Those that the system trusts.
    System,
    /// Those of a PEM file.
    File(PathBuf),
}

/// Reads `[durable]`.
pub(crate) fn durable(read: &mut Reader) -> Result<DurableSettings, ConfigError> {
    let backend = read.choice("durable.backend", "Where the lasting record is.", &["embedded", "scylla"])?;
    let cluster = ClusterSettings {
        contact_points: contact_points(read)?,
        keyspace: keyspace(read)?,
        datacenter: datacenter(read)?,
        replication: replication(read)?,
        login: login(read)?,
        tls: tls(read)?,
        retention_days: u32::try_from(read.number(
            "durable.retention_days",
            RETENTION_ABOUT,
            400,
            RETENTION_DAYS,
        )?)
        .ok()
        .filter(|&days| days > 0),
        requests_max: usize::try_from(read.number("durable.requests_max", REQUESTS_ABOUT, 128, REQUESTS)?)
            .unwrap_or(usize::MAX),
        request_ms_max: read.number("durable.request_ms_max", REQUEST_ABOUT, 5_000, REQUEST_MS)?,
        settles_in_ms: read.number("durable.settles_in_ms", SETTLES_ABOUT, 20_000, SETTLES_MS)?,
    };
    Ok(match backend {
        "scylla" => DurableSettings::Cluster(cluster),
        _ => DurableSettings::Embedded,
    })
}

fn contact_points(read: &mut Reader) -> Result<Vec<String>, ConfigError> {
    let text = read.text("durable.contact_points", CONTACT_ABOUT, "127.0.0.1:9042");
    let points: Vec<String> = text.split(',').map(|point| point.trim().to_owned()).collect();
    let has_port = |point: &String| {
        point.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match points.iter().all(has_port) {
        true => Ok(points),
        false => Err(read.wrong(
            "durable.contact_points",
            text,
            "host:port, with commas between, such as 10.0.0.1:9042,10.0.0.2:9042",
        )),
    }
}

fn keyspace(read: &mut Reader) -> Result<String, ConfigError> {
    let keyspace = read.text("durable.keyspace", "The keyspace of the tables.", "playhead");
    match is_keyspace_name(&keyspace) {
        true => Ok(keyspace),
        false => Err(read.wrong("durable.keyspace", keyspace, KEYSPACE_ALLOWED)),
    }
}

fn datacenter(read: &mut Reader) -> Result<String, ConfigError> {
    let about = "The datacenter whose nodes are asked, and whose quorum counts.";
    let datacenter = read.text("durable.datacenter", about, "datacenter1");
    match datacenter.is_empty() {
        true => Err(read.wrong("durable.datacenter", datacenter, "the name of a datacenter of the cluster")),
        false => Ok(datacenter),
    }
}

fn replication(read: &mut Reader) -> Result<Replication, ConfigError> {
    let about = "Copies by datacenter, where `playhead migrate` makes the keyspace.";
    let text = read.text("durable.replication", about, "datacenter1:3");
    text.parse().map_err(|_| read.wrong("durable.replication", &text, REPLICATION_ALLOWED))
}

fn login(read: &mut Reader) -> Result<Option<(String, PathBuf)>, ConfigError> {
    let username = read.text("durable.username", "The role to log in as; empty: none.", "");
    let file = read.text("durable.password_file", "File with the role's password.", "");
    match (username.is_empty(), file.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some((username, file.into()))),
        (false, true) => {
            Err(read.wrong("durable.username", username, "nothing, unless there is durable.password_file"))
        }
        (true, false) => {
            Err(read.wrong("durable.password_file", file, "nothing, unless there is durable.username"))
        }
    }
}

fn tls(read: &mut Reader) -> Result<Option<Roots>, ConfigError> {
    let is_on = read.switch("durable.tls", TLS_ABOUT, false)?;
    let file = read.text("durable.tls_ca_file", "PEM file of the roots to trust; empty: the system's.", "");
    match (is_on, file.is_empty()) {
        (false, true) => Ok(None),
        (false, false) => Err(read.wrong("durable.tls_ca_file", file, "nothing, unless durable.tls is true")),
        (true, true) => Ok(Some(Roots::System)),
        (true, false) => Ok(Some(Roots::File(file.into()))),
    }
}

const CONTACT_ABOUT: &str = "Nodes to begin with; the others are learned from them.";
const KEYSPACE_ALLOWED: &str = "a small letter, then small letters, digits and _, at most 48";
const REPLICATION_ALLOWED: &str =
    "datacenter:copies, with commas between, such as datacenter1:3; copies are 1 to 9";
const TLS_ABOUT: &str = "Encrypt connections; certificates have to name the nodes' addresses.";
const RETENTION_ABOUT: &str = "Sessions and events are kept for so many days; 0 keeps them for ever.";
const REQUESTS_ABOUT: &str = "Writes under way at a time; fewer where the cluster cannot follow.";
const REQUEST_ABOUT: &str = "A request without an answer for so long is made again, ms.";
const SETTLES_ABOUT: &str = "Kept in the journal for so long after the cluster acknowledged it: twice the period of its \
    nodes' commit logs, ms.";
const SETTLES_MS: RangeInclusive<u64> = 0..=3_600_000;
/// Ten years: expiry times of Cassandra 4.1 end in January 2038.
const RETENTION_DAYS: RangeInclusive<u64> = 0..=3_650;
const REQUESTS: RangeInclusive<u64> = 1..=4_096;
const REQUEST_MS: RangeInclusive<u64> = 100..=60_000;
