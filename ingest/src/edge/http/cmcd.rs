//! The CMCD front (CTA-5004-B): unmodified players report here, with no SDK of ours.
//!
//! Accepted, not acknowledged: these players take any answer but 204 for a reason to send their whole queue again at
//! every next event, so 204 is the only answer. What is refused or shed is counted, and only operators see it.

mod event;
mod record;
mod source;

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
};
use playhead_store::{ItemId, ItemKind, Playable, SeqOrder, SessionId, SessionKey};

use super::{Front, caller};
use crate::{
    admission::{RawEvent, RejectReason},
    identity::{Pass, Viewer},
    live::{Opening, Playing},
    tally::ShedReason,
};
use event::{Worth, worth};
use record::Record;

/// Which custom keys carry the playhead, for players that cannot be given the standard `pt`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PositionKeys(Option<BTreeSet<String>>);

impl PositionKeys {
    /// These keys and no others. By default it is every custom key that ends in `-pt`, such as `com.example-pt`.
    pub fn only(names: impl IntoIterator<Item = String>) -> Self {
        Self(Some(names.into_iter().collect()))
    }

    fn holds(&self, name: &str) -> bool {
        match &self.0 {
            None => name.ends_with("-pt"),
            Some(names) => names.contains(name),
        }
    }
}

/// `POST /v1/cmcd/{token}`: records, one per line.
pub(super) async fn post(
    State(front): State<Arc<Front>>,
    token: Result<Path<String>, PathRejection>,
    body: Body,
) -> StatusCode {
    take_body(&front, token, body, BODY_BYTES_MAX).await
}

/// `GET /v1/cmcd/{token}`: one record, in the CMCD headers or in the query.
pub(super) async fn get(
    State(front): State<Arc<Front>>,
    token: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> StatusCode {
    let text = source::from_headers(&headers)
        .or_else(|| source::from_query(query.as_deref().unwrap_or_default()))
        .unwrap_or_default();
    match viewer(&front, token).await {
        Some(viewer) => take(&front, &viewer, &text).await,
        None => refuse(&front, text.into(), usize::MAX).await,
    }
    StatusCode::NO_CONTENT
}

/// Takes the records of a body up to its limit. The line that the limit cuts is refused; where there is no room for
/// the body, what did not find any counts as one record that was shed.
pub(super) async fn take_body(
    front: &Front,
    token: Result<Path<String>, PathRejection>,
    body: Body,
    bytes_max: usize,
) -> StatusCode {
    // First, because it may have to wait for keys, and no body should take up room meanwhile, nor a stranger's ever.
    let Some(viewer) = viewer(front, token).await else {
        refuse(front, body, bytes_max).await;
        return StatusCode::NO_CONTENT;
    };
    let taken = front.bodies.take(body, bytes_max).await;
    match (taken.is_whole, &taken.room) {
        (true, _) => {}
        (false, Some(_)) => front.doors.intake.reject(RejectReason::Malformed, 1),
        (false, None) => front.doors.intake.shed(ShedReason::Overload, 1),
    }
    take(front, &viewer, taken.whole_lines()).await;
    StatusCode::NO_CONTENT
}

async fn viewer(front: &Front, token: Result<Path<String>, PathRejection>) -> Option<Viewer> {
    match token {
        Ok(Path(token)) => caller::viewer(front, &token).await,
        Err(_) => None,
    }
}

/// Refuses the records of one who is no viewer.
async fn refuse(front: &Front, body: Body, bytes_max: usize) {
    let records = front.bodies.lines(body, bytes_max).await;
    front.doors.intake.reject(RejectReason::NotAllowed, records);
}

/// Takes the records of a request: every one of them ends here or at the intake.
async fn take(front: &Front, viewer: &Viewer, text: &[u8]) {
    let received_at_ms = (front.doors.now)();
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let mut report = Report { pass: viewer.pass.clone(), ..Report::default() };
    lines.for_each(|line| report.add(line, &front.positions));
    front.doors.intake.reject(RejectReason::Malformed, report.malformed);
    front.doors.intake.reject(RejectReason::NotAllowed, report.not_allowed);
    front.doors.intake.shed(ShedReason::NotKept, report.not_kept);
    front.doors.intake.shed(ShedReason::Overload, report.too_many);
    let Report { mut entries, sent_at_ms, .. } = report;
    // Of one session and item together, in the order of their lines; taken from the end, which moves no others.
    entries.sort_by(|a, b| b.place().cmp(&a.place()));
    for _ in 0..front.doors.intake.limits().publish_sessions_max {
        let Some(last) = entries.last() else { return };
        let start = entries.partition_point(|entry| entry.place() > last.place());
        let playing = entries.split_off(start);
        offer(front, viewer, playing, sent_at_ms, received_at_ms).await;
    }
    // No player has so many sessions at once.
    front.doors.intake.shed(ShedReason::Overload, entries.len() as u64);
}

/// The records of one request.
#[derive(Default)]
struct Report<'a> {
    /// What the token allows, when it is one session's.
    pass: Option<Arc<Pass>>,
    entries: Vec<Entry<'a>>,
    /// The latest time that any record names: when the request was sent, by the player's clock.
    sent_at_ms: Option<i64>,
    malformed: u64,
    /// Records of another session or item than the token's.
    not_allowed: u64,
    not_kept: u64,
    /// Records beyond [`RECORDS_MAX`].
    too_many: u64,
}

