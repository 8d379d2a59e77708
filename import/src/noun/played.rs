//! What was watched in another system: one playing of an item, as its records tell of it, and what ingest is told.
//!
//! Events keep the times of the other system. So a position counts as old as it is: what the viewer does here is newer and
//! stays, whichever of both comes first. An event's number is made of its time and its kind, the same in each import, so the
//! server knows it again and a second import changes nothing.

use playhead_proto::{
    catalog::v1 as catalog,
    ingest::v1::{Event, EventKind, ItemKind, Session, SessionEvents},
};
use playhead_store::{
    AccountId, DeviceId, IdError, ItemId, SessionId, UserId,
    catalog::{Fault, check::MEDIA_MS_MAX},
    clock::TIME_MS_MAX,
};

/// One playing of one item. It is over: the server is told of no session that may go on.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Played {
    /// Names it, unique in the other system.
    #[prost(string, tag = "1")]
    pub session_id: String,
    /// Who watched.
    #[prost(string, tag = "2")]
    pub user_id: String,
    /// Who paid; the user where nothing is said.
    #[prost(string, tag = "3")]
    pub account_id: String,
    /// Where; empty when unknown.
    #[prost(string, tag = "4")]
    pub device_id: String,
    /// What was played.
    #[prost(string, tag = "5")]
    pub item_id: String,
    /// What happened, in any order.
    #[prost(message, repeated, tag = "6")]
    pub events: Vec<Happened>,
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Happened {
    /// What.
    #[prost(enumeration = "EventKind", tag = "1")]
    pub kind: i32,
    /// When, Unix ms.
    #[prost(int64, tag = "2")]
    pub at_ms: i64,
    /// Where the playhead was, ms.
    #[prost(int64, optional, tag = "3")]
    pub position_ms: Option<i64>,
    /// Where the playhead was, per cent of the item's length, 0 to 100.
    #[prost(int64, optional, tag = "4")]
    pub position_percent: Option<i64>,
}

/// What the catalog says of an item that was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Playable {
    /// What kind of item, as players tell of it.
    pub kind: ItemKind,
    /// Its length, ms.
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms.
    pub credits_ms: Option<i64>,
}

impl Played {
    /// Checks all that can be seen of it by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        named("session_id", &self.session_id, SessionId::new)?;
        named("user_id", &self.user_id, UserId::new)?;
        named("item_id", &self.item_id, ItemId::new)?;
        if !self.account_id.is_empty() {
            named("account_id", &self.account_id, AccountId::new)?;
        }
        if !self.device_id.is_empty() {
            named("device_id", &self.device_id, DeviceId::new)?;
        }
        if self.events.is_empty() {
            return Err(Fault::new("events", "none", "at least one that has a time"));
        }
        let mut numbered = self.events.iter().enumerate();
        numbered
            .try_for_each(|(at, event)| event.check().map_err(|fault| fault.within(format!("events[{at}]"))))
    }

    /// What ingest is told of it, in as many frames as it takes.
    ///
    /// # Errors
    /// A [`Fault`] where a place is told in per cent of a length that nobody knows.
    pub fn frames(&self, playable: Playable) -> Result<Vec<SessionEvents>, Fault> {
        let numbered = self.events.iter().enumerate();
        let told = numbered.map(|(at, event)| {
            event.told(playable.duration_ms).map_err(|fault| fault.within(format!("events[{at}]")))
        });
        let mut events = told.collect::<Result<Vec<Event>, Fault>>()?;
        // Of two of one kind at one time, the furthest counts.
        events.sort_by_key(|event| (event.seq, std::cmp::Reverse(event.position_ms)));
        events.dedup_by_key(|event| event.seq);
        if let Some(last) = events.last().filter(|last| !is_end(last.kind)) {
            let end = Happened { kind: EventKind::Stop.into(), at_ms: last.at_ms, ..Happened::default() };
            events.push(end.told(None)?);
        }
        Ok(events.chunks(EVENTS_MAX).map(|events| self.frame(playable, events.to_vec())).collect())
    }

    fn frame(&self, playable: Playable, events: Vec<Event>) -> SessionEvents {
        let session = Session {
            session_id: self.session_id.clone(),
            item_id: self.item_id.clone(),
            item_kind: playable.kind.into(),
            duration_ms: playable.duration_ms,
            credits_ms: playable.credits_ms,
        };
        SessionEvents {
            session: Some(session),
            user_id: self.user_id.clone(),
            account_id: self.account_id.clone(),
            device_id: self.device_id.clone(),
            // The other system's clock counts as right.
            sent_at_ms: 0,
            events,
        }
    }
}

