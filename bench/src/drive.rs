//! Clients that keep a server busy, as cheap as they can be made, so that the server is what is measured: HTTP/2 and
//! HTTP/1.1 by hand over one thread, requests encoded into buffers that are kept, answers read no further than needed.
//!
//! [`connect`], [`publish`], [`post`] and [`openings`] keep a server as busy as it can be; [`paced`] and [`reads`] are open
//! loops, and [`unary`] is both, of any method. [`mod@line`] is a session's stream over [`grpc`] or [`quic`].
//! A driver opens everything first; its `run` is what the clock sees. It ends when every event that it sent is
//! acknowledged.

pub mod connect;
pub mod grpc;
pub mod line;
pub mod openings;
pub mod paced;
pub mod post;
pub mod publish;
pub mod quic;
pub mod reads;
pub mod unary;

use std::{
    io,
    time::{Duration, Instant},
};

/// What a driver did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Events that were acknowledged.
    pub events: u64,
    /// From the first event to the last acknowledgement.
    pub wall: Duration,
    /// How often the server was busy.
    pub busy: u64,
}

/// A part of a driver: a stream, or a place for one call after the other.
pub(crate) trait Lane: Send + 'static {
    /// Sends until then, and waits for every answer; says how many events were acknowledged, and how often the server
    /// was busy.
    fn run(&mut self, until: Instant) -> impl Future<Output = io::Result<(u64, u64)>> + Send;
}

/// Runs all lanes side by side on this thread, and gives them back.
pub(crate) async fn run_all<L: Lane>(lanes: &mut Vec<L>, lasting: Duration) -> io::Result<Done> {
    let started = Instant::now();
    let until = started + lasting;
    let tasks: Vec<_> = lanes
        .drain(..)
        .map(|mut lane| {
            tokio::spawn(async move {
                let ran = lane.run(until).await;
                (lane, ran)
            })
        })
        .collect();
    let mut done = Done { events: 0, wall: Duration::ZERO, busy: 0 };
    for task in tasks {
        let (lane, ran) = task.await.map_err(io::Error::other)?;
        let (events, busy) = ran?;
        lanes.push(lane);
        done.events += events;
        done.busy += busy;
    }
    Ok(Done { wall: started.elapsed(), ..done })
}
