//! A Rust file as the tidy checks see it: text, code without comments and literals, comments alone, which lines are
//! tests, which functions and which paths it has.
//!
//! This is no parser. It knows as much of Rust's surface as the checks need, and where it is unsure it reads a line as
//! ordinary code, so that a check speaks up rather than looks away.

pub(crate) mod item;
pub(crate) mod path;
pub(crate) mod split;

use std::collections::BTreeSet;

/// One Rust file of the tree.
pub(crate) struct Source {
    /// Where it is, from the workspace's root, with forward slashes.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
    /// The same lines with comments and the insides of literals blanked.
    pub(crate) code: String,
    /// The same lines with everything but comments blanked.
    pub(crate) comments: String,
    /// Modules that it declares for tests only, in files of their own.
    pub(crate) test_modules: Vec<String>,
    test_lines: BTreeSet<usize>,
    is_test_file: bool,
}

impl Source {
    /// Reads a file's text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let split::Split { code, comments } = split::split(text);
        let tests = item::tests(&code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            is_test_file: is_test_path(path) || code.contains("#![cfg(test)]"),
            code,
            comments,
            test_modules: tests.modules,
            test_lines: tests.lines,
        }
    }

    /// Says whether this line (from 1) is only compiled for tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test_file || self.test_lines.contains(&line)
    }

    /// Marks the whole file as tests: another file declares it under `#[cfg(test)]`.
    pub(crate) fn mark_as_tests(&mut self) {
        self.is_test_file = true;
    }

    /// How many of its lines are not tests.
    pub(crate) fn lines_without_tests(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    /// The module that this file is, as a path from its crate: `crate::edge::grpc`.
    pub(crate) fn module(&self) -> String {
        let inside = self.path.split_once("src/").map_or(self.path.as_str(), |(_, inside)| inside);
        let names =
            inside.trim_end_matches(".rs").split('/').filter(|name| !matches!(*name, "lib" | "main" | "mod"));
        std::iter::once("crate").chain(names).collect::<Vec<_>>().join("::")
    }

    /// Where the files of its child modules are, ending in a slash.
    pub(crate) fn children_folder(&self) -> String {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        match name.trim_end_matches(".rs") {
            "lib" | "main" | "mod" => format!("{folder}/"),
            name => format!("{folder}/{name}/"),
        }
    }
}

fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("/tests/") || path.starts_with("fuzz/") || name == "tests.rs" || name.ends_with("_tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_module_is_not_counted() {
        let source =
            Source::new("a/src/lib.rs", "fn one() {}\n\n#[cfg(test)]\nmod tests {\n    fn two() {}\n}\n");
        assert_eq!(source.lines_without_tests(), 2);
        assert!(source.is_test(5) && !source.is_test(1));
    }

    #[test]
    fn a_module_is_named_by_its_file() {
        let module = |path: &str| Source::new(path, "").module();
        assert_eq!(module("ingest/src/lib.rs"), "crate");
        assert_eq!(module("ingest/src/edge/mod.rs"), "crate::edge");
        assert_eq!(module("ingest/src/edge/grpc.rs"), "crate::edge::grpc");
    }

    #[test]
    fn children_lie_beside_a_mod_file_and_below_any_other() {
        let folder = |path: &str| Source::new(path, "").children_folder();
        assert_eq!(folder("ingest/src/lib.rs"), "ingest/src/");
        assert_eq!(folder("ingest/src/edge/mod.rs"), "ingest/src/edge/");
        assert_eq!(folder("ingest/src/edge.rs"), "ingest/src/edge/");
    }
}
