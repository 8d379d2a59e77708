//! The scripts, and calls of them.

use super::{known::VERSION_BYTES, settings::RedisHotSettings};
use redis::{Arg, Cmd, Script};

/// The scripts of a store, with its bounds written into them: stores with other bounds have other scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) apply: Source,
    pub(super) fix: Source,
    pub(super) erase: Source,
    pub(super) leases: Source,
}

/// A script's text and its digest.
#[derive(Debug)]
pub(super) struct Source {
    text: String,
    sha1: String,
}

impl Scripts {
    pub(super) fn new(settings: &RedisHotSettings) -> Self {
        let RedisHotSettings { session_ttl_s, position_ttl_s, user_sessions_max, user_positions_max, .. } =
            settings;
        let bounds = format!(
            "local SESSION_TTL_S, POSITION_TTL_S = {session_ttl_s}, {position_ttl_s}\n\
             local SESSIONS_MAX, POSITIONS_MAX = {user_sessions_max}, {user_positions_max}\n\
             local VERSION_BYTES = {VERSION_BYTES}\n"
        );
        let source = |text: &str| Source::new(format!("{bounds}{COMMON}{text}"));
        Self { apply: source(APPLY), fix: source(FIX), erase: source(ERASE), leases: source(LEASES) }
    }

    /// The same call with the script's text, for a server that does not have it yet. Other calls stay as they are.
    pub(super) fn by_text(&self, call: &Cmd) -> Cmd {
        let arguments = arguments(call);
        let found = match *arguments.as_slice() {
            [EVALSHA, sha1, ..] => self.all().into_iter().find(|source| source.sha1.as_bytes() == sha1),
            _ => None,
        };
        let Some(source) = found else { return call.clone() };
        let mut call = redis::cmd("EVAL");
        call.arg(&source.text);
        for argument in arguments.iter().skip(2) {
            call.arg(*argument);
        }
        call
    }

    fn all(&self) -> [&Source; 4] {
        [&self.apply, &self.fix, &self.erase, &self.leases]
    }
}

impl Source {
    fn new(text: String) -> Self {
        let sha1 = Script::new(&text).get_hash().to_owned();
        Self { text, sha1 }
    }

    /// A call with these keys; its arguments follow.
    pub(super) fn call(&self, keys: &[&str]) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.sha1).arg(keys.len()).arg(keys);
        call
    }
}

fn arguments(call: &Cmd) -> Vec<&[u8]> {
    let simple = |argument| match argument {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    };
    call.args_iter().filter_map(simple).collect()
}

const EVALSHA: &[u8] = b"EVALSHA";
const COMMON: &str = include_str!("common.lua");
const APPLY: &str = include_str!("apply.lua");
const FIX: &str = include_str!("fix.lua");
const ERASE: &str = include_str!("erase.lua");
const LEASES: &str = include_str!("leases.lua");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_by_text_has_the_same_keys_and_arguments() {
        let scripts = Scripts::new(&RedisHotSettings::default());
        let mut call = scripts.fix.call(&["key"]);
        call.arg("session").arg(&[0_u8, 255, 13, 10][..]);
        let by_text = scripts.by_text(&call);
        let text = scripts.fix.text.as_bytes();
        assert_eq!(arguments(&by_text), [b"EVAL", text, b"1", b"key", b"session", &[0, 255, 13, 10]]);
        let other = redis::cmd("GET").arg("key").clone();
        assert_eq!(scripts.by_text(&other).get_packed_command(), other.get_packed_command());
    }
}
