//! What a session token allows beyond naming a viewer: one session of one item.

pub use playhead_store::lease::rules::{
    AtLimit, DEVICE_TYPE_BYTES_MAX, DEVICE_TYPES_MAX, DeviceType, STREAMS_MAX, StreamRules,
};
use playhead_store::{ItemId, ItemKind, SessionId};

/// What a session token is for. Its words win over a frame's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The only session that may be told of.
    pub session: SessionId,
    /// The only item that may be played in it.
    pub item: ItemId,
    /// What kind of item; `Unknown` leaves it to the frame.
    pub item_kind: ItemKind,
    /// Its length, ms; `None` leaves it to the frame.
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms; `None` leaves it to the frame.
    pub credits_ms: Option<i64>,
}
