//! `playhead load check`: reads a ledger back through the playback API of a running server.

mod places;

use std::{collections::HashMap, path::Path};

use futures_util::{StreamExt, stream};
use playhead_proto::ingest::v1::Event;
use serde::Serialize;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use self::places::{Places, SessionPlace, last_place};
use crate::{
    ledger::{
        read::{LedgerBook, LedgerError, Part, SessionPage},
        record::Word,
    },
    names::Names,
    readback::{self, Compared, Identity, Need},
    scenario::Edge,
};

/// What reading a ledger back found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Sessions of the ledger.
    pub sessions: u64,
    /// Acknowledged events of the ledger.
    pub acked: u64,
    /// Of them, those that are there as they were sent.
    pub found: u64,
    /// Of them, those that are not there.
    pub missing: u64,
    /// Events that are there with other values.
    pub altered: u64,
    /// Copies of events that are there more than once.
    pub doubled: u64,
    /// Events that are there, were sent, and were never acknowledged.
    pub found_unacked: u64,
    /// Events that are there and were never sent.
    pub strangers: u64,
    /// Events that were accepted without a promise.
    pub accepted: u64,
    /// Of them, those that are not there: shed, or lost.
    pub accepted_missing: u64,
    /// Positions that are where the ledger says.
    pub positions: u64,
    /// Positions that are not.
    pub positions_wrong: u64,
    /// Bytes at the ledger's end that are no whole block.
    pub torn_bytes: u64,
    /// The first mistakes, in words.
    pub examples: Vec<String>,
}

/// The check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The ledger cannot be read.
    #[error("the ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// The URL is none.
    #[error("--grpc is {url:?}: {error}; allowed is a URL such as http://127.0.0.1:7450")]
    Url {
        /// What was said.
        url: String,
        /// What is wrong with it.
        error: tonic::transport::Error,
    },
    /// Nobody answers there.
    #[error("no server answers at {url}: {error}; `playhead serve` starts one")]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        error: tonic::transport::Error,
    },
}

/// Reads every session of a ledger back, and every position that the ledger knows.
///
/// # Errors
/// [`CheckError`] when nobody answers, or the ledger is none. A session that cannot be read counts as missing.
pub async fn check(ledger: &Path, grpc: &str) -> Result<CheckReport, CheckError> {
    let endpoint = Endpoint::from_shared(grpc.to_owned())
        .map_err(|error| CheckError::Url { url: grpc.to_owned(), error })?
        .tcp_nodelay(true);
    let parts = Part::all(ledger)?;
    let channel = endpoint.connect().await;
    let channel = channel.map_err(|error| CheckError::Unreachable { url: grpc.to_owned(), error })?;
    let mut report = CheckReport::default();
    let mut compared = Compared::default();
    let mut places: HashMap<(u32, u32), Places> = HashMap::new();
    let mut names = None;
    for part in parts {
        let book = LedgerBook::read(ledger, part)?;
        report.torn_bytes = book.torn_bytes;
        report.sessions += book.sessions.len() as u64;
        let mut looks = stream::iter(&book.sessions)
            .map(|(&number, page)| look(&channel, &book, number, page))
            .buffer_unordered(READS_AT_ONCE);
        while let Some((page, one, place)) = looks.next().await {
            report.count(page);
            places.entry((page.user, page.item)).or_default().add(place);
            compared.add(one);
        }
        drop(looks);
        names = Some(book.names);
    }
    if let Some(names) = names {
        report.positions(&channel, &names, places, &mut compared).await;
    }
    Ok(report.with(compared))
}

