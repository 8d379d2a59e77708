//! A client: one connection to a server, and the sessions on it.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    LineError, SessionInfo, Token, Trust,
    backoff::Backoff,
    session::{Core, Drive, Manner, Session},
    tail::{Tail, TailError, TailSettings, Unfinished},
    transport::{TargetError, Transport},
    window::Bounds,
};

/// A connection to a server and the sessions on it. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    transport: Transport,
    token: Token,
    backoff: Backoff,
    tries_max: Option<u32>,
    manner: Manner,
    tail: Option<Tail>,
    /// The ids of the sessions that are open.
    open: Arc<Mutex<HashSet<String>>>,
}

/// What a client is to be like.
#[derive(Debug, Clone)]
pub struct Builder {
    url: String,
    trust: Option<Trust>,
    token: Token,
    bounds: Bounds,
    datagrams: Option<Duration>,
    backoff: Backoff,
    tries_max: Option<u32>,
    tail: Option<TailSettings>,
}

/// A client could not be made, or a session not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address or whom to trust there.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The tail file cannot be used.
    #[error("the tail file: {0}")]
    Tail(#[from] io::Error),
    /// The tail file holds as much as it may.
    #[error("the tail file holds as much as it may")]
    TailFull,
    /// This client has the session open already.
    #[error("session {0:?} is open already")]
    AlreadyOpen(String),
}

/// A session's id among those that are open; given back when it is dropped.
pub(crate) struct Place {
    open: Arc<Mutex<HashSet<String>>>,
    id: String,
}

impl Client {
    /// A client for `http://HOST:PORT` or `https://HOST:PORT` (gRPC), or `quic://HOST:PORT`.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            trust: None,
            token: Token::fixed(""),
            bounds: Bounds::default(),
            datagrams: None,
            backoff: Backoff::default(),
            tries_max: None,
            tail: None,
        }
    }

    /// Connects now, to see whether it works; otherwise the first session does, and goes on trying.
    ///
    /// # Errors
    /// [`LineError`].
    pub async fn connect(&self) -> Result<(), LineError> {
        self.0.transport.connect().await
    }

    /// Opens a session, or goes on with it where the tail file has it unfinished. It connects by itself, in the
    /// background: events may be sent at once, whether there is a network or not.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn session(&self, info: SessionInfo) -> Result<Session, OpenError> {
        self.session_as(info, self.0.token.clone())
    }

    /// The same for a viewer with another token.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn session_as(&self, info: SessionInfo, token: Token) -> Result<Session, OpenError> {
        let place = self.take_place(&info.session_id)?;
        let Some(tail) = &self.0.tail else {
            let core = Core::new(self.0.manner, 1, 0, Vec::new());
            return Ok(Session::begin(info, core, None, self.drive(token, place)));
        };
        let left = tail.unfinished()?.into_iter().find(|left| left.session.session_id == info.session_id);
        if let Some(left) = left {
            return Ok(self.go_on(tail, left, token, place));
        }
        let share = tail.begin(info.played()).map_err(|error| match error {
            TailError::Full => OpenError::TailFull,
            TailError::Io(error) => OpenError::Tail(error),
        })?;
        let core = Core::new(self.0.manner, 1, 0, Vec::new());
        Ok(Session::begin(info, core, Some(share), self.drive(token, place)))
    }

    /// Goes on with all sessions that the tail file has unfinished and that are not open, oldest first: their tails are
    /// sent again. Close those whose viewers are gone.
    ///
    /// # Errors
    /// [`OpenError::Tail`].
    pub fn resume(&self) -> Result<Vec<Session>, OpenError> {
        let Some(tail) = &self.0.tail else { return Ok(Vec::new()) };
        let mut sessions = Vec::new();
        for left in tail.unfinished()? {
            if let Ok(place) = self.take_place(&left.session.session_id) {
                sessions.push(self.go_on(tail, left, self.0.token.clone(), place));
            }
        }
        Ok(sessions)
    }

    /// How many bytes at the end of the tail file could not be used when it was opened: half a record that an ending
    /// process left, or damage.
    #[must_use]
    pub fn tail_torn_bytes(&self) -> u64 {
        self.0.tail.as_ref().map_or(0, Tail::torn_bytes)
    }

    /// The device has another network: QUIC goes on from a new port, with the same sessions.
    ///
    /// # Errors
    /// The system's, when it gives no socket.
    pub fn network_changed(&self) -> io::Result<()> {
        self.0.transport.network_changed()
    }

    fn go_on(&self, tail: &Tail, left: Unfinished, token: Token, place: Place) -> Session {
        let share = tail.go_on(left.number);
        let core = Core::new(self.0.manner, left.next_seq, left.acked_through, left.events);
        Session::begin(SessionInfo::of(left.session), core, Some(share), self.drive(token, place))
    }

    fn take_place(&self, id: &str) -> Result<Place, OpenError> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.insert(id.to_owned()) {
            true => Ok(Place { open: Arc::clone(&self.0.open), id: id.to_owned() }),
            false => Err(OpenError::AlreadyOpen(id.to_owned())),
        }
    }

    fn drive(&self, token: Token, place: Place) -> Drive {
        Drive {
            transport: self.0.transport.clone(),
            token,
            backoff: self.0.backoff,
            tries_max: self.0.tries_max,
            datagrams: self.0.manner.datagrams.is_some(),
            place,
        }
    }
}

impl Builder {
    /// Whom to trust over TLS; `https://` and `quic://` need it.
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// Where tokens come from. Without, none is sent.
    #[must_use]
    pub fn token(self, token: Token) -> Self {
        Self { token, ..self }
    }

    /// How much a session may hold without an ending.
    #[must_use]
    pub fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Over QUIC, lone fresh beats go as datagrams; one that is not acknowledged within [`DATAGRAM_PATIENCE`] goes again on
    /// the stream. Over gRPC it changes nothing.
    #[must_use]
    pub fn datagrams(self, are_wanted: bool) -> Self {
        Self { datagrams: are_wanted.then_some(DATAGRAM_PATIENCE), ..self }
    }

    /// How long to wait before connecting again.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// Ends a session after so many tries to connect in a row, at least 1. Without, it tries for ever.
    #[must_use]
    pub fn tries_max(self, tries: u32) -> Self {
        Self { tries_max: Some(tries), ..self }
    }

    /// Keeps what has no ending in a file, across the end of the process.
    #[must_use]
    pub fn tail(self, settings: TailSettings) -> Self {
        Self { tail: Some(settings), ..self }
    }

    /// Makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`OpenError`]: the address, whom to trust, or the tail file.
    pub fn build(self) -> Result<Client, OpenError> {
        let transport = Transport::new(&self.url, self.trust.as_ref())?;
        let tail = self.tail.as_ref().map(Tail::open).transpose()?;
        let manner = Manner { bounds: self.bounds, datagrams: self.datagrams };
        let Self { token, backoff, tries_max, .. } = self;
        let open = Arc::default();
        Ok(Client(Arc::new(Inner { transport, token, backoff, tries_max, manner, tail, open })))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// How long a datagram waits for its acknowledgement: several round trips and commits of a good network.
pub const DATAGRAM_PATIENCE: Duration = Duration::from_millis(500);
