//! Sessions on their way to ingest: those that wait while others are under way go together, in one call.

use std::{
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use playhead_proto::ingest::v1::{
    PublishRequest, SessionEvents, SessionOutcome, ingest_service_client::IngestServiceClient,
};
use tokio::sync::oneshot;
use tonic::{Code, Status, transport::Channel};

use super::Bearer;

/// Publishes sessions.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    ingest: IngestServiceClient<Channel>,
    bearer: Bearer,
    queue: Arc<Mutex<Queue>>,
}

/// Those that wait.
#[derive(Debug, Default)]
struct Queue {
    frames: Vec<Waiting>,
    /// How many calls are under way, or about to be made.
    calls: usize,
}

#[derive(Debug)]
struct Waiting {
    frame: SessionEvents,
    told: oneshot::Sender<Result<SessionOutcome, Status>>,
}

impl Publisher {
    pub(super) fn new(channel: Channel, bearer: Bearer) -> Self {
        Self { ingest: IngestServiceClient::new(channel), bearer, queue: Arc::default() }
    }

    /// Publishes events of a session.
    pub(super) async fn publish(&self, frame: SessionEvents) -> Result<SessionOutcome, Status> {
        let (told, outcome) = oneshot::channel();
        let is_caller_wanted = {
            let mut queue = self.queue();
            queue.frames.push(Waiting { frame, told });
            let is_wanted = queue.calls < CALLS_MAX;
            queue.calls += usize::from(is_wanted);
            is_wanted
        };
        if is_caller_wanted {
            // On its own, so that it ends whoever stops waiting.
            tokio::spawn(self.clone().serve());
        }
        outcome.await.unwrap_or_else(|_| Err(untold()))
    }

    /// Makes calls until nobody waits.
    async fn serve(self) {
        loop {
            // Whoever can run now joins.
            tokio::task::yield_now().await;
            let together = {
                let mut queue = self.queue();
                let together = some(&mut queue.frames);
                if together.is_empty() {
                    queue.calls -= 1;
                    return;
                }
                together
            };
            self.send(together).await;
        }
    }

    /// Sends frames in one call; each in one of its own where the server does not take them together.
    async fn send(&self, together: Vec<Waiting>) {
        let (frames, waiting): (Vec<_>, Vec<_>) =
            together.into_iter().map(|Waiting { frame, told }| (frame, told)).unzip();
        match self.call(&frames).await {
            Ok(outcomes) => {
                waiting.into_iter().zip(outcomes).for_each(|(told, outcome)| tell(told, Ok(outcome)))
            }
            Err(status) if frames.len() > 1 && is_about_the_whole(&status) => {
                for (told, frame) in waiting.into_iter().zip(&frames) {
                    let outcomes = self.call(slice::from_ref(frame)).await;
                    tell(told, outcomes.and_then(|outcomes| outcomes.into_iter().next().ok_or_else(untold)));
                }
            }
            Err(status) => waiting.into_iter().for_each(|told| tell(told, Err(status.clone()))),
        }
    }

    /// What became of sessions, in their order.
    async fn call(&self, sessions: &[SessionEvents]) -> Result<Vec<SessionOutcome>, Status> {
        let request = self.bearer.request(PublishRequest { sessions: sessions.to_vec() });
        let outcomes = self.ingest.clone().publish(request).await?.into_inner().sessions;
        if outcomes.len() == sessions.len() { Ok(outcomes) } else { Err(untold()) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes as many of those that wait, the first ones, as go together.
fn some(waiting: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut events = 0;
    let fits = |waiting: &&Waiting| {
        events += waiting.frame.events.len();
        events <= EVENTS_MAX
    };
    let fitting = waiting.iter().take(SESSIONS_MAX).take_while(fits).count();
    // One that is larger goes alone.
    let count = fitting.max(1).min(waiting.len());
    waiting.drain(..count).collect()
}

/// Whether it says that a call as a whole cannot be taken: one of its sessions may be at fault, or their number.
fn is_about_the_whole(status: &Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::OutOfRange)
}

fn tell(told: oneshot::Sender<Result<SessionOutcome, Status>>, outcome: Result<SessionOutcome, Status>) {
    // Whoever gave up does not listen.
    let _ = told.send(outcome);
}

fn untold() -> Status {
    Status::unavailable("the server did not tell what became of a session")
}

/// While one call is answered, another is made ready.
const CALLS_MAX: usize = 2;
/// So many sessions go together, and so many events: some tens of KB.
const SESSIONS_MAX: usize = 64;
const EVENTS_MAX: usize = 1_000;