/// A record and what it belongs to.
struct Entry<'a> {
    session: Cow<'a, str>,
    item: Option<ItemId>,
    event: RawEvent,
}

impl<'a> Report<'a> {
    fn add(&mut self, line: &'a [u8], positions: &PositionKeys) {
        if self.entries.len() >= RECORDS_MAX {
            self.too_many += 1;
            return;
        }
        let mut record = Record::read(line, positions);
        if record.v.unwrap_or(1) > VERSION_MAX {
            self.not_kept += 1;
            return;
        }
        let seq = record.seq(line);
        let session = match (record.sid.take(), &self.pass) {
            (None, Some(pass)) => Some(Cow::Owned(pass.session.to_string())),
            (sid, _) => sid.filter(|sid| sid.chars().count() <= SID_CHARS_MAX && SessionId::new(sid).is_ok()),
        };
        let Some(session) = session else {
            self.malformed += 1;
            return;
        };
        let item = match (record.cid.as_deref(), &self.pass) {
            (None, Some(pass)) => Some(pass.item.clone()),
            (cid, _) => cid.and_then(|cid| ItemId::new(cid).ok()),
        };
        if self
            .pass
            .as_ref()
            .is_some_and(|pass| *pass.session.as_str() != *session || item.as_ref() != Some(&pass.item))
        {
            self.not_allowed += 1;
            return;
        }
        self.sent_at_ms = self.sent_at_ms.max(record.ts);
        let mut event = event::event(&record, seq);
        if item.is_none() {
            event.position_ms = None;
        }
        self.entries.push(Entry { session, item, event });
    }
}

impl Entry<'_> {
    fn place(&self) -> (&str, Option<&ItemId>) {
        (&self.session, self.item.as_ref())
    }
}

/// Offers what happened in one session while it played one item. Where there is little room, what is worth least is
/// shed first.
async fn offer(
    front: &Front,
    viewer: &Viewer,
    entries: Vec<Entry<'_>>,
    sent_at_ms: Option<i64>,
    received_at_ms: i64,
) {
    let intake = &front.doors.intake;
    let Some((opening, playing)) = entries.first().and_then(|entry| opening(viewer, entry)) else { return };
    let Ok(session) = intake.open(opening, sent_at_ms, received_at_ms).await else {
        intake.shed(ShedReason::Overload, entries.len() as u64);
        return;
    };
    let playing = session.playing(playing);
    let mut events: Vec<RawEvent> = entries.into_iter().map(|entry| entry.event).collect();
    events.sort_by_key(|event| std::cmp::Reverse(worth(event)));
    let batch_max = intake.limits().batch_events_max.max(1);
    let mut events = events.into_iter();
    while events.len() > 0 {
        let mut batch: Vec<RawEvent> = events.by_ref().take(batch_max).collect();
        let fitting = fitting(&batch, intake.room(&session), intake.limits().shard_events_max);
        intake.shed(ShedReason::Overload, (batch.len() - fitting) as u64);
        batch.truncate(fitting);
        if batch.is_empty() {
            continue;
        }
        intake.offer_or_shed(&session, &playing, batch.into_iter().map(Ok), received_at_ms);
    }
}

/// Who plays what. The item of a record that names none is not guessed from the records around it: what they are
/// depends on the order of arrival, and the stored rows must not.
fn opening(viewer: &Viewer, entry: &Entry<'_>) -> Option<(Opening, Playing)> {
    let item = entry.item.clone().or_else(|| ItemId::new(UNKNOWN_ITEM).ok())?;
    let playable = match &viewer.pass {
        Some(pass) => Playable {
            item,
            kind: pass.item_kind,
            duration_ms: pass.duration_ms,
            credits_ms: pass.credits_ms,
        },
        None => Playable { item, kind: ItemKind::Unknown, duration_ms: None, credits_ms: None },
    };
    let (account, device, terms) = (viewer.account.clone(), viewer.device.clone(), Arc::clone(&viewer.terms));
    let playing = Playing { playable, account, device, terms };
    let key = SessionKey { user: viewer.user.clone(), session: SessionId::new(&entry.session).ok()? };
    Some((Opening { key, order: SeqOrder::Foreign, playing: playing.clone() }, playing))
}

