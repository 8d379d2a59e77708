//! How much a server takes here and now: the offered rate doubles until more of it brings no more.

use super::{load, server::Ports, stage::Stage, stop::Step};

/// The most that was acknowledged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peak {
    /// Events that were acknowledged in a second.
    pub(super) events_per_s: f64,
}

/// Servers' batches, each of one session: they cost a load generator little, so that the server is the limit, and each is
/// taken or refused as a whole. A call of many sessions answers when the last of its events has ended, so it would tell
/// of a refusal only behind the commit of what it was taken with.
pub(super) fn batches(events_per_s: u32, duration_s: u64) -> load::Plan {
    load::Plan {
        edge: load::PUBLISH,
        connections: 16,
        sessions_per_connection: 64,
        events_per_s,
        events_per_message: 20,
        sessions_per_message: 1,
        duration_s,
        settle_s: 2,
        is_insistent: false,
        users: load::USERS,
    }
}

/// Measures it, in steps of some seconds, until two of them in a row brought nothing.
pub(super) fn measure(stage: &mut Stage<'_>, ports: Ports) -> Step<Peak> {
    let step_s = stage.form(STEP_S_SHORT, STEP_S_LONG);
    let (mut peak, mut rate, mut in_vain) = (Peak::default(), FIRST_PER_S, 0);
    for step in 1..=STEPS_MAX {
        let (report, _) = batches(rate, step_s).run(stage, ports, &format!("peak-{step}"))?;
        let lagged = if report.invalid.is_some() { " (the generator lagged)" } else { "" };
        let (acked, p99_ms) = (report.acked_per_s, report.ack_p99_ms);
        stage.say(format!("offered {rate}/s: {acked:.0}/s acked, p99 {p99_ms:.1} ms{lagged}"));
        in_vain = if peak.is_raised_by(acked) { 0 } else { in_vain + 1 };
        peak.events_per_s = peak.events_per_s.max(acked);
        if in_vain == IN_VAIN_MAX {
            break;
        }
        rate *= 2;
    }
    Ok(peak)
}

impl Peak {
    /// True if this is clearly more.
    fn is_raised_by(self, events_per_s: f64) -> bool {
        events_per_s > self.events_per_s * RAISED
    }

    /// So many times the peak, as a rate to offer.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are positive and below 2^32"
    )]
    pub(super) fn times(self, factor: f64) -> u32 {
        (self.events_per_s * factor).max(1.0) as u32
    }
}

const FIRST_PER_S: u32 = 5_000;
const STEP_S_SHORT: u64 = 3;
const STEP_S_LONG: u64 = 10;
const STEPS_MAX: u32 = 9;
const IN_VAIN_MAX: u32 = 2;
/// What is less than this much more is noise.
const RAISED: f64 = 1.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_multiple_of_the_peak_is_a_rate() {
        let peak = Peak { events_per_s: 150_000.4 };
        assert_eq!((peak.times(2.0), peak.times(0.5)), (300_000, 75_000));
        assert!(peak.is_raised_by(190_000.0) && !peak.is_raised_by(170_000.0));
        assert_eq!(Peak::default().times(10.0), 1, "a rate of nothing is no load");
    }
}
