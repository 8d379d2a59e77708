//! Stream leases on this node: asks for a session's slot when it is opened, hears what becomes of those that are held,
//! and tells the sessions that are live here. The rule is the store's (`playhead_store::lease`).
//!
//! A slot is waited for a bounded time, and no acknowledgement ever fails for want of one: a session that has none is
//! told to stop, and what it sends is stored all the same.

mod beat;
mod meters;
mod terms;

use std::{sync::Arc, time::Duration};

use playhead_store::{
    AccountId, Clock, DeviceId, SeqOrder, StoreError, StoreErrorKind,
    hot::{Hot, HotUpdate, Verdict},
    lease::{Beat, Doing, Kick, Lease, Standing, Stop, StopReason, StopTarget},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub(crate) use self::beat::Said;
pub use self::{
    meters::{ByReason, LeaseMeters},
    terms::LeaseSettings,
};
use crate::{
    button::{Beginning, Slot},
    live::{Live, Playing, Session},
};

/// The slots of the sessions that are live on this node.
pub struct Leases {
    live: Arc<Live>,
    hot: Arc<dyn Hot>,
    settings: LeaseSettings,
    meters: LeaseMeters,
    /// How long a session that begins waits for its slot.
    patience: Duration,
}

impl Leases {
    pub(crate) fn new(
        live: Arc<Live>,
        hot: Arc<dyn Hot>,
        settings: LeaseSettings,
        patience: Duration,
    ) -> Self {
        Self { live, hot, settings, meters: LeaseMeters::default(), patience }
    }

    /// Asks for a session's slot, unless it has one: with a stream that opens it, or with a batch that says this. How it
    /// went is told by the session.
    pub(crate) async fn admit(&self, session: &Session, playing: &Playing, said: Said, now_ms: i64) {
        let is_of_ours = session.order == SeqOrder::Native && said.doing != Doing::Ended;
        if !is_of_ours || !session.slot.must_ask() {
            return;
        }
        let mut beat = self.beat(session, playing, said);
        if beat.terms.rules.is_none() {
            // There is nothing to wait for; the first commit tells the hot store.
            return session.slot.hold(&self.meters.held);
        }
        let is_known = session.with(|state| !state.seen.is_empty());
        beat.standing = if is_known { Standing::Known } else { Standing::New };
        let update = HotUpdate {
            key: session.key.clone(),
            account: playing.account.clone(),
            device: playing.device.clone(),
            clock: session.clock,
            last_at_ms: said.as_of_ms,
            position: None,
            beat: Some(beat),
        };
        match tokio::time::timeout(self.patience, self.hot.admit(&update, now_ms)).await {
            Ok(Ok(verdict)) => self.admitted(session, verdict),
            Ok(Err(_)) | Err(_) => self.unanswered(session, is_known),
        }
    }

    /// Asks for the slot of a session that nobody opened yet. Where no rule limits its account there is nothing to ask; its
    /// first commit tells the hot store.
    pub(crate) async fn ask(&self, beginning: &Beginning, now_ms: i64) -> Slot {
        let update = self.asking(beginning, now_ms);
        if update.beat.as_ref().is_none_or(|beat| beat.terms.rules.is_none()) {
            return Slot::Held;
        }
        match tokio::time::timeout(self.patience, self.hot.admit(&update, now_ms)).await {
            Ok(Ok(Verdict::Stop(stop))) => {
                self.meters.stopped.of(stop.reason).inc();
                Slot::Refused(stop)
            }
            Ok(Ok(Verdict::Tolerated(reason))) => {
                self.meters.tolerated.of(reason).inc();
                Slot::Held
            }
            Ok(Ok(Verdict::Play)) => Slot::Held,
            Ok(Err(_)) | Err(_) => {
                self.meters.unanswered.inc();
                if self.settings.admits_unanswered { Slot::Unanswered } else { Slot::Refused(nobody_knows()) }
            }
        }
    }

    /// What a session says with a commit, for as long as it keeps its slot.
    pub(crate) fn asserted(
        &self,
        session: &Session,
        playing: &Playing,
        said: Said,
        now_ms: i64,
    ) -> Option<Beat> {
        let is_of_ours = session.order == SeqOrder::Native;
        let speaks = session.slot.asserts() || said.doing == Doing::Ended;
        (is_of_ours && speaks).then(|| {
            let silent_ms = session.slot.heard(now_ms);
            let is_steady = silent_ms.is_some_and(|silent_ms| silent_ms < self.settings.silent_ms_max);
            let standing = if is_steady { Standing::Running } else { Standing::Returned };
            Beat { standing, ..self.beat(session, playing, said) }
        })
    }

    /// Hears the verdict on what a session said with a commit.
    pub(crate) fn hear(&self, session: &Session, said: Said, verdict: &Verdict) {
        match verdict {
            Verdict::Stop(stop) => self.end(session, stop),
            Verdict::Play | Verdict::Tolerated(_) if said.doing == Doing::Ended => session.slot.release(),
            Verdict::Play | Verdict::Tolerated(_) => session.slot.resume(&self.meters.held),
        }
    }

    /// The sessions that hold slots of an account, the oldest first.
    ///
    /// # Errors
    /// The hot store's, and its time-out.
    pub async fn live(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        in_time("list live sessions", self.hot.live_sessions(account, now_ms)).await
    }

    /// Stops a session of an account for good, and returns what it held; `None` when it holds no slot.
    ///
    /// # Errors
    /// The hot store's, and its time-out: then it may be stopped or not, and asking again is safe.
    pub async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        in_time("stop a session", self.hot.stop(account, target, by_device, now_ms)).await
    }

    /// What is counted.
    #[must_use]
    pub fn meters(&self) -> &LeaseMeters {
        &self.meters
    }

    fn admitted(&self, session: &Session, verdict: Verdict) {
        match verdict {
            Verdict::Stop(stop) => return self.end(session, &stop),
            Verdict::Tolerated(reason) => drop(self.meters.tolerated.of(reason).inc()),
            Verdict::Play => {}
        }
        session.slot.hold(&self.meters.held);
    }

    /// Nobody can say whether there is a slot. Whoever runs already plays on; a session that begins does, or does not, as
    /// the settings want it.
    fn unanswered(&self, session: &Session, is_known: bool) {
        self.meters.unanswered.inc();
        if is_known || self.settings.admits_unanswered {
            return session.slot.hold(&self.meters.held);
        }
        self.end(session, &nobody_knows());
    }

    fn asking(&self, beginning: &Beginning, now_ms: i64) -> HotUpdate {
        let Beginning { key, account, device, item, kind, terms } = beginning.clone();
        let Said { doing, position_ms, as_of_ms } = Said::by_opening();
        let terms = self.settings.terms(&terms);
        // Its player was there a moment ago, and whatever its events say is later.
        let (is_open, standing) = (true, Standing::New);
        HotUpdate {
            key,
            account,
            device,
            // It says since when the slot is held; the session's first frame fixes its clock.
            clock: Clock { fixed_at_ms: now_ms, offset_ms: 0 },
            last_at_ms: as_of_ms,
            position: None,
            beat: Some(Beat { item, kind, terms, doing, position_ms, is_open, standing }),
        }
    }

    fn end(&self, session: &Session, stop: &Arc<Stop>) {
        if session.slot.end(Arc::clone(stop)) {
            self.meters.stopped.of(stop.reason).inc();
        }
    }

    fn beat(&self, session: &Session, playing: &Playing, said: Said) -> Beat {
        Beat {
            item: playing.playable.item.clone(),
            kind: playing.playable.kind,
            terms: self.settings.terms(&playing.terms),
            doing: said.doing,
            position_ms: said.position_ms,
            is_open: session.slot.is_open(),
            standing: Standing::Running,
        }
    }
}

/// Tells the sessions that are live here what the hot store says of them, until there is no hot store any more.
pub(crate) async fn listen(leases: std::sync::Weak<Leases>, mut kicks: Receiver<Kick>) {
    loop {
        let heard = kicks.recv().await;
        let Some(leases) = leases.upgrade() else { return };
        match heard {
            Ok(Kick { key, stop, .. }) => {
                if let Some(session) = leases.live.session(&key) {
                    leases.end(&session, &stop);
                }
            }
            Err(RecvError::Lagged(missed)) => drop(leases.meters.kicks_missed.inc_by(missed)),
            Err(RecvError::Closed) => return,
        }
    }
}

/// There is no answer, and the settings want one.
fn nobody_knows() -> Arc<Stop> {
    let (reason, by_device, in_the_way) = (StopReason::Unavailable, None, Vec::new());
    Arc::new(Stop { reason, by_device, in_the_way })
}

async fn in_time<T>(
    what: &'static str,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = |_| StoreError { kind: StoreErrorKind::Unknown, what, source: None };
    tokio::time::timeout(ASKED_PATIENCE, answer).await.map_err(late)?
}

/// How long whoever asks for an account's sessions waits for the hot store.
const ASKED_PATIENCE: Duration = Duration::from_secs(1);
