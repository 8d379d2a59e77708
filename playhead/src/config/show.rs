//! Configurations as text: TOML that can be read again.

use std::fmt::Write;

use super::{Effective, Source};

/// Every key with its meaning, commented out: a file to begin with.
pub(crate) fn commented(effective: &[Effective]) -> String {
    in_sections(effective, |out, name, read| {
        let _ = writeln!(out, "# {}\n# {name} = {}", read.about, read.value);
    })
}

/// Every key with the value that counts, and who said it where it is not the default.
pub(crate) fn effective(effective: &[Effective]) -> String {
    in_sections(effective, |out, name, read| {
        let _ = match &read.source {
            Source::Default => writeln!(out, "{name} = {}", read.value),
            source => writeln!(out, "{name} = {}  # {source}", read.value),
        };
    })
}

fn in_sections(effective: &[Effective], line: impl Fn(&mut String, &str, &Effective)) -> String {
    let mut out = String::new();
    let mut current = "";
    for read in effective {
        let (section, name) = read.key.rsplit_once('.').unwrap_or(("", &read.key));
        if section != current {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}[{section}]");
            current = section;
        }
        line(&mut out, name, read);
    }
    out
}
