//! `[listen]`: where the edges listen, and what they need to listen beyond loopback: tokens, and encryption.

use std::net::SocketAddr;

use super::{
    ConfigError,
    auth::{AuthSettings, KeysAt, TokenSettings},
    read::Reader,
};

/// Where the edges listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen {
    /// gRPC and gRPC-Web.
    pub(crate) grpc: SocketAddr,
    /// HTTP.
    pub(crate) http: SocketAddr,
    /// QUIC and WebTransport, if they are wanted.
    pub(crate) quic: Option<SocketAddr>,
    /// Health, readiness, metrics, tap.
    pub(crate) admin: SocketAddr,
    /// True when a listener beyond loopback was asked for by name.
    pub(crate) insecure_non_loopback: bool,
}

impl Listen {
    /// All listeners that are wanted, by their keys.
    fn named(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let named = [
            ("listen.grpc", Some(self.grpc)),
            ("listen.http", Some(self.http)),
            ("listen.quic", self.quic),
            (ADMIN, Some(self.admin)),
        ];
        named.into_iter().filter_map(|(key, address)| Some((key, address?)))
    }
}

/// Reads `[listen]`.
pub(crate) fn listen(read: &mut Reader) -> Result<Listen, ConfigError> {
    let listen = Listen {
        grpc: read.address(
            "listen.grpc",
            "Where gRPC and gRPC-Web listen; port 0 takes a free one.",
            7450,
        )?,
        http: read.address("listen.http", "Where HTTP listens.", 7480)?,
        quic: read.address_or_off("listen.quic", QUIC_ABOUT, 7443)?,
        admin: read.address(ADMIN, "Where health, readiness, metrics and tap listen.", 7490)?,
        insecure_non_loopback: read.switch("listen.insecure_non_loopback", INSECURE_ABOUT, false)?,
    };
    // QUIC is not among them: its ports are UDP's.
    let tcp = [("listen.grpc", listen.grpc), ("listen.http", listen.http), (ADMIN, listen.admin)];
    for (at, &(key, address)) in tcp.iter().enumerate() {
        let taken = tcp.iter().take(at).find(|&&(_, other)| other == address && address.port() != 0);
        if let Some((other, _)) = taken {
            return Err(read.wrong(key, address, format!("an address that {other} does not have")));
        }
    }
    Ok(listen)
}

/// Checks that whoever can reach the listeners shows who they are, and is encrypted; or that it was asked for by name.
pub(crate) fn check_reach(
    listen: &Listen,
    auth: &AuthSettings,
    has_tls: bool,
    read: &Reader,
) -> Result<(), ConfigError> {
    for (key, address) in listen.named().filter(|(_, address)| !address.ip().is_loopback()) {
        let is_missing = if key == ADMIN { Some(ADMIN_ASKS_NOBODY) } else { lack(auth, has_tls) };
        if let Some(why) = is_missing.filter(|_| !listen.insecure_non_loopback) {
            let allowed = format!(
                "a loopback address such as 127.0.0.1:7450, because {why}; `listen.insecure_non_loopback = true` \
                 allows others"
            );
            return Err(read.wrong(key, address, allowed));
        }
    }
    match listen.quic {
        // Without a certificate of the operator's it shows a development one, which only this machine should meet.
        Some(quic) if !quic.ip().is_loopback() && !has_tls => {
            Err(read.wrong("listen.quic", quic, QUIC_ENCRYPTED))
        }
        _ => Ok(()),
    }
}

/// What keeps the edges on loopback.
fn lack(auth: &AuthSettings, has_tls: bool) -> Option<&'static str> {
    match (auth, has_tls) {
        (AuthSettings::Development, _) => Some("auth.mode is development, which believes every caller"),
        (AuthSettings::Token(TokenSettings { keys: KeysAt::Secret(_), .. }), _) => {
            Some("tokens by HS256 are for development")
        }
        (AuthSettings::Token(_), false) => Some("without tls.certificate and tls.key nothing is encrypted"),
        (AuthSettings::Token(_), true) => None,
    }
}

const ADMIN: &str = "listen.admin";
const ADMIN_ASKS_NOBODY: &str = "the admin port asks nobody who they are";
const QUIC_ABOUT: &str =
    "Where QUIC and WebTransport listen (UDP), or off. Without [tls] they show a development certificate.";
const QUIC_ENCRYPTED: &str = "a loopback address or off, unless there are tls.certificate and tls.key, or \
    tls.development";
const INSECURE_ABOUT: &str = "Allow listeners beyond loopback without tokens, encryption or both.";
