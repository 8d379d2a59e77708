//! What a person sees first: where the server is, whom it believes, and two lines to paste.

use playhead_ingest::identity::TokenRules;

use crate::config::{AuthSettings, Config, HotSettings, KeysAt, TlsSource, TokenSettings};

use super::{CatalogServer, Server};

/// The banner of a server that is ready.
pub(super) fn text(config: &Config, server: &Server) -> String {
    let listen = server.listen;
    let open = match listen.insecure_non_loopback {
        true => OPEN,
        false => "",
    };
    let tls = match &server.shown.tcp {
        Some(sha256) => format!("\n  TLS      on gRPC and HTTP; SHA-256 of the certificate {sha256}"),
        None => String::new(),
    };
    let (scheme, trust) = scheme(config, server.shown.tcp.as_ref());
    let (token, bearer) = token(&config.auth);
    format!(
        "playhead {version} is ready
  gRPC     {grpc}
  HTTP     {scheme}://{http}{quic}
  admin    http://{admin}/metrics (also /healthz, /readyz, /tap)
  data     {data}{hot}{tls}
  auth     {auth}
{open}
Say where alice is, ask for it, and watch events pass:{token}
  curl {trust}-H \"authorization: Bearer {bearer}\" -H 'content-type: application/json' {scheme}://{http}/v1/events -d '{EVENTS}'
  curl {trust}-H \"authorization: Bearer {bearer}\" {scheme}://{http}/v1/users/alice/positions/movie-1
  curl -N http://{admin}/tap
",
        version = env!("CARGO_PKG_VERSION"),
        grpc = listen.grpc,
        http = listen.http,
        quic = quic(server),
        hot = hot(&config.hot),
        auth = auth(&config.auth),
        admin = listen.admin,
        data = data(config, server),
    )
}

/// Where it rests, and what the start found there.
fn data(config: &Config, server: &Server) -> String {
    if config.journal.is_none() {
        return "in the cluster alone; without it events end busy (journal.mode = off)".to_owned();
    }
    let folder = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let recovered = match server.recovered() {
        (0, 0) => String::new(),
        (events, 0) => format!("\n  journal  {events} events taken back that the store did not have yet"),
        (events, spilled) => {
            format!("\n  journal  {events} events taken back, {spilled} more wait there for the store")
        }
    };
    format!("{}{recovered}", folder.display())
}

/// The banner of a server of the catalog alone.
pub(super) fn catalog_text(config: &Config, server: &CatalogServer) -> String {
    let open = if config.listen.insecure_non_loopback { OPEN } else { "" };
    let tls = match &server.shown {
        Some(sha256) => format!("\n  TLS      on gRPC and HTTP; SHA-256 of the certificate {sha256}"),
        None => String::new(),
    };
    let (scheme, _) = scheme(config, server.shown.as_ref());
    format!(
        "playhead {version} is ready, for the catalog alone
  gRPC     {grpc}
  HTTP     {scheme}://{http}/v1/openapi.json
  admin    http://{admin}/metrics (also /healthz, /readyz)
  data     {data}{tls}
  auth     {auth}
{open}",
        version = env!("CARGO_PKG_VERSION"),
        grpc = server.at.grpc,
        http = server.at.http,
        admin = server.at.admin,
        data = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone()).display(),
        auth = auth(&config.auth),
    )
}

/// How HTTP is spoken, and what curl needs for it.
fn scheme(config: &Config, shown: Option<&String>) -> (&'static str, &'static str) {
    match (shown, &config.tls.source) {
        (None, _) => ("http", ""),
        (_, Some(TlsSource::Development { .. })) => ("https", "-k "),
        _ => ("https", ""),
    }
}

/// A token to paste, and how to get it.
fn token(auth: &AuthSettings) -> (String, &'static str) {
    match auth {
        AuthSettings::Development => (String::new(), "alice"),
        AuthSettings::Token(settings) => (mint(settings), "$TOKEN"),
    }
}

fn auth(auth: &AuthSettings) -> String {
    let settings = match auth {
        AuthSettings::Development => {
            return "development auth: every caller is believed. A token is the user's id, such as alice"
                .to_owned();
        }
        AuthSettings::Token(settings) => settings,
    };
    let keys = match &settings.keys {
        KeysAt::File(path) => format!("the keys of {}", path.display()),
        KeysAt::Url { url, .. } => format!("the keys of {url}"),
        KeysAt::Secret(path) => format!("the SHARED SECRET of {}, for development", path.display()),
    };
    let TokenRules { issuer, audience, .. } = &settings.rules;
    format!("tokens of {issuer} for {audience}, by {keys}")
}

/// How to make a token to paste, for whoever has the private key.
fn mint(settings: &TokenSettings) -> String {
    let TokenRules { issuer, audience, .. } = &settings.rules;
    let key = match &settings.keys {
        KeysAt::Secret(path) => format!("--hs256-secret '{}'", path.display()),
        KeysAt::File(_) | KeysAt::Url { .. } => "--key playhead-key.pem".to_owned(),
    };
    format!("\n  TOKEN=$(playhead token mint --user alice --issuer '{issuer}' --audience '{audience}' {key})")
}

fn hot(hot: &HotSettings) -> String {
    match hot {
        HotSettings::Embedded(_) => String::new(),
        HotSettings::Redis(settings) => format!("\n  hot      {}", settings.urls.join(", ")),
    }
}

fn quic(server: &Server) -> String {
    match (server.listen.quic, &server.shown.quic) {
        (Some(quic), Some(sha256)) if server.shown.tcp.is_none() => {
            format!("\n  QUIC     {quic} (WebTransport too); SHA-256 of its development certificate {sha256}")
        }
        (Some(quic), _) => format!("\n  QUIC     {quic} (WebTransport too)"),
        (None, _) => String::new(),
    }
}

const EVENTS: &str = concat!(
    r#"{"session":{"session_id":"s-1","item_id":"movie-1","item_kind":"MOVIE","duration_ms":5400000},"#,
    r#""events":[{"kind":"BEAT","seq":1,"position_ms":600000}]}"#
);

const OPEN: &str = "
  !!! listen.insecure_non_loopback is on: whoever reaches these addresses can read, write and erase every viewer,
  !!! and nothing is encrypted. Keep them inside a network that you trust.
";
