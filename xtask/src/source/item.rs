//! Finds functions and what is only compiled for tests, by matching brackets in split code.

use std::collections::BTreeSet;

use super::split::is_word;

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where its `fn` stands, from 1.
    pub(crate) line: usize,
    /// From its `fn` to its closing brace.
    pub(crate) lines: usize,
}

/// What of a file is only there for tests.
pub(crate) struct Tests {
    pub(crate) lines: BTreeSet<usize>,
    /// Modules in files of their own: `#[cfg(test)] mod sim_disk;`.
    pub(crate) modules: Vec<String>,
}

/// Lists the functions of split code, in order, nested ones too.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let name: String = code.get(at + 3..).unwrap_or("").chars().take_while(|c| is_word(*c)).collect();
        if before.is_some_and(is_word) || name.is_empty() {
            continue;
        }
        let line = line_of(code, at);
        let lines = line_of(code, item_end(code, at)) - line + 1;
        found.push(Function { name, line, lines });
    }
    found
}

/// Finds the items under `#[cfg(test)]`, `#[test]` and the like.
pub(crate) fn tests(code: &str) -> Tests {
    let mut tests = Tests { lines: BTreeSet::new(), modules: Vec::new() };
    for (at, mark) in
        ["#[cfg(test)]", "#[test]", "#[tokio::test"].into_iter().flat_map(|m| code.match_indices(m))
    {
        let end =
            if starts_item(code.get(at + mark.len()..).unwrap_or("")) { item_end(code, at) } else { at };
        tests.lines.extend(line_of(code, at)..=line_of(code, end));
        tests.modules.extend(module_in_a_file(code.get(at..=end).unwrap_or("")));
    }
    tests
}

/// The name in `... mod name;`.
fn module_in_a_file(item: &str) -> Option<String> {
    let name = item.strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
    name.chars().all(is_word).then(|| name.to_owned())
}

/// Says whether an attribute's rest is followed by an item, as opposed to a field, a variant or an argument.
fn starts_item(after: &str) -> bool {
    const ITEMS: [&str; 14] = [
        "pub",
        "mod",
        "fn",
        "use",
        "impl",
        "struct",
        "enum",
        "const",
        "static",
        "type",
        "trait",
        "async",
        "extern",
        "macro_rules",
    ];
    let mut rest = after;
    // What is left of this attribute, `(flavor = "")]`, and those that follow it.
    while let Some(tail) = rest.trim_start().strip_prefix(['(', '#', ']', '[']) {
        rest = tail.find(']').and_then(|at| tail.get(at + 1..)).unwrap_or(tail);
    }
    let word: String = rest.trim_start().chars().take_while(|c| is_word(*c)).collect();
    ITEMS.contains(&word.as_str())
}

/// The byte of the brace or semicolon that ends the item that begins at `from`.
fn item_end(code: &str, from: usize) -> usize {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for (at, now) in code.get(from..).unwrap_or("").char_indices() {
        match now {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' if braces <= 1 => return from + at,
            '}' => braces -= 1,
            ';' if brackets == 0 && braces == 0 => return from + at,
            _ => {}
        }
    }
    code.len()
}

/// The line (from 1) that a byte of the text stands on.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let code = "pub fn a() -> [u8; 2] {\n  let f: fn(u8);\n  x\n}\ntrait T { fn b();\n fn c() {} }\n";
        let found: Vec<_> = functions(code).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("a".into(), 1, 4), ("b".into(), 5, 1), ("c".into(), 6, 1)]);
    }

    #[test]
    fn test_items_end_where_their_braces_do() {
        let code = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n";
        assert_eq!(tests(code).lines.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
        let code = "#[tokio::test(start_paused = true)]\nasync fn a() {\n}\nfn b() {}\n";
        assert_eq!(tests(code).lines.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_test_field_is_one_line_and_a_test_file_is_named() {
        let code = "struct A {\n  #[cfg(test)]\n  b: u8,\n  c: u8,\n}\n#[cfg(test)]\nmod sim_disk;\n";
        let tests = tests(code);
        assert_eq!(tests.lines.into_iter().collect::<Vec<_>>(), [2, 6, 7]);
        assert_eq!(tests.modules, ["sim_disk"]);
    }
}
