//! What sessions are held to: what their credential says, and what the settings say where it says nothing.

use std::sync::Arc;

use playhead_store::lease::{LeaseTimes, StreamRules, Terms};

/// The settings of stream leases.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// What an account may run whose credential says nothing; no rules by default. [`LeaseSettings::with_rules`] sets it.
    pub rules: Arc<Terms>,
    /// True when rules are only tried, whoever says them: nobody is stopped, and whoever would have been is counted.
    pub is_dry_run: bool,
    /// True when a session that begins may play although the hot store does not answer.
    pub admits_unanswered: bool,
    /// A session that is heard again after so long was away, ms: as long as a lease lasts that plays.
    pub silent_ms_max: i64,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            rules: Terms::unlimited(),
            is_dry_run: false,
            admits_unanswered: true,
            silent_ms_max: LeaseTimes::default().playing_ms,
        }
    }
}

impl LeaseSettings {
    /// Holds accounts to these rules whose credential says nothing.
    #[must_use]
    pub fn with_rules(self, rules: Option<StreamRules>) -> Self {
        let rules = rules.map(|rules| StreamRules { is_dry_run: self.is_dry_run, ..rules });
        Self { rules: Arc::new(Terms { device_type: None, rules }), ..self }
    }

    /// What a session is held to whose credential says this.
    pub(crate) fn terms(&self, said: &Arc<Terms>) -> Arc<Terms> {
        let rules = match &said.rules {
            // What the credential says counts as it is.
            Some(rules) if rules.is_dry_run == self.is_dry_run => return Arc::clone(said),
            Some(rules) => Some(StreamRules { is_dry_run: self.is_dry_run, ..rules.clone() }),
            None if said.device_type.is_none() => return Arc::clone(&self.rules),
            None if self.rules.rules.is_none() => return Arc::clone(said),
            None => self.rules.rules.clone(),
        };
        Arc::new(Terms { device_type: said.device_type.clone(), rules })
    }
}

#[cfg(test)]
mod tests {
    use playhead_store::lease::{AtLimit, DeviceType};

    use super::*;

    #[test]
    fn a_credential_wins_over_the_settings_and_a_trial_over_both() {
        let rules = |max| StreamRules::streams(max, AtLimit::DenyNewest);
        let tv = DeviceType::new("tv");
        let of = |settings: &LeaseSettings, device_type: Option<DeviceType>, max: Option<u32>| {
            let terms = settings.terms(&Arc::new(Terms { device_type, rules: max.map(rules) }));
            let rules = terms.rules.clone();
            (terms.device_type.is_some(), rules.map(|rules| (rules.streams_max, rules.is_dry_run)))
        };
        let plain = LeaseSettings::default();
        assert_eq!(of(&plain, None, None), (false, None));
        assert_eq!(of(&plain, tv.clone(), None), (true, None));
        assert_eq!(of(&plain, tv.clone(), Some(3)), (true, Some((3, false))));
        let limited = LeaseSettings::default().with_rules(Some(rules(2)));
        assert_eq!(of(&limited, None, None), (false, Some((2, false))));
        assert_eq!(of(&limited, tv.clone(), None), (true, Some((2, false))));
        assert_eq!(of(&limited, None, Some(3)), (false, Some((3, false))));
        let tried = LeaseSettings { is_dry_run: true, ..LeaseSettings::default() }.with_rules(Some(rules(2)));
        assert_eq!(of(&tried, None, None), (false, Some((2, true))));
        assert_eq!(of(&tried, tv, Some(3)), (true, Some((3, true))));
    }
}
