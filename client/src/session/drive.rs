//! The task of a session: opens its streams, sends what is to be sent, hears what is said, and connects again.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use playhead_proto::ingest::v1::ServerFrame;
use tokio::time::{sleep, sleep_until};

use super::{SessionInfo, Shared, core::Outgoing};
use crate::{
    LineError, Next, SessionError, Token,
    backoff::Backoff,
    transport::{Inbound, Line, Outbound, Transport},
};

/// What drives a session.
pub(crate) struct Drive {
    pub(crate) transport: Transport,
    pub(crate) token: Token,
    pub(crate) backoff: Backoff,
    /// How many tries in a row may fail; none means for ever.
    pub(crate) tries_max: Option<u32>,
    pub(crate) datagrams: bool,
    /// Given back when the session is over.
    pub(crate) place: crate::client::Place,
}

/// What failed in a row.
#[derive(Default)]
struct Failures {
    tries: u32,
    tokens: u32,
}

impl Drive {
    /// Plays to the session's end.
    pub(crate) async fn run(self, shared: Arc<Shared>, info: SessionInfo) {
        let mut failures = Failures::default();
        let why = loop {
            let (error, was_welcome) = match self.stream(&shared, &info).await {
                Ok(()) => break SessionError::Closed,
                Err(broken) => broken,
            };
            if was_welcome {
                failures = Failures::default();
            }
            match self.next_try(&mut failures, error.clone()) {
                Ok(wait) => {
                    shared.change(|core| {
                        core.broke();
                        core.note(|progress| {
                            progress.reconnects += 1;
                            progress.trouble = Some(error);
                        });
                    });
                    sleep(wait).await;
                }
                Err(why) => break why,
            }
        };
        if let (Some(tail), SessionError::Closed) = (&shared.tail, &why) {
            // Otherwise the session is resumed once more, and closed again.
            let _ = tail.closed();
        }
        shared.change(|core| {
            core.broke();
            core.note(|progress| progress.over = Some(Arc::new(why)));
        });
        drop(self.place);
    }

    /// How long to wait, or why there is no use in trying again.
    fn next_try(&self, failures: &mut Failures, error: LineError) -> Result<Duration, SessionError> {
        failures.tries += 1;
        match error.next {
            Next::Fix => return Err(SessionError::Refused(error)),
            Next::NewToken => {
                failures.tokens += 1;
                if failures.tokens >= self.token.refusals_max() {
                    return Err(SessionError::Refused(error));
                }
            }
            Next::Retry => {}
        }
        let tries = failures.tries;
        if self.tries_max.is_some_and(|max| tries >= max) {
            return Err(SessionError::Unreachable { tries, last: error });
        }
        Ok(self.backoff.delay(tries, rand::random()).max(error.retry_after))
    }

    /// Plays on one stream, to the session's end or until it breaks; then says too whether it was ever welcomed.
    async fn stream(&self, shared: &Shared, info: &SessionInfo) -> Result<(), (LineError, bool)> {
        let opened = self.open(shared, info).await.map_err(|error| (error, false))?;
        let Line { outbound, mut inbound } = opened;
        let mut outbound = Some(outbound);
        let ended = talk(shared, &mut outbound, &mut inbound).await;
        ended.map_err(|error| (error, shared.core().progress().is_connected))
    }

    async fn open(&self, shared: &Shared, info: &SessionInfo) -> Result<Line, LineError> {
        let token = self.token.get(info).await.map_err(|error| LineError::retry("NO_TOKEN", &error))?;
        let hello = shared.core().hello(info.played(), unix_ms());
        self.transport.open(hello, &token, self.datagrams).await
    }
}

/// Sends and hears on one stream.
async fn talk(
    shared: &Shared,
    outbound: &mut Option<Outbound>,
    inbound: &mut Inbound,
) -> Result<(), LineError> {
    loop {
        if let Some(open) = outbound {
            pump(shared, open);
        }
        if shared.core().is_done() {
            // Closes our side; the server ends the stream in turn.
            *outbound = None;
        }
        let is_stuck = outbound.as_ref().is_some_and(|open| open.room().is_none());
        let wakes_at = shared.core().wakes_at().filter(|_| !is_stuck && outbound.is_some());
        tokio::select! {
            heard = inbound.next() => match heard? {
                Some(frame) => hear(shared, frame),
                None if shared.core().is_done() => return Ok(()),
                None => return Err(LineError::ended_early()),
            },
            () = shared.wake.notified() => {}
            () = until(wakes_at) => {}
            () = has_room(outbound.as_ref()), if is_stuck => {}
        }
    }
}

/// Sends what may be sent, as far as the stream takes it.
fn pump(shared: &Shared, outbound: &Outbound) {
    let now = Instant::now();
    let mut core = shared.core();
    while let Some(room) = outbound.room() {
        match core.outgoing(now, unix_ms(), outbound.has_datagrams()) {
            None => return,
            Some(Outgoing::Stream(frame)) => room.send(frame),
            Some(Outgoing::Datagram(frame)) if outbound.send_datagram(&frame) => {}
            Some(Outgoing::Datagram(frame)) => room.send(frame),
        }
    }
}

fn hear(shared: &Shared, frame: ServerFrame) {
    let before = shared.core().progress().acked_through;
    let mut through = before;
    shared.change(|core| {
        core.hear(frame, Instant::now());
        through = core.progress().acked_through;
    });
    if let Some(tail) = shared.tail.as_ref().filter(|_| through > before) {
        // What it does not say is sent again after a restart, which changes nothing.
        let _ = tail.acked(through);
    }
}

async fn has_room(outbound: Option<&Outbound>) {
    match outbound {
        Some(outbound) => outbound.has_room().await,
        None => std::future::pending().await,
    }
}

/// Resolves then, or never.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then.into()).await,
        None => std::future::pending().await,
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut super::Core)) {
        let mut core = self.core();
        change(&mut core);
        self.tell(&core);
    }
}

pub(super) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
