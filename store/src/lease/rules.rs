//! How many streams an account may run at once, and what happens to one more.

use crate::ItemKind;

/// How many streams an account may run at once, and what happens to one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRules {
    /// The most streams at once, on devices of all kinds, 1 to [`STREAMS_MAX`].
    pub streams_max: u32,
    /// What happens at the limit.
    pub at_limit: AtLimit,
    /// The most streams on devices of one kind, 0 to [`STREAMS_MAX`], for at most [`DEVICE_TYPES_MAX`] kinds, sorted.
    pub per_device_type: Vec<(DeviceType, u32)>,
    /// The most streams of one kind of content, 0 to [`STREAMS_MAX`], each kind at most once, sorted.
    pub per_item_kind: Vec<(ItemKind, u32)>,
    /// The most devices at once, 1 to [`STREAMS_MAX`]; `None` sets no limit.
    pub devices_max: Option<u32>,
    /// True when the rules are only tried: nobody is stopped by them, and whoever would have been is counted.
    pub is_dry_run: bool,
}

impl StreamRules {
    /// Rules that limit streams alone.
    #[must_use]
    pub fn streams(streams_max: u32, at_limit: AtLimit) -> Self {
        let (per_device_type, per_item_kind) = (Vec::new(), Vec::new());
        Self { streams_max, at_limit, per_device_type, per_item_kind, devices_max: None, is_dry_run: false }
    }
}

/// What happens to one stream more than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtLimit {
    /// The new stream is refused.
    DenyNewest,
    /// The oldest stream is stopped.
    EvictOldest,
}

impl AtLimit {
    /// All rules.
    pub const ALL: [Self; 2] = [Self::DenyNewest, Self::EvictOldest];

    /// Its name in a token and in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DenyNewest => "DENY_NEWEST",
            Self::EvictOldest => "EVICT_OLDEST",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// A kind of device, by the operator's own word: 1 to 32 letters, digits, `-` and `_`, such as `tv` or `mobile`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceType(Box<str>);

impl DeviceType {
    /// Takes a word, or `None` when it is none.
    #[must_use]
    pub fn new(word: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = (1..=DEVICE_TYPE_BYTES_MAX).contains(&word.len()) && word.bytes().all(is_plain);
        fits.then(|| Self(word.into()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most streams that a rule can allow. Whoever needs more sets no rule.
pub const STREAMS_MAX: u32 = 1_000;
/// The most kinds of devices in one rule.
pub const DEVICE_TYPES_MAX: usize = 16;
/// The longest word for a kind of device, bytes.
pub const DEVICE_TYPE_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_device_is_a_plain_word() {
        for word in ["tv", "set-top_box", &"x".repeat(32)] {
            assert_eq!(DeviceType::new(word).unwrap().as_str(), word);
        }
        for word in ["", "a b", "a\0", "tv/1", "é", &"x".repeat(33)] {
            assert_eq!(DeviceType::new(word), None, "{word:?}");
        }
    }

    #[test]
    fn a_rule_is_found_by_its_name() {
        for rule in AtLimit::ALL {
            assert_eq!(AtLimit::from_name(rule.name()), Some(rule));
        }
        assert_eq!(AtLimit::from_name("deny_newest"), None);
    }
}