/// How many of these events, sorted by worth, may be offered to a shard that has room for `free` of its `all` events:
/// reports leave half of it to others, beats a quarter.
fn fitting(events: &[RawEvent], free: usize, all: usize) -> usize {
    let fits = |(index, event): (usize, &RawEvent)| {
        let kept_free = match worth(event) {
            Worth::Report => all / 2,
            Worth::Beat => all / 4,
            Worth::Change => 0,
        };
        index < free.saturating_sub(kept_free)
    };
    events.iter().enumerate().take_while(|&event| fits(event)).count()
}

/// The longest body, bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// The most records that are taken of one body, of which each takes a few bytes there and hundreds in memory. No more
/// fit that name a session, an item, a time and a number.
const RECORDS_MAX: usize = 10_000;
/// The longest session id, characters: CTA-5004-B's own bound.
const SID_CHARS_MAX: usize = 64;
/// The latest version of the protocol that is understood.
const VERSION_MAX: i64 = 2;
/// The item of records that name none.
const UNKNOWN_ITEM: &str = "unknown";

/// For the fuzzer.
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing {
    use super::{PositionKeys, event, record::Record};
    use crate::admission::RawEvent;

    /// The event that a line is read as.
    pub(in crate::edge::http) fn event(line: &[u8], positions: &PositionKeys) -> RawEvent {
        let record = Record::read(line, positions);
        let seq = record.seq(line);
        assert_eq!(seq, Record::read(line, positions).seq(line), "a stable number");
        let event = event::event(&record, seq);
        let _ = event::worth(&event);
        event
    }
}

#[cfg(test)]
mod tests {
    use playhead_store::EventKind;

    use super::*;

    fn report(text: &str) -> Report<'_> {
        let mut report = Report::default();
        text.lines().for_each(|line| report.add(line.as_bytes(), &PositionKeys::default()));
        report
    }

    #[test]
    fn each_line_stands_alone() {
        let report = report(
            "sid=\"a\",cid=\"m\",e=t,ts=7\nno record\nsid=\"b\",e=t,ts=9,v=2\nsid=\"c\",v=3,ts=11\ncid=\"m\",e=t,ts=12",
        );
        let kept: Vec<_> =
            report.entries.iter().map(|entry| (&*entry.session, entry.item.is_some())).collect();
        assert_eq!(kept, [("a", true), ("b", false)]);
        assert_eq!((report.malformed, report.not_kept, report.sent_at_ms), (2, 1, Some(9)));
    }

    #[test]
    fn an_id_beyond_the_standards_bound_is_none() {
        let sid = |length: usize| format!("sid=\"{}\",e=t", "s".repeat(length));
        assert_eq!(report(&sid(64)).entries.len(), 1);
        assert_eq!(report(&sid(65)).malformed, 1);
        let cid = |length: usize| format!("sid=\"s\",cid=\"{}\",e=t", "c".repeat(length));
        assert!(report(&cid(128)).entries[0].item.is_some());
        assert!(report(&cid(129)).entries[0].item.is_none(), "the record is kept, the item is not");
    }

    #[test]
    fn a_record_without_an_item_has_no_position() {
        let report = report("sid=\"s\",e=t,pt=5\nsid=\"s\",cid=\"m\",e=t,pt=5");
        let positions: Vec<_> = report.entries.iter().map(|entry| entry.event.position_ms).collect();
        assert_eq!(positions, [None, Some(5)]);
    }

    #[test]
    fn what_is_worth_least_goes_first() {
        use EventKind::{Beat, Meta, Resume};
        let events = |kinds: &[EventKind]| -> Vec<RawEvent> {
            kinds.iter().map(|&kind| RawEvent::new(kind, 1, None)).collect()
        };
        let kinds = [Resume, Beat, Beat, Meta, Meta];
        for (free, expect) in [(100, 5), (54, 4), (53, 3), (50, 3), (28, 3), (27, 2), (26, 1), (1, 1), (0, 0)]
        {
            assert_eq!(fitting(&events(&kinds), free, 100), expect, "{free} free of 100");
        }
    }
}
