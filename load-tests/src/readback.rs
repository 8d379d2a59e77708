//! Reads sessions and positions back through the playback API, and compares them with what was sent. It knows the
//! events as they were sent and nothing of the server's rules but what its documentation promises.

use std::{collections::HashMap, time::Duration};

use playhead_proto::{
    ingest::v1::Event,
    playback::v1::{
        GetPositionRequest, GetSessionRequest, GetSessionResponse,
        playback_service_client::PlaybackServiceClient,
    },
};
use tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel};

/// What the ledger says of a sent event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It was acknowledged: it has to be there.
    There,
    /// It was accepted without a promise: it should be there, and may have been shed.
    Wanted,
    /// It may be there.
    Maybe,
}

/// How a stored event is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// By its number; all of its values have to be equal.
    Seq,
    /// By its time, which no two events of a session share: of foreign protocols, whose numbers are the server's own.
    /// What such a protocol can say has to be equal.
    Time,
}

/// What a comparison found, in events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Acknowledged, and there as they were sent.
    pub found: u64,
    /// Acknowledged, and not there.
    pub missing: u64,
    /// There with other values.
    pub altered: u64,
    /// There more than once: so many too many.
    pub doubled: u64,
    /// There, sent and never acknowledged: the answer was lost, not the event.
    pub found_unacked: u64,
    /// There, and never sent.
    pub strangers: u64,
    /// Accepted without a promise, and there.
    pub wanted_found: u64,
    /// Accepted without a promise, and not there.
    pub wanted_missing: u64,
    /// The first of what is wrong, in words.
    pub examples: Vec<String>,
}

/// Compares a session's stored events with those that were sent, whose times the server has moved by `offset_ms`.
/// What is stored above the number `known_through` counts as sent: the ledger was cut there.
#[must_use]
pub fn compare(
    session: &str,
    sent: &[(Event, Need)],
    stored: &[Event],
    identity: Identity,
    offset_ms: i64,
    known_through: Option<u64>,
) -> Compared {
    let key = |event: &Event, offset_ms: i64| match identity {
        Identity::Seq => event.seq.cast_signed(),
        Identity::Time => event.at_ms.saturating_add(offset_ms),
    };
    let mut copies: HashMap<i64, Vec<&Event>> = HashMap::with_capacity(stored.len());
    for event in stored {
        copies.entry(key(event, 0)).or_default().push(event);
    }
    let mut compared = Compared::default();
    for (event, need) in sent {
        let there = copies.remove(&key(event, offset_ms)).unwrap_or_default();
        compared.one(session, event, *need, &there, |stored| is_same(event, stored, identity, offset_ms));
    }
    for event in copies.into_values().flatten() {
        match known_through.is_some_and(|through| identity == Identity::Time || event.seq > through) {
            true => compared.found_unacked += 1,
            false => {
                compared.strangers += 1;
                compared.note(format!("event {} of session {session} was never sent", event.seq));
            }
        }
    }
    compared
}

impl Compared {
    fn one(
        &mut self,
        session: &str,
        event: &Event,
        need: Need,
        there: &[&Event],
        is_same: impl Fn(&Event) -> bool,
    ) {
        let seq = event.seq;
        let Some(first) = there.first() else {
            match need {
                Need::There => {
                    self.missing += 1;
                    self.note(format!("event {seq} of session {session} is missing"));
                }
                Need::Wanted => self.wanted_missing += 1,
                Need::Maybe => {}
            }
            return;
        };
        if there.len() > 1 {
            self.doubled += there.len() as u64 - 1;
            self.note(format!("event {seq} of session {session} is there {} times", there.len()));
        }
        if let Some(other) = there.iter().find(|stored| !is_same(stored)) {
            self.altered += 1;
            self.note(format!("event {seq} of session {session} was sent as {event:?} and is {other:?}"));
            return;
        }
        debug_assert!(is_same(first), "all copies are the same");
        match need {
            Need::There => self.found += 1,
            Need::Wanted => self.wanted_found += 1,
            Need::Maybe => self.found_unacked += 1,
        }
    }

    /// Adds another comparison.
    pub fn add(&mut self, other: Self) {
        self.found += other.found;
        self.missing += other.missing;
        self.altered += other.altered;
        self.doubled += other.doubled;
        self.found_unacked += other.found_unacked;
        self.strangers += other.strangers;
        self.wanted_found += other.wanted_found;
        self.wanted_missing += other.wanted_missing;
        other.examples.into_iter().for_each(|example| self.note(example));
    }

    /// Notes what is wrong, as long as there is room for it.
    pub fn note(&mut self, example: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example);
        }
    }
}

