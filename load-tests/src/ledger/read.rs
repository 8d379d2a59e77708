//! Reads a ledger back, as far as it is whole.

use std::{collections::BTreeMap, io, path::Path};

use playhead_proto::ingest::v1 as proto;
use prost::Message;

use super::record::{Ended, Entry, MAGIC, Record, VERSION, Word};
use crate::{names::Names, scenario::Edge};

/// What a ledger says.
#[derive(Debug)]
pub struct LedgerBook {
    /// How its sessions and users are called.
    pub names: Names,
    /// The scenario's name.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// When it began, Unix ms.
    pub started_at_ms: i64,
    /// True when the run was ended properly: nothing was sent that is not in here.
    pub is_closed: bool,
    /// Bytes at the end that are no whole block.
    pub torn_bytes: u64,
    pub(crate) sessions: BTreeMap<u64, SessionPage>,
}

/// A session's part of a ledger.
#[derive(Debug, Default)]
pub(crate) struct SessionPage {
    pub(crate) user: u32,
    pub(crate) item: u32,
    pub(crate) edge: Option<Edge>,
    /// Events in the order of their numbers.
    pub(crate) events: Vec<(proto::Event, Option<Word>)>,
    /// How many from the front have a word.
    worded: usize,
}

/// A ledger that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is no ledger, or of a later version.
    #[error("{path}: {problem}")]
    NoLedger {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl LedgerBook {
    /// Reads a file.
    ///
    /// # Errors
    /// [`LedgerError`]. A torn end is none: what is whole is read.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let name = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| LedgerError::Unreadable { path: name(), error })?;
        Self::parse(&bytes).map_err(|problem| LedgerError::NoLedger { path: name(), problem })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or("this is no ledger of `playhead load`")?;
        let mut book: Option<Self> = None;
        while let Some((payload, after)) = next_block(rest) {
            let mut payload = payload;
            while !payload.is_empty() {
                let record = Record::decode_length_delimited(&mut payload)
                    .map_err(|error| format!("a record cannot be read: {error}"))?;
                match (record.entry, &mut book) {
                    (Some(Entry::Run(run)), None) if run.version == VERSION => book = Some(Self::new(run)),
                    (Some(Entry::Run(run)), None) => {
                        return Err(format!("its version is {}; allowed is {VERSION}", run.version));
                    }
                    (Some(entry), Some(book)) => book.take(entry),
                    (_, None) => return Err("it does not begin with its run".to_owned()),
                    (None, Some(_)) => {}
                }
            }
            rest = after;
        }
        let mut book = book.ok_or("it does not begin with its run")?;
        book.torn_bytes = rest.len() as u64;
        Ok(book)
    }

    fn new(run: super::record::Run) -> Self {
        Self {
            names: Names::new(run.run),
            scenario: run.scenario,
            seed: run.seed,
            started_at_ms: run.started_at_ms,
            is_closed: false,
            torn_bytes: 0,
            sessions: BTreeMap::new(),
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Run(_) => {}
            Entry::Session(session) => {
                let page = self.sessions.entry(session.number).or_default();
                let edge = Edge::ALL.into_iter().find(|edge| edge.number() == session.edge);
                (page.user, page.item, page.edge) = (session.user, session.item, edge);
            }
            Entry::Sent(sent) => {
                self.sessions.entry(sent.session).or_default().events.push((sent.event, None));
            }
            Entry::Ended(ended) => self.sessions.entry(ended.session).or_default().end(&ended),
            Entry::Closed(_) => self.is_closed = true,
        }
    }
}

impl SessionPage {
    fn end(&mut self, ended: &Ended) {
        let word = Word::try_from(ended.word).ok();
        let from = match ended.from {
            0 => self.worded,
            seq => self.events.partition_point(|(event, _)| event.seq < seq),
        };
        let to = self.events.partition_point(|(event, _)| event.seq <= ended.through);
        for (_, last) in self.events.get_mut(from..to).unwrap_or_default() {
            *last = word;
        }
        if ended.from == 0 {
            self.worded = self.worded.max(to);
        }
    }
}

/// The next whole block, and what comes after it.
fn next_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(payload) == u32::from_le_bytes(*crc)).then_some((payload, rest))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            record::{Run, Session},
            write::Ledger,
        },
        *,
    };

    fn event(seq: u64) -> proto::Event {
        proto::Event { kind: 2, seq, at_ms: 1_800_000_000_000, position_ms: Some(3), ..Default::default() }
    }

    /// A ledger of three blocks beside the first: a session with two events, two more events, endings.
    fn written(path: &Path) -> Vec<u8> {
        let run = Run { version: VERSION, run: "load-1".into(), scenario: "s".into(), ..Run::default() };
        let ledger = Ledger::create(path, run).unwrap();
        let mut pen = ledger.pen();
        pen.session(Session { number: 7, user: 2, item: 3, device: 1, edge: 1 });
        (1..=2).for_each(|seq| pen.sent(7, &event(seq)));
        pen.flush();
        (4..=5).for_each(|seq| pen.sent(7, &event(seq)));
        pen.flush();
        pen.ended(7, 0, 2, Word::Acked);
        pen.ended(7, 0, 4, Word::Acked);
        pen.ended(7, 2, 2, Word::Rejected);
        drop(pen);
        ledger.close(4).unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = written(file.path());
        let book = LedgerBook::read(file.path()).unwrap();
        assert!(book.is_closed);
        assert_eq!((book.names.session(7), book.torn_bytes), ("load-1-s7".to_owned(), 0));
        let page = &book.sessions[&7];
        assert_eq!((page.user, page.item, page.edge), (2, 3, Some(Edge::GrpcConnect)));
        let words: Vec<_> = page.events.iter().map(|(event, word)| (event.seq, *word)).collect();
        let acked = Some(Word::Acked);
        assert_eq!(words, [(1, acked), (2, Some(Word::Rejected)), (4, acked), (5, None)]);
        assert!(bytes.len() < 250, "tens of bytes per event: {}", bytes.len());
    }

    #[test]
    fn cut_anywhere_it_is_read_up_to_its_last_whole_block() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = written(file.path());
        let mut counts = Vec::new();
        for length in 0..bytes.len() {
            let Ok(book) = LedgerBook::parse(&bytes[..length]) else { continue };
            assert!(!book.is_closed, "{length}");
            counts.push(book.sessions.get(&7).map_or(0, |page| page.events.len()));
        }
        counts.dedup();
        assert_eq!(counts, [0, 2, 4]);
    }

    #[test]
    fn a_flipped_bit_ends_it_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = written(file.path());
        let last = bytes.len() - 40;
        bytes[last] ^= 4;
        let book = LedgerBook::parse(&bytes).unwrap();
        assert!(!book.is_closed && book.torn_bytes > 0);
    }

    #[test]
    fn another_file_is_none() {
        assert!(LedgerBook::parse(b"PHLEDGR0....").unwrap_err().contains("no ledger"));
    }
}
