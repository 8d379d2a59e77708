//! Pages of a list that is sorted latest first. A page token is opaque to callers and names the last entry they saw,
//! so that entries that come or go meanwhile neither repeat nor hide others.

use std::fmt::Write as _;

/// The largest page.
pub const PAGE_SIZE_MAX: usize = 100;
/// The page size of whoever names none.
pub const PAGE_SIZE_DEFAULT: usize = 20;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, latest first.
    pub entries: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    size: usize,
    after: Option<Mark>,
}

/// Where an entry stands: its time, and a name that makes it unique.
type Mark = (i64, String);

/// A page request that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The size is out of range.
    #[error("page_size is {0}; allowed is 0 (meaning 20) to 100")]
    Size(i64),
    /// The token is not one of ours.
    #[error("page_token is not one that this server gave; pass `next_page_token` on as it is")]
    Token,
}

impl PageRequest {
    /// Checks a page's size (0 means [`PAGE_SIZE_DEFAULT`]) and token (empty means the beginning).
    ///
    /// # Errors
    /// [`PageError`] for a size above [`PAGE_SIZE_MAX`] or below 0, and for a token that no page gave.
    pub fn new(size: i64, token: &str) -> Result<Self, PageError> {
        let after = match token {
            "" => None,
            token => Some(parse(token).ok_or(PageError::Token)?),
        };
        match usize::try_from(size) {
            Ok(0) => Ok(Self { size: PAGE_SIZE_DEFAULT, after }),
            Ok(size) if size <= PAGE_SIZE_MAX => Ok(Self { size, after }),
            _ => Err(PageError::Size(size)),
        }
    }

    /// Sorts a whole list by `mark`, latest first, and takes this page out of it.
    pub(crate) fn take<T>(&self, mut entries: Vec<T>, mark: impl Fn(&T) -> Mark) -> Page<T> {
        entries.sort_by_cached_key(|entry| std::cmp::Reverse(mark(entry)));
        if let Some(after) = &self.after {
            let seen = entries.partition_point(|entry| mark(entry) >= *after);
            entries.drain(..seen);
        }
        let has_more = entries.len() > self.size;
        entries.truncate(self.size);
        let next = entries.last().filter(|_| has_more).map(|last| token(&mark(last)));
        Page { entries, next }
    }
}

/// Hexadecimal of `time:name`: opaque, and safe in a URL.
fn token((at_ms, name): &Mark) -> String {
    let plain = format!("{at_ms}:{name}");
    plain.bytes().fold(String::with_capacity(plain.len() * 2), |mut token, byte| {
        // Writing to a String cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    })
}

fn parse(token: &str) -> Option<Mark> {
    let digits = token.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let plain = String::from_utf8(digits.map(byte).collect::<Option<Vec<u8>>>()?).ok()?;
    let (at_ms, name) = plain.split_once(':')?;
    Some((at_ms.parse().ok()?, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<(i64, &'static str)> {
        vec![(1, "a"), (3, "c"), (3, "b"), (2, "영화"), (9, "z")]
    }

    fn page(size: i64, token: &str) -> (Vec<&'static str>, String) {
        let request = PageRequest::new(size, token).unwrap();
        let page = request.take(entries(), |&(at_ms, name)| (at_ms, name.to_owned()));
        (page.entries.into_iter().map(|(_, name)| name).collect(), page.next.unwrap_or_default())
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let (first, next) = page(2, "");
        assert_eq!(first, ["z", "c"]);
        let (second, next) = page(2, &next);
        assert_eq!(second, ["b", "영화"]);
        let (third, next) = page(2, &next);
        assert_eq!((third, next), (vec!["a"], String::new()));
    }

    #[test]
    fn a_size_or_token_out_of_range_is_refused() {
        assert_eq!(PageRequest::new(101, ""), Err(PageError::Size(101)));
        assert_eq!(PageRequest::new(-1, ""), Err(PageError::Size(-1)));
        for token in ["x", "zz", "00", "3a", "ff3a61"] {
            assert_eq!(PageRequest::new(1, token), Err(PageError::Token), "{token}");
        }
    }
}
