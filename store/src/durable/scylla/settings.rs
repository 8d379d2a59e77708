//! Which cluster, and how it is used.

use std::{collections::HashMap, fmt, net::SocketAddr, sync::Arc};

use rustls::ClientConfig;

/// How a cluster is reached and used.
#[derive(Debug, Clone)]
pub struct ScyllaSettings {
    /// Nodes to begin with, `host:port`; the others are learned from them.
    pub contact_points: Vec<String>,
    /// Where nodes are reached that know themselves by other addresses, as behind a NAT: all of them, or none.
    pub addresses: HashMap<SocketAddr, SocketAddr>,
    /// The keyspace, a name that [`is_keyspace_name`] allows.
    pub keyspace: String,
    /// The datacenter whose nodes are asked, and whose quorum counts.
    pub datacenter: String,
    /// Who we are, where the cluster asks.
    pub credentials: Option<Credentials>,
    /// How connections are encrypted; `None` leaves them plain. Nodes are known by their addresses, so that is what their
    /// certificates have to name.
    pub tls: Option<Arc<ClientConfig>>,
    /// Sessions and events are kept for so many days after they happened; `None` keeps them for ever. Positions stay.
    pub retention_days: Option<u32>,
    /// Writes under way at a time, at most; fewer where the cluster cannot follow.
    pub requests_max: usize,
    /// A request without an answer for so long has an unknown outcome, ms.
    pub request_ms_max: u64,
    /// After so long the nodes have fsynced what they acknowledged, ms: twice the period of their commit logs.
    pub settles_in_ms: u64,
}

/// Name and password.
#[derive(Clone)]
pub struct Credentials {
    /// The role's name.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Default for ScyllaSettings {
    fn default() -> Self {
        Self {
            contact_points: vec!["127.0.0.1:9042".to_owned()],
            addresses: HashMap::new(),
            keyspace: "playhead".to_owned(),
            datacenter: "datacenter1".to_owned(),
            credentials: None,
            tls: None,
            retention_days: Some(400),
            requests_max: 128,
            request_ms_max: 5_000,
            settles_in_ms: 20_000,
        }
    }
}

/// True for a name that a keyspace may have, without quotes: a small letter, then small letters, digits and `_`.
#[must_use]
pub fn is_keyspace_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    name.len() <= KEYSPACE_BYTES_MAX
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'_')
}

/// Longest name of a keyspace that both servers take.
pub const KEYSPACE_BYTES_MAX: usize = 48;
