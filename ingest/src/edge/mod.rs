//! The edges: network fronts that turn bytes into our types, offer them to the intake with one clock reading, and
//! await the ticket. They know no store.

use std::sync::Arc;

use crate::{identity::Verifier, intake::Intake, leases::Leases, playback::Playback};

pub mod calls;
pub mod grpc;
pub mod http;
pub mod listener;
pub mod publish;
pub mod quic;
pub mod shares;
mod talk;
pub mod wire;

/// What every edge is given.
#[derive(Clone)]
pub struct Doors {
    /// Where events go.
    pub intake: Arc<Intake>,
    /// Where reads and marks go.
    pub playback: Arc<Playback>,
    /// Where slots are asked for.
    pub leases: Arc<Leases>,
    /// Who says who is asking.
    pub verifier: Arc<dyn Verifier>,
    /// How many streams a user may have.
    pub shares: shares::Shares,
    /// The server's clock.
    pub now: Now,
}

/// A clock: Unix time in milliseconds. Edges read it once per frame.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;
