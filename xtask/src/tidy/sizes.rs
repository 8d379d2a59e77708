//! Sizes as a ratchet: a file or a function that is larger than we like is written down with its present size, and from
//! then on it may only shrink. The largest also say why they have to be so.
//!
//! A line of the ratchet reads `path lines`, `path function lines`, or either with ` : reason` behind it.

use std::collections::BTreeMap;

use super::Finding;
use crate::source::{Source, item};

/// Where the sizes are written down.
pub(crate) const RATCHET: &str = "xtask/tidy-sizes.txt";

/// Above this many lines without tests, a file is written down.
const FILE_LINES_MAX: usize = 300;
/// Above this many lines, a function is written down.
const FUNCTION_LINES_MAX: usize = 40;
/// Above this many lines without tests, a file needs a reason.
const FILE_LINES_REASON: usize = 500;
/// Above this many lines, a function needs a reason.
const FUNCTION_LINES_REASON: usize = 70;

const HEADER: &str = "\
# Files of more than 300 lines without tests and functions of more than 40: they may shrink, never grow. More than 500
# or 70 need a reason behind a colon. `cargo xtask tidy --bless` writes this file; the reasons stay.
";

/// What is written down of one file or function.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    line: usize,
    lines: usize,
    reason: &'a str,
}

/// Compares the tree's sizes with those written down.
pub(crate) fn check(sources: &[Source], ratchet: &str) -> Vec<Finding> {
    let (written, mut findings) = parse(ratchet);
    let measured = measure(sources);
    for (key, &(line, lines)) in &measured {
        let path = key.split(' ').next().unwrap_or(key);
        if let Some(text) = judge(key, lines, written.get(key.as_str())) {
            findings.push(Finding { path: path.to_owned(), line, rule: "size", text });
        }
    }
    for (key, entry) in &written {
        if !measured.contains_key(*key) {
            findings
                .push(finding(entry.line, format!("{key} is small enough now: cargo xtask tidy --bless")));
        }
    }
    findings
}

/// Writes the ratchet for the tree as it is, with the reasons that were there.
pub(crate) fn bless(sources: &[Source], ratchet: &str) -> String {
    let (written, _) = parse(ratchet);
    let mut text = HEADER.to_owned();
    for (key, (_, lines)) in measure(sources) {
        let reason = written.get(key.as_str()).map_or("", |entry| entry.reason);
        let colon = if reason.is_empty() { "" } else { " : " };
        text.push_str(&format!("{key} {lines}{colon}{reason}\n"));
    }
    text
}

/// What is wrong with a size above the bound, given what is written down.
fn judge(key: &str, lines: usize, entry: Option<&Entry<'_>>) -> Option<String> {
    let is_function = key.contains(' ');
    let (max, reason_max) = match is_function {
        true => (FUNCTION_LINES_MAX, FUNCTION_LINES_REASON),
        false => (FILE_LINES_MAX, FILE_LINES_REASON),
    };
    let Some(entry) = entry else {
        return Some(format!(
            "{key} has {lines} lines, look again at {max}: split it, or write it down in {RATCHET}"
        ));
    };
    if lines > entry.lines {
        return Some(format!("{key} grew from {} to {lines} lines, and may only shrink", entry.lines));
    }
    if lines < entry.lines {
        return Some(format!("{key} shrank from {} to {lines} lines: cargo xtask tidy --bless", entry.lines));
    }
    let unexplained = lines > reason_max && entry.reason.is_empty();
    unexplained.then(|| format!("{key} has {lines} lines: above {reason_max}, {RATCHET} has to say why"))
}

/// Measures what is above the bounds: by key, the line that it begins on and its lines.
fn measure(sources: &[Source]) -> BTreeMap<String, (usize, usize)> {
    let mut found = BTreeMap::new();
    for source in sources {
        let lines = source.lines_without_tests();
        if lines > FILE_LINES_MAX {
            found.insert(source.path.clone(), (1, lines));
        }
        for function in item::functions(&source.code) {
            if function.lines > FUNCTION_LINES_MAX && !source.is_test(function.line) {
                // Of functions that share a name, the longest counts.
                let place = found.entry(format!("{} {}", source.path, function.name)).or_insert((0, 0));
                if function.lines > place.1 {
                    *place = (function.line, function.lines);
                }
            }
        }
    }
    found
}

fn parse(ratchet: &str) -> (BTreeMap<&str, Entry<'_>>, Vec<Finding>) {
    let mut written = BTreeMap::new();
    let mut findings = Vec::new();
    for (at, text) in ratchet.lines().enumerate().filter(|(_, text)| !text.starts_with('#')) {
        let (size, reason) = text.split_once(" : ").unwrap_or((text, ""));
        let parts = size.rsplit_once(' ').and_then(|(key, lines)| Some((key, lines.parse().ok()?)));
        let Some((key, lines)) = parts else {
            findings.push(finding(at + 1, "a line reads `path [function] lines [: reason]`".into()));
            continue;
        };
        written.insert(key, Entry { line: at + 1, lines, reason });
    }
    (written, findings)
}

fn finding(line: usize, text: String) -> Finding {
    Finding { path: RATCHET.to_owned(), line, rule: "size", text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(lines: usize) -> [Source; 1] {
        [Source::new("a/src/b.rs", &"// A line.\n".repeat(lines))]
    }

    fn function(lines: usize) -> [Source; 1] {
        [Source::new("a/src/b.rs", &format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2)))]
    }

    fn check_says(sources: &[Source], ratchet: &str, expected: &[&str]) {
        let texts: Vec<_> = check(sources, ratchet).into_iter().map(|finding| finding.text).collect();
        assert_eq!(texts.len(), expected.len(), "{texts:?}");
        for (text, expected) in texts.iter().zip(expected) {
            assert!(text.contains(expected), "{text:?} does not say {expected:?}");
        }
    }

    #[test]
    fn what_is_small_needs_no_entry() {
        check_says(&file(300), "", &[]);
        check_says(&function(40), "", &[]);
    }

    #[test]
    fn what_is_large_is_written_down_and_may_not_grow() {
        check_says(&file(301), "", &["301 lines"]);
        check_says(&file(301), "a/src/b.rs 301\n", &[]);
        check_says(&file(302), "a/src/b.rs 301\n", &["grew from 301 to 302"]);
        check_says(&function(41), "", &["41 lines"]);
        check_says(&function(41), "a/src/b.rs long 41\n", &[]);
        check_says(&function(42), "a/src/b.rs long 41\n", &["grew"]);
    }

    #[test]
    fn what_shrank_lowers_its_bound() {
        check_says(&file(310), "a/src/b.rs 320\n", &["shrank"]);
        check_says(&file(10), "a/src/b.rs 320\n", &["small enough"]);
    }

    #[test]
    fn the_largest_say_why() {
        check_says(&file(501), "a/src/b.rs 501\n", &["has to say why"]);
        check_says(&file(501), "a/src/b.rs 501 : one table\n", &[]);
        check_says(&function(71), "a/src/b.rs long 71\n", &["has to say why"]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_found() {
        check_says(&[], "a/src/b.rs many\n", &["a line reads"]);
    }

    #[test]
    fn blessing_keeps_the_reasons() {
        let text = bless(&file(505), "a/src/b.rs 501 : one table\ngone.rs 400\n");
        assert_eq!(text, format!("{HEADER}a/src/b.rs 505 : one table\n"));
        check_says(&file(505), &text, &[]);
    }
}
