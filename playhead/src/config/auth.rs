//! `[auth]`: whom the server believes.

use std::{ops::RangeInclusive, path::PathBuf};

use axum::http::Uri;
use playhead_ingest::identity::TokenRules;

use super::{ConfigError, read::Reader};

/// Whom the server believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuthSettings {
    /// Everybody.
    Development,
    /// Whoever shows a token that is signed.
    Token(TokenSettings),
}

/// Which tokens count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenSettings {
    /// What they must say.
    pub(crate) rules: TokenRules,
    /// Where their keys are.
    pub(crate) keys: KeysAt,
    /// How often the keys are read, s.
    pub(crate) keys_refresh_s: u64,
}

/// Where the keys of tokens are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeysAt {
    /// A JWK Set in a file.
    File(PathBuf),
    /// A JWK Set behind a URL, whose server is trusted by the system's roots or by those of a file.
    Url { url: Uri, ca_file: Option<PathBuf> },
    /// The secret of HS256 in a file, for development.
    Secret(PathBuf),
}

/// Reads `[auth]`.
pub(crate) fn auth(read: &mut Reader) -> Result<AuthSettings, ConfigError> {
    let mode = read.choice("auth.mode", MODE_ABOUT, &["development", "token"])?;
    let said = Said::read(read)?;
    if mode == "development" {
        // Whoever names keys means to check tokens; believing everybody all the same would be a trap.
        return match said.texts().into_iter().find(|(_, text)| !text.is_empty()) {
            Some((key, text)) => Err(read.wrong(key, text, "nothing, unless auth.mode is token")),
            None if said.hs256 => Err(read.wrong(HS256, true, "false, unless auth.mode is token")),
            None => Ok(AuthSettings::Development),
        };
    }
    for (key, text) in [("auth.issuer", &said.issuer), ("auth.audience", &said.audience)] {
        if text.is_empty() {
            return Err(read.wrong(key, text, "a text, since auth.mode is token"));
        }
    }
    let keys = said.keys(read)?;
    let leeway_s = i64::try_from(said.leeway_s).unwrap_or(i64::MAX);
    let rules = TokenRules { issuer: said.issuer, audience: said.audience, leeway_s };
    Ok(AuthSettings::Token(TokenSettings { rules, keys, keys_refresh_s: said.keys_refresh_s }))
}

/// What is said of tokens, each by itself.
struct Said {
    keys_file: String,
    keys_url: String,
    keys_ca_file: String,
    issuer: String,
    audience: String,
    secret_file: String,
    hs256: bool,
    leeway_s: u64,
    keys_refresh_s: u64,
}

impl Said {
    fn read(read: &mut Reader) -> Result<Self, ConfigError> {
        let mut text = |key, about| read.text(key, about, "");
        Ok(Self {
            keys_file: text("auth.keys_file", KEYS_FILE_ABOUT),
            keys_url: text("auth.keys_url", "The same behind a URL: https, or http on this machine."),
            keys_ca_file: text("auth.keys_ca_file", CA_FILE_ABOUT),
            issuer: text("auth.issuer", "The iss that a token must have."),
            audience: text("auth.audience", "The aud that a token must have, or have among others."),
            secret_file: text("auth.hs256_secret_file", SECRET_ABOUT),
            hs256: read.switch(HS256, HS256_ABOUT, false)?,
            leeway_s: read.number(
                "auth.leeway_s",
                "How far the issuer's clock may be off, s.",
                30,
                LEEWAY_S,
            )?,
            keys_refresh_s: read.number(
                "auth.keys_refresh_s",
                "How often the URL is read, s.",
                300,
                REFRESH_S,
            )?,
        })
    }

    fn texts(&self) -> [(&'static str, &str); 6] {
        [
            ("auth.keys_file", &self.keys_file),
            ("auth.keys_url", &self.keys_url),
            ("auth.keys_ca_file", &self.keys_ca_file),
            ("auth.issuer", &self.issuer),
            ("auth.audience", &self.audience),
            ("auth.hs256_secret_file", &self.secret_file),
        ]
    }

    /// Where the keys are: in one place.
    fn keys(&self, read: &Reader) -> Result<KeysAt, ConfigError> {
        let Self { keys_file: file, keys_url: url, keys_ca_file: ca_file, secret_file: secret, .. } = self;
        if !ca_file.is_empty() && url.is_empty() {
            return Err(read.wrong("auth.keys_ca_file", ca_file, "nothing, unless there is auth.keys_url"));
        }
        match (file.as_str(), url.as_str(), secret.as_str()) {
            ("", "", "") => Err(read.wrong("auth.keys_file", "", NO_KEYS)),
            (file, "", "") => Ok(KeysAt::File(file.into())),
            ("", url, "") => {
                let ca_file = (!ca_file.is_empty()).then(|| ca_file.into());
                Ok(KeysAt::Url { url: keys_url(read, url)?, ca_file })
            }
            ("", "", secret) if self.hs256 => Ok(KeysAt::Secret(secret.into())),
            ("", "", secret) => Err(read.wrong("auth.hs256_secret_file", secret, NOT_ASKED_FOR)),
            (file, ..) => Err(read.wrong("auth.keys_file", file, ONE_PLACE)),
        }
    }
}

/// Whoever could change the keys on their way could sign any token.
fn keys_url(read: &Reader, text: &str) -> Result<Uri, ConfigError> {
    let url = text.parse::<Uri>().ok().filter(|url| match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_this_machine(host),
        _ => false,
    });
    let allowed =
        "an https URL, or an http URL with a loopback address, such as https://id.example/jwks.json";
    url.ok_or_else(|| read.wrong("auth.keys_url", text, allowed))
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

const HS256: &str = "auth.hs256_development";
const NO_KEYS: &str = "a file, or else auth.keys_url, since auth.mode is token";
const ONE_PLACE: &str = "one of auth.keys_file, auth.keys_url and auth.hs256_secret_file";
const NOT_ASKED_FOR: &str =
    "nothing, unless auth.hs256_development is true: whoever checks such tokens can make them";
const KEYS_FILE_ABOUT: &str = "JWK Set with the keys that tokens are signed by; read again when it changes.";
const CA_FILE_ABOUT: &str = "PEM file of the roots that the URL's server is trusted by; empty: the system's.";
const SECRET_ABOUT: &str = "Secret of at least 32 bytes for tokens by HS256, for development.";
const MODE_ABOUT: &str = "Whom the server believes: everybody, or whoever shows a signed token.";
const HS256_ABOUT: &str = "Take tokens by a shared secret, on loopback listeners only.";
/// Five minutes: clocks that are further apart want mending.
const LEEWAY_S: RangeInclusive<u64> = 0..=300;
const REFRESH_S: RangeInclusive<u64> = 10..=86_400;
