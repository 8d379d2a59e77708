//! The sessions that the writer has lately written, so that the next write of each needs no read.

use super::view::Held;
use crate::SessionKey;
use std::{collections::HashMap, mem};

/// A bounded map that forgets what was not touched for the longest time, by halves: what is put goes to the young ones,
/// and when these fill their half of the memory, they become the old ones and the former old ones are forgotten.
#[derive(Debug)]
pub(super) struct Recent {
    young: HashMap<SessionKey, Held>,
    young_bytes: usize,
    old: HashMap<SessionKey, Held>,
    half_bytes_max: usize,
}

impl Recent {
    pub(super) fn new(bytes_max: usize) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { young, young_bytes: 0, old, half_bytes_max: bytes_max / 2 }
    }

    /// Takes a session out: whoever changes it puts it back when the change is stored, or leaves it to be read again.
    pub(super) fn take(&mut self, key: &SessionKey) -> Option<Held> {
        match self.young.remove(key) {
            Some(held) => {
                self.young_bytes = self.young_bytes.saturating_sub(bytes(&held));
                Some(held)
            }
            None => self.old.remove(key),
        }
    }

    /// Keeps a session, unless it alone is too large.
    pub(super) fn put(&mut self, key: SessionKey, held: Held) {
        let held_bytes = bytes(&held);
        if held_bytes > self.half_bytes_max {
            return;
        }
        if self.young_bytes + held_bytes > self.half_bytes_max {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += held_bytes;
        self.young.insert(key, held);
    }
}

/// The memory of an entry: what it points to is counted with it, ids by a usual length.
fn bytes(held: &Held) -> usize {
    size_of::<(SessionKey, Held)>() + IDS_BYTES_USUAL + held.seqs.bytes()
}

/// Seven ids of a UUID's length, each with the counts of its Arc.
const IDS_BYTES_USUAL: usize = 7 * (36 + 16);
