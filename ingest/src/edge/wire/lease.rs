//! Why a session must stop, and what holds an account's slots.

use playhead_proto::{ingest::v1 as proto, playback::v1 as reads};
use playhead_store::{
    PlayerState,
    lease::{DeviceType, Lease, Stop},
};

/// A `Terminate`.
#[must_use]
pub(super) fn terminate(stop: &Stop) -> proto::Terminate {
    proto::Terminate {
        reason: stop.reason.to_string(),
        by_device: stop.by_device.as_ref().map(ToString::to_string).unwrap_or_default(),
        code: i32::from(stop.reason.number()),
        in_the_way: stop.in_the_way.iter().map(in_the_way).collect(),
    }
}

/// A `LiveSession`, which names its user and itself to whoever may see them.
#[must_use]
pub fn live_session(lease: &Lease, is_named: bool) -> reads::LiveSession {
    let named = |name: String| if is_named { name } else { String::new() };
    reads::LiveSession {
        stop_code: lease.stop_code().to_string(),
        user_id: named(lease.key.user.to_string()),
        session_id: named(lease.key.session.to_string()),
        device_id: lease.device.to_string(),
        device_type: device_type(lease),
        item_id: lease.item.to_string(),
        item_kind: i32::from(lease.kind.number()),
        since_ms: lease.since_ms,
        seen_ms: lease.seen_ms,
        state: state(lease),
        position_ms: lease.position_ms,
    }
}

fn in_the_way(lease: &Lease) -> proto::StreamInTheWay {
    proto::StreamInTheWay {
        stop_code: lease.stop_code().to_string(),
        device_id: lease.device.to_string(),
        device_type: device_type(lease),
        item_id: lease.item.to_string(),
        item_kind: i32::from(lease.kind.number()),
        since_ms: lease.since_ms,
        state: state(lease),
    }
}

fn device_type(lease: &Lease) -> String {
    lease
        .device_type
        .as_ref()
        .map_or_else(String::new, |device_type: &DeviceType| device_type.as_str().to_owned())
}

fn state(lease: &Lease) -> i32 {
    i32::from(if lease.is_playing { PlayerState::Playing } else { PlayerState::Paused }.number())
}
