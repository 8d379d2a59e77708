//! Publish: events of many sessions in one call, the same behind every edge that offers it.
//!
//! Each session's batch stands alone: one that is refused or finds no room says so in its own outcome, and its
//! neighbours are stored all the same.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use playhead_store::hot::Verdict;

pub use self::batch::{ID_ALLOWED, ITEM_KINDS, SessionBatch, UnreadableBatch, id};
use super::Doors;
use crate::{
    admission::{RejectReason, Rejection},
    identity::{Identity, Scope},
    intake::{Admitted, NoRoom, Offered},
    leases::Said,
    live::{Opening, Playing, Session},
    ticket::{Refused, Ticket},
};

mod batch;

/// What became of one session's batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOutcome {
    /// The session, as sent.
    pub session_id: String,
    /// Events that are new and durable.
    pub stored: u64,
    /// Events that had been taken before and are durable.
    pub duplicate: u64,
    /// What was refused for good. A batch that was refused as a whole is one entry with number 0.
    pub rejected: Vec<Refused>,
    /// Present when there was no room: none of the batch was taken.
    pub busy: Option<Busy>,
    /// Every event of the batch up to this number has its ending; 0 when none has.
    pub acked_through_seq: u64,
    /// Whether the session may go on playing; `None` when nothing was committed.
    pub verdict: Option<Verdict>,
    /// True when the engine stopped before the events were durable.
    pub abandoned: bool,
    /// When to send the next beat, ms from now.
    pub next_beat_ms: u32,
}

/// There was no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// When to try again, ms from now.
    pub retry_after_ms: u32,
    /// The lowest number that was not taken.
    pub from_seq: u64,
}

/// Why a call has no outcomes to tell. Repeating it is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// The call as a whole is out of bounds: nothing of it was taken.
    #[error("{} is {}; allowed is {}", .0.field, .0.value, .0.allowed)]
    Refused(Rejection),
    /// The caller's token lacks this scope: nothing of it was taken.
    #[error("the token's scope lacks {}", .0.name())]
    Denied(Scope),
    /// There was no room for any of it.
    #[error("no room, retry after {retry_after_ms} ms")]
    Busy {
        /// Milliseconds to wait.
        retry_after_ms: u32,
    },
    /// The engine stopped before all of it was durable: what was, is told when it is sent again.
    #[error("the engine is stopping")]
    Stopping,
}

/// Publishes batches received at `received_at_ms`. Answers with one outcome per batch, in their order, when every event
/// has its ending.
///
/// # Errors
/// [`Unpublished`] when there is nothing to tell of single batches. A batch that is refused is no error of the call.
pub async fn publish(
    doors: &Doors,
    identity: &Identity,
    batches: Vec<Result<SessionBatch, UnreadableBatch>>,
    received_at_ms: i64,
) -> Result<Vec<SessionOutcome>, Unpublished> {
    if let Err(scope) = identity.may_publish() {
        doors.intake.reject(RejectReason::NotAllowed, event_count(&batches));
        return Err(Unpublished::Denied(scope));
    }
    if let Err(rejection) = check_size(&batches, doors.intake.limits().publish_sessions_max) {
        doors.intake.reject(rejection.reason, event_count(&batches));
        return Err(Unpublished::Refused(rejection));
    }
    // All are opened before the first is offered, so that batches of one session are offered in their order.
    let opened: Vec<Result<Open, SessionOutcome>> = stream::iter(batches)
        .map(|batch| open(doors, identity, batch, received_at_ms))
        .buffered(OPENINGS_MAX)
        .collect()
        .await;
    let waiting: Vec<Result<Waiting, SessionOutcome>> =
        opened.into_iter().map(|open| Ok(offer(doors, open?, received_at_ms))).collect();
    let mut outcomes = Vec::with_capacity(waiting.len());
    for batch in waiting {
        outcomes.push(match batch {
            Ok(waiting) => waiting.finish(doors).await,
            Err(outcome) => outcome,
        });
    }
    told(outcomes)
}

/// How many sessions of one call are opened at the same time.
const OPENINGS_MAX: usize = 64;
/// The most events in one call, in all its batches.
pub const PUBLISH_EVENTS_MAX: usize = 10_000;

/// A batch whose session is open.
struct Open {
    session_id: String,
    session: Arc<Session>,
    playing: Arc<Playing>,
    events: Vec<Offered>,
}

/// A batch that was offered.
struct Waiting {
    session_id: String,
    session: Arc<Session>,
    ticket: Ticket,
    admitted: Admitted,
}

async fn open(
    doors: &Doors,
    identity: &Identity,
    batch: Result<SessionBatch, UnreadableBatch>,
    received_at_ms: i64,
) -> Result<Open, SessionOutcome> {
    let (batch, opening) = match batch.and_then(|batch| check(batch, identity)) {
        Ok(checked) => checked,
        Err(unreadable) => return Err(refuse(doors, unreadable)),
    };
    let said = opening.playing.clone();
    match doors.intake.open(opening, batch.sent_at_ms, received_at_ms).await {
        Ok(session) => {
            let playing = session.playing(said);
            if let Some(said) = Said::by_offered(&batch.events, session.clock, received_at_ms) {
                doors.leases.admit(&session, &playing, said, received_at_ms).await;
            }
            Ok(Open { session_id: batch.session_id, session, playing, events: batch.events })
        }
        Err(no_room) => Err(turn_away(doors, &batch, no_room)),
    }
}