fn is_same(sent: &Event, stored: &Event, identity: Identity, offset_ms: i64) -> bool {
    let moved = Event { at_ms: sent.at_ms.saturating_add(offset_ms), ..sent.clone() };
    let said =
        |event: &Event| (event.kind, event.at_ms, event.position_ms, event.bitrate_kbps, event.startup_ms);
    match identity {
        Identity::Seq => moved == *stored,
        Identity::Time => said(&moved) == said(stored),
    }
}

/// Reads a user's session; `None` when there is none.
///
/// # Errors
/// What the server answers, after [`TRIES_MAX`] tries.
pub async fn stored_session(
    channel: &Channel,
    user: &str,
    session: &str,
) -> Result<Option<GetSessionResponse>, Status> {
    let asked =
        || GetSessionRequest { user_id: user.to_owned(), session_id: session.to_owned(), read_mask: None };
    found(
        patiently(|| async {
            let mut client =
                PlaybackServiceClient::new(channel.clone()).max_decoding_message_size(SESSION_BYTES_MAX);
            client.get_session(request(user, asked())?).await
        })
        .await,
    )
}

/// Reads where a user is in an item, ms; `None` when there is no position.
///
/// # Errors
/// As [`stored_session`].
pub async fn stored_position_ms(channel: &Channel, user: &str, item: &str) -> Result<Option<i64>, Status> {
    let asked = || GetPositionRequest { user_id: user.to_owned(), item_id: item.to_owned() };
    let answer = patiently(|| async {
        PlaybackServiceClient::new(channel.clone()).get_position(request(user, asked())?).await
    });
    Ok(found(answer.await)?.and_then(|answer| answer.position).map(|position| position.position_ms))
}

/// Asks again while the server cannot answer.
async fn patiently<T>(ask: impl AsyncFn() -> Result<tonic::Response<T>, Status>) -> Result<T, Status> {
    let mut tries = 0;
    loop {
        let late = |_| Err(Status::deadline_exceeded("no answer in time"));
        let answer = tokio::time::timeout(ANSWER_PATIENCE, ask()).await.unwrap_or_else(late);
        tries += 1;
        match answer {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if status.code() == Code::Unavailable && tries < TRIES_MAX => {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
            Err(status) => return Err(status),
        }
    }
}

fn found<T>(answer: Result<T, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

fn request<T>(user: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let token: MetadataValue<_> = format!("Bearer {user}")
        .parse()
        .map_err(|_| Status::internal("the viewer's name is no header value"))?;
    request.metadata_mut().insert("authorization", token);
    Ok(request)
}

/// How many mistakes are told in words.
const EXAMPLES_MAX: usize = 10;
/// A session of 50 000 events, with room to spare.
const SESSION_BYTES_MAX: usize = 64 << 20;
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// How often a read is tried.
pub const TRIES_MAX: u32 = 20;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64) -> Event {
        Event { kind: 2, seq, at_ms: 1_000 + seq.cast_signed(), position_ms: Some(7), ..Event::default() }
    }

    fn moved(seq: u64) -> Event {
        Event { at_ms: event(seq).at_ms + 50, ..event(seq) }
    }

    fn sent() -> Vec<(Event, Need)> {
        vec![
            (event(1), Need::There),
            (event(2), Need::There),
            (event(3), Need::Maybe),
            (event(4), Need::Wanted),
        ]
    }

    fn check(stored: &[Event], expect: &Compared) {
        for identity in [Identity::Seq, Identity::Time] {
            let compared = compare("s", &sent(), stored, identity, 50, None);
            assert_eq!(&Compared { examples: Vec::new(), ..compared }, expect, "{identity:?}");
        }
    }

    #[test]
    fn each_kind_of_mistake_is_found_and_named() {
        let good = Compared { found: 2, wanted_missing: 1, ..Compared::default() };
        check(&[moved(1), moved(2)], &good);
        check(
            &[moved(1), moved(2), moved(3), moved(4)],
            &Compared { found_unacked: 1, wanted_found: 1, wanted_missing: 0, ..good.clone() },
        );
        check(&[moved(2)], &Compared { found: 1, missing: 1, ..good.clone() });
        check(&[moved(1), moved(1), moved(2)], &Compared { doubled: 1, ..good.clone() });
        check(&[moved(1), moved(2), moved(9)], &Compared { strangers: 1, ..good.clone() });
        let altered = Event { position_ms: Some(8), ..moved(2) };
        check(&[moved(1), altered], &Compared { found: 1, altered: 1, ..good });
        let said = compare("s", &sent(), &[], Identity::Seq, 50, None).examples;
        assert_eq!(said[0], "event 1 of session s is missing");
    }

    #[test]
    fn what_lies_behind_a_cut_ledger_counts_as_sent() {
        let stored = [moved(1), moved(2), moved(9)];
        let compared = compare("s", &sent(), &stored, Identity::Seq, 50, Some(4));
        assert_eq!((compared.found_unacked, compared.strangers), (1, 0));
    }
}
