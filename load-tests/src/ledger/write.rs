//! Writes a ledger: every worker fills blocks of its own, a thread puts them into the file, so that a slow disk does
//! not hold up the schedule.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use prost::Message;

use super::record::{Closed, Ended, Entry, MAGIC, Record, Run, Sent, Session, Word};

/// A ledger that is being written.
pub(crate) struct Ledger {
    blocks: SyncSender<Vec<u8>>,
    writer: JoinHandle<io::Result<()>>,
}

impl Ledger {
    /// Begins a ledger; a file that is there is written anew.
    pub(crate) fn create(path: &Path, run: Run) -> io::Result<Self> {
        let mut file = File::create(path)?;
        file.write_all(MAGIC)?;
        let mut first = Vec::new();
        add(&mut first, Entry::Run(run));
        file.write_all(&block(&first))?;
        let (blocks, waiting) = sync_channel(BLOCKS_MAX);
        let writer = std::thread::Builder::new()
            .name("load-ledger".to_owned())
            .spawn(move || write_all(&mut file, &waiting))?;
        Ok(Self { blocks, writer })
    }

    /// A pen for one worker.
    pub(crate) fn pen(&self) -> Pen {
        Pen { payload: Vec::with_capacity(BLOCK_BYTES), blocks: Some(self.blocks.clone()), sent: 0 }
    }

    /// Ends it. Every pen must be gone by then.
    pub(crate) fn close(self, sent: u64) -> io::Result<()> {
        let mut last = Vec::new();
        add(&mut last, Entry::Closed(Closed { sent }));
        // A writer that is gone tells why itself.
        let _ = self.blocks.send(block(&last));
        drop(self.blocks);
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the ledger's writer panicked")))
    }
}

/// Writes a worker's entries. Without a ledger it writes nothing.
pub(crate) struct Pen {
    payload: Vec<u8>,
    blocks: Option<SyncSender<Vec<u8>>>,
    sent: u64,
}

impl Pen {
    /// A pen that writes nothing.
    pub(crate) fn dry() -> Self {
        Self { payload: Vec::new(), blocks: None, sent: 0 }
    }

    /// A session begins.
    pub(crate) fn session(&mut self, session: Session) {
        self.add(Entry::Session(session));
    }

    /// An event is about to be sent.
    pub(crate) fn sent(&mut self, session: u64, event: &playhead_proto::ingest::v1::Event) {
        self.sent += 1;
        if self.blocks.is_some() {
            self.add(Entry::Sent(Sent { session, event: event.clone() }));
        }
    }

    /// Events ended.
    pub(crate) fn ended(&mut self, session: u64, from: u64, through: u64, word: Word) {
        self.add(Entry::Ended(Ended { session, from, through, word: word.into() }));
    }

    /// How many events were sent.
    pub(crate) fn events(&self) -> u64 {
        self.sent
    }

    /// Hands over what was written.
    pub(crate) fn flush(&mut self) {
        if let (Some(blocks), false) = (&self.blocks, self.payload.is_empty()) {
            // A writer that is gone tells why when the ledger is closed.
            let _ = blocks.send(block(&self.payload));
            self.payload.clear();
        }
    }

    fn add(&mut self, entry: Entry) {
        if self.blocks.is_none() {
            return;
        }
        add(&mut self.payload, entry);
        if self.payload.len() >= BLOCK_BYTES {
            self.flush();
        }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.flush();
    }
}

fn write_all(file: &mut File, waiting: &Receiver<Vec<u8>>) -> io::Result<()> {
    waiting.iter().try_for_each(|block| file.write_all(&block))
}

fn add(payload: &mut Vec<u8>, entry: Entry) {
    let record = Record { entry: Some(entry) };
    // A Vec grows; there is always room.
    let _ = record.encode_length_delimited(payload);
}

/// A payload with its length and checksum.
fn block(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut block = Vec::with_capacity(payload.len() + 8);
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    block.extend_from_slice(payload);
    block
}

/// A block is handed over when it has this many bytes, or when [`Pen::flush`] says so.
const BLOCK_BYTES: usize = 32 << 10;
/// Blocks that wait for the disk; beyond it the generator waits too, and lags, which it says.
const BLOCKS_MAX: usize = 1_024;
