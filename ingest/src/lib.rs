//! Playhead's engine: a player's events come in, are acknowledged when they are durable, and can be read back.
//!
//! The path of an event, in reading order:
//! 1. [`edge`] reads bytes and makes them our types, in one place per protocol; [`tls`] keeps strangers out of them.
//! 2. [`identity`] says who is asking; [`intake`] is the doorway that all edges share: [`admission`] checks each event,
//!    and what passes waits in a bounded [`shard`] under a [`ticket`].
//! 3. `commit` takes all that waits, appends it to the [`journal`] as [`record`]s with one fsync, tells the hot store,
//!    and settles the tickets.
//! 4. `flush` carries what is committed to the durable store, per session, by age or size; `recovery` does the same
//!    at start with what the journal still holds. What memory has no room for waits in the journal alone (`spill`), and
//!    goes from there (`catch_up`).
//! 5. The stores are `playhead-store`'s. [`playback`] reads them, joined with what is [`live`] here.
//!
//! [`engine`] puts the rooms together. [`tally`] counts one ending for every event; [`tap`] shows them as they pass.
//! [`button`] is what pressing play asks, before there is any event.
//!
//! A reply means: acknowledged events are durable. A beacon and a CMCD report cannot carry that answer: they are
//! accepted, never acknowledged.

pub mod edge;

pub mod identity;

pub mod tls;

pub mod intake;

pub mod admission;

pub mod shard;

pub mod ticket;

pub mod live;

pub mod leases;

mod opener;

mod commit;

pub mod record;

pub mod journal;

mod backlog;

mod spill;

mod flag;

mod flush;

mod catch_up;

mod gathered;

mod eraser;

mod erased;

mod recovery;

pub mod playback;

pub mod button;

pub mod page;

pub mod engine;

pub mod settings;

pub mod tally;

pub mod tap;

pub mod meters;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

#[cfg(test)]
mod fixture;