fn check(batch: SessionBatch, identity: &Identity) -> Result<(SessionBatch, Opening), UnreadableBatch> {
    let opening = match batch.events.is_empty() {
        false => batch.opening(identity),
        true => Err(Rejection::new(RejectReason::Malformed, "events", 0, "at least 1 event")),
    };
    match opening {
        Ok(opening) => Ok((batch, opening)),
        Err(rejection) => {
            let events = batch.events.len() as u64;
            Err(UnreadableBatch { session_id: batch.session_id, events, rejection })
        }
    }
}

fn offer(doors: &Doors, open: Open, received_at_ms: i64) -> Waiting {
    let ticket = Ticket::default();
    let events = open.events.into_iter();
    let admitted = doors.intake.offer(&open.session, &open.playing, events, received_at_ms, &ticket);
    Waiting { session_id: open.session_id, session: open.session, ticket, admitted }
}

impl Waiting {
    async fn finish(self, doors: &Doors) -> SessionOutcome {
        let settled = self.ticket.finished().await;
        let is_busy = self.admitted != Admitted::Taken || settled.turned_away > 0;
        let (retry_after_ms, from_seq) =
            (doors.intake.limits().retry_after_ms, settled.repeat_from_seq.unwrap_or(0));
        let busy = is_busy.then_some(Busy { retry_after_ms, from_seq });
        SessionOutcome {
            stored: settled.stored,
            duplicate: settled.duplicate,
            rejected: settled.refused,
            busy,
            acked_through_seq: settled.settled_through_seq,
            verdict: self.session.slot.stop().map(Verdict::Stop).or(settled.verdict),
            abandoned: settled.abandoned,
            ..untaken(doors, self.session_id)
        }
    }
}

fn refuse(doors: &Doors, unreadable: UnreadableBatch) -> SessionOutcome {
    let UnreadableBatch { session_id, events, rejection } = unreadable;
    doors.intake.reject(rejection.reason, events);
    SessionOutcome { rejected: vec![Refused { seq: 0, index: 0, rejection }], ..untaken(doors, session_id) }
}

fn turn_away(doors: &Doors, batch: &SessionBatch, NoRoom { retry_after_ms }: NoRoom) -> SessionOutcome {
    doors.intake.turn_away_unopened(batch.events.len() as u64);
    let busy = Some(Busy { retry_after_ms, from_seq: batch.lowest_seq() });
    SessionOutcome { busy, ..untaken(doors, batch.session_id.clone()) }
}

/// The outcome of a batch of which nothing was taken.
fn untaken(doors: &Doors, session_id: String) -> SessionOutcome {
    SessionOutcome {
        session_id,
        stored: 0,
        duplicate: 0,
        rejected: Vec::new(),
        busy: None,
        acked_through_seq: 0,
        verdict: None,
        abandoned: false,
        next_beat_ms: doors.intake.limits().next_beat_ms,
    }
}

/// The outcomes, unless they come to the same for all batches.
fn told(outcomes: Vec<SessionOutcome>) -> Result<Vec<SessionOutcome>, Unpublished> {
    if outcomes.iter().any(|outcome| outcome.abandoned) {
        return Err(Unpublished::Stopping);
    }
    let all_busy = outcomes.iter().all(|outcome| outcome.busy.is_some());
    match outcomes.iter().filter_map(|outcome| outcome.busy).map(|busy| busy.retry_after_ms).max() {
        Some(retry_after_ms) if all_busy => Err(Unpublished::Busy { retry_after_ms }),
        _ => Ok(outcomes),
    }
}

fn check_size(
    batches: &[Result<SessionBatch, UnreadableBatch>],
    sessions_max: usize,
) -> Result<(), Rejection> {
    let reason = RejectReason::BatchTooLarge;
    if batches.is_empty() {
        let allowed = format!("1 to {sessions_max} sessions");
        return Err(Rejection::new(RejectReason::Malformed, "sessions", 0, allowed));
    }
    if batches.len() > sessions_max {
        let allowed = format!("1 to {sessions_max} sessions");
        return Err(Rejection::new(reason, "sessions", batches.len(), allowed));
    }
    let events = event_count(batches);
    if events > PUBLISH_EVENTS_MAX as u64 {
        let allowed = format!("1 to {PUBLISH_EVENTS_MAX} events in all");
        return Err(Rejection::new(reason, "sessions.events", events, allowed));
    }
    Ok(())
}

fn event_count(batches: &[Result<SessionBatch, UnreadableBatch>]) -> u64 {
    let count = |batch: &Result<SessionBatch, UnreadableBatch>| match batch {
        Ok(batch) => batch.events.len() as u64,
        Err(unreadable) => unreadable.events,
    };
    batches.iter().map(count).sum()
}
