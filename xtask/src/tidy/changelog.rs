//! The changelog's form: newest first, four headings, whole sentences.

use super::Finding;

/// Where it is.
pub(crate) const PATH: &str = "CHANGELOG.md";

/// What a version may be made of, most urgent for an operator first.
const SECTIONS: [&str; 4] = ["Breaking", "Added", "Changed", "Fixed"];

/// Checks the changelog's form; a missing one is a finding too.
pub(crate) fn check(text: Option<&str>) -> Vec<Finding> {
    let Some(text) = text else { return vec![finding(1, "there is no changelog".into())] };
    let mut reader = Reader::default();
    for (at, line) in text.lines().enumerate() {
        reader.read(at + 1, line);
    }
    reader.end_section();
    if reader.versions == 0 {
        reader.complain(1, "has no `## Unreleased`");
    }
    reader.findings
}

#[derive(Default)]
struct Reader {
    findings: Vec<Finding>,
    versions: usize,
    sections: Vec<String>,
    /// The line and the text so far of the entry that is being read.
    entry: Option<(usize, String)>,
    /// The open section's line, until it has an entry.
    empty_section: Option<usize>,
}

impl Reader {
    fn read(&mut self, line: usize, text: &str) {
        if let Some(name) = text.strip_prefix("### ") {
            self.section(line, name);
        } else if let Some(name) = text.strip_prefix("## ") {
            self.version(line, name);
        } else if let Some(entry) = text.strip_prefix("- ") {
            self.end_entry();
            if self.sections.is_empty() {
                self.complain(line, "an entry stands under one of `### Breaking, Added, Changed, Fixed`");
            }
            self.empty_section = None;
            self.entry = Some((line, entry.to_owned()));
        } else {
            self.continuation(line, text);
        }
    }

    fn version(&mut self, line: usize, name: &str) {
        self.end_section();
        self.sections.clear();
        self.versions += 1;
        match (self.versions, name) {
            (1, "Unreleased") => {}
            (1, _) => self.complain(line, "the first version is `## Unreleased`"),
            (_, name) if is_dated_version(name) => {}
            _ => self.complain(line, "a released version reads `## 1.2.3 - 2026-01-31`"),
        }
    }

    fn section(&mut self, line: usize, name: &str) {
        self.end_section();
        let known = SECTIONS.contains(&name);
        if !known || self.sections.iter().any(|earlier| earlier == name) {
            self.complain(line, "a version has each of `### Breaking, Added, Changed, Fixed` at most once");
        }
        self.sections.push(name.to_owned());
        self.empty_section = Some(line);
    }

    fn continuation(&mut self, line: usize, text: &str) {
        if text.trim().is_empty() {
            return self.end_entry();
        }
        match &mut self.entry {
            Some((_, entry)) if text.starts_with("  ") => entry.push_str(text),
            _ if self.versions > 0 => {
                self.complain(line, "entries are `- ` lines, continued with two spaces")
            }
            _ => {}
        }
    }

    fn end_entry(&mut self) {
        if let Some((line, entry)) = self.entry.take()
            && !entry.trim_end().ends_with('.')
        {
            self.complain(line, "an entry ends in a full stop");
        }
    }

    fn end_section(&mut self) {
        self.end_entry();
        if let Some(line) = self.empty_section.take() {
            self.complain(line, "a section without an entry");
        }
    }

    fn complain(&mut self, line: usize, text: &str) {
        self.findings.push(finding(line, text.to_owned()));
    }
}

fn finding(line: usize, text: String) -> Finding {
    Finding { path: PATH.to_owned(), line, rule: "changelog", text }
}

fn is_dated_version(name: &str) -> bool {
    let numbers = |text: &str, separator, count| {
        let parts: Vec<&str> = text.split(separator).collect();
        parts.len() == count
            && parts.iter().all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    };
    name.split_once(" - ").is_some_and(|(version, day)| numbers(version, '.', 3) && numbers(day, '-', 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(text: &str, expected: &[usize]) {
        let lines: Vec<_> = check(Some(text)).into_iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn a_good_changelog_passes() {
        check_lines(
            "# Changelog\n\nWords.\n\n## Unreleased\n\n### Added\n\n- One.\n- Two,\n  of two lines.\n\n\
             ## 0.1.0 - 2026-01-31\n\n### Fixed\n\n- Three.\n",
            &[],
        );
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(check(None).len(), 1);
        check_lines("# Changelog\n", &[1]);
        check_lines("## 0.1.0 - 2026-01-31\n", &[1]);
        check_lines("## Unreleased\n## 0.1\n", &[2]);
        check_lines("## Unreleased\n### New\n- One.\n", &[2]);
        check_lines("## Unreleased\n### Added\n- One.\n### Added\n- Two.\n", &[4]);
        check_lines("## Unreleased\n### Added\n### Fixed\n- One.\n", &[2]);
        check_lines("## Unreleased\n### Added\n- One\n- Two.\n", &[3]);
        check_lines("## Unreleased\n- One.\n", &[2]);
        check_lines("## Unreleased\n### Added\n* One.\n", &[3, 2]);
    }
}
