//! Every crate takes the workspace's lints and versions, and depends on no crate that it must not know.

use super::Finding;

/// Which of our crates each of our crates may depend on; a crate that is not listed may depend on any.
const MAY_KNOW: [(&str, &[&str]); 12] = [
    ("proto", &[]),
    // Itself, to turn its contract suite on for its own tests.
    ("store", &["playhead-store"]),
    ("ingest", &["playhead-proto", "playhead-store"]),
    // Of the engine it knows who is asking, and the clock: see `the-catalog-knows-who-is-asking` in seams.rs.
    ("catalog", &["playhead-proto", "playhead-store", "playhead-ingest"]),
    // It checks before it sends, as the catalog would; its tests play through the engine.
    (
        "import",
        &["playhead-proto", "playhead-store", "playhead-catalog", "playhead-ingest", "playhead-client"],
    ),
    // Its users know nothing else of ours.
    ("client", &["playhead-proto"]),
    ("load-tests", &["playhead-client", "playhead-proto", "playhead-store"]),
    (
        "playhead",
        &[
            "playhead-proto",
            "playhead-client",
            "playhead-store",
            "playhead-ingest",
            "playhead-catalog",
            "playhead-import",
            "playhead-load",
        ],
    ),
    (
        "bench",
        &["playhead-proto", "playhead-store", "playhead-ingest", "playhead-catalog", "playhead-limits"],
    ),
    // It is held against what it must not use.
    ("bench/limits", &["playhead-proto"]),
    ("fuzz", &["playhead-ingest"]),
    ("xtask", &[]),
];

/// Checks one `Cargo.toml` of a crate; other files have nothing to be found.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some(folder) = path.strip_suffix("/Cargo.toml") else { return Vec::new() };
    let mut findings = Vec::new();
    if !text.contains("\n[lints]\nworkspace = true\n") {
        findings.push(finding(path, 1, "take the workspace's lints: `[lints]`, `workspace = true`".into()));
    }
    let mut section = "";
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if section.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            findings.extend(check_dependency(folder, line).map(|text| finding(path, at + 1, text)));
        }
    }
    findings
}

/// What is wrong with one dependency line of the crate in this folder.
fn check_dependency(folder: &str, line: &str) -> Option<String> {
    let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
    let ours = name.starts_with("playhead-") || name == "playhead";
    let may_know = MAY_KNOW.iter().find(|(crate_folder, _)| *crate_folder == folder);
    if ours && may_know.is_some_and(|(_, known)| !known.contains(&name)) {
        return Some(format!("{folder} must not know {name}; see MAY_KNOW in xtask/src/tidy/manifests.rs"));
    }
    let shared = line.contains(".workspace = true") || line.contains("workspace = true");
    (!shared).then(|| {
        format!("{name}: its version stands once, in the workspace's Cargo.toml: `{name}.workspace = true`")
    })
}

fn finding(path: &str, line: usize, text: String) -> Finding {
    Finding { path: path.to_owned(), line, rule: "manifest", text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n";

    fn lines(folder: &str, text: &str) -> Vec<usize> {
        check(&format!("{folder}/Cargo.toml"), text).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn lints_and_versions_come_from_the_workspace() {
        assert_eq!(lines("store", "[package]\nname = \"x\"\n"), [1]);
        assert_eq!(lines("store", &format!("{LINTS}\n[dependencies]\nfjall = \"3\"\n")), [8]);
        let good = "[dev-dependencies]\n# Why.\ntokio = { workspace = true, features = [\"x\"] }\nfjall.workspace = true\n";
        assert_eq!(lines("store", &format!("{LINTS}\n{good}")), Vec::<usize>::new());
    }

    #[test]
    fn a_crate_knows_only_those_below_it() {
        let knows =
            |folder, name| lines(folder, &format!("{LINTS}\n[dependencies]\n{name}.workspace = true\n"));
        assert_eq!(knows("store", "playhead-proto"), [8]);
        assert_eq!(knows("ingest", "playhead-catalog"), [8]);
        assert_eq!(knows("ingest", "playhead-store"), Vec::<usize>::new());
    }
}
