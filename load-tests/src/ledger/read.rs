//! Reads a ledger back, as far as it is whole, and a part of its sessions at a time: a ledger may be larger than memory.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

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

/// One of several equal shares of a ledger's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    index: u64,
    of: u64,
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

impl Part {
    /// All sessions.
    #[cfg(test)]
    pub(crate) const WHOLE: Self = Self { index: 0, of: 1 };

    /// The parts of a ledger, each small enough to be kept in memory.
    pub(crate) fn all(path: &Path) -> Result<impl Iterator<Item = Self> + use<>, LedgerError> {
        let bytes = std::fs::metadata(path).map_err(|error| LedgerError::unreadable(path, error))?.len();
        Ok(Self::of_bytes(bytes))
    }

    fn of_bytes(bytes: u64) -> impl Iterator<Item = Self> {
        let of = bytes.div_ceil(PART_BYTES).max(1);
        (0..of).map(move |index| Self { index, of })
    }

    fn has(self, session: u64) -> bool {
        session % self.of == self.index
    }
}

impl LedgerError {
    fn unreadable(path: &Path, error: io::Error) -> Self {
        Self::Unreadable { path: path.display().to_string(), error }
    }
}

impl LedgerBook {
    /// Reads a part of a file.
    ///
    /// # Errors
    /// [`LedgerError`]. A torn end is none: what is whole is read.
    pub(crate) fn read(path: &Path, part: Part) -> Result<Self, LedgerError> {
        let unreadable = |error| LedgerError::unreadable(path, error);
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        let mut blocks = Blocks { input: BufReader::with_capacity(READ_BYTES, file), left: bytes };
        let parsed = Self::parse(&mut blocks, part).map_err(unreadable)?;
        parsed.map_err(|problem| LedgerError::NoLedger { path: path.display().to_string(), problem })
    }

    fn parse(blocks: &mut Blocks<impl Read>, part: Part) -> io::Result<Result<Self, String>> {
        if !blocks.begin()? {
            return Ok(Err("this is no ledger of `playhead load`".to_owned()));
        }
        let (mut book, mut payload) = (None, Vec::new());
        while blocks.next(&mut payload)? {
            if let Err(problem) = Self::take_block(&mut book, &payload, part) {
                return Ok(Err(problem));
            }
        }
        Ok(match book {
            Some(book) => Ok(Self { torn_bytes: blocks.left, ..book }),
            None => Err("it does not begin with its run".to_owned()),
        })
    }

    fn take_block(book: &mut Option<Self>, mut payload: &[u8], part: Part) -> Result<(), String> {
        while !payload.is_empty() {
            let record = Record::decode_length_delimited(&mut payload)
                .map_err(|error| format!("a record cannot be read: {error}"))?;
            match (record.entry, book.as_mut()) {
                (Some(Entry::Run(run)), None) if run.version == VERSION => *book = Some(Self::new(run)),
                (Some(Entry::Run(run)), None) => {
                    return Err(format!("its version is {}; allowed is {VERSION}", run.version));
                }
                (Some(entry), Some(book)) => book.take(entry, part),
                (_, None) => return Err("it does not begin with its run".to_owned()),
                (None, Some(_)) => {}
            }
        }
        Ok(())
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

    fn take(&mut self, entry: Entry, part: Part) {
        match entry {
            Entry::Closed(_) => self.is_closed = true,
            Entry::Session(session) if part.has(session.number) => {
                let page = self.sessions.entry(session.number).or_default();
                let edge = Edge::ALL.into_iter().find(|edge| edge.number() == session.edge);
                (page.user, page.item, page.edge) = (session.user, session.item, edge);
            }
            Entry::Sent(sent) if part.has(sent.session) => {
                self.sessions.entry(sent.session).or_default().events.push((sent.event, None));
            }
            Entry::Ended(ended) if part.has(ended.session) => {
                self.sessions.entry(ended.session).or_default().end(&ended);
            }
            Entry::Run(_) | Entry::Session(_) | Entry::Sent(_) | Entry::Ended(_) => {}
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

/// A ledger's blocks, one after the other.
struct Blocks<R> {
    input: R,
    /// Bytes that are not read yet, or are no whole block.
    left: u64,
}

impl<R: Read> Blocks<R> {
    /// Reads what every ledger begins with; false when it is something else.
    fn begin(&mut self) -> io::Result<bool> {
        let mut magic = [0; MAGIC.len()];
        if self.left < magic.len() as u64 {
            return Ok(false);
        }
        self.input.read_exact(&mut magic)?;
        self.left -= magic.len() as u64;
        Ok(magic == *MAGIC)
    }

    /// Reads the next whole block; false when there is none any more.
    fn next(&mut self, payload: &mut Vec<u8>) -> io::Result<bool> {
        let mut head = [0; HEAD_BYTES];
        let Some(behind_head) = self.left.checked_sub(HEAD_BYTES as u64) else { return Ok(false) };
        self.input.read_exact(&mut head)?;
        let [a, b, c, d, crc @ ..] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        let Some(left) = behind_head.checked_sub(length.into()) else { return Ok(false) };
        payload.resize(length as usize, 0);
        self.input.read_exact(payload)?;
        if crc32fast::hash(payload) != u32::from_le_bytes(crc) {
            return Ok(false);
        }
        self.left = left;
        Ok(true)
    }
}

/// A part takes some six times as much in memory.
const PART_BYTES: u64 = 256 << 20;
const HEAD_BYTES: usize = 8;
const READ_BYTES: usize = 1 << 20;

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

    fn parse(bytes: &[u8]) -> Result<LedgerBook, String> {
        let mut blocks = Blocks { input: bytes, left: bytes.len() as u64 };
        LedgerBook::parse(&mut blocks, Part::WHOLE).unwrap()
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
        let book = LedgerBook::read(file.path(), Part::WHOLE).unwrap();
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
            let Ok(book) = parse(&bytes[..length]) else { continue };
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
        let book = parse(&bytes).unwrap();
        assert!(!book.is_closed && book.torn_bytes > 0);
    }

    #[test]
    fn another_file_is_none() {
        assert!(parse(b"PHLEDGR0....").unwrap_err().contains("no ledger"));
    }

    #[test]
    fn each_session_is_in_one_part() {
        let file = tempfile::NamedTempFile::new().unwrap();
        written(file.path());
        assert_eq!(Part::of_bytes(0).count(), 1);
        let parts: Vec<_> = Part::of_bytes(3 * PART_BYTES - 1).collect();
        let books = parts.iter().map(|&part| LedgerBook::read(file.path(), part).unwrap());
        let sessions: Vec<_> = books.map(|book| (book.is_closed, book.sessions.len())).collect();
        assert_eq!(sessions, [(true, 0), (true, 1), (true, 0)], "session 7 of 3 parts");
    }
}
