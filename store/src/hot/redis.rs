//! The hot store of several nodes: Redis or Valkey, a single server, one with replicas, or a cluster (ADR 12).
//!
//! `keys.rs` says which keys there are, `form.rs` how values look, the `.lua` files what happens to them; `link.rs` keeps
//! the connection that `connect.rs` opens, `messages.rs` what nodes tell each other, `error.rs` sorts what goes wrong.
//! `leases.rs` applies the rule of stream leases here and has a script set what it comes to, if nobody was faster.
//!
//! Times of forgetting go by the server's clock. Everything expires, and of each user only so much is kept. What the
//! servers lose is rebuilt by the next commits; what cannot be reached or does not answer in time is an error at once.

mod connect;
mod error;
mod form;
mod keys;
mod kicks;
mod known;
mod leases;
mod link;
mod messages;
mod notices;
mod scripts;
mod settings;

pub use self::{
    messages::{Message, Topic},
    settings::{CALL_MS_MAX, CALLS_MAX, CONNECT_MS_MAX, RedisHotSettings, Secret, URL_ALLOWED, check_url},
};

use self::{connect::Servers, keys::Keys, known::Known, link::Link, messages::Messages, scripts::Scripts};
use super::{Hot, HotUpdate, Notice, Verdict};
use crate::{
    AccountId, Clock, DeviceId, ItemId, SessionKey, StoreError, StoreErrorKind, UserId,
    codec::Malformed,
    lease::{Kick, Lease, LeaseTimes, StopTarget},
    position::PositionRow,
};
use ahash::HashMap;
use redis::{Cmd, FromRedisValue, Pipeline, Value};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Short-lived state on Redis servers.
pub struct RedisHot {
    link: Link,
    keys: Keys,
    scripts: Arc<Scripts>,
    messages: Messages,
    known: Known,
    lease_times: LeaseTimes,
}

impl RedisHot {
    /// A store on the servers that the settings name. It connects in the background, on the runtime of the caller: while
    /// no server is reached, whatever is asked of it is unavailable.
    ///
    /// # Errors
    /// [`StoreErrorKind::Refused`] for settings that cannot be used.
    pub fn open(settings: &RedisHotSettings) -> Result<Self, StoreError> {
        let servers = Servers::new(settings).map_err(|error| error::sorted("open", error))?;
        let (servers, scripts) = (Arc::new(servers), Arc::new(Scripts::new(settings)));
        let keys = Keys::new(&settings.prefix);
        let link = Link::new(Arc::clone(&servers), Arc::clone(&scripts), settings);
        let known = Known::new(KNOWN_ACCOUNTS_MAX);
        let messages = Messages::new(servers, &keys, known.node());
        Ok(Self { link, keys, scripts, messages, known, lease_times: settings.leases })
    }

    /// Resolves when there is a connection.
    pub async fn connected(&self) {
        // The other end lives as long as this store.
        let _ = self.link.live().wait_for(Option::is_some).await;
    }

    /// Tells all nodes, this one too. Whoever is not connected at the moment never hears of it.
    ///
    /// # Errors
    /// As of every call.
    pub async fn publish(&self, topic: Topic, payload: &[u8]) -> Result<(), StoreError> {
        let mut call = redis::cmd("PUBLISH");
        call.arg(self.messages.channel(topic)).arg(payload);
        self.call("publish", call).await.map(drop)
    }

    /// What nodes tell each other from now on. The subscription is made anew whenever its connection breaks; what is
    /// published meanwhile is lost, and so is what a receiver is too slow for.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.messages.subscribe(&self.link)
    }

    /// The script calls of a commit as they are sent, for benches to hold [`Hot::apply`] against.
    #[doc(hidden)]
    #[must_use]
    pub fn packed(&self, batch: &[HotUpdate]) -> Vec<u8> {
        self.applying(batch).get_packed_pipeline()
    }

    async fn call(&self, what: &'static str, call: Cmd) -> Result<Value, StoreError> {
        let mut calls = Pipeline::with_capacity(1);
        calls.add_command(call);
        let replies = self.link.call(what, calls).await?;
        replies.into_iter().next().ok_or_else(|| damaged(what, Malformed { what: "reply" }))
    }

    /// One call for each session, with all that the commit says of it, in the order in which it says it.
    fn applying(&self, batch: &[HotUpdate]) -> Pipeline {
        let mut by_session: HashMap<&SessionKey, usize> = HashMap::default();
        let mut sessions: Vec<Vec<&HotUpdate>> = Vec::with_capacity(batch.len());
        for update in batch {
            let index = *by_session.entry(&update.key).or_insert(sessions.len());
            match sessions.get_mut(index) {
                Some(updates) => updates.push(update),
                None => sessions.push(vec![update]),
            }
        }
        let mut calls = Pipeline::with_capacity(sessions.len());
        for updates in sessions {
            if let Some(call) = self.applying_one(&updates) {
                calls.add_command(call);
            }
        }
        calls
    }

    fn applying_one(&self, updates: &[&HotUpdate]) -> Option<Cmd> {
        let key = &updates.first()?.key;
        let last_at_ms = updates.iter().map(|update| update.last_at_ms).max()?;
        let clock = updates.iter().map(|update| update.clock).min()?;
        let keys = self.keys.of(&key.user);
        let mut call = self.scripts.apply.call(&[&keys.clocks, &keys.positions, &keys.erased]);
        call.arg(key.session.as_str()).arg(&form::number(last_at_ms)).arg(&form::clock(clock));
        for (item, row) in updates.iter().filter_map(|update| update.position.as_ref()) {
            call.arg(item.as_str()).arg(form::row(row));
        }
        Some(call)
    }
}