impl CheckReport {
    /// True when nothing is missing, altered, doubled or strange, and every position is where it belongs.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong() == 0
    }

    /// How much is wrong.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.missing + self.altered + self.doubled + self.strangers + self.positions_wrong
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!(
            "{} sessions, {} acked events\n\n  found          {}\n  missing        {}\n  altered        {}\n  \
             doubled        {}\n  strangers      {}\n  found unacked  {}\n  accepted       {}, {} of them not there\n  \
             positions      {} as expected, {} not\n",
            self.sessions,
            self.acked,
            self.found,
            self.missing,
            self.altered,
            self.doubled,
            self.strangers,
            self.found_unacked,
            self.accepted,
            self.accepted_missing,
            self.positions,
            self.positions_wrong,
        );
        if self.torn_bytes > 0 {
            out += &format!("  ledger torn    {} bytes at its end\n", self.torn_bytes);
        }
        for example in &self.examples {
            out += &format!("  ! {example}\n");
        }
        out + if self.is_good() {
            "\nGOOD: every acknowledged event is there\n"
        } else {
            "\nBAD: see above\n"
        }
    }

    fn count(&mut self, page: &SessionPage) {
        let words = |asked: Word| page.events.iter().filter(|(_, word)| *word == Some(asked)).count() as u64;
        self.acked += words(Word::Acked);
        self.accepted += words(Word::Accepted);
    }

    async fn positions(
        &mut self,
        channel: &Channel,
        names: &Names,
        places: HashMap<(u32, u32), Places>,
        compared: &mut Compared,
    ) {
        let known = places.into_iter().filter(|(_, places)| !places.is_unknown);
        let mut looks = stream::iter(known)
            .map(|((user, item), places)| async move {
                let (user, item) = (names.user(user), Names::item(item));
                let stored = readback::stored_position_ms(channel, &user, &item).await;
                (user, item, places.last.map(|place| place.position_ms), stored)
            })
            .buffer_unordered(READS_AT_ONCE);
        while let Some((user, item, expected, stored)) = looks.next().await {
            match stored {
                Ok(stored) if stored == expected => self.positions += u64::from(expected.is_some()),
                stored => {
                    self.positions_wrong += 1;
                    let stored = stored.map_err(|status| status.message().to_owned());
                    compared.note(format!("{user} in {item}: expected {expected:?} ms, found {stored:?}"));
                }
            }
        }
    }

    fn with(self, compared: Compared) -> Self {
        Self {
            found: compared.found,
            missing: compared.missing,
            altered: compared.altered,
            doubled: compared.doubled,
            found_unacked: compared.found_unacked,
            strangers: compared.strangers,
            accepted_missing: compared.wanted_missing,
            examples: compared.examples,
            ..self
        }
    }
}

/// Reads one session and compares it.
async fn look<'a>(
    channel: &Channel,
    book: &LedgerBook,
    number: u64,
    page: &'a SessionPage,
) -> (&'a SessionPage, Compared, SessionPlace) {
    let (user, session) = (book.names.user(page.user), book.names.session(number));
    let answer = match readback::stored_session(channel, &user, &session).await {
        Ok(answer) => answer.unwrap_or_default(),
        Err(status) => return (page, unreadable(&session, page, &status), SessionPlace::Unknown),
    };
    let offset_ms = answer.session.map_or(0, |session| session.clock_offset_ms);
    let identity = match page.edge {
        Some(Edge::Cmcd) => Identity::Time,
        _ => Identity::Seq,
    };
    let sent: Vec<(Event, Need)> =
        page.events.iter().map(|(event, word)| (event.clone(), need(*word))).collect();
    let last = page.events.last().map_or(0, |(event, _)| event.seq);
    let known_through = (!book.is_closed).then_some(last);
    let compared = readback::compare(&session, &sent, &answer.events, identity, offset_ms, known_through);
    let is_known = compared.found_unacked == 0
        && page.edge.is_some_and(|edge| edge != Edge::Cmcd)
        && page.events.iter().all(|(_, word)| matches!(word, Some(Word::Acked | Word::Rejected)));
    let place =
        if is_known { SessionPlace::Known(last_place(&sent, offset_ms)) } else { SessionPlace::Unknown };
    (page, compared, place)
}

fn need(word: Option<Word>) -> Need {
    match word {
        Some(Word::Acked) => Need::There,
        Some(Word::Accepted) => Need::Wanted,
        Some(Word::Rejected | Word::Busy | Word::Failed) | None => Need::Maybe,
    }
}

fn unreadable(session: &str, page: &SessionPage, status: &Status) -> Compared {
    let acked = page.events.iter().filter(|(_, word)| *word == Some(Word::Acked)).count() as u64;
    let mut compared = Compared { missing: acked, ..Compared::default() };
    compared.note(format!("session {session} cannot be read: {}", status.message()));
    compared
}

const READS_AT_ONCE: usize = 32;
