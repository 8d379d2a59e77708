//! Parts code from comments, and blanks what stands inside literals.

/// A file's two halves. Both have as many lines as the file, and each character in its column.
pub(crate) struct Split {
    /// Code, with literals emptied: `"text"` reads `"    "`.
    pub(crate) code: String,
    /// Comments, with their slashes.
    pub(crate) comments: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Splits a file's text. Never fails: an open comment or literal reaches to the end of the text.
pub(crate) fn split(text: &str) -> Split {
    let mut halves =
        Split { code: String::with_capacity(text.len()), comments: String::with_capacity(text.len()) };
    let mut rest = text;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let (kind, bytes) = next_piece(rest, first, after_word);
        let (piece, tail) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        match kind {
            Kind::Code => halves.push(piece, &blank(piece)),
            Kind::Comment => halves.push(&blank(piece), piece),
            Kind::Literal => halves.push(&hollow(piece), &blank(piece)),
        }
        after_word = kind == Kind::Code && is_word(first);
        rest = tail;
    }
    halves
}

impl Split {
    fn push(&mut self, code: &str, comment: &str) {
        self.code.push_str(code);
        self.comments.push_str(comment);
    }
}

/// Says of what kind the text's next piece is, and how many bytes long.
fn next_piece(rest: &str, first: char, after_word: bool) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    let literal = match first {
        '"' => Some(quoted(rest, '"')),
        '\'' => character(rest),
        'r' | 'b' | 'c' if !after_word => raw_string(rest),
        _ => None,
    };
    literal.map_or((Kind::Code, first.len_utf8()), |bytes| (Kind::Literal, bytes))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, now) in rest.char_indices() {
        match (before, now) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth = depth.saturating_sub(1),
            _ => {
                before = now;
                continue;
            }
        }
        if depth == 0 {
            return at + 1;
        }
        before = ' ';
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, now) in rest.char_indices().skip(1) {
        match now {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if now == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, or nothing where the quote begins a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut after = rest.chars().skip(1);
    match (after.next()?, after.next()?) {
        ('\\', _) => Some(quoted(rest, '\'')),
        (one, '\'') => Some(2 + one.len_utf8()),
        _ => None,
    }
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body.trim_start_matches('#').strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let inside_bytes = inside.find(&close).map_or(inside.len(), |at| at + close.len());
    Some(rest.len() - inside.len() + inside_bytes)
}

fn blank(piece: &str) -> String {
    piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// A literal that keeps its quotes and nothing between, so that it still reads as one.
fn hollow(piece: &str) -> String {
    let last = piece.chars().count().saturating_sub(1);
    let keep = |(at, c): (usize, char)| match c {
        '\n' => '\n',
        _ if at == 0 || at == last => '"',
        _ => ' ',
    };
    piece.chars().enumerate().map(keep).collect()
}

/// Says whether a character can stand in an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str, comments: &str) {
        let halves = split(text);
        assert_eq!(halves.code.trim_end(), code, "code of {text:?}");
        assert_eq!(halves.comments.trim(), comments, "comments of {text:?}");
        assert_eq!(halves.code.lines().count(), text.lines().count(), "lines of {text:?}");
    }

    #[test]
    fn comments_and_literals_leave_the_code() {
        check("let a = 1; // two\nb", "let a = 1;       \nb", "// two");
        check("a /* b /* c */ d */ e", "a                   e", "/* b /* c */ d */");
        check(r#"f("x // \" y", 'z')"#, r#"f("         ", " ")"#, "");
        check("r#\"a\"b\"# + br\"c\"", "\"      \" + \"   \"", "");
        check("b'\\'' , '\"', c", "b\"  \" , \" \", c", "");
    }

    #[test]
    fn lifetimes_and_words_before_a_quote_stay_code() {
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}", "");
        check("for 'x' in", "for \" \" in", "");
        check("bar\"s\"", "bar\" \"", "");
    }

    #[test]
    fn what_is_left_open_reaches_to_the_end() {
        check("a /* b", "a", "/* b");
        check("a \"b", "a \"\"", "");
    }
}
