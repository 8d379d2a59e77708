//! A field's value, of whatever type it is, and what a field makes of it.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::admission::{RejectReason, Rejection};

/// A value. Reading one never fails on JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'de> {
    Null,
    Bool(bool),
    Whole(i128),
    Decimal(f64),
    Text(Cow<'de, str>),
    Array,
    Object,
}

impl<'de> Value<'de> {
    /// A whole number: a JSON number without a fraction, or a string of one. `None` for null.
    pub(super) fn whole<T: TryFrom<i128>>(
        self,
        field: &'static str,
        allowed: &'static str,
    ) -> Result<Option<T>, Rejection> {
        let whole = match &self {
            Self::Null => return Ok(None),
            Self::Whole(whole) => Some(*whole),
            Self::Text(text) => text.parse().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
            Self::Decimal(decimal) if decimal.fract() == 0.0 && decimal.abs() < WHOLE_BELOW => {
                Some(*decimal as i128)
            }
            _ => None,
        };
        match whole.and_then(|whole| T::try_from(whole).ok()) {
            Some(whole) => Ok(Some(whole)),
            None => Err(self.refused(field, allowed)),
        }
    }

    /// A number, or a string of one. `None` for null.
    pub(super) fn decimal(self, field: &'static str) -> Result<Option<f64>, Rejection> {
        let decimal = match &self {
            Self::Null => return Ok(None),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a field of ours that takes decimals has a small range"
            )]
            Self::Whole(whole) => Some(*whole as f64),
            Self::Decimal(decimal) => Some(*decimal),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        };
        decimal.map(Some).ok_or_else(|| self.refused(field, "a number"))
    }

    /// A text; empty for null.
    pub(super) fn text(self, field: &'static str) -> Result<Cow<'de, str>, Rejection> {
        match self {
            Self::Null => Ok(Cow::Borrowed("")),
            Self::Text(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                Err(Rejection::new(RejectReason::Malformed, field, text, "text in UTF-8"))
            }
            Self::Text(text) => Ok(text),
            other => Err(other.refused(field, "a string")),
        }
    }

    /// An enum's member, by its name, with or without the enum's, or by its number. The inner error is a name or number
    /// that no member has.
    pub(super) fn member<T>(
        self,
        field: &'static str,
        prefix: &str,
        by_name: impl Fn(&str) -> Option<T>,
        by_number: impl Fn(i64) -> Option<T>,
    ) -> Result<Result<T, Box<str>>, Rejection> {
        match self {
            Self::Null => Ok(Err("".into())),
            Self::Text(text) => {
                let name = text.strip_prefix(prefix).unwrap_or(&text);
                Ok(by_name(name).ok_or_else(|| name.into()))
            }
            Self::Whole(whole) => {
                let member = i64::try_from(whole).ok().and_then(by_number);
                Ok(member.ok_or_else(|| whole.to_string().into()))
            }
            other => Err(other.refused(field, "a name or a number")),
        }
    }

    pub(super) fn refused(&self, field: &'static str, allowed: &'static str) -> Rejection {
        Rejection::new(RejectReason::Malformed, field, self, allowed)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => bool.fmt(f),
            Self::Whole(whole) => whole.fmt(f),
            Self::Decimal(decimal) => decimal.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Array => f.write_str("an array"),
            Self::Object => f.write_str("an object"),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Implements the visits of values that a visitor does not look into: `$wrong` makes its result of the [`Value`].
macro_rules! other_values {
    ($wrong:expr) => {
        fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Bool(value)))
        }
        fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Whole(value.into())))
        }
        fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Whole(value.into())))
        }
        fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Decimal(value)))
        }
        fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Text(value.into())))
        }
        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Text(value.to_owned().into())))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Null))
        }
    };
}
/// The same for arrays.
macro_rules! other_arrays {
    ($wrong:expr) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            while array.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok($wrong(&self, $crate::edge::http::json::value::Value::Array))
        }
    };
}
pub(super) use {other_arrays, other_values};

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    other_values!(|_: &Self, value| value);
    other_arrays!(|_: &Self, value| value);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}

/// A field's name.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Below this, 2^96, decimals become whole numbers without overflow; no field takes numbers of that size.
const WHOLE_BELOW: f64 = 79_228_162_514_264_337_593_543_950_336.0;
