//! The results as a table: on stdout, and in `bench/RESULTS.md`, where each row stands until it is measured again.

use std::fmt::Write as _;

use super::{
    row::{Goal, Row},
    spread::Spread,
};

/// When rows were measured.
#[derive(Debug, Clone)]
pub struct Occasion {
    /// Year, month, day.
    pub date: String,
    /// The load average before the row and after it.
    pub load: String,
}

/// The rows as lines of a table.
#[must_use]
pub fn lines(rows: &[Row], occasion: &Occasion) -> Vec<String> {
    rows.iter().map(|row| line(row, occasion)).collect()
}

/// The head of the table.
pub const HEAD: &str = "\
| # | figure | Playhead | limit | ratio | goal | | measured |
|---|---|---|---|---|---|---|---|";

/// A document with these lines in its table of figures: a line takes the place of the one with the same first cell, or
/// stands before the first that sorts behind it. Nothing when the document has no such table.
#[must_use]
pub fn with_lines(document: &str, lines: &[String]) -> Option<String> {
    let (before, behind) = document.split_once(HEAD)?;
    let mut table: Vec<&str> = Vec::new();
    let mut rest = behind.trim_start_matches('\n');
    while let Some((line, after)) = rest.split_once('\n')
        && line.starts_with('|')
    {
        table.push(line);
        rest = after;
    }
    for line in lines {
        table.retain(|old| key(old) != key(line));
        let place = table.iter().position(|old| key(old) > key(line)).unwrap_or(table.len());
        table.insert(place, line);
    }
    let mut written = format!("{before}{HEAD}\n");
    for line in table {
        let _ = writeln!(written, "{line}");
    }
    Some(written + rest)
}

/// The first cell, with its numbers as numbers: `F1.11` comes behind `F1.2`.
fn key(line: &str) -> (Vec<u32>, &str) {
    let name = line.split('|').nth(1).unwrap_or_default().trim();
    let number = name.split(' ').next().unwrap_or_default();
    let parts = number.trim_start_matches('F').split('.').filter_map(|part| part.parse().ok()).collect();
    (parts, name)
}

fn line(row: &Row, occasion: &Occasion) -> String {
    let Occasion { date, load } = occasion;
    let limit = match &row.limit {
        Some((name, spread)) => format!("{name}: {}", shown(*spread)),
        None => "none".to_owned(),
    };
    let ratio = row.ratio.map(shown).unwrap_or_default();
    let note = if row.note.is_empty() { String::new() } else { format!("; {}", row.note) };
    format!(
        "| {} | {}{note} | {} | {limit} | {ratio} | {} | {} | {date}, load {load} |",
        row.name,
        row.what,
        shown(row.ours),
        goal(row.goal),
        verdict(row),
    )
}

fn verdict(row: &Row) -> &'static str {
    match (row.is_valid, row.is_met()) {
        (false, _) => "**INVALID**",
        (true, true) => "met",
        (true, false) => "**SHORT**",
    }
}

fn goal(goal: Goal) -> String {
    match goal {
        Goal::RatioAtLeast(least) => format!(">= {least} x"),
        Goal::RatioAtMost(most) => format!("<= {most} x"),
        Goal::AtLeast(least) => format!(">= {}", number(least)),
        Goal::AtMost(most) => format!("<= {}", number(most)),
    }
}

fn shown(spread: Spread) -> String {
    format!("{} ({} to {})", number(spread.median), number(spread.least), number(spread.most))
}

/// Three digits that count, thousands apart.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "not measured".to_owned();
    }
    let digits =
        format!("{:.*}", if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) }, value);
    let (whole, part) = digits.split_once('.').map_or((&*digits, None), |(whole, part)| (whole, Some(part)));
    let mut spaced = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    part.map_or(spaced.clone(), |part| format!("{spaced}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occasion() -> Occasion {
        Occasion { date: "2026-11-27".to_owned(), load: "0.10".to_owned() }
    }

    fn row(name: &str, ours: f64) -> Row {
        Row::against(name, "events", &[ours], &[("no-op", vec![1_000_000.0])], Goal::RatioAtLeast(0.6))
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let shown: Vec<_> =
            [0.456, 9.87, 12.34, 123.4, 1_234.0, 1_234_567.0, f64::NAN].into_iter().map(number).collect();
        assert_eq!(shown, ["0.46", "9.87", "12.3", "123", "1 234", "1 234 567", "not measured"]);
    }

    #[test]
    fn a_line_says_what_is_short() {
        let lines = lines(&[row("F1.1", 600_000.0), row("F1.2", 599_000.0)], &occasion());
        assert_eq!(
            lines[0],
            "| F1.1 | events | 600 000 (600 000 to 600 000) | no-op: 1 000 000 (1 000 000 to 1 000 000) \
             | 0.60 (0.60 to 0.60) | >= 0.6 x | met | 2026-11-27, load 0.10 |"
        );
        assert!(lines[1].contains("| **SHORT** |"), "{}", lines[1]);
        let lagged = [Row { is_valid: false, ..row("F1.1", 600_000.0) }];
        assert!(
            super::lines(&lagged, &occasion())[0].contains("| **INVALID** |"),
            "met, but by a client that lagged"
        );
    }

    #[test]
    fn a_line_takes_the_place_of_the_old_one() {
        let document = format!("# A\n\n{HEAD}\n| F1.2 | old |\n| F1.11 | kept |\n\nbehind\n");
        let new = ["| F1.2 | new |", "| F1.3 20k | between |", "| F1.1 | first |"].map(str::to_owned);
        let expect = format!(
            "# A\n\n{HEAD}\n| F1.1 | first |\n| F1.2 | new |\n| F1.3 20k | between |\n| F1.11 | kept |\n\nbehind\n"
        );
        assert_eq!(with_lines(&document, &new), Some(expect));
        assert_eq!(with_lines("no table", &new), None);
    }
}
