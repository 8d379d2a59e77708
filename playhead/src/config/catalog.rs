//! `[serve]` and `[catalog]`: what a server is for, how the catalog is run, and what the play button gives.

use std::{fs::File, ops::RangeInclusive, path::PathBuf};

use playhead_catalog::{Settings, urls::Opens};
use playhead_store::progress::CompleteBy;

use super::{ConfigError, read::Reader};

/// What a server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    All,
    /// Events, positions and sessions.
    Ingest,
    /// What there is to watch, and who may.
    Catalog,
}

/// Reads `[serve]`.
pub(crate) fn role(read: &mut Reader) -> Result<Role, ConfigError> {
    Ok(match read.choice("serve.role", ROLE_ABOUT, &["all", "ingest", "catalog"])? {
        "ingest" => Role::Ingest,
        "catalog" => Role::Catalog,
        _ => Role::All,
    })
}

/// How the catalog is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogSettings {
    /// What bounds it, and how old an answer may be.
    pub(crate) general: Settings,
    /// How often all items are read anew for the search, where others write to the same store, s.
    pub(crate) search_refresh_s: u64,
    /// How long a session token counts, ms.
    pub(crate) session_token_ms: i64,
    /// What URLs are signed by; none: they are not.
    pub(crate) url_key: Option<UrlKey>,
    /// In which header a trusted proxy says where viewers are.
    pub(crate) country_header: Option<String>,
    /// The private key of session tokens; none: one of this process alone.
    pub(crate) session_key: Option<PathBuf>,
}

/// What URLs are signed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlKey {
    /// The secret.
    pub(crate) file: PathBuf,
    /// Its name in URLs.
    pub(crate) name: String,
    /// How long a URL counts, ms.
    pub(crate) valid_ms: i64,
    /// What a URL opens.
    pub(crate) opens: Opens,
}

/// Reads `[catalog]`, and behind it the key of the tokens that the play button gives, which is `[auth]`'s first.
pub(crate) fn catalog(read: &mut Reader) -> Result<CatalogSettings, ConfigError> {
    Ok(CatalogSettings {
        general: general(read)?,
        search_refresh_s: read.number("catalog.search_refresh_s", SEARCH_ABOUT, 300, SEARCH_S)?,
        session_token_ms: seconds(read.number("catalog.session_token_s", TOKEN_ABOUT, 3_600, TOKEN_S)?),
        url_key: url_key(read)?,
        country_header: country_header(read)?,
        session_key: file(read, "auth.session_key_file", SESSION_KEY_ABOUT)?,
    })
}

fn general(read: &mut Reader) -> Result<Settings, ConfigError> {
    let default = Settings::default();
    let ttl_ms = default.cache_ttl_ms.unsigned_abs();
    let cache_mb = read.number("catalog.cache_mb", CACHE_ABOUT, default.cache_bytes_max >> 20, CACHE_MB)?;
    let ttl_ms = read.number("catalog.cache_ttl_ms", TTL_ABOUT, ttl_ms, TTL_MS)?;
    let store_ms_max = read.number("catalog.store_ms_max", STORE_ABOUT, default.store_ms_max, STORE_MS)?;
    let complete_by = match read.choice("catalog.complete_by", COMPLETE_ABOUT, &["position", "watched"])? {
        "watched" => CompleteBy::Watched,
        _ => CompleteBy::Position,
    };
    Ok(Settings {
        cache_bytes_max: cache_mb << 20,
        cache_ttl_ms: i64::try_from(ttl_ms).unwrap_or(i64::MAX),
        store_ms_max,
        complete_by,
        ..default
    })
}

fn url_key(read: &mut Reader) -> Result<Option<UrlKey>, ConfigError> {
    let file = file(read, "catalog.url_key_file", URL_KEY_ABOUT)?;
    let name = read.text("catalog.url_key_name", "The name of that secret, which signed URLs carry.", "1");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !(1..=KEY_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
        return Err(read.wrong("catalog.url_key_name", name, "1 to 64 letters, digits, - and _"));
    }
    let valid_ms =
        seconds(read.number("catalog.url_s", "How long a signed URL counts, s.", 21_600, URL_S)?);
    let opens = match read.choice("catalog.url_opens", OPENS_ABOUT, &["file", "folder"])? {
        "folder" => Opens::Folder,
        _ => Opens::File,
    };
    Ok(file.map(|file| UrlKey { file, name, valid_ms, opens }))
}

/// A file that somebody may name.
fn file(read: &mut Reader, key: &str, about: &str) -> Result<Option<PathBuf>, ConfigError> {
    let text = read.text(key, about, "");
    match File::open(&text) {
        _ if text.is_empty() => Ok(None),
        Ok(_) => Ok(Some(text.into())),
        Err(error) => Err(read.wrong(key, text, format!("a file that can be read: {error}"))),
    }
}

fn country_header(read: &mut Reader) -> Result<Option<String>, ConfigError> {
    let name = read.text("catalog.country_header", COUNTRY_ABOUT, "");
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_header = name.len() <= KEY_NAME_BYTES_MAX && name.bytes().all(is_plain) && !name.ends_with("-bin");
    match is_header {
        true => Ok(Some(name).filter(|name| !name.is_empty())),
        false => Err(read.wrong(
            "catalog.country_header",
            name,
            "at most 64 of a-z, 0-9 and -, not ending in -bin",
        )),
    }
}

fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

const ROLE_ABOUT: &str = "What the server is for; the data folder is one server's alone.";
const CACHE_ABOUT: &str = "Memory for items, plans and rights that were read, MB.";
const TTL_ABOUT: &str = "How old an answer may be that another node could have changed, ms.";
const STORE_ABOUT: &str = "How long a call of the catalog waits for the store, ms.";
const COMPLETE_ABOUT: &str =
    "By what an item of a course or series is done: where the viewer was, or what was watched.";
const CACHE_MB: RangeInclusive<u64> = 1..=65_536;
/// An hour: whoever wants older answers means something else.
const TTL_MS: RangeInclusive<u64> = 0..=3_600_000;
const STORE_MS: RangeInclusive<u64> = 10..=60_000;
const SEARCH_ABOUT: &str =
    "How often all items of a shared store are read anew for the search, in case a notice was missed, s.";
/// Up to a day.
const SEARCH_S: RangeInclusive<u64> = 1..=86_400;
const TOKEN_ABOUT: &str = "How long the token of a session counts that was authorised, s.";
/// Up to a day: a stream goes on when its token expires, and a player can get another.
const TOKEN_S: RangeInclusive<u64> = 60..=86_400;
const URL_KEY_ABOUT: &str =
    "Secret of 32 to 4096 bytes that URLs of assets are signed by; empty: they are not signed.";
/// Up to a week.
const URL_S: RangeInclusive<u64> = 60..=604_800;
const OPENS_ABOUT: &str = "What a signed URL opens: its file, or all in the file's folder and below.";
const KEY_NAME_BYTES_MAX: usize = 64;
const COUNTRY_ABOUT: &str =
    "Header in which a proxy that all viewers come through says their country; empty: none is believed.";
const SESSION_KEY_ABOUT: &str = "Private key (PEM) of the session tokens that AuthorizePlayback signs, the same on all \
    nodes; empty: one of this process.";
