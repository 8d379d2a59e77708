//! The tokens that were verified lately, so that the next call with one costs no signature check. Nothing else comes
//! in, so nobody can fill it who has no keys.
//!
//! A token is found by the hash of its last bytes, which belong to its signature and are as good as random, and then
//! compared as a whole: another one with the same end is not taken for it.

use std::hash::{Hash, Hasher};

use quick_cache::{
    Equivalent, Weighter,
    sync::{Cache as Bounded, DefaultLifecycle},
};

use super::Identity;

/// What is known of a token that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whom it proves.
    pub identity: Identity,
    /// From when on it counts no more, Unix s.
    pub expires_s: i64,
    /// The key set that verified it.
    pub generation: u64,
}

/// A bounded memory of verified tokens. Its callers check the time, each time.
pub struct Cache(Bounded<Token, Verified, ByBytes, ahash::RandomState>);

impl Default for Cache {
    fn default() -> Self {
        Self::new(CACHE_BYTES_MAX)
    }
}

impl Cache {
    /// A cache that holds about so many bytes.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let tokens = usize::try_from(bytes_max / TOKEN_BYTES_USUAL).unwrap_or(usize::MAX);
        let lifecycle = DefaultLifecycle::default();
        Self(Bounded::with(tokens, bytes_max, ByBytes, ahash::RandomState::new(), lifecycle))
    }

    /// What is known of this token, if this generation of the keys verified it.
    #[must_use]
    pub fn get(&self, token: &str, generation: u64) -> Option<Verified> {
        self.0.get(&Shown(token)).filter(|known| known.generation == generation)
    }

    /// Remembers a token that was verified. Others make room for it, or it is forgotten again.
    pub fn insert(&self, token: &str, verified: Verified) {
        self.0.insert(Token(token.into()), verified);
    }

    /// Forgets a token.
    pub fn remove(&self, token: &str) {
        self.0.remove(&Shown(token));
    }

    /// How many tokens it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A token that is held.
#[derive(PartialEq, Eq)]
struct Token(Box<str>);

/// A token that is looked for.
struct Shown<'a>(&'a str);

impl Hash for Token {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        Shown(&self.0).hash(hasher);
    }
}

impl Hash for Shown<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let bytes = self.0.as_bytes();
        hasher.write(bytes.last_chunk::<TAIL_BYTES>().map_or(bytes, <[u8; TAIL_BYTES]>::as_slice));
    }
}

impl Equivalent<Token> for Shown<'_> {
    fn equivalent(&self, token: &Token) -> bool {
        *self.0 == *token.0
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Token, Verified> for ByBytes {
    fn weight(&self, Token(token): &Token, _: &Verified) -> u64 {
        token.len() as u64 + ENTRY_BYTES
    }
}

/// What all tokens in it and their identities take together, bytes: room for about 30 000 session tokens.
pub const CACHE_BYTES_MAX: u64 = 32 << 20;
/// What an entry takes beside its token: the identity with the ids and the pass that it holds, and the cache's own.
const ENTRY_BYTES: u64 = 512;
/// A session token and its entry.
const TOKEN_BYTES_USUAL: u64 = 600 + ENTRY_BYTES;
/// How much of a token's end is hashed: 192 bits of its signature.
const TAIL_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(generation: u64) -> Verified {
        Verified { identity: Identity::Admin, expires_s: 60, generation }
    }

    #[test]
    fn a_token_is_known_as_a_whole_and_to_its_generation() {
        let cache = Cache::default();
        let token = format!("head.claims.{}", "s".repeat(86));
        cache.insert(&token, verified(1));
        assert_eq!(cache.get(&token, 1), Some(verified(1)));
        assert_eq!(cache.get(&token, 2), None);
        // The same end, another beginning.
        assert_eq!(cache.get(&token.replace("head", "HEAD"), 1), None);
        assert_eq!(cache.get(token.trim_start_matches("head"), 1), None);
        cache.insert(&token, verified(2));
        assert_eq!((cache.get(&token, 2), cache.len()), (Some(verified(2)), 1));
        cache.remove(&token);
        assert!(cache.is_empty());
    }

    #[test]
    fn what_it_holds_is_bounded() {
        let cache = Cache::new(100 * 1_112);
        for number in 0..10_000 {
            cache.insert(&format!("{number:0600}"), verified(1));
        }
        assert!((1..=100).contains(&cache.len()), "{}", cache.len());
    }
}
