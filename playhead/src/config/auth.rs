//! `[auth]`: whom the server believes. And what listeners beyond loopback need: tokens, and encryption.

use std::{ops::RangeInclusive, path::PathBuf};

use axum::http::Uri;
use playhead_ingest::identity::TokenRules;

use super::{ConfigError, Listen, read::Reader};

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
    let mut text = |key, about| read.text(key, about, "");
    let keys_file = text(
        "auth.keys_file",
        "JWK Set with the keys that tokens are signed by; read again when it changes.",
    );
    let keys_url = text("auth.keys_url", "The same behind a URL: https, or http on this machine.");
    let ca_file = text(
        "auth.keys_ca_file",
        "PEM file of the roots that the URL's server is trusted by; empty: the system's.",
    );
    let issuer = text("auth.issuer", "The iss that a token must have.");
    let audience = text("auth.audience", "The aud that a token must have, or have among others.");
    let secret_file =
        text("auth.hs256_secret_file", "Secret of at least 32 bytes for tokens by HS256, for development.");
    let hs256 = read.switch("auth.hs256_development", HS256_ABOUT, false)?;
    let leeway_s = read.number("auth.leeway_s", "How far the issuer's clock may be off, s.", 30, LEEWAY_S)?;
    let keys_refresh_s =
        read.number("auth.keys_refresh_s", "How often the URL is read, s.", 300, REFRESH_S)?;
    let texts = [
        ("auth.keys_file", &keys_file),
        ("auth.keys_url", &keys_url),
        ("auth.keys_ca_file", &ca_file),
        ("auth.issuer", &issuer),
        ("auth.audience", &audience),
        ("auth.hs256_secret_file", &secret_file),
    ];
    if mode == "development" {
        // Whoever names keys means to check tokens; believing everybody all the same would be a trap.
        return match texts.into_iter().find(|(_, text)| !text.is_empty()) {
            Some((key, text)) => Err(read.wrong(key, text, "nothing, unless auth.mode is token")),
            None if hs256 => {
                Err(read.wrong("auth.hs256_development", hs256, "false, unless auth.mode is token"))
            }
            None => Ok(AuthSettings::Development),
        };
    }
    for (key, text) in [("auth.issuer", &issuer), ("auth.audience", &audience)] {
        if text.is_empty() {
            return Err(read.wrong(key, text, "a text, since auth.mode is token"));
        }
    }
    let keys = keys(read, &keys_file, &keys_url, &ca_file, &secret_file, hs256)?;
    let leeway_s = i64::try_from(leeway_s).unwrap_or(i64::MAX);
    let rules = TokenRules { issuer, audience, leeway_s };
    Ok(AuthSettings::Token(TokenSettings { rules, keys, keys_refresh_s }))
}

fn keys(
    read: &Reader,
    file: &str,
    url: &str,
    ca_file: &str,
    secret_file: &str,
    hs256: bool,
) -> Result<KeysAt, ConfigError> {
    if !ca_file.is_empty() && url.is_empty() {
        return Err(read.wrong("auth.keys_ca_file", ca_file, "nothing, unless there is auth.keys_url"));
    }
    match (file, url, secret_file) {
        (file, "", "") if !file.is_empty() => Ok(KeysAt::File(file.into())),
        ("", url, "") if !url.is_empty() => {
            let ca_file = (!ca_file.is_empty()).then(|| ca_file.into());
            Ok(KeysAt::Url { url: keys_url(read, url)?, ca_file })
        }
        ("", "", secret) if !secret.is_empty() => match hs256 {
            true => Ok(KeysAt::Secret(secret.into())),
            false => {
                let allowed = "nothing, unless auth.hs256_development is true: whoever checks such tokens can make them";
                Err(read.wrong("auth.hs256_secret_file", secret, allowed))
            }
        },
        ("", "", "") => {
            Err(read.wrong("auth.keys_file", "", "a file, or else auth.keys_url, since auth.mode is token"))
        }
        _ => Err(read.wrong(
            "auth.keys_file",
            file,
            "one of auth.keys_file, auth.keys_url and auth.hs256_secret_file",
        )),
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

/// Checks that who can reach the listeners is known and encrypted, or that it was asked for by name.
pub(crate) fn check_reach(
    listen: &Listen,
    auth: &AuthSettings,
    has_tls: bool,
    read: &Reader,
) -> Result<(), ConfigError> {
    let edges = match (auth, has_tls) {
        (AuthSettings::Development, _) => Some("auth.mode is development, which believes every caller"),
        (AuthSettings::Token(TokenSettings { keys: KeysAt::Secret(_), .. }), _) => {
            Some("tokens by HS256 are for development")
        }
        (AuthSettings::Token(_), false) => Some("without tls.certificate and tls.key nothing is encrypted"),
        (AuthSettings::Token(_), true) => None,
    };
    // The admin port asks nobody and encrypts nothing.
    let admin = Some("the admin port asks nobody who they are");
    let quic = listen.quic.map(|quic| ("listen.quic", quic));
    for (key, address) in listen.named().into_iter().chain(quic) {
        let Some(why) = (if key == "listen.admin" { admin } else { edges }) else { continue };
        if !address.ip().is_loopback() && !listen.insecure_non_loopback {
            let allowed = format!(
                "a loopback address such as 127.0.0.1:7450, because {why}; `listen.insecure_non_loopback = true` allows others"
            );
            return Err(read.wrong(key, address, allowed));
        }
    }
    Ok(())
}

const MODE_ABOUT: &str = "Whom the server believes: everybody, or whoever shows a signed token.";
const HS256_ABOUT: &str = "Take tokens by a shared secret, on loopback listeners only.";
/// Five minutes: clocks that are further apart want mending.
const LEEWAY_S: RangeInclusive<u64> = 0..=300;
const REFRESH_S: RangeInclusive<u64> = 10..=86_400;
