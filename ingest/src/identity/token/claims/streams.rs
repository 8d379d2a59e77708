//! The claim `streams`: how many streams an account may run at once.

use playhead_store::ItemKind;
use serde::{Deserialize, Serialize};

use crate::identity::{
    pass::{AtLimit, DEVICE_TYPES_MAX, DeviceType, STREAMS_MAX, StreamRules},
    refusal::Fault,
    token::strict::present,
};

/// The claim `streams`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamClaims {
    /// The most streams, 1 to [`STREAMS_MAX`].
    pub max: u32,
    /// `DENY_NEWEST` or `EVICT_OLDEST`.
    pub at_limit: String,
    /// The most streams by kind of device, each 0 to [`STREAMS_MAX`], at most [`DEVICE_TYPES_MAX`] kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "by_kind")]
    pub per_device_type: Vec<(String, u32)>,
    /// The most streams by kind of content, each 0 to [`STREAMS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "by_kind")]
    pub per_item_kind: Vec<(String, u32)>,
    /// The most devices at once, 1 to [`STREAMS_MAX`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub devices: Option<u32>,
}

impl StreamClaims {
    /// What says these rules. That they are only tried is the server's affair, and not said.
    #[must_use]
    pub fn of(rules: &StreamRules) -> Self {
        let by_device = rules.per_device_type.iter().map(|(kind, max)| (kind.as_str().to_owned(), *max));
        let by_item = rules.per_item_kind.iter().map(|(kind, max)| (kind.name().to_owned(), *max));
        Self {
            max: rules.streams_max,
            at_limit: rules.at_limit.name().to_owned(),
            per_device_type: by_device.collect(),
            per_item_kind: by_item.collect(),
            devices: rules.devices_max,
        }
    }

    pub(super) fn rules(&self) -> Result<StreamRules, Fault> {
        if !(1..=STREAMS_MAX).contains(&self.max) {
            return Err(Fault::new("streams.max", format!("is {}", self.max), format!("1 to {STREAMS_MAX}")));
        }
        let at_limit = AtLimit::from_name(&self.at_limit);
        let at_limit = at_limit
            .ok_or_else(|| Fault::value("streams.at_limit", &self.at_limit, "DENY_NEWEST or EVICT_OLDEST"))?;
        let devices_max = self.devices;
        if let Some(devices) = devices_max.filter(|devices| !(1..=STREAMS_MAX).contains(devices)) {
            return Err(Fault::new(
                "streams.devices",
                format!("is {devices}"),
                format!("1 to {STREAMS_MAX}"),
            ));
        }
        Ok(StreamRules {
            per_device_type: limits("streams.per_device_type", &self.per_device_type, device_type)?,
            per_item_kind: limits("streams.per_item_kind", &self.per_item_kind, item_kind)?,
            devices_max,
            ..StreamRules::streams(self.max, at_limit)
        })
    }
}

/// Limits by kind, each kind once.
fn limits<T: Ord>(
    name: &'static str,
    said: &[(String, u32)],
    kind: impl Fn(&'static str, &str) -> Result<T, Fault>,
) -> Result<Vec<(T, u32)>, Fault> {
    if said.len() > DEVICE_TYPES_MAX {
        let allowed = format!("at most {DEVICE_TYPES_MAX}");
        return Err(Fault::new(name, format!("has {} kinds", said.len()), allowed));
    }
    let mut limits = Vec::with_capacity(said.len());
    for (word, streams) in said {
        if *streams > STREAMS_MAX {
            return Err(Fault::new(name, format!("has {streams}"), format!("0 to {STREAMS_MAX}")));
        }
        limits.push((kind(name, word)?, *streams));
    }
    limits.sort();
    match limits.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
        true => Err(Fault::new(name, "names a kind twice", "each kind once")),
        false => Ok(limits),
    }
}

pub(super) fn device_type(name: &'static str, word: &str) -> Result<DeviceType, Fault> {
    DeviceType::new(word)
        .ok_or_else(|| Fault::value(name, word, "kinds of 1 to 32 letters, digits, hyphens and underscores"))
}

pub(super) fn item_kind(name: &'static str, word: &str) -> Result<ItemKind, Fault> {
    let found = ItemKind::ALL.into_iter().find(|kind| kind.name() == word && *kind != ItemKind::Unknown);
    found.ok_or_else(|| Fault::value(name, word, "MOVIE, EPISODE, LESSON, RECORDING or LIVE"))
}

/// An object as pairs, so that a name that stands twice is seen.
mod by_kind {
    use std::fmt;

    use serde::{
        Deserializer, Serializer,
        de::{MapAccess, Visitor},
    };

    type Pairs = Vec<(String, u32)>;

    pub(super) fn serialize<S: Serializer>(pairs: &Pairs, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.iter().map(|(kind, streams)| (kind, streams)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of numbers by kind")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
