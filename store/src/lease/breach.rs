//! Which limit a session would exceed, and which sessions are in its way.

use super::{Lease, StopReason, StreamRules};
use crate::DeviceId;
use std::collections::BTreeSet;

/// A limit that is exceeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) reason: StopReason,
    /// The places of those in the way, the oldest first. None when no number of them would help.
    pub(super) in_the_way: Vec<usize>,
}

/// The first of these rules that `subject` breaks when it runs beside the others.
pub(super) fn find(rules: &StreamRules, others: &[Lease], subject: &Lease) -> Option<Breach> {
    let within = |most: u32, reason, counts: &dyn Fn(&Lease) -> bool| {
        let in_the_way = places(others, counts);
        let is_over = in_the_way.len() + 1 > most as usize;
        // Where none is allowed, nobody is in the way.
        is_over.then(|| Breach { reason, in_the_way: if most == 0 { Vec::new() } else { in_the_way } })
    };
    within(rules.streams_max, StopReason::StreamLimit, &|_| true)
        .or_else(|| {
            let of_type = subject.device_type.as_ref()?;
            let (_, most) = rules.per_device_type.iter().find(|(device_type, _)| device_type == of_type)?;
            within(*most, StopReason::DeviceTypeLimit, &|other| other.device_type.as_ref() == Some(of_type))
        })
        .or_else(|| {
            let (kind, most) = rules.per_item_kind.iter().find(|(kind, _)| *kind == subject.kind)?;
            within(*most, StopReason::ContentLimit, &|other| other.kind == *kind)
        })
        .or_else(|| devices(rules.devices_max?, others, subject))
}

/// A new device is one too many; those of all other devices are in its way.
fn devices(most: u32, others: &[Lease], subject: &Lease) -> Option<Breach> {
    let devices: BTreeSet<&DeviceId> = others.iter().map(|other| &other.device).collect();
    let is_over = !devices.contains(&subject.device) && devices.len() + 1 > most as usize;
    is_over.then(|| Breach { reason: StopReason::DeviceLimit, in_the_way: places(others, &|_| true) })
}

fn places(others: &[Lease], counts: &dyn Fn(&Lease) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> =
        others.iter().enumerate().filter(|(_, other)| counts(other)).map(|(place, _)| place).collect();
    places.sort_by_key(|&place| others.get(place).map(age));
    places
}

/// What leases are ordered by: the oldest first, and of equally old ones in an order that all nodes agree on.
pub(super) fn age(lease: &Lease) -> (i64, &crate::SessionKey) {
    (lease.since_ms, &lease.key)
}
