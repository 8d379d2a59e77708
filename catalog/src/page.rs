//! Pages of a list that is kept in the order of its names. A page token is opaque to callers and holds the last name that
//! they saw, so that what comes or goes meanwhile neither repeats nor hides others.

use std::fmt::Write as _;

use playhead_store::catalog::Fault;

/// The largest page.
pub const PAGE_SIZE_MAX: usize = 100;
/// The page size of whoever names none.
pub const PAGE_SIZE_DEFAULT: usize = 20;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many at most.
    pub size: usize,
    /// The last name seen.
    pub after: Option<String>,
}

impl PageRequest {
    /// Checks a page's size (0 means [`PAGE_SIZE_DEFAULT`]) and token (empty means the beginning).
    ///
    /// # Errors
    /// The [`Fault`] of a size above [`PAGE_SIZE_MAX`] or below 0, and of a token that no page gave.
    pub fn new(size: i32, token: &str) -> Result<Self, Fault> {
        let after = match token {
            "" => None,
            token => Some(parse(token).ok_or_else(|| {
                Fault::new("page_token", token, "next_page_token of an earlier answer, as it is")
            })?),
        };
        match usize::try_from(size) {
            Ok(0) => Ok(Self { size: PAGE_SIZE_DEFAULT, after }),
            Ok(size) if size <= PAGE_SIZE_MAX => Ok(Self { size, after }),
            _ => Err(Fault::new("page_size", size, "0 (meaning 20) to 100")),
        }
    }

    /// Takes this page out of a whole list, each entry with its name, in the order of names.
    pub fn take<T>(&self, all: impl IntoIterator<Item = (String, T)>) -> Page<T> {
        let behind = |name: &String| self.after.as_ref().is_none_or(|after| name > after);
        let mut rest = all.into_iter().filter(|(name, _)| behind(name)).peekable();
        let (mut entries, mut last) = (Vec::new(), None);
        for (name, entry) in rest.by_ref().take(self.size) {
            entries.push(entry);
            last = Some(name);
        }
        let next = last.filter(|_| rest.peek().is_some()).map(|last| token(&last));
        Page { entries, next }
    }
}

/// The token of a name: hexadecimal, safe in a URL.
#[must_use]
pub fn token(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len() * 2 + 1), |mut token, byte| {
        // Writing to a String cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    }) + "."
}

fn parse(token: &str) -> Option<String> {
    let digits = token.strip_suffix('.')?.as_bytes();
    let byte = |pair: &[u8]| {
        let is_hex = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
        is_hex.then(|| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).flatten()
    };
    String::from_utf8(digits.chunks(2).map(byte).collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let names = ["", "a", "b", "가", "나"];
        for size in 1..=6 {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let request = PageRequest::new(size, &token).unwrap();
                let page = request.take(names.map(|name| (name.to_owned(), name)));
                seen.extend(page.entries);
                match page.next {
                    Some(next) => token = next,
                    None => break,
                }
            }
            assert_eq!(seen, names, "in pages of {size}");
        }
    }

    #[test]
    fn a_size_or_token_out_of_range_is_refused() {
        for (size, token, expect) in [
            (101, "", "page_size is \"101\"; allowed is 0 (meaning 20) to 100"),
            (-1, "", "page_size is \"-1\"; allowed is 0 (meaning 20) to 100"),
            (1, "x", "page_token is \"x\"; allowed is next_page_token of an earlier answer, as it is"),
            (1, "6", "page_token is \"6\"; allowed is next_page_token of an earlier answer, as it is"),
            (1, "6.", "page_token is \"6.\"; allowed is next_page_token of an earlier answer, as it is"),
            (1, "ff.", "page_token is \"ff.\"; allowed is next_page_token of an earlier answer, as it is"),
            (1, "+1.", "page_token is \"+1.\"; allowed is next_page_token of an earlier answer, as it is"),
        ] {
            let said = PageRequest::new(size, token).map_err(|fault| fault.to_string());
            assert_eq!(said.unwrap_err(), expect);
        }
    }
}
