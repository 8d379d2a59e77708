//! Playhead's nouns, its rules, and the two seams behind which events rest.
//!
//! In reading order: [`ids`] and [`event`] are the nouns; [`clock`], [`position`], [`erasure`], [`fold`], [`progress`],
//! [`lease`] and [`seqs`] are the rules, pure functions without clock or I/O that every backend shares; [`catalog`] and
//! [`entitlement`] are nouns and rules of what there is to watch and who may; [`codec`] is how events look at rest;
//! [`durable`] is the lasting record and [`hot`] the short-lived shared state, each a short trait whose embedded
//! backend is also its executable definition; `contract` (a feature) is the suite that every backend passes or does not ship.

pub mod ids;

pub mod event;

pub mod session;

pub mod clock;

pub mod position;

pub mod erasure;

pub mod fold;

pub mod progress;

pub mod lease;

pub mod seqs;

pub mod catalog;

pub mod entitlement;

pub mod codec;

pub mod durable;

pub mod hot;

pub mod error;

#[cfg(feature = "contract")]
pub mod contract;

#[cfg(any(test, feature = "contract"))]
pub mod arbitrary;

pub use clock::Clock;
pub use error::{StoreError, StoreErrorKind};
pub use event::{Event, EventKind, PlayerState, Rate};
pub use ids::{
    AccountId, CategoryId, DeviceId, GrantId, IdError, ItemId, PlanId, SessionId, SubscriptionId, UserId,
};
pub use session::{Description, ItemKind, Playable, SeqOrder, SessionKey};
