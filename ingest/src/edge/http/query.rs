//! The arguments of a query.

use super::error::Failure;

/// The arguments, names and values decoded, in their order.
///
/// # Errors
/// An argument that is no text in UTF-8.
pub(super) fn arguments(query: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = |encoded| {
        String::from_utf8(decode(encoded)).map_err(|_| Failure::malformed("the query is no text in UTF-8"))
    };
    let pairs = query.split('&').filter(|argument| !argument.is_empty());
    pairs
        .map(|argument| argument.split_once('=').unwrap_or((argument, "")))
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

/// Undoes percent and form encoding. What is not encoded as it should be stays as it is.
pub(super) fn decode(value: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after.first().copied().and_then(digit), after.get(1).copied().and_then(digit)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_decoded_in_their_order() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = arguments("item=movie%2F1&item=a+b&x&&y=1=2").unwrap();
        assert_eq!(found, [pair("item", "movie/1"), pair("item", "a b"), pair("x", ""), pair("y", "1=2")]);
        assert!(arguments("item=%ff").is_err());
    }

    #[test]
    fn what_is_badly_encoded_stays() {
        for (encoded, expect) in [("100%", "100%"), ("%zz%4", "%zz%4"), ("%25%41", "%A"), ("", "")] {
            assert_eq!(decode(encoded), expect.as_bytes(), "{encoded}");
        }
    }
}
