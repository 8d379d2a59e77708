//! `[hot]`: where the short-lived state that nodes share is kept.

use std::{fs::File, io::Read};

use playhead_store::{
    hot::{
        embedded::EmbeddedHotSettings,
        redis::{self, RedisHotSettings, Secret},
    },
    lease::LeaseTimes,
};

use super::{ConfigError, read::Reader};

/// Where positions and clocks are kept for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HotSettings {
    /// In this process.
    Embedded(EmbeddedHotSettings),
    /// On Redis or Valkey servers, which other nodes use too.
    Redis(RedisHotSettings),
}

/// Reads `[hot]`.
pub(crate) fn hot(read: &mut Reader, leases: LeaseTimes) -> Result<HotSettings, ConfigError> {
    let about = "Where the state that nodes share is kept: in this process, or on Redis or Valkey servers.";
    let backend = read.choice("hot.backend", about, &["embedded", "redis"])?;
    let settings = redis(read)?;
    if backend == "redis" {
        return Ok(HotSettings::Redis(RedisHotSettings { leases, ..settings }));
    }
    // Whoever names servers means to use them; keeping all to oneself would be a trap. What is as by default is not said.
    let said = KEYS.into_iter().find_map(|key| Some((key, read.said(key)?)));
    match said.filter(|_| settings != RedisHotSettings::default()) {
        Some((key, said)) => Err(read.wrong(key, said, "nothing, unless hot.backend is redis")),
        None => Ok(HotSettings::Embedded(EmbeddedHotSettings { leases, ..EmbeddedHotSettings::default() })),
    }
}

fn redis(read: &mut Reader) -> Result<RedisHotSettings, ConfigError> {
    let default = RedisHotSettings::default();
    let urls = urls(read, &default.urls)?;
    let is_cluster = read.switch("hot.cluster", "The servers are nodes of a Redis Cluster.", false)?;
    let user = read.text("hot.user", "The ACL user; empty: the default one.", "");
    let password = password(read)?;
    let ca_pem = ca(read, &urls)?;
    let prefix = read.text("hot.prefix", "What the name of every key begins with.", &default.prefix);
    if prefix.is_empty() || !prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c)) {
        let allowed = "letters, digits, and any of - _ . : /, one at least";
        return Err(read.wrong("hot.prefix", prefix, allowed));
    }
    let call_ms_max = read.number("hot.call_ms_max", CALL_ABOUT, default.call_ms_max, redis::CALL_MS_MAX)?;
    let about = "How long connecting to a server may take, ms.";
    let connect_ms_max =
        read.number("hot.connect_ms_max", about, default.connect_ms_max, redis::CONNECT_MS_MAX)?;
    let about = "Script calls that may wait for their replies at a time.";
    let calls_max = read.number("hot.calls_max", about, default.calls_max.into(), redis::CALLS_MAX)?;
    Ok(RedisHotSettings {
        urls,
        is_cluster,
        user: (!user.is_empty()).then_some(user),
        password,
        ca_pem,
        prefix,
        call_ms_max,
        connect_ms_max,
        calls_max: u32::try_from(calls_max).unwrap_or(default.calls_max),
        ..default
    })
}

fn urls(read: &mut Reader, default: &[String]) -> Result<Vec<String>, ConfigError> {
    let about =
        "The servers, with commas between: one, several of which one is the master, or nodes of a cluster.";
    let text = read.text(URLS, about, &default.join(","));
    let urls: Vec<String> = text.split(',').map(|url| url.trim().to_owned()).collect();
    let is_tls = |url: &String| url.starts_with("rediss:");
    match urls.iter().find(|url| !redis::check_url(url)) {
        // A URL with a password in it is wrong, and is not shown.
        Some(url) if url.contains('@') => {
            Err(read.wrong(URLS, "a URL with a user in it", redis::URL_ALLOWED))
        }
        Some(url) => Err(read.wrong(URLS, url, redis::URL_ALLOWED)),
        None if urls.iter().any(is_tls) && !urls.iter().all(is_tls) => {
            Err(read.wrong(URLS, text, "servers that all have TLS (rediss://), or none"))
        }
        None => Ok(urls),
    }
}

/// The password itself, or the file that it is in. A line end at its end is an editor's, not the password's.
fn password(read: &mut Reader) -> Result<Option<Secret>, ConfigError> {
    let said = read.secret("hot.password", "The user's password; hot.password_file keeps it out of sight.");
    let file = read.text(PASSWORD_FILE, "File with the user's password.", "");
    match (said.is_empty(), file.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(Secret::new(said))),
        (false, false) => Err(read.wrong(PASSWORD_FILE, file, "nothing, since there is hot.password")),
        (true, false) => {
            let text = String::from_utf8(bytes_of(read, PASSWORD_FILE, &file)?);
            let text = text.ok().map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
            match text.filter(|text| !text.is_empty()) {
                Some(text) => Ok(Some(Secret::new(text))),
                None => Err(read.wrong(PASSWORD_FILE, file, "a file with a text in it")),
            }
        }
    }
}

fn ca(read: &mut Reader, urls: &[String]) -> Result<Option<Vec<u8>>, ConfigError> {
    let about = "PEM file of the roots that the servers are trusted by; empty: the system's.";
    let file = read.text(CA_FILE, about, "");
    let is_tls = urls.iter().all(|url| url.starts_with("rediss:"));
    match (file.is_empty(), is_tls) {
        (true, _) => Ok(None),
        (false, false) => Err(read.wrong(CA_FILE, file, "nothing, unless hot.urls are rediss://")),
        (false, true) => {
            let pem = bytes_of(read, CA_FILE, &file)?;
            match pem::parse_many(&pem).is_ok_and(|all| all.iter().any(|one| one.tag() == "CERTIFICATE")) {
                true => Ok(Some(pem)),
                false => Err(read.wrong(CA_FILE, file, "a PEM file with a certificate in it")),
            }
        }
    }
}

fn bytes_of(read: &Reader, key: &str, file: &str) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    match opened {
        Ok(_) => Ok(bytes),
        Err(error) => Err(read.wrong(key, file, format!("a file that can be read: {error}"))),
    }
}

const URLS: &str = "hot.urls";
const PASSWORD_FILE: &str = "hot.password_file";
const CA_FILE: &str = "hot.tls_ca_file";
/// What only Redis needs.
const KEYS: [&str; 10] = [
    URLS,
    "hot.cluster",
    "hot.user",
    "hot.password",
    PASSWORD_FILE,
    CA_FILE,
    "hot.prefix",
    "hot.call_ms_max",
    "hot.connect_ms_max",
    "hot.calls_max",
];
const CALL_ABOUT: &str =
    "How long a call may take before the connection is made anew, ms; commits wait for engine.hot_ms_max.";
/// Roots of all the world are less.
const FILE_BYTES_MAX: u64 = 4 << 20;
