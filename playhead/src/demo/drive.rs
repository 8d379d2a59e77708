//! Drives one viewer: one session after the other, each on a stream of its own, at the demo's pace.

use std::{sync::Arc, time::Duration};

use playhead_load::viewer::Viewer;
use playhead_proto::ingest::v1::{ClientFrame, ingest_service_client::IngestServiceClient};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};

use super::{
    figures::Figures,
    session::{Ended, Session},
};

/// How the viewers' time passes: faster than ours, and ending now, because no player's clock may run ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    begun: Instant,
    begun_at_ms: i64,
    /// When the viewers' time begins, Unix ms.
    first_ms: i64,
    speedup: u32,
    lasts: Duration,
}

impl Pace {
    /// Begins now.
    pub(super) fn begin(speedup: u32, duration_s: u32, now_ms: i64) -> Self {
        let lasts_ms = i64::from(duration_s) * 1_000;
        Self {
            begun: Instant::now(),
            begun_at_ms: now_ms,
            first_ms: now_ms - lasts_ms * (i64::from(speedup) - 1),
            speedup,
            lasts: Duration::from_secs(duration_s.into()),
        }
    }

    /// When the demo is over.
    pub(super) fn over(&self) -> Instant {
        self.begun + self.lasts
    }

    /// Since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A name for this run, so that its viewers are none of an earlier run's.
    pub(super) fn run_name(&self) -> String {
        (self.begun_at_ms / 1_000).to_string()
    }

    /// When something happens that happens at `ms` of the viewers' time.
    fn due(&self, ms: i64) -> Instant {
        self.begun + Duration::from_millis(ms.unsigned_abs()) / self.speedup
    }

    /// The viewers' time now, ms.
    fn now(&self) -> i64 {
        i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX).saturating_mul(self.speedup.into())
    }

    /// Our time now, Unix ms.
    fn unix_ms(&self) -> i64 {
        self.begun_at_ms + i64::try_from(self.elapsed().as_millis()).unwrap_or(0)
    }
}

/// What drives a viewer.
pub(super) struct Drive {
    pub(super) channel: Channel,
    pub(super) figures: Arc<Figures>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) pace: Pace,
    pub(super) seed: u64,
    pub(super) run: String,
}

/// A viewer and what became of each session.
pub(super) struct Played {
    pub(super) viewer: u32,
    pub(super) sessions: Vec<Ended>,
    /// Why the viewer gave up, if so.
    pub(super) gave_up: Option<Status>,
}

impl Drive {
    /// Lets the viewer watch until the demo is stopped.
    pub(super) async fn watch(self, number: u32) -> Played {
        let mut viewer = Viewer::new(self.seed, number);
        let mut played = Played { viewer: number, sessions: Vec::new(), gave_up: None };
        let mut begins_ms = 0;
        loop {
            begins_ms += viewer.choose_ms();
            if !self.waits_until(self.pace.due(begins_ms)).await {
                return played;
            }
            let watching = viewer.begin();
            let (id, item) = names(&self.run, number, watching.item);
            let mut session = Session::new(id, item, self.pace.first_ms + begins_ms, watching);
            self.figures.count(|figures| figures.sessions += 1);
            played.gave_up = self.play(&user(&self.run, number), &mut session, begins_ms).await.err();
            let ended = session.end();
            begins_ms += ended.last_ms;
            played.sessions.push(ended);
            if played.gave_up.is_some() {
                return played;
            }
        }
    }

    /// False when the demo is stopped before.
    async fn waits_until(&self, due: Instant) -> bool {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            _ = stopped.wait_for(|&is_stopped| is_stopped) => false,
            () = tokio::time::sleep_until(due) => true,
        }
    }

    /// Plays a session to its end or the demo's, on as many streams as it takes.
    async fn play(&self, user: &str, session: &mut Session, begins_ms: i64) -> Result<(), Status> {
        let mut tries = 0;
        loop {
            let status = match self.stream(user, session, begins_ms).await {
                Ok(()) => return Ok(()),
                Err(status) => status,
            };
            tries += 1;
            if tries > RECONNECTS_MAX {
                return Err(status);
            }
            self.figures.count(|figures| figures.reconnects += 1);
            tokio::time::sleep(RECONNECT_AFTER).await;
        }
    }

    /// Plays on one stream, until it breaks or everything is acknowledged.
    async fn stream(&self, user: &str, session: &mut Session, begins_ms: i64) -> Result<(), Status> {
        let (tx, rx) = mpsc::channel(FRAMES_MAX);
        let mut outbound = Some(tx);
        say(&outbound, session.hello(self.pace.unix_ms())).await?;
        let mut client = IngestServiceClient::new(self.channel.clone());
        let mut inbound = client.connect(request(user, rx)?).await?.into_inner();
        let mut stopped = self.stopped.clone();
        let mut sends_again = (!session.is_settled()).then(Instant::now);
        loop {
            let next =
                session.next_ms().filter(|_| !*stopped.borrow()).map(|ms| self.pace.due(begins_ms + ms));
            if next.is_none() && session.is_settled() {
                // Half-closes the stream; the server ends it in turn.
                outbound = None;
            }
            tokio::select! {
                heard = inbound.message() => match heard? {
                    Some(frame) => {
                        let wait = session.hear(frame, &self.figures);
                        sends_again = wait.map(|wait| Instant::now() + wait).or(sends_again);
                    }
                    None if session.is_settled() => return Ok(()),
                    None => return Err(Status::unavailable(ENDED_EARLY)),
                },
                () = until(sends_again) => {
                    sends_again = None;
                    session.go_back();
                    while let Some(frame) = session.send(self.pace.unix_ms()) {
                        say(&outbound, frame).await?;
                    }
                }
                () = until(next), if sends_again.is_none() => {
                    session.happen(self.pace.now() - begins_ms, &self.figures);
                    if let Some(new) = session.send(self.pace.unix_ms()) { say(&outbound, new).await? }
                }
                _ = stopped.changed() => {}
            }
        }
    }
}

/// A viewer's id.
pub(super) fn user(run: &str, number: u32) -> String {
    format!("demo-{run}-{number:04}")
}

/// The ids of a viewer's session and of its item.
pub(super) fn names(run: &str, number: u32, item: u32) -> (String, String) {
    (
        format!("demo-{run}-{number:04}-{item}"),
        format!("movie-{:04}", u64::from(number) * 7 + u64::from(item)),
    )
}

fn request(
    user: &str,
    frames: mpsc::Receiver<ClientFrame>,
) -> Result<Request<ReceiverStream<ClientFrame>>, Status> {
    let mut request = Request::new(ReceiverStream::new(frames));
    let token: MetadataValue<_> = format!("Bearer {user}:{user}:demo")
        .parse()
        .map_err(|_| Status::internal("the viewer's name is no header value"))?;
    request.metadata_mut().insert("authorization", token);
    Ok(request)
}

/// Sends a frame; a stream that takes none any more is broken.
async fn say(outbound: &Option<mpsc::Sender<ClientFrame>>, frame: ClientFrame) -> Result<(), Status> {
    let broken = || Status::unavailable("the stream broke");
    outbound.as_ref().ok_or_else(broken)?.send(frame).await.map_err(|_| broken())
}

/// Resolves then, or never.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

const ENDED_EARLY: &str = "the stream ended before everything was acknowledged";
/// Frames that wait for the connection.
const FRAMES_MAX: usize = 16;
/// Five seconds in all: a server that restarts is back by then.
const RECONNECTS_MAX: u32 = 20;
const RECONNECT_AFTER: Duration = Duration::from_millis(250);
