//! A request of many batches as JSON.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Batch,
    batch::{BatchSeed, unknown_field},
    value::{Name, Value, other_arrays, other_values},
};
use crate::{
    admission::{RejectReason, Rejection},
    edge::publish::{PUBLISH_EVENTS_MAX, UnreadableBatch},
};

/// Reads a `PublishRequest`.
pub(super) struct RequestSeed<'b> {
    pub(super) events_left: &'b Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for RequestSeed<'_> {
    type Value = Result<Vec<Batch>, UnreadableBatch>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RequestSeed<'_> {
    type Value = Result<Vec<Batch>, UnreadableBatch>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a PublishRequest")
    }

    other_values!(|_: &Self, found: Value<'_>| Err(whole(
        found.refused("", "an object: a PublishRequest"),
        0
    )));
    other_arrays!(|_: &Self, found: Value<'_>| Err(whole(
        found.refused("", "an object: a PublishRequest"),
        0
    )));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut batches = Vec::new();
        let mut refused = None;
        while let Some(Name(name)) = map.next_key()? {
            let read = match &*name {
                "sessions" => map.next_value_seed(BatchesSeed { batches: &mut batches, request: &self })?,
                unknown => {
                    let rejection = unknown_field("", unknown, "sessions");
                    map.next_value::<IgnoredAny>()?;
                    Err(rejection)
                }
            };
            refused = refused.or(read.err());
        }
        Ok(match refused {
            Some(rejection) => {
                let taken = PUBLISH_EVENTS_MAX.saturating_sub(self.events_left.get());
                Err(whole(rejection, taken as u64))
            }
            None => Ok(batches),
        })
    }
}

/// Reads the batches of a request.
struct BatchesSeed<'b, 'r> {
    batches: &'b mut Vec<Batch>,
    request: &'b RequestSeed<'r>,
}

impl<'de> DeserializeSeed<'de> for BatchesSeed<'_, '_> {
    type Value = Result<(), Rejection>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BatchesSeed<'_, '_> {
    type Value = Result<(), Rejection>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of SessionEvents")
    }

    other_values!(|_: &Self, found: Value<'_>| Err(found.refused("sessions", "an array of SessionEvents")));

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(Value::Object.refused("sessions", "an array of SessionEvents")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        while self.batches.len() < PUBLISH_EVENTS_MAX {
            let seed = BatchSeed { events_left: self.request.events_left };
            let Some(batch) = array.next_element_seed(seed)? else { return Ok(Ok(())) };
            self.batches.push(batch);
        }
        let mut sessions = self.batches.len();
        while array.next_element::<IgnoredAny>()?.is_some() {
            sessions += 1;
        }
        let allowed = format!("at most {PUBLISH_EVENTS_MAX} sessions");
        let too_many = Rejection::new(RejectReason::BatchTooLarge, "sessions", sessions, allowed);
        Ok(if sessions > PUBLISH_EVENTS_MAX { Err(too_many) } else { Ok(()) })
    }
}

fn whole(rejection: Rejection, events: u64) -> UnreadableBatch {
    UnreadableBatch { session_id: String::new(), events, rejection }
}
