//! When and where something may be played.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A country, ISO 3166-1 alpha-2, in capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// Takes two letters in any case, or `None`.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let letters: [u8; 2] = code.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(letters.map(|byte| byte.to_ascii_uppercase())))
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&letter| fmt::Write::write_char(f, letter.into()))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::new(&code).ok_or("no country")
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

/// A span of time in some countries. It begins at its start and ends before its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// From then on, Unix ms; `None`: since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at_ms: Option<i64>,
    /// Until before then, Unix ms; `None`: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at_ms: Option<i64>,
    /// Only there; empty: everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<Country>,
    /// Not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_countries: Vec<Country>,
}

/// Whether something may be played somewhere at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// Yes, until then, Unix ms; `None`: for good.
    Open(Option<i64>),
    /// Not at this time. It opens then, Unix ms; `None`: never again.
    Closed(Option<i64>),
    /// Never in this country, or the country is not known and matters.
    Elsewhere,
}

/// Whether something with these windows may be played there and then. Nothing that has no window is held back.
#[must_use]
pub fn availability(windows: &[Window], country: Option<Country>, now_ms: i64) -> Availability {
    if windows.is_empty() {
        return Availability::Open(None);
    }
    let here: Vec<&Window> = windows.iter().filter(|window| window.is_for(country)).collect();
    if here.is_empty() {
        return Availability::Elsewhere;
    }
    match open_until(&here, now_ms) {
        Some(until_ms) => Availability::Open(until_ms),
        None => {
            let starts = here.iter().filter_map(|window| window.starts_at_ms);
            Availability::Closed(starts.filter(|&starts_at_ms| starts_at_ms > now_ms).min())
        }
    }
}

/// Until when windows that follow each other without a gap are open, from a moment on; `None` when none is open.
fn open_until(windows: &[&Window], now_ms: i64) -> Option<Option<i64>> {
    let mut at_ms = now_ms;
    let mut is_open = false;
    while let Some(window) = windows.iter().find(|window| window.spans(at_ms)) {
        is_open = true;
        match window.ends_at_ms {
            // It grows: a window that spans a moment ends after it.
            Some(ends_at_ms) => at_ms = ends_at_ms,
            None => return Some(None),
        }
    }
    is_open.then_some(Some(at_ms))
}

impl Window {
    /// True at a moment of its time.
    #[must_use]
    pub fn spans(&self, at_ms: i64) -> bool {
        self.starts_at_ms.is_none_or(|starts_at_ms| starts_at_ms <= at_ms)
            && self.ends_at_ms.is_none_or(|ends_at_ms| at_ms < ends_at_ms)
    }

    /// True in this country. A window that looks at countries is for none that is not known.
    fn is_for(&self, country: Option<Country>) -> bool {
        match country {
            None => self.countries.is_empty() && self.except_countries.is_empty(),
            Some(country) => {
                (self.countries.is_empty() || self.countries.contains(&country))
                    && !self.except_countries.contains(&country)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Availability::{Closed, Elsewhere, Open};

    fn country(code: &str) -> Country {
        Country::new(code).unwrap()
    }

    fn window(starts_at_ms: Option<i64>, ends_at_ms: Option<i64>, only: &[&str], but: &[&str]) -> Window {
        let countries = |codes: &[&str]| codes.iter().map(|code| country(code)).collect();
        Window { starts_at_ms, ends_at_ms, countries: countries(only), except_countries: countries(but) }
    }

    #[test]
    fn a_country_is_two_letters() {
        assert_eq!(Country::new("kr").unwrap().to_string(), "KR");
        for code in ["", "K", "KOR", "K1", "한"] {
            assert_eq!(Country::new(code), None, "{code}");
        }
    }

    #[test]
    fn a_window_begins_at_its_start_and_ends_before_its_end() {
        let windows = [window(Some(100), Some(200), &[], &[])];
        for (now_ms, expect) in [
            (99, Closed(Some(100))),
            (100, Open(Some(200))),
            (199, Open(Some(200))),
            (200, Closed(None)),
            (i64::MAX, Closed(None)),
        ] {
            assert_eq!(availability(&windows, None, now_ms), expect, "{now_ms}");
        }
        assert_eq!(availability(&[], None, 0), Open(None));
        assert_eq!(availability(&[Window::default()], None, i64::MIN), Open(None));
    }

    #[test]
    fn windows_that_follow_each_other_are_one() {
        let windows = [
            window(Some(200), Some(300), &[], &[]),
            window(None, Some(200), &[], &[]),
            window(Some(250), Some(400), &[], &[]),
            window(Some(500), None, &[], &[]),
        ];
        for (now_ms, expect) in
            [(0, Open(Some(400))), (399, Open(Some(400))), (400, Closed(Some(500))), (500, Open(None))]
        {
            assert_eq!(availability(&windows, None, now_ms), expect, "{now_ms}");
        }
    }

    #[test]
    fn each_country_has_its_own_times() {
        let windows =
            [window(Some(100), None, &["KR"], &[]), window(Some(200), Some(300), &[], &["US", "KR"])];
        for (code, now_ms, expect) in [
            (Some("KR"), 150, Open(None)),
            (Some("DE"), 150, Closed(Some(200))),
            (Some("DE"), 250, Open(Some(300))),
            (Some("US"), 250, Elsewhere),
            (None, 250, Elsewhere),
        ] {
            assert_eq!(availability(&windows, code.map(country), now_ms), expect, "{code:?} {now_ms}");
        }
    }
}
