//! The calls that stand in dumps for values, most of them Oracle's.

use jiff::fmt::strtime;

use crate::read::Value;

/// What a call with these arguments comes to; `None` where only the database knows.
pub(super) fn called(name: &str, arguments: &[Value]) -> Option<Value> {
    let text = |at: usize| match arguments.get(at) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    match (name, arguments) {
        (_, [Value::Null, ..]) => Some(Value::Null),
        ("EMPTY_CLOB" | "EMPTY_BLOB", []) => Some(Value::Null),
        ("TO_CLOB" | "TO_NCLOB" | "TO_CHAR" | "TO_NUMBER" | "TO_NCHAR", [value]) => Some(value.clone()),
        ("TO_DATE" | "TO_TIMESTAMP" | "TO_TIMESTAMP_TZ", _) => Some(time(text(0)?, text(1))),
        ("HEXTORAW", _) => super::escape::digits(text(0)?, 16).map(Value::Bytes),
        ("CHR" | "NCHR", _) => {
            let character = char::from_u32(text(0)?.parse().ok()?)?;
            Some(Value::Text(character.to_string()))
        }
        ("UNISTR", _) => Some(Value::Text(unistr(text(0)?)?)),
        _ => None,
    }
}

/// A time as ISO 8601 writes it.
fn time(text: &str, format: Option<&str>) -> Value {
    let Some(format) = format else { return Value::Text(text.to_owned()) };
    let odd = || Value::Odd(format!("{text:?} by the format {format:?}"));
    let Some(format) = strftime(format) else { return odd() };
    let Ok(parsed) = strtime::parse(&format, text) else { return odd() };
    let time = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0)));
    match (time, parsed.offset()) {
        (Ok(time), Some(offset)) => Value::Text(format!("{time}{offset}")),
        (Ok(time), None) => Value::Text(time.to_string()),
        (Err(_), _) => odd(),
    }
}

/// Oracle's format in the words of `strftime`; `None` where a part of it is not known.
fn strftime(format: &str) -> Option<String> {
    let upper = format.to_ascii_uppercase();
    let (mut rest, mut told) = (upper.as_str(), String::new());
    'parts: while let Some(first) = rest.chars().next() {
        for (part, meaning) in PARTS {
            if let Some(behind) = rest.strip_prefix(part) {
                // A fraction with its point, which strftime takes as one.
                if *meaning == "%f" && told.ends_with('.') {
                    told.pop();
                    told.push_str("%.f");
                } else {
                    told.push_str(meaning);
                }
                rest = behind;
                continue 'parts;
            }
        }
        match first {
            '"' => {
                let (quoted, behind) = rest.get(1..)?.split_once('"')?;
                told.push_str(quoted);
                rest = behind;
            }
            letter if letter.is_ascii_alphabetic() => return None,
            other => {
                told.push(other);
                rest = rest.get(other.len_utf8()..)?;
            }
        }
    }
    Some(told)
}

/// Longer parts first.
const PARTS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("RRRR", "%Y"),
    ("MONTH", "%B"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("TZH:TZM", "%:z"),
    ("SSXFF", "%S%.f"),
    ("MON", "%b"),
    ("FF9", "%f"),
    ("FF6", "%f"),
    ("FF3", "%f"),
    ("YY", "%y"),
    ("RR", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("FF", "%f"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("TZR", "%:z"),
];

/// A text in which `\XXXX` stands for a unit of UTF-16.
fn unistr(text: &str) -> Option<String> {
    let (mut units, mut rest) = (Vec::new(), text);
    while let Some(character) = rest.chars().next() {
        let mut behind = rest.get(character.len_utf8()..)?;
        match (character, behind.strip_prefix('\\')) {
            ('\\', Some(after)) => {
                units.push(u16::from(b'\\'));
                behind = after;
            }
            ('\\', None) => {
                units.push(u16::from_str_radix(behind.get(..4)?, 16).ok()?);
                behind = behind.get(4..)?;
            }
            _ => units.extend(character.encode_utf16(&mut [0; 2]).iter()),
        }
        rest = behind;
    }
    String::from_utf16(&units).ok()
}
