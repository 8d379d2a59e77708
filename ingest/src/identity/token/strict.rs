//! JSON as RFC 7515 and RFC 7519 want it in a token, more strictly than a lax reader takes it: an object, in UTF-8, with
//! nothing behind it; each name once; `null` is no value.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

/// Reads an object.
pub(super) fn object<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    // A struct would be read from an array as well, by order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err("is not a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| format!("is not as it should be: {error}"))
}

/// Reads an object within an object, for `deserialize_with`.
pub(super) fn inner_object<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: for<'a> Deserialize<'a>,
    D: Deserializer<'de>,
{
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    object(raw.get().as_bytes()).map(Some).map_err(D::Error::custom)
}

/// Reads a value that must not be null where its name stands, for `deserialize_with`.
pub(super) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Pair {
        a: u64,
        #[serde(default, deserialize_with = "present")]
        b: Option<u64>,
        #[serde(default, deserialize_with = "inner_object")]
        c: Option<Inner>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        d: u64,
    }

    #[test]
    fn an_object_is_read_and_nothing_like_it() {
        assert_eq!(object(br#" {"a":1,"z":[{}]}"#), Ok(Pair { a: 1, b: None, c: None }));
        assert_eq!(object(br#"{"a":1,"c":{"d":2}}"#), Ok(Pair { a: 1, b: None, c: Some(Inner { d: 2 }) }));
        for wrong in [
            &b"[1,2]"[..],
            b"1",
            b"",
            b"null",
            b"{\"a\":1",
            b"{\"a\":1}}",
            b"{\"a\":1} x",
            b"\xef\xbb\xbf{\"a\":1}",
            b"{\"a\":1,\"z\":\"\xff\"}",
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":2}"#,
            br#"{"a":"1"}"#,
            br#"{"a":1.0}"#,
            br#"{"a":1e0}"#,
            br#"{"a":-1}"#,
            br#"{"a":18446744073709551616}"#,
            br#"{"a":1e999}"#,
            br#"{"a":null}"#,
            br#"{"a":1,"b":null}"#,
            br#"{"a":1,"c":[2]}"#,
            br#"{"a":1,"c":null}"#,
            br#"{"a":1,"c":{"d":2,"d":2}}"#,
        ] {
            let read = object::<Pair>(wrong);
            assert!(read.is_err(), "{:?}: {read:?}", String::from_utf8_lossy(wrong));
        }
    }
}
