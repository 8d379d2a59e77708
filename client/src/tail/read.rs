//! Reads a tail file: which sessions were not closed, and which of their events have no ending.

use std::collections::BTreeMap;

use playhead_proto::ingest::v1::{Event, Session};

use super::record::{self, Entry, MAGIC, Opened};

/// A session that was not closed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unfinished {
    /// Its number in the file.
    pub(crate) number: u64,
    pub(crate) session: Session,
    /// What its next event gets.
    pub(crate) next_seq: u64,
    pub(crate) acked_through: u64,
    /// What has no ending, oldest first.
    pub(crate) events: Vec<Event>,
}

/// What a file holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) unfinished: Vec<Unfinished>,
    /// How much of it could be read.
    pub(super) sound_bytes: usize,
    /// The number that the next session gets.
    pub(super) next_number: u64,
}

/// Reads as far as the bytes are sound. `None` if they are no tail file at all.
pub(super) fn read(bytes: &[u8]) -> Option<Found> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    let (mut open, mut next_number) = (BTreeMap::new(), 1);
    while let Some((entry, length)) = record::decode(rest) {
        rest = rest.get(length..).unwrap_or_default();
        if let Entry::Opened(opened) = &entry {
            next_number = next_number.max(opened.number + 1);
        }
        apply(&mut open, entry);
    }
    Some(Found {
        unfinished: open.into_values().collect(),
        sound_bytes: bytes.len() - rest.len(),
        next_number,
    })
}

fn apply(open: &mut BTreeMap<u64, Unfinished>, entry: Entry) {
    match entry {
        Entry::Opened(Opened { number, session, next_seq, acked_through }) => {
            let (session, events) = (session.unwrap_or_default(), Vec::new());
            open.insert(number, Unfinished { number, session, next_seq, acked_through, events });
        }
        Entry::Offered(offered) => {
            if let (Some(session), Some(event)) = (open.get_mut(&offered.number), offered.event) {
                session.next_seq = session.next_seq.max(event.seq + 1);
                session.events.push(event);
            }
        }
        Entry::Acked(acked) => {
            if let Some(session) = open.get_mut(&acked.number) {
                session.acked_through = session.acked_through.max(acked.through);
                session.events.retain(|event| event.seq > acked.through);
            }
        }
        Entry::Closed(closed) => {
            open.remove(&closed.number);
        }
    }
}

impl Unfinished {
    /// The same as records.
    pub(super) fn records(self) -> impl Iterator<Item = Vec<u8>> {
        let Self { number, session, next_seq, acked_through, events } = self;
        let opened = Entry::Opened(Opened { number, session: Some(session), next_seq, acked_through });
        let offered = events
            .into_iter()
            .map(move |event| Entry::Offered(super::record::Offered { number, event: Some(event) }));
        std::iter::once(opened).chain(offered).map(record::encode)
    }
}
