//! Drives one viewer: one session after the other, each on a stream of its own, at the demo's pace.

use std::{sync::Arc, time::Duration};

use playhead_client::{Client, OpenError, Progress, Rejection, SendError, SessionError, Token};
use playhead_load::viewer::Viewer;
use tokio::{sync::watch, time::Instant};

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
}

/// What drives a viewer.
pub(super) struct Drive {
    pub(super) client: Client,
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
    pub(super) gave_up: Option<GaveUp>,
}

/// Why a viewer gave up.
#[derive(Debug, thiserror::Error)]
pub(super) enum GaveUp {
    /// The session could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An event was not taken.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The session ended early.
    #[error(transparent)]
    Session(#[from] SessionError),
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

    /// Plays a session to its end or the demo's, and waits until everything has its ending.
    async fn play(&self, user: &str, session: &mut Session, begins_ms: i64) -> Result<(), GaveUp> {
        let token = Token::fixed(format!("{user}:{user}:demo"));
        let line = self.client.session_as(session.info(), token)?;
        let mut progress = line.progress();
        let mut stopped = self.stopped.clone();
        while let Some(ms) = session.next_ms().filter(|_| !*stopped.borrow()) {
            tokio::select! {
                () = tokio::time::sleep_until(self.pace.due(begins_ms + ms)) => {
                    for event in session.happen(self.pace.now() - begins_ms, &self.figures) {
                        line.send(event).await?;
                    }
                }
                _ = progress.changed() => self.hear(session, &mut progress, &line.take_rejected()),
                _ = stopped.changed() => {}
            }
        }
        let mut closing = std::pin::pin!(line.close());
        loop {
            tokio::select! {
                ended = &mut closing => {
                    self.hear(session, &mut progress, &ended?.rejected);
                    return Ok(());
                }
                Ok(()) = progress.changed() => self.hear(session, &mut progress, &[]),
            }
        }
    }

    fn hear(&self, session: &mut Session, progress: &mut watch::Receiver<Progress>, rejected: &[Rejection]) {
        session.hear(&progress.borrow_and_update(), rejected, &self.figures);
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
