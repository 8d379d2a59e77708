//! Mends a body that is almost JSON, so that only the event that is not is refused.

use std::borrow::Cow;

/// The body with what breaks it made text: bytes that are no UTF-8 become replacement characters, and bare words that
/// are no JSON (`NaN`, which Python writes; `undefined`; numbers beyond all range) get quotes. Fields then refuse these
/// texts by their own rules.
pub(super) fn mend(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len() + 16);
    let mut rest: &str = &text;
    while let Some(first) = rest.chars().next() {
        let (token, is_word) = match first {
            '"' => (string(rest), false),
            first if is_bare(first) => (word(rest), true),
            first => (rest.get(..first.len_utf8()).unwrap_or_default(), false),
        };
        rest = rest.get(token.len()..).unwrap_or_default();
        mended +=
            &*if is_word && !is_json(token) { Cow::Owned(format!("\"{token}\"")) } else { token.into() };
    }
    mended
}

/// The string that the text begins with, up to its closing quote.
fn string(text: &str) -> &str {
    let mut is_escaped = true;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    });
    end.and_then(|end| text.get(..=end)).unwrap_or(text)
}

fn word(text: &str) -> &str {
    let end = text.find(|char| !is_bare(char)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn is_bare(char: char) -> bool {
    !matches!(char, '{' | '}' | '[' | ']' | ',' | ':' | '"' | '\\')
        && !char.is_whitespace()
        && !char.is_control()
}

fn is_json(word: &str) -> bool {
    match word {
        "true" | "false" | "null" => true,
        number => serde_json::from_str::<f64>(number).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_that_are_no_json_become_text() {
        for (body, expect) in [
            (
                r#"{"a":NaN,"b":[-Infinity, 1e999 ,undefined]}"#,
                r#"{"a":"NaN","b":["-Infinity", "1e999" ,"undefined"]}"#,
            ),
            (r#"{"a":-1.5e3,"b":true,"c":null,"d":"NaN"}"#, r#"{"a":-1.5e3,"b":true,"c":null,"d":"NaN"}"#),
            (r#"{"a\" NaN":"b\\","c":01}"#, r#"{"a\" NaN":"b\\","c":"01"}"#),
            (r#""open NaN"#, r#""open NaN"#),
        ] {
            assert_eq!(mend(body.as_bytes()), expect);
        }
        assert_eq!(mend(b"[\"a\xff\"]"), "[\"a\u{fffd}\"]");
    }
}
