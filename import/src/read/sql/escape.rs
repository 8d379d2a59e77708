//! What stands for something else in texts of dumps.

use std::io;

use crate::read::feed::Feed;

/// Adds what stands behind a backslash in MySQL.
pub(super) fn mysql(feed: &mut Feed, text: &mut Vec<u8>) -> io::Result<()> {
    let Some(byte) = feed.take()? else { return Ok(()) };
    match byte {
        b'0' => text.push(0),
        b'b' => text.push(8),
        b'n' => text.push(b'\n'),
        b'r' => text.push(b'\r'),
        b't' => text.push(b'\t'),
        b'Z' => text.push(26),
        // These are for LIKE, which sees the backslash.
        b'%' | b'_' => text.extend([b'\\', byte]),
        other => text.push(other),
    }
    Ok(())
}

/// Adds what stands behind a backslash in PostgreSQL's `E'…'`.
pub(super) fn postgresql(feed: &mut Feed, text: &mut Vec<u8>) -> io::Result<()> {
    let Some(byte) = feed.take()? else { return Ok(()) };
    match byte {
        b'x' => number(feed, text, 16, 2),
        b'u' => number(feed, text, 16, 4),
        b'U' => number(feed, text, 16, 8),
        other => copied(other, feed, text),
    }
}

/// Adds what stands behind a backslash in the lines of PostgreSQL's COPY.
pub(super) fn copied(byte: u8, feed: &mut Feed, text: &mut Vec<u8>) -> io::Result<()> {
    match byte {
        b'b' => text.push(8),
        b'f' => text.push(12),
        b'n' => text.push(b'\n'),
        b'r' => text.push(b'\r'),
        b't' => text.push(b'\t'),
        b'v' => text.push(11),
        b'0'..=b'7' => return octal(byte, feed, text),
        other => text.push(other),
    }
    Ok(())
}

fn octal(first: u8, feed: &mut Feed, text: &mut Vec<u8>) -> io::Result<()> {
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let Some(digit) = feed.peek()?.filter(|byte| matches!(byte, b'0'..=b'7')) else { break };
        feed.take()?;
        value = value * 8 + u32::from(digit - b'0');
    }
    text.push((value & 0xff).to_le_bytes().first().copied().unwrap_or_default());
    Ok(())
}

/// Adds the byte of up to two digits to the base 16; an `x` without any stands for itself.
pub(super) fn hex(feed: &mut Feed, text: &mut Vec<u8>) -> io::Result<()> {
    match feed.peek()?.is_some_and(|byte| byte.is_ascii_hexdigit()) {
        true => number(feed, text, 16, 2),
        false => {
            text.push(b'x');
            Ok(())
        }
    }
}

/// A byte (two digits) or a character (four or eight). A pair of surrogates is one character.
fn number(feed: &mut Feed, text: &mut Vec<u8>, radix: u32, digits_max: usize) -> io::Result<()> {
    let value = digits_of(feed, radix, digits_max)?;
    if digits_max == 2 {
        text.push(value.to_le_bytes().first().copied().unwrap_or_default());
        return Ok(());
    }
    let is_pair = (0xd800..0xdc00).contains(&value) && feed.peek()? == Some(b'\\');
    let value = match is_pair {
        true => {
            feed.take()?;
            feed.take()?;
            let low = digits_of(feed, radix, digits_max)?;
            0x1_0000 + ((value - 0xd800) << 10) + (low.saturating_sub(0xdc00) & 0x3ff)
        }
        false => value,
    };
    let character = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend(character.encode_utf8(&mut [0; 4]).bytes());
    Ok(())
}

fn digits_of(feed: &mut Feed, radix: u32, digits_max: usize) -> io::Result<u32> {
    let mut value = 0_u32;
    for _ in 0..digits_max {
        let Some(digit) = feed.peek()?.and_then(|byte| char::from(byte).to_digit(radix)) else { break };
        feed.take()?;
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    Ok(value)
}

/// Bytes that are written in digits to the base 16 or 2, the last digit last; `None` where there are others.
pub(super) fn digits(text: &str, radix: u32) -> Option<Vec<u8>> {
    let per_byte = if radix == 16 { 2 } else { 8 };
    let digits = text.chars().map(|digit| digit.to_digit(radix)).collect::<Option<Vec<_>>>()?;
    let bytes = digits.rchunks(per_byte).rev().map(|chunk| {
        let value = chunk.iter().fold(0, |value, digit| value * radix + digit);
        u8::try_from(value).ok()
    });
    bytes.collect()
}
