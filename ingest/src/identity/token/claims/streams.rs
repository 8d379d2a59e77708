//! The claim `streams`: how many streams an account may run at once.

use serde::{Deserialize, Serialize};

use crate::identity::{
    pass::{AtLimit, DEVICE_TYPES_MAX, DeviceType, STREAMS_MAX, StreamRules},
    refusal::Fault,
};

/// The claim `streams`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamClaims {
    /// The most streams, 1 to [`STREAMS_MAX`].
    pub max: u32,
    /// `DENY_NEWEST` or `EVICT_OLDEST`.
    pub at_limit: String,
    /// The most streams by kind of device, each 0 to [`STREAMS_MAX`], at most [`DEVICE_TYPES_MAX`] kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "by_device_type")]
    pub per_device_type: Vec<(String, u32)>,
}

impl StreamClaims {
    pub(super) fn rules(&self) -> Result<StreamRules, Fault> {
        if !(1..=STREAMS_MAX).contains(&self.max) {
            return Err(Fault::new("streams.max", format!("is {}", self.max), format!("1 to {STREAMS_MAX}")));
        }
        let at_limit = AtLimit::from_name(&self.at_limit);
        let at_limit = at_limit
            .ok_or_else(|| Fault::value("streams.at_limit", &self.at_limit, "DENY_NEWEST or EVICT_OLDEST"))?;
        Ok(StreamRules { streams_max: self.max, at_limit, per_device_type: self.per_device_type()? })
    }

    fn per_device_type(&self) -> Result<Vec<(DeviceType, u32)>, Fault> {
        const NAME: &str = "streams.per_device_type";
        let count = self.per_device_type.len();
        if count > DEVICE_TYPES_MAX {
            let allowed = format!("at most {DEVICE_TYPES_MAX}");
            return Err(Fault::new(NAME, format!("has {count} kinds"), allowed));
        }
        let mut rules = Vec::with_capacity(count);
        for (word, streams) in &self.per_device_type {
            if *streams > STREAMS_MAX {
                return Err(Fault::new(NAME, format!("has {streams}"), format!("0 to {STREAMS_MAX}")));
            }
            rules.push((device_type(NAME, word)?, *streams));
        }
        rules.sort();
        match rules.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            true => Err(Fault::new(NAME, "names a kind twice", "each kind once")),
            false => Ok(rules),
        }
    }
}

pub(super) fn device_type(name: &'static str, word: &str) -> Result<DeviceType, Fault> {
    DeviceType::new(word)
        .ok_or_else(|| Fault::value(name, word, "kinds of 1 to 32 letters, digits, hyphens and underscores"))
}

/// An object as pairs, so that a name that stands twice is seen.
mod by_device_type {
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
                f.write_str("an object of numbers by kind of device")
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
