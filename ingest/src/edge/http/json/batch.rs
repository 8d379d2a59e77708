//! A session's batch as JSON.

use std::{cell::Cell, fmt};

use playhead_store::ItemKind;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Batch,
    event::{EventSeed, WHOLE_64},
    value::{Name, Value, other_arrays, other_values},
};
use crate::{
    admission::{RejectReason, Rejection},
    edge::publish::{PUBLISH_EVENTS_MAX, SessionBatch, UnreadableBatch},
};

/// Reads a `SessionEvents`.
pub(super) struct BatchSeed<'b> {
    /// How many more events the whole body may hold: an empty one takes three bytes of text and hundreds of memory.
    pub(super) events_left: &'b Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for BatchSeed<'_> {
    type Value = Batch;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Batch, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BatchSeed<'_> {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SessionEvents")
    }

    other_values!(Self::no_batch);
    other_arrays!(Self::no_batch);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Batch, A::Error> {
        let mut batch = nameless();
        let mut untaken = 0;
        let mut refused = None;
        while let Some(Name(name)) = map.next_key()? {
            let read = match &*name {
                "session" => map.next_value_seed(SessionSeed { batch: &mut batch })?,
                "events" => {
                    let events = EventsSeed { batch: &mut batch, events_left: self.events_left };
                    map.next_value_seed(events)?.map(|more| untaken = more).and_then(|()| all_taken(untaken))
                }
                _ => read_field(&mut batch, &name, map.next_value()?),
            };
            refused = refused.or(read.err());
        }
        let events = (batch.events.len() + untaken) as u64;
        Ok(match refused {
            Some(rejection) => Err(UnreadableBatch { session_id: batch.session_id, events, rejection }),
            None => Ok(batch),
        })
    }
}

impl BatchSeed<'_> {
    #[expect(clippy::needless_pass_by_value, reason = "the shape of all such functions")]
    fn no_batch(&self, found: Value<'_>) -> Batch {
        let rejection = found.refused("", "an object: a SessionEvents");
        Err(UnreadableBatch { session_id: String::new(), events: 0, rejection })
    }
}

fn read_field(batch: &mut SessionBatch, name: &str, value: Value<'_>) -> Result<(), Rejection> {
    match name {
        "user_id" | "userId" => batch.user_id = value.text("user_id")?.into_owned(),
        "account_id" | "accountId" => batch.account_id = value.text("account_id")?.into_owned(),
        "device_id" | "deviceId" => batch.device_id = value.text("device_id")?.into_owned(),
        "sent_at_ms" | "sentAtMs" => {
            batch.sent_at_ms =
                value.whole("sent_at_ms", WHOLE_64)?.filter(|&sent_at_ms: &i64| sent_at_ms != 0);
        }
        unknown => {
            let allowed = "session, user_id, account_id, device_id, sent_at_ms and events";
            return Err(unknown_field("", unknown, allowed));
        }
    }
    Ok(())
}

/// Reads a `Session` into its batch.
struct SessionSeed<'b> {
    batch: &'b mut SessionBatch,
}

impl<'de> DeserializeSeed<'de> for SessionSeed<'_> {
    type Value = Result<(), Rejection>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SessionSeed<'_> {
    type Value = Result<(), Rejection>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Session")
    }

    other_values!(|_: &Self, found: Value<'_>| Err(found.refused("session", "an object: a Session")));
    other_arrays!(|_: &Self, found: Value<'_>| Err(found.refused("session", "an object: a Session")));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut result = Ok(());
        while let Some(Name(name)) = map.next_key()? {
            result = result.and(read_session_field(self.batch, &name, map.next_value()?));
        }
        Ok(result)
    }
}

fn read_session_field(batch: &mut SessionBatch, name: &str, value: Value<'_>) -> Result<(), Rejection> {
    match name {
        "session_id" | "sessionId" => batch.session_id = value.text("session.session_id")?.into_owned(),
        "item_id" | "itemId" => batch.item_id = value.text("session.item_id")?.into_owned(),
        "item_kind" | "itemKind" if value == Value::Null => {}
        "item_kind" | "itemKind" => {
            let by_name = |name: &str| ItemKind::ALL.into_iter().find(|kind| kind.name() == name);
            batch.item_kind =
                value.member("session.item_kind", "ITEM_KIND_", by_name, ItemKind::from_number)?;
        }
        "duration_ms" | "durationMs" => batch.duration_ms = value.whole("session.duration_ms", WHOLE_64)?,
        "credits_ms" | "creditsMs" => batch.credits_ms = value.whole("session.credits_ms", WHOLE_64)?,
        unknown => {
            let allowed = "session_id, item_id, item_kind, duration_ms and credits_ms";
            return Err(unknown_field("session.", unknown, allowed));
        }
    }
    Ok(())
}

/// Reads the events into their batch. Returns how many there was no room for.
struct EventsSeed<'b> {
    batch: &'b mut SessionBatch,
    events_left: &'b Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for EventsSeed<'_> {
    type Value = Result<usize, Rejection>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EventsSeed<'_> {
    type Value = Result<usize, Rejection>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of Events")
    }

    other_values!(|_: &Self, found: Value<'_>| match found {
        Value::Null => Ok(0),
        found => Err(found.refused("events", "an array of Events")),
    });

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(Value::Object.refused("events", "an array of Events")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        while let Some(left) = self.events_left.get().checked_sub(1) {
            let Some(event) = array.next_element_seed(EventSeed)? else { return Ok(Ok(0)) };
            self.events_left.set(left);
            self.batch.events.push(event);
        }
        let mut untaken = 0;
        while array.next_element::<IgnoredAny>()?.is_some() {
            untaken += 1;
        }
        Ok(Ok(untaken))
    }
}

fn all_taken(untaken: usize) -> Result<(), Rejection> {
    match untaken {
        0 => Ok(()),
        _ => {
            let allowed = format!("at most {PUBLISH_EVENTS_MAX} events in one body");
            let found = format!("{untaken} more");
            Err(Rejection::new(RejectReason::BatchTooLarge, "events", found, allowed))
        }
    }
}

pub(super) fn unknown_field(path: &str, name: &str, allowed: &'static str) -> Rejection {
    let name: String = name.chars().take(crate::admission::VALUE_CHARS_MAX).collect();
    let value = "a field that is not known";
    Rejection::new(RejectReason::Malformed, format!("{path}{name}"), value, allowed)
}

fn nameless() -> SessionBatch {
    SessionBatch {
        session_id: String::new(),
        item_id: String::new(),
        item_kind: Ok(ItemKind::Unknown),
        duration_ms: None,
        credits_ms: None,
        user_id: String::new(),
        account_id: String::new(),
        device_id: String::new(),
        sent_at_ms: None,
        events: Vec::new(),
    }
}
