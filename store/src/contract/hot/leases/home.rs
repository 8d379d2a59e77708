//! An account, and who plays there.

use super::NOW_MS;
use crate::{
    AccountId, Clock, DeviceId, ItemId, ItemKind, SessionKey,
    contract::Dice,
    hot::{Hot, HotUpdate, Verdict},
    lease::{Beat, Doing, Kick, Lease, Standing, Stop, StreamRules, Terms},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::Receiver;

/// An account, at times after [`NOW_MS`].
pub(super) struct Home {
    pub(super) store: Arc<dyn Hot>,
    dice: Dice,
    pub(super) account: AccountId,
}

/// Somebody who plays on a device of the account.
#[derive(Debug, Clone)]
pub(super) struct Player {
    pub(super) key: SessionKey,
    pub(super) account: AccountId,
    pub(super) device: DeviceId,
    pub(super) item: ItemId,
    pub(super) kind: ItemKind,
    pub(super) terms: Arc<Terms>,
    /// When the session began; when not said, with its first word.
    pub(super) since_ms: Option<i64>,
}

impl Home {
    pub(super) fn new(store: Arc<dyn Hot>) -> Self {
        Self::with(store, &mut Dice::new())
    }

    pub(super) fn with(store: Arc<dyn Hot>, dice: &mut Dice) -> Self {
        let dice = Dice::from_seed(dice.number());
        let mut home = Self { store, dice, account: AccountId::new("any").expect("a short name") };
        home.account = AccountId::new(home.dice.user().as_str()).expect("a short name");
        home
    }

    pub(super) fn player(&mut self, device: &str, rules: &StreamRules) -> Player {
        let user = self.dice.user();
        Player {
            key: self.dice.session(&user),
            account: self.account.clone(),
            device: DeviceId::new(device).expect("a short name"),
            item: self.dice.item(),
            kind: ItemKind::Movie,
            terms: Arc::new(Terms { device_type: None, rules: Some(rules.clone()) }),
            since_ms: None,
        }
    }

    pub(super) async fn begin(&self, player: &Player, at_ms: i64) -> Verdict {
        self.store.admit(&self.own(player.begins(at_ms)), NOW_MS + at_ms).await.expect("a session is heard")
    }

    pub(super) async fn beat(&self, player: &Player, at_ms: i64) -> Verdict {
        self.hear(&player.says(Doing::Playing, at_ms), at_ms).await
    }

    pub(super) async fn pause(&self, player: &Player, at_ms: i64) -> Verdict {
        self.hear(&player.says(Doing::Paused, at_ms), at_ms).await
    }

    pub(super) async fn end(&self, player: &Player, at_ms: i64) -> Verdict {
        self.hear(&player.says(Doing::Ended, at_ms), at_ms).await
    }

    pub(super) async fn hear(&self, update: &HotUpdate, at_ms: i64) -> Verdict {
        let batch = [self.own(update.clone())];
        let verdicts = self.store.apply(&batch, NOW_MS + at_ms).await.expect("a batch is applied");
        verdicts.into_iter().next().expect("a verdict")
    }

    /// Whoever moved into this account.
    pub(super) fn own(&self, update: HotUpdate) -> HotUpdate {
        HotUpdate { account: self.account.clone(), ..update }
    }

    pub(super) async fn live(&self, at_ms: i64) -> Vec<Lease> {
        self.store.live_sessions(&self.account, NOW_MS + at_ms).await.expect("sessions are listed")
    }
}

impl Player {
    pub(super) fn key(&self) -> SessionKey {
        self.key.clone()
    }

    pub(super) fn since(self, at_ms: i64) -> Self {
        Self { since_ms: Some(NOW_MS + at_ms), ..self }
    }

    pub(super) fn begins(&self, at_ms: i64) -> HotUpdate {
        let mut update = self.says(Doing::Playing, at_ms);
        update.beat.iter_mut().for_each(|beat| beat.standing = Standing::New);
        update
    }

    /// What it says at this time, where its playhead is at this time, too.
    pub(super) fn says(&self, doing: Doing, at_ms: i64) -> HotUpdate {
        let now_ms = NOW_MS + at_ms;
        HotUpdate {
            key: self.key(),
            account: self.account.clone(),
            device: self.device.clone(),
            clock: Clock { fixed_at_ms: self.since_ms.unwrap_or(now_ms), offset_ms: 0 },
            last_at_ms: now_ms,
            position: None,
            beat: Some(Beat {
                item: self.item.clone(),
                kind: self.kind,
                terms: Arc::clone(&self.terms),
                doing,
                position_ms: Some(at_ms),
                is_open: true,
                standing: Standing::Running,
            }),
        }
    }
}

pub(super) fn keys(leases: &[Lease]) -> Vec<SessionKey> {
    leases.iter().map(|lease| lease.key.clone()).collect()
}

pub(super) fn stop(verdict: Verdict) -> Arc<Stop> {
    match verdict {
        Verdict::Stop(stop) => stop,
        Verdict::Play | Verdict::Tolerated(_) => panic!("it may play: {verdict:?}"),
    }
}

/// The kick of this session, whoever else is kicked meanwhile.
pub(super) async fn heard(kicks: &mut Receiver<Kick>, player: &Player) -> Kick {
    let kick = async {
        loop {
            let kick = kicks.recv().await.expect("kicks are heard");
            if kick.key == player.key {
                return kick;
            }
        }
    };
    tokio::time::timeout(KICK_PATIENCE, kick).await.expect("a kick comes in time")
}

const KICK_PATIENCE: Duration = Duration::from_secs(5);
