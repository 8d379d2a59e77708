//! What an operator may choose about the journal, and its bounds.

/// How large and how old a segment grows before the next one is begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes preallocated for each segment: [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: usize,
    /// Milliseconds after which a commit begins a new segment, so that the old one can be trimmed:
    /// [`SEGMENT_AGE_MS_MIN`] to [`SEGMENT_AGE_MS_MAX`].
    pub segment_age_ms_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, segment_age_ms_max: 30_000 }
    }
}

impl Settings {
    /// Checks every field against its range.
    ///
    /// # Errors
    ///
    /// The first field that is out of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let bytes = (SEGMENT_BYTES_MIN as u64, SEGMENT_BYTES_MAX as u64);
        in_range("segment_bytes", self.segment_bytes as u64, bytes)?;
        in_range("segment_age_ms_max", self.segment_age_ms_max, (SEGMENT_AGE_MS_MIN, SEGMENT_AGE_MS_MAX))
    }
}

fn in_range(field: &'static str, value: u64, (min, max): (u64, u64)) -> Result<(), SettingsError> {
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(SettingsError { field, value, min, max }),
    }
}

/// A setting is out of its range. Put it right and start again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, allowed is {min} to {max}")]
pub struct SettingsError {
    /// The field's name.
    pub field: &'static str,
    /// What was asked for.
    pub value: u64,
    /// The smallest value allowed.
    pub min: u64,
    /// The greatest value allowed.
    pub max: u64,
}

/// The smallest segment: one page, for tests and simulations.
pub const SEGMENT_BYTES_MIN: usize = 4 << 10;
/// The largest segment. A reader holds one in memory, and a batch's place counts in 8-byte steps in 32 bits.
pub const SEGMENT_BYTES_MAX: usize = 1 << 30;
/// The shortest age: below it, an idle server would make files faster than beats.
pub const SEGMENT_AGE_MS_MIN: u64 = 100;
/// The longest age: a day.
pub const SEGMENT_AGE_MS_MAX: u64 = 86_400_000;
/// The most that one batch holds, framed. A segment has to have room for it too.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_range() {
        let small = Settings { segment_bytes: 4_095, ..Settings::default() };
        let text = small.check().unwrap_err().to_string();
        assert_eq!(text, "segment_bytes is 4095, allowed is 4096 to 1073741824");
        let old = Settings { segment_age_ms_max: 86_400_001, ..Settings::default() };
        assert_eq!(old.check().unwrap_err().field, "segment_age_ms_max");
        let hasty = Settings { segment_age_ms_max: 99, ..Settings::default() };
        assert_eq!(hasty.check().unwrap_err().value, 99);
    }
}
