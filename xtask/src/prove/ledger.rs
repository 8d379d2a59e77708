//! `playhead load check`: what a ledger says was acknowledged, held against what a server has.

use std::path::Path;

use serde_json::Value;

use super::{
    server::{Ports, run},
    stage::Stage,
    stop::{Step, failed},
};

/// What the check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Checked {
    /// Events that were acknowledged.
    pub(super) acked: u64,
    /// Acknowledged and not there.
    pub(super) missing: u64,
    /// There with other values.
    pub(super) altered: u64,
    /// There more than once.
    pub(super) doubled: u64,
    /// There and never sent.
    pub(super) strangers: u64,
    /// The exit code says that all is well.
    pub(super) is_good: bool,
    examples: String,
}

impl Checked {
    /// True if what is there is what was sent, apart from what is missing.
    pub(super) fn is_true(&self) -> bool {
        self.altered == 0 && self.doubled == 0 && self.strangers == 0
    }

    /// What was found, in a line.
    pub(super) fn text(&self) -> String {
        let Self { acked, missing, altered, doubled, strangers, .. } = self;
        format!(
            "{acked} acked, {missing} missing, {doubled} twice, {altered} altered, {strangers} strangers{}",
            self.examples
        )
    }

    fn read(json: &Value, code: Option<i32>) -> Self {
        let count = |key: &str| json.get(key).and_then(Value::as_u64).unwrap_or(0);
        let examples = json.get("examples").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let first: Vec<String> = examples.iter().take(EXAMPLES_SHOWN).map(ToString::to_string).collect();
        Self {
            acked: count("acked"),
            missing: count("missing"),
            altered: count("altered"),
            doubled: count("doubled"),
            strangers: count("strangers"),
            is_good: code == Some(0),
            examples: if first.is_empty() {
                String::new()
            } else {
                format!(", such as {}", first.join(", "))
            },
        }
    }
}

/// Reads a ledger's events back from a server and compares them.
pub(super) fn check(stage: &Stage<'_>, ledger: &Path, ports: Ports) -> Step<Checked> {
    let url = format!("http://127.0.0.1:{}", ports.grpc);
    let path = ledger.to_string_lossy();
    let arguments = ["load", "check", &*path, "--grpc", &url, "--output", "json"];
    let (code, text) = run(&stage.binary, &stage.folder, &arguments)?;
    let json = serde_json::from_str(&text);
    let json =
        json.map_err(failed(format!("playhead load check {path} ended with {code:?} and no report")))?;
    Ok(Checked::read(&json, code))
}

/// Checks a ledger, claims that nothing is wrong with it, and says how many events were acknowledged.
pub(super) fn claim_none_missing(
    stage: &mut Stage<'_>,
    ledger: &Path,
    ports: Ports,
    when: &str,
) -> Step<u64> {
    let checked = check(stage, ledger, ports)?;
    let is_good = checked.is_good && checked.missing == 0 && checked.is_true();
    stage.claim(is_good, format!("{when}: {}", checked.text()));
    Ok(checked.acked)
}

/// The same, and that there was something to be missed.
pub(super) fn claim_all_there(stage: &mut Stage<'_>, ledger: &Path, ports: Ports, when: &str) -> Step<u64> {
    let acked = claim_none_missing(stage, ledger, ports, when)?;
    stage.claim(acked > 0, format!("{when}: events were acknowledged at all"));
    Ok(acked)
}

const EXAMPLES_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_check_is_read_with_its_first_examples() {
        let json = json!({ "acked": 10, "missing": 2, "doubled": 0, "examples": ["a", "b", "c", "d"] });
        let checked = Checked::read(&json, Some(1));
        assert_eq!((checked.acked, checked.missing, checked.is_good), (10, 2, false));
        assert!(checked.is_true());
        let text = checked.text();
        assert!(text.starts_with("10 acked, 2 missing, 0 twice"), "{text}");
        assert!(text.contains("\"c\"") && !text.contains("\"d\""), "{text}");
        assert!(!Checked::read(&json!({ "strangers": 1 }), Some(1)).is_true());
    }
}