impl Happened {
    fn check(&self) -> Result<(), Fault> {
        if self.kind == 0 {
            return Err(Fault::new(
                "kind",
                "nothing",
                "START, BEAT, SEEK, PAUSE, RESUME, STOP, ENDED and the like",
            ));
        }
        // 0 would mean now.
        if !(1..=TIME_MS_MAX).contains(&self.at_ms) {
            return Err(Fault::new("at_ms", self.at_ms, "a time from 1970 to 9999"));
        }
        match (self.position_ms, self.position_percent) {
            (Some(_), Some(percent)) => {
                Err(Fault::new("position_percent", percent, "nothing beside position_ms"))
            }
            (Some(position_ms), None) if !(0..=MEDIA_MS_MAX).contains(&position_ms) => {
                Err(Fault::new("position_ms", position_ms, "0 to 9007199254740991"))
            }
            (None, Some(percent)) if !(0..=100).contains(&percent) => {
                Err(Fault::new("position_percent", percent, "0 to 100"))
            }
            _ => Ok(()),
        }
    }

    /// The event, in an item of this length.
    fn told(&self, duration_ms: Option<i64>) -> Result<Event, Fault> {
        let position_ms = match (self.position_percent, duration_ms) {
            (None, _) => self.position_ms,
            (Some(percent), Some(duration_ms)) => Some(share(duration_ms, percent)),
            (Some(percent), None) => {
                let allowed = "a position_ms, since nobody knows the item's length";
                return Err(Fault::new("position_percent", percent, allowed));
            }
        };
        let seq = self.at_ms.unsigned_abs() * KINDS + u64::from(self.kind.unsigned_abs());
        Ok(Event { kind: self.kind, seq, at_ms: self.at_ms, position_ms, ..Event::default() })
    }
}

impl Playable {
    /// What the catalog says of this item.
    #[must_use]
    pub fn of(item: &catalog::Item) -> Self {
        let name = item.kind().as_str_name().replace("KIND_", "ITEM_KIND_");
        let kind = ItemKind::from_str_name(&name).unwrap_or_default();
        Self { kind, duration_ms: item.duration_ms, credits_ms: item.credits_ms }
    }
}

fn is_end(kind: i32) -> bool {
    kind == i32::from(EventKind::Stop) || kind == i32::from(EventKind::Ended)
}

/// So many per cent of a length.
fn share(duration_ms: i64, percent: i64) -> i64 {
    let ms = i128::from(duration_ms) * i128::from(percent) / 100;
    i64::try_from(ms).unwrap_or(MEDIA_MS_MAX)
}

fn named<T>(field: &str, text: &str, new: impl Fn(&str) -> Result<T, IdError>) -> Result<(), Fault> {
    let allowed = "1 to 128 bytes without control characters";
    new(text).map(drop).map_err(|_| Fault::new(field, text, allowed))
}

