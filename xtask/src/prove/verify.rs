//! `playhead verify`, asked about a data folder.

use std::path::Path;

use serde_json::Value;

use super::{
    server::run,
    stage::Stage,
    stop::{Step, failed},
};

/// What it reports of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    /// It says that nothing is damaged.
    pub(super) is_sound: bool,
    /// Its exit code says the same as its report.
    pub(super) code_agrees: bool,
    pub(super) records: u64,
    pub(super) torn_bytes: u64,
    pub(super) damaged_places: u64,
    /// Segments that are shorter than they were made.
    pub(super) truncated: usize,
}

impl Verified {
    fn read(json: &Value, code: Option<i32>) -> Self {
        let count = |path: &str| json.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let is_sound = json.get("sound").and_then(Value::as_bool).unwrap_or(false);
        Self {
            is_sound,
            code_agrees: code == Some(i32::from(!is_sound)),
            records: count("/journal/records"),
            torn_bytes: count("/journal/torn_bytes"),
            damaged_places: count("/journal/damaged_places"),
            truncated: json.pointer("/journal/truncated").and_then(Value::as_array).map_or(0, Vec::len),
        }
    }
}

/// Asks about a folder that no server uses.
pub(super) fn verify(stage: &Stage<'_>, data: &Path) -> Step<Verified> {
    let path = data.to_string_lossy();
    let arguments = ["verify", "--data-dir", &*path, "--output", "json"];
    let (code, text) = run(&stage.binary, &stage.folder, &arguments)?;
    let json = serde_json::from_str(&text).map_err(failed(format!("playhead verify ended with {code:?}")))?;
    Ok(Verified::read(&json, code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn report_and_exit_code_have_to_agree() {
        let damaged =
            json!({ "sound": false, "journal": { "records": 19, "damaged_places": 1, "truncated": ["7"] } });
        let verified = Verified::read(&damaged, Some(1));
        assert_eq!((verified.is_sound, verified.code_agrees, verified.records), (false, true, 19));
        assert_eq!((verified.damaged_places, verified.truncated), (1, 1));
        assert!(!Verified::read(&damaged, Some(0)).code_agrees);
        assert!(Verified::read(&json!({ "sound": true }), Some(0)).code_agrees);
        assert!(!Verified::read(&json!({}), Some(0)).is_sound, "no word is no good word");
    }
}
