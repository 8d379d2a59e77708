//! What a session tells its player.

use std::{sync::Arc, time::Duration};

use playhead_proto::ingest::v1::{Rejection, StopReason, StreamInTheWay};

use crate::{LineError, SessionError};

/// How far a session is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// How many events this handle has taken.
    pub offered: u64,
    /// Every event up to this number has its ending: durable, or refused.
    pub acked_through: u64,
    /// Events without an ending.
    pub held_events: usize,
    /// Their encoded bytes.
    pub held_bytes: usize,
    /// How many were refused for good; [`crate::Session::take_rejected`] says which.
    pub rejected: u64,
    /// How often the server was busy.
    pub busy: u64,
    /// How often a stream broke or could not be opened.
    pub reconnects: u64,
    /// How many datagrams went again on the stream.
    pub datagrams_resent: u64,
    /// How far beats are apart, as the server wants it.
    pub beat_interval: Duration,
    /// False when the server says that this session may not play.
    pub may_play: bool,
    /// True while a stream is open and welcomed.
    pub is_connected: bool,
    /// What the server told the player to do last.
    pub command: Option<Command>,
    /// Why the last stream ended or could not be opened, until another is welcomed.
    pub trouble: Option<LineError>,
    /// Set when the session is over.
    pub over: Option<Arc<SessionError>>,
}

/// What the server tells a player to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Stop playing and close the session.
    Terminate {
        /// Why, in words for a log.
        reason: String,
        /// The device that took the slot, or on which somebody stopped the session, when that is the reason.
        by_device: String,
        /// Why, in one word.
        code: StopReason,
        /// The streams that hold the account's slots, when a limit is the reason.
        in_the_way: Vec<StreamInTheWay>,
    },
}

/// How a closed session ended: everything has its ending.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The last event's number.
    pub acked_through: u64,
    /// What was refused for good and not taken by [`crate::Session::take_rejected`] before.
    pub rejected: Vec<Rejection>,
}
