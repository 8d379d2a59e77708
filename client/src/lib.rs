//! A client for Playhead: a player's sessions over gRPC or QUIC, so that every event ends acknowledged or refused,
//! whatever the network, the server and the player's own process do in between.
//!
//! The path of an event, which is the reading order:
//!
//! 1. [`Session::send`] gives it the session's next number, writes it to the [`tail`] if there is one, and puts it into
//!    the [`window`] of what has no ending. A full window is an answer ([`Session::try_send`]) or a wait.
//! 2. The session's task takes what waits and sends it through a [`transport`]: as [`frames`] on a gRPC or QUIC stream,
//!    or, where datagrams are wanted, a lone fresh beat as a datagram.
//! 3. The server acknowledges, cumulatively. What an acknowledgement covers leaves the window; what was refused is told
//!    once. After `busy` the client comes back when the server says so, from where the server says. A datagram that is
//!    not acknowledged in time goes again on the stream.
//! 4. When the stream breaks, the session connects again ([`backoff`], with full jitter) and sends its tail again. The
//!    server knows an event by (session, number), so that repeating one changes nothing.
//! 5. [`Session::close`] waits for the last ending.
//!
//! [`Session::acked`] means durable on the server's side. What `send` alone promises: with a tail file the event is in
//! that file and survives the end of this process; without one it lives as long as the [`Session`].
//!
//! ```no_run
//! # async fn play() -> Result<(), Box<dyn std::error::Error>> {
//! use playhead_client::{Client, Event, EventKind, SessionInfo, Token};
//!
//! let client = Client::builder("http://127.0.0.1:7450").token(Token::fixed("alice:alice:tv")).build()?;
//! let session = client.session(SessionInfo::new("s-1", "movie-1"))?;
//! session.send(Event { kind: EventKind::Start.into(), position_ms: Some(0), ..Event::default() }).await?;
//! let ended = session.close().await?;
//! assert_eq!(ended.acked_through, 1);
//! # Ok(())
//! # }
//! ```

pub mod backoff;
mod beats;
mod client;
mod error;
pub mod frames;
mod progress;
mod session;
pub mod tail;
mod token;
pub mod transport;
mod trust;
pub mod window;

pub use playhead_proto::ingest::v1::{
    Event, EventKind, ItemKind, PlayerState, RejectReason, Rejection, StopReason, StreamInTheWay,
};

pub use self::{
    backoff::Backoff,
    client::{Builder, Client, DATAGRAM_PATIENCE, OpenError},
    error::{LineError, Next, SendError, SessionError},
    progress::{Command, Ended, Progress},
    session::{Session, SessionInfo},
    token::Token,
    trust::{Trust, TrustError},
    window::Bounds,
};