/// More than there are kinds of events, so that events of one time have numbers of their own, those that end it last.
const KINDS: u64 = 16;
/// The most events that ingest takes of a session at once.
const EVENTS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const FILM: Playable = Playable { kind: ItemKind::Movie, duration_ms: Some(60_000), credits_ms: None };

    fn happened(kind: EventKind, at_ms: i64, position_ms: Option<i64>) -> Happened {
        Happened { kind: kind.into(), at_ms, position_ms, position_percent: None }
    }

    fn played(events: Vec<Happened>) -> Played {
        Played {
            session_id: "s-1".into(),
            user_id: "ann".into(),
            item_id: "film".into(),
            events,
            ..Played::default()
        }
    }

    /// Kind, time and place of what ingest is told.
    fn told(events: Vec<Happened>) -> Vec<(EventKind, i64, Option<i64>)> {
        let frames = played(events).frames(FILM).unwrap();
        let events: Vec<&Event> = frames.iter().flat_map(|frame| &frame.events).collect();
        assert!(events.is_sorted_by(|a, b| a.seq < b.seq), "{events:?}");
        events.iter().map(|event| (event.kind(), event.at_ms, event.position_ms)).collect()
    }

    #[test]
    fn events_are_numbered_the_same_in_whatever_order_they_come() {
        use EventKind::{Ended, Pause, Start, Stop};
        let mut events = vec![
            happened(Stop, 9, Some(40)),
            happened(Pause, 5, Some(20)),
            happened(Start, 5, None),
            happened(Pause, 5, Some(30)),
        ];
        let expect = [(Start, 5, None), (Pause, 5, Some(30)), (Stop, 9, Some(40))];
        let seqs = |events: &[Happened]| {
            let frames = played(events.to_vec()).frames(FILM).unwrap();
            frames[0].events.iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        let first = seqs(&events);
        for _ in 0..events.len() {
            events.rotate_left(1);
            assert_eq!((told(events.clone()), seqs(&events)), (expect.to_vec(), first.clone()));
        }
        assert_eq!(told(vec![happened(Ended, 7, None)]), [(Ended, 7, None)]);
    }

    #[test]
    fn what_did_not_end_has_ended() {
        use EventKind::{Resume, Start, Stop};
        let open = vec![happened(Start, 5, None), happened(Resume, 8, Some(30))];
        assert_eq!(told(open), [(Start, 5, None), (Resume, 8, Some(30)), (Stop, 8, None)]);
    }

    #[test]
    fn a_share_is_of_the_length_and_needs_one() {
        let percent =
            |percent| Happened { position_percent: Some(percent), ..happened(EventKind::Stop, 1, None) };
        assert_eq!(told(vec![percent(40)]), [(EventKind::Stop, 1, Some(24_000))]);
        let endless = Playable { duration_ms: None, ..FILM };
        let fault = played(vec![percent(40)]).frames(endless).unwrap_err();
        assert_eq!((fault.field.as_str(), fault.value.as_str()), ("events[0].position_percent", "40"));
    }

    #[test]
    fn a_long_session_takes_several_frames() {
        let beats = (1..=2_500).map(|at_ms| happened(EventKind::Beat, at_ms, Some(at_ms))).collect();
        let frames = played(beats).frames(FILM).unwrap();
        assert_eq!(frames.iter().map(|frame| frame.events.len()).collect::<Vec<_>>(), [1_000, 1_000, 501]);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let stop = happened(EventKind::Stop, 1, None);
        let wrong = |change: fn(&mut Played)| {
            let mut session = played(vec![stop]);
            change(&mut session);
            session.check().err().map(|fault| fault.field).unwrap_or_default()
        };
        assert_eq!(wrong(|_| ()), "");
        assert_eq!(wrong(|session| session.session_id.clear()), "session_id");
        assert_eq!(wrong(|session| session.user_id = "a\nb".into()), "user_id");
        assert_eq!(wrong(|session| session.item_id = "x".repeat(129)), "item_id");
        assert_eq!(wrong(|session| session.device_id = "\0".into()), "device_id");
        assert_eq!(wrong(|session| session.events.clear()), "events");
        assert_eq!(wrong(|session| session.events[0].kind = 0), "events[0].kind");
        assert_eq!(wrong(|session| session.events[0].at_ms = 0), "events[0].at_ms");
        assert_eq!(wrong(|session| session.events[0].position_ms = Some(-1)), "events[0].position_ms");
        assert_eq!(
            wrong(|session| session.events[0].position_percent = Some(101)),
            "events[0].position_percent"
        );
        let both = |session: &mut Played| {
            session.events[0].position_ms = Some(1);
            session.events[0].position_percent = Some(1);
        };
        assert_eq!(wrong(both), "events[0].position_percent");
    }
}
