//! Who may watch what: nouns and rules, without clock and I/O.
//!
//! In reading order: a [`plan`] is what can be subscribed to; a [`subscription`] is an account's to one, and comes to a
//! standing at a moment; [`calendar`] reckons its periods. A [`grant`] lets a user watch something. [`places`] are seats
//! and views: numbered, each held by one. [`access`] puts all of it together and decides.

pub mod plan;

pub mod calendar;

pub mod subscription;

pub mod grant;

pub mod places;

pub mod access;

pub use access::{Access, Decision, Reason, Refusal};
pub use calendar::{Interval, Zone};
pub use grant::{Grant, GrantStatus, ViewerLimits};
pub use plan::{Plan, Price, Streams};
pub use subscription::{Period, Standing, Subscription, SubscriptionStatus};
