//! Where the servers are, who we are to them, and every bound.

use crate::lease::LeaseTimes;
use redis::{ConnectionAddr, IntoConnectionInfo};
use std::{fmt, ops::RangeInclusive};

/// How a Redis hot store reaches its servers, and how much it keeps there, for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisHotSettings {
    /// `redis://host:port`, or `rediss://` for TLS: one server, several of which one is the master, or some nodes of a
    /// cluster. [`check_url`] says what is taken.
    pub urls: Vec<String>,
    /// True for a Redis Cluster.
    pub is_cluster: bool,
    /// The ACL user; `None` for the default one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// PEM of the roots that a server's certificate is trusted by; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// What every key begins with, so that several deployments share a server.
    pub prefix: String,
    /// How long a call may take, ms. Then its outcome is unknown, and the connection is made anew.
    pub call_ms_max: u64,
    /// How long connecting to one server may take, ms.
    pub connect_ms_max: u64,
    /// Script calls that may wait for their replies at a time; beyond them the store is unavailable.
    pub calls_max: u32,
    /// A session of which nothing was said for so long is forgotten, s.
    pub session_ttl_s: u32,
    /// A position of which nothing was said for so long is forgotten, and so is an erasure, s.
    pub position_ttl_s: u32,
    /// Sessions to remember of a user.
    pub user_sessions_max: u32,
    /// Positions to remember of a user.
    pub user_positions_max: u32,
    /// How long leases last.
    pub leases: LeaseTimes,
}

impl Default for RedisHotSettings {
    fn default() -> Self {
        Self {
            urls: vec!["redis://127.0.0.1:6379".to_owned()],
            is_cluster: false,
            user: None,
            password: None,
            ca_pem: None,
            prefix: "playhead".to_owned(),
            call_ms_max: 250,
            connect_ms_max: 1_000,
            calls_max: 16_384,
            session_ttl_s: 2 * HOUR_S,
            position_ttl_s: 24 * HOUR_S,
            user_sessions_max: 256,
            user_positions_max: 1_000,
            leases: LeaseTimes::default(),
        }
    }
}

impl RedisHotSettings {
    pub(super) fn is_tls(&self) -> bool {
        self.urls.iter().any(|url| url.starts_with("rediss:"))
    }
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Whether a text is the URL of a server: [`URL_ALLOWED`].
#[must_use]
pub fn check_url(url: &str) -> bool {
    let Ok(info) = url.into_connection_info() else { return false };
    let is_reachable = match info.addr() {
        ConnectionAddr::Tcp(..) => true,
        ConnectionAddr::TcpTls { insecure, .. } => !insecure,
        _ => false,
    };
    let settings = info.redis_settings();
    is_reachable && settings.username().is_none() && settings.password().is_none()
}

/// What [`check_url`] takes.
pub const URL_ALLOWED: &str =
    "redis://host:port, or rediss://host:port with TLS, perhaps with /database, without user and password";
/// Least and most of [`RedisHotSettings::call_ms_max`].
pub const CALL_MS_MAX: RangeInclusive<u64> = 10..=10_000;
/// Least and most of [`RedisHotSettings::connect_ms_max`].
pub const CONNECT_MS_MAX: RangeInclusive<u64> = 50..=30_000;
/// Least and most of [`RedisHotSettings::calls_max`].
pub const CALLS_MAX: RangeInclusive<u64> = 64..=1_048_576;
const HOUR_S: u32 = 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_server_and_no_secret() {
        for (url, expect) in [
            ("redis://127.0.0.1:6379", true),
            ("redis://cache.example", true),
            ("rediss://cache.example:6380/3", true),
            ("redis://[::1]:6379", true),
            ("redis://:secret@cache.example", false),
            ("redis://me@cache.example", false),
            ("rediss://cache.example/#insecure", false),
            ("http://cache.example", false),
            ("127.0.0.1:6379", false),
            ("redis+unix:///tmp/redis.sock", false),
            ("", false),
        ] {
            assert_eq!(check_url(url), expect, "{url:?}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let password = Some(Secret::new("hunter2".to_owned()));
        let shown = format!("{:?}", RedisHotSettings { password, ..RedisHotSettings::default() });
        assert!(!shown.contains("hunter2") && shown.contains("hidden"), "{shown}");
    }
}
