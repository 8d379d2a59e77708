//! What is left lying about: unfinished work, debugging, code in comments, paths of one's own machine, stray blanks.

use super::Finding;
use crate::source::{Source, item::line_of, split::is_word};

/// Code that says that work is unfinished, and what to do instead.
const UNFINISHED: [(&str, &str); 5] = [
    ("todo!", "finish it, or leave it out"),
    ("unimplemented!", "finish it, or leave it out"),
    ("dbg!", "remove it, or log it once where it is handled"),
    ("assert!(true", "a test that cannot fail is no test"),
    ("#[ignore", "a test runs or goes: one that needs a server is skipped at run time, and says so"),
];

/// Words in comments that put something off.
const POSTPONED: [&str; 4] = ["FIXME", "TODO", "XXX", "HACK"];

/// Folders at the root of somebody's machine.
const PRIVATE: [&str; 4] = ["home", "root", "Users", "work"];

/// The longest line of each kind of file, in characters; rustfmt holds code to 110 but leaves text alone.
const WIDTH_MAX: [(&str, usize); 5] = [("rs", 130), ("proto", 120), ("toml", 180), ("sh", 130), ("run", 130)];

/// Finds unfinished code and code in comments, in tests too.
pub(crate) fn check_source(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (word, advice) in UNFINISHED {
        for (at, _) in source.code.match_indices(word) {
            let before = source.code.get(..at).and_then(|text| text.chars().next_back());
            if !before.is_some_and(is_word) {
                findings.push(finding(
                    &source.path,
                    line_of(&source.code, at),
                    format!("`{word}`: {advice}"),
                ));
            }
        }
    }
    for (at, line) in source.comments.lines().enumerate() {
        if is_code(line) {
            let text = "this comment reads like code: git remembers it, remove it".to_owned();
            findings.push(finding(&source.path, at + 1, text));
        }
        findings.extend(postponed(&source.path, at + 1, line));
    }
    findings
}

/// Finds in any text file what no text file should have.
pub(crate) fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let ending = path.rsplit(['.', '/']).next().unwrap_or(path);
    let width_max =
        WIDTH_MAX.iter().find(|(kind, _)| *kind == ending).map_or(usize::MAX, |(_, width)| *width);
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut complain = |text: String| findings.push(finding(path, at + 1, text));
        if line.trim_end() != line {
            complain("blanks at the end of the line".into());
        }
        if line.contains('\t') {
            complain("a tab: use spaces".into());
        }
        if line.chars().count() > width_max {
            complain(format!("{} characters, at most {width_max}", line.chars().count()));
        }
        if let Some(folder) = private_path(line) {
            complain(format!("{folder} is a path of one machine"));
        }
        if ending != "rs" && ending != "md" {
            findings.extend(postponed(path, at + 1, line));
        }
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        findings.push(finding(path, text.lines().count(), "a file ends in exactly one line break".into()));
    }
    findings
}

fn postponed(path: &str, line: usize, text: &str) -> Option<Finding> {
    let word = POSTPONED.into_iter().find(|word| text.split(|c| !is_word(c)).any(|found| found == *word))?;
    Some(finding(path, line, format!("{word}: do it now, or file an issue and say here what holds today")))
}

/// The private path that a line has, if any: `/name/` where no word or host stands before it.
fn private_path(line: &str) -> Option<String> {
    PRIVATE.iter().map(|name| format!("/{name}/")).find(|folder| {
        let stands_first = |at| {
            let before = line.get(..at).and_then(|text| text.chars().next_back());
            before.is_none_or(|c| !is_word(c) && !matches!(c, '.' | '/' | '}' | '-' | ')' | ']' | '*' | '~'))
        };
        line.match_indices(folder.as_str()).any(|(at, _)| stands_first(at))
    })
}

/// Guesses whether a comment is code that was switched off. Doc comments may show code.
fn is_code(comment: &str) -> bool {
    let text = comment.trim();
    let Some(text) = text.strip_prefix("//") else { return false };
    if text.starts_with(['/', '!']) {
        return false;
    }
    let text = text.trim();
    let begins = ["let ", "use ", "pub ", "return ", "const "].iter().any(|word| text.starts_with(word));
    let head = text.find(['(', '=']).and_then(|at| text.get(..at)).unwrap_or("in words");
    let statement = text.ends_with(';') && (begins || !head.trim().contains(' '));
    let opening = text.ends_with('{');
    let closing = matches!(text, "}" | "};" | "})" | "});" | "},");
    statement || opening || closing
}

fn finding(path: &str, line: usize, text: String) -> Finding {
    Finding { path: path.to_owned(), line, rule: "leftover", text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_source(text: &str) -> usize {
        check_source(&Source::new("a/src/lib.rs", text)).len()
    }

    #[test]
    fn unfinished_code_is_found() {
        for (word, _) in UNFINISHED {
            assert_eq!(in_source(&format!("fn f() {{ {word}; }}\n")), 1, "{word}");
            assert_eq!(
                in_source(&format!("/// Not {word} here.\nconst A: &str = \"{word}\";\n")),
                0,
                "{word}"
            );
        }
    }

    #[test]
    fn postponing_words_are_found_in_comments() {
        for word in POSTPONED {
            assert_eq!(in_source(&format!("// {word}: later\n")), 1, "{word}");
            assert_eq!(in_source(&format!("const {word}S: u8 = 1;\n")), 0, "{word}");
            assert_eq!(check_text("a.yaml", &format!("# {word} later\n")).len(), 1, "{word}");
        }
    }

    #[test]
    fn code_in_a_comment_is_found() {
        assert_eq!(in_source("// let a = b;\n// if a {\n// }\n// self.push(a);\n// a.b = c;\n"), 5);
        assert_eq!(
            in_source("// One thing; another (in brackets);\n/// let a = b;\nfn f() {} // so there.\n"),
            0
        );
    }

    #[test]
    fn stray_blanks_and_private_paths_are_found() {
        let found = |text: &str| check_text("a/src/b.rs", text).len();
        assert_eq!(found("a \n"), 1);
        assert_eq!(found("\ta\n"), 1);
        assert_eq!(found("a"), 1);
        assert_eq!(found("a\n\n"), 1);
        assert_eq!(found(&format!("{}\n", "a".repeat(131))), 1);
        for name in PRIVATE {
            assert_eq!(found(&format!("see /{name}/me\n")), 1, "{name}");
            assert_eq!(found(&format!("see a/{name}/me\n")), 0, "{name}");
        }
        assert_eq!(found("a\n"), 0);
    }
}