#[async_trait::async_trait]
impl Hot for RedisHot {
    async fn fix_clock(&self, key: &SessionKey, proposed: Clock) -> Result<Clock, StoreError> {
        const WHAT: &str = "fix a clock";
        let mut call = self.scripts.fix.call(&[&self.keys.of(&key.user).clocks]);
        let at_ms = form::number(proposed.fixed_at_ms);
        call.arg(key.session.as_str()).arg(&at_ms).arg(&form::clock(proposed));
        let fixed: Vec<u8> = read(WHAT, self.call(WHAT, call).await?)?;
        form::read_clock(&fixed).map_err(|error| damaged(WHAT, error))
    }

    async fn apply(&self, batch: &[HotUpdate], now_ms: i64) -> Result<Vec<Verdict>, StoreError> {
        leases::assert(self, batch, now_ms, self.applying(batch)).await
    }

    async fn admit(&self, update: &HotUpdate, now_ms: i64) -> Result<Verdict, StoreError> {
        let batch = std::slice::from_ref(update);
        let verdicts = leases::assert(self, batch, now_ms, Pipeline::new()).await?;
        Ok(verdicts.into_iter().next().unwrap_or(Verdict::Play))
    }

    async fn live_sessions(&self, account: &AccountId, now_ms: i64) -> Result<Vec<Lease>, StoreError> {
        const WHAT: &str = "read leases";
        let mut call = redis::cmd("GET");
        call.arg(self.keys.leases(account));
        let stored: Option<Vec<u8>> = read(WHAT, self.call(WHAT, call).await?)?;
        Ok(leases::live(stored.as_deref(), &self.lease_times, now_ms))
    }

    async fn stop(
        &self,
        account: &AccountId,
        target: &StopTarget,
        by_device: Option<DeviceId>,
        now_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        leases::stop(self, account, target, by_device, now_ms).await
    }

    fn kicks(&self) -> broadcast::Receiver<Kick> {
        self.messages.kicks(&self.link)
    }

    async fn tell_stale(&self, notice: &Notice) -> Result<(), StoreError> {
        self.publish(Topic::Stale, &notices::to_bytes(notice)).await
    }

    fn stale(&self) -> broadcast::Receiver<Notice> {
        self.messages.stale(&self.link)
    }

    async fn position(&self, user: &UserId, item: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        const WHAT: &str = "read a position";
        let mut call = redis::cmd("HGET");
        call.arg(self.keys.of(user).positions).arg(item.as_str());
        let stored: Option<Vec<u8>> = read(WHAT, self.call(WHAT, call).await?)?;
        let row = stored.map(|stored| form::read_stored_row(&stored)).transpose();
        row.map_err(|error| damaged(WHAT, error))
    }

    async fn positions(&self, user: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        const WHAT: &str = "read positions";
        let mut call = redis::cmd("HGETALL");
        call.arg(self.keys.of(user).positions);
        let stored: HashMap<String, Vec<u8>> = read(WHAT, self.call(WHAT, call).await?)?;
        let entry = |(item, stored): (String, Vec<u8>)| {
            let item = ItemId::new(&item).map_err(|_| Malformed { what: "item" })?;
            Ok((item, form::read_stored_row(&stored)?))
        };
        let entries: Result<Vec<_>, Malformed> = stored.into_iter().map(entry).collect();
        entries.map_err(|error| damaged(WHAT, error))
    }

    async fn erase(&self, user: &UserId, through_ms: i64) -> Result<(), StoreError> {
        let keys = self.keys.of(user);
        let mut call = self.scripts.erase.call(&[&keys.clocks, &keys.positions, &keys.erased]);
        call.arg(&form::number(through_ms));
        self.call("erase", call).await.map(drop)
    }
}

fn read<T: FromRedisValue>(what: &'static str, value: Value) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|error| error::sorted(what, error.into()))
}

fn damaged(what: &'static str, error: Malformed) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged, what, error)
}

/// Accounts whose leases a node remembers as it wrote them, a KB each.
pub const KNOWN_ACCOUNTS_MAX: usize = 65_536;
