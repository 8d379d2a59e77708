//! Datagrams: events that come beside their stream, in no order or not at all. One that cannot be taken is dropped and
//! counted; the acknowledgement then waits for its events to come again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use super::Options;
use crate::{
    admission::{RejectReason, Rejection},
    edge::{
        talk::Failure,
        wire::{self, ClientFrame},
    },
    intake::Offered,
};

/// Which streams of a connection take datagrams.
pub(super) struct Datagrams {
    lanes: Mutex<HashMap<u64, mpsc::Sender<Vec<Offered>>>>,
    /// A browser does not know the ids of its streams, so its datagrams name none, and one stream has them all.
    is_web: bool,
    waiting_max: usize,
    dropped: Counter,
}

/// A stream's datagrams, until it is dropped.
pub(super) struct Lane {
    datagrams: Arc<Datagrams>,
    stream: u64,
    events: mpsc::Receiver<Vec<Offered>>,
}

impl Datagrams {
    pub(super) fn new(is_web: bool, dropped: Counter, options: &Options) -> Self {
        Self { lanes: Mutex::default(), is_web, waiting_max: options.datagrams_waiting_max.max(1), dropped }
    }

    /// Takes datagrams for a stream from now on.
    ///
    /// # Errors
    /// When another stream has the browser's datagrams.
    pub(super) fn open(self: &Arc<Self>, stream: u64) -> Result<Lane, Failure> {
        let stream = if self.is_web { THE_ONLY_ONE } else { stream };
        let mut lanes = self.lock();
        if lanes.contains_key(&stream) {
            let allowed = "false, while another stream of the connection has its datagrams";
            let rejection = Rejection::new(RejectReason::Malformed, "hello.datagrams", true, allowed);
            return Err(Failure::Refused(rejection));
        }
        let (lane, events) = mpsc::channel(self.waiting_max);
        lanes.insert(stream, lane);
        drop(lanes);
        Ok(Lane { datagrams: Arc::clone(self), stream, events })
    }

    /// Brings a datagram to its stream.
    pub(super) fn bring(&self, datagram: Bytes) {
        let is_brought = self.read(datagram).is_some_and(|(stream, events)| {
            self.lock().get(&stream).is_some_and(|lane| lane.try_send(events).is_ok())
        });
        if !is_brought {
            self.drop_one();
        }
    }

    /// Counts a datagram that could not be taken.
    pub(super) fn drop_one(&self) {
        self.dropped.inc();
    }

    /// The stream that a datagram is for, and its events.
    fn read(&self, mut datagram: Bytes) -> Option<(u64, Vec<Offered>)> {
        let stream = match self.is_web {
            true => THE_ONLY_ONE,
            false => varint(&mut datagram)?,
        };
        match wire::client_frame(&datagram) {
            Ok(ClientFrame::Events(events)) if !events.is_empty() => Some((stream, events)),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Vec<Offered>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// The next datagram's events. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Vec<Offered>> {
        self.events.recv().await
    }

    /// The next datagram's events, if they have come already.
    pub(super) fn ready(&mut self) -> Option<Vec<Offered>> {
        self.events.try_recv().ok()
    }

    /// Counts a datagram that could not be taken.
    pub(super) fn drop_one(&self) {
        self.datagrams.drop_one();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.datagrams.lock().remove(&self.stream);
    }
}

/// Under what a browser's only stream with datagrams is found.
const THE_ONLY_ONE: u64 = 0;

/// Reads a number of QUIC's variable length (RFC 9000, section 16).
fn varint(bytes: &mut Bytes) -> Option<u64> {
    let first = *bytes.first()?;
    let length = 1_usize << (first >> 6);
    if bytes.len() < length {
        return None;
    }
    Some(bytes.get_uint(length) & (u64::MAX >> (66 - 8 * length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_variable_length_is_read_as_the_standard_has_it() {
        let read = |bytes: &'static [u8]| {
            let mut bytes = Bytes::from_static(bytes);
            (varint(&mut bytes), bytes.len())
        };
        // RFC 9000, section A.1.
        let long = b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c!";
        assert_eq!(read(long), (Some(151_288_809_941_952_652), 1));
        assert_eq!(read(b"\x9d\x7f\x3e\x7d"), (Some(494_878_333), 0));
        assert_eq!(read(b"\x7b\xbd"), (Some(15_293), 0));
        assert_eq!(read(b"\x25"), (Some(37), 0));
        assert_eq!(read(b"\x40\x25"), (Some(37), 0));
        assert_eq!(read(b"\xc2\x19").0, None);
        assert_eq!(read(b"").0, None);
    }

    /// A frame with one event, of 1 byte beyond its headers.
    const EVENT: &[u8] = b"\x12\x04\x12\x02\x10\x01";

    fn of(is_web: bool) -> Arc<Datagrams> {
        let options = Options { datagrams_waiting_max: 2, ..Options::default() };
        Arc::new(Datagrams::new(is_web, Counter::default(), &options))
    }

    #[test]
    fn a_datagram_reaches_its_stream_and_no_other() {
        let datagrams = of(false);
        let (mut first, mut second) = (datagrams.open(0).unwrap(), datagrams.open(4).unwrap());
        datagrams.bring([b"\x04", EVENT].concat().into());
        assert_eq!(first.ready().map(|events| events.len()), None);
        assert_eq!(second.ready().map(|events| events.len()), Some(1));
        drop(second);
        datagrams.bring([b"\x04", EVENT].concat().into());
        assert_eq!(datagrams.dropped.get(), 1, "its stream is gone");
    }

    #[test]
    fn what_cannot_be_taken_is_dropped_and_counted() {
        let datagrams = of(false);
        let mut lane = datagrams.open(0).unwrap();
        let bad: [&[u8]; 5] = [b"", b"\x00", b"\x00\x1a\x00", b"\x00\xff", b"\x00\x12\x00"];
        bad.into_iter().for_each(|datagram| datagrams.bring(Bytes::from_static(datagram)));
        assert_eq!(datagrams.dropped.get(), 5);
        (0..3).for_each(|_| datagrams.bring([b"\x00", EVENT].concat().into()));
        assert_eq!(datagrams.dropped.get(), 6, "a third finds no room");
        assert!(lane.ready().is_some() && lane.ready().is_some() && lane.ready().is_none());
    }

    #[test]
    fn a_browser_has_one_stream_with_datagrams_at_a_time() {
        let datagrams = of(true);
        let mut lane = datagrams.open(8).unwrap();
        datagrams.bring(Bytes::from_static(EVENT));
        assert!(lane.ready().is_some());
        let refused = datagrams.open(12).err().unwrap();
        assert_eq!(refused.rejection().unwrap().field, "hello.datagrams");
        drop(lane);
        assert!(datagrams.open(12).is_ok());
    }
}
