//! Playhead's load generator: synthetic viewers play against a server on a schedule that never waits for it, and keep a
//! ledger that is read back afterwards.
//!
//! In reading order: [`scenario`] says what is to be played; `schedule` when; [`viewer`], `audience` and `play`
//! who does what. A `worker` sends what is due through an `edge`; what has no ending waits in a window or queue.
//! `tally` counts, the [`ledger`] remembers, `server` watches the other side, [`run`] puts them together and
//! [`report`] tells. [`check`] reads the ledger back through the playback API.
//!
//! Streams are those of `playhead-client`, one level below its sessions: its transports, frames and windows, but not its
//! timing, for what is sent when follows from the scenario alone.
//!
//! Latency counts from when an event was due. When the generator itself is late, the run is marked invalid.

mod audience;
pub mod check;
mod edge;
pub mod law;
pub mod ledger;
pub mod names;
mod pacer;
mod play;
pub mod readback;
pub mod report;
pub mod run;
pub mod scenario;
mod schedule;
mod server;
mod stage;
mod tally;
pub mod viewer;
pub mod wire;
mod worker;
