//! Why a session must stop, and what holds an account's slots, as JSON.

use playhead_store::{
    PlayerState,
    lease::{DeviceType, Lease, Stop},
};
use serde::Serialize;

/// A `Terminate`.
#[derive(Serialize)]
pub(in crate::edge::http) struct TerminateJson<'a> {
    code: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_device: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    in_the_way: Vec<LiveJson<'a>>,
}

/// A `LiveSession`, or a `StreamInTheWay`, which has fewer fields.
#[derive(Serialize)]
pub(in crate::edge::http) struct LiveJson<'a> {
    stop_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    device_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_type: Option<&'a str>,
    item_id: &'a str,
    item_kind: &'static str,
    since_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_ms: Option<i64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_ms: Option<i64>,
}

impl<'a> TerminateJson<'a> {
    pub(super) fn new(stop: &'a Stop) -> Self {
        Self {
            code: stop.reason.name(),
            reason: stop.reason.to_string(),
            by_device: stop.by_device.as_ref().map(|device| device.as_str()),
            in_the_way: stop.in_the_way.iter().map(LiveJson::in_the_way).collect(),
        }
    }
}

impl<'a> LiveJson<'a> {
    /// A `LiveSession`, which names its user and itself to whoever may see them.
    pub(in crate::edge::http) fn new(lease: &'a Lease, is_named: bool) -> Self {
        Self {
            user_id: is_named.then(|| lease.key.user.as_str()),
            session_id: is_named.then(|| lease.key.session.as_str()),
            seen_ms: Some(lease.seen_ms),
            position_ms: lease.position_ms,
            ..Self::in_the_way(lease)
        }
    }

    fn in_the_way(lease: &'a Lease) -> Self {
        let state = if lease.is_playing { PlayerState::Playing } else { PlayerState::Paused };
        Self {
            stop_code: lease.stop_code().to_string(),
            user_id: None,
            session_id: None,
            device_id: lease.device.as_str(),
            device_type: lease.device_type.as_ref().map(DeviceType::as_str),
            item_id: lease.item.as_str(),
            item_kind: lease.kind.name(),
            since_ms: lease.since_ms,
            seen_ms: None,
            state: state.name(),
            position_ms: None,
        }
    }
}
