//! The link to the servers: one shared connection, kept by a task of its own, and calls over it that are bounded in
//! number and in time.
//!
//! While there is no connection, and when too many calls wait for replies, a call fails at once. One that gets no reply
//! in time fails too, and takes the connection to a master with it: whatever it holds for a server that is frozen goes
//! with it, and the task knows when the server is back.

use super::{
    connect::{Connection, Servers},
    error::{is_no_script, is_of_no_use, sorted, unavailable, unknown},
    scripts::Scripts,
    settings::RedisHotSettings,
};
use crate::StoreError;
use redis::{Cmd, Pipeline, RedisError, RedisResult, Value};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// The link. Dropping it ends its task.
pub(super) struct Link {
    live: watch::Receiver<Option<Live>>,
    lost: Arc<watch::Sender<u64>>,
    scripts: Arc<Scripts>,
    /// One for each script call that may wait for its reply.
    permits: Arc<Semaphore>,
    calls_max: u32,
    patience: Duration,
    /// Calls are made where the connections live, whoever asks and however long they wait.
    runtime: Handle,
    _keeper: JoinSet<()>,
}

/// A connection that is in use.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: Connection,
    /// Which one it is, from 1.
    pub(super) number: u64,
}

impl Link {
    /// Begins to connect, on the runtime of the caller.
    pub(super) fn new(servers: Arc<Servers>, scripts: Arc<Scripts>, settings: &RedisHotSettings) -> Self {
        let (live_sender, live) = watch::channel(None);
        let (lost, lost_receiver) = watch::channel(0);
        let keeper = Keeper { servers, live: live_sender, lost: lost_receiver };
        let mut keepers = JoinSet::new();
        keepers.spawn(keeper.run());
        Self {
            live,
            lost: Arc::new(lost),
            scripts,
            permits: Arc::new(Semaphore::new(settings.calls_max as usize)),
            calls_max: settings.calls_max,
            patience: Duration::from_millis(settings.call_ms_max),
            runtime: Handle::current(),
            _keeper: keepers,
        }
    }

    /// Which connection is in use, and when it changes.
    pub(super) fn live(&self) -> watch::Receiver<Option<Live>> {
        self.live.clone()
    }

    /// Where the connections live.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Makes these calls, all at once, and returns their replies in their order. A caller that does not wait for the
    /// replies does not undo the calls.
    ///
    /// # Errors
    /// The first call's that failed; the others are done all the same, unless the connection failed.
    pub(super) async fn call(&self, what: &'static str, calls: Pipeline) -> Result<Vec<Value>, StoreError> {
        let live = self.live.borrow().clone().ok_or_else(|| unavailable(what, "not connected"))?;
        let wanted = u32::try_from(calls.len()).unwrap_or(u32::MAX).min(self.calls_max);
        let permits = Arc::clone(&self.permits)
            .try_acquire_many_owned(wanted)
            .map_err(|_| unavailable(what, "too many calls wait for their replies"))?;
        let (patience, scripts, lost) = (self.patience, Arc::clone(&self.scripts), Arc::clone(&self.lost));
        let task = self.runtime.spawn(async move {
            let _permits = permits;
            let replies = timeout(patience, send(&live.connection, &scripts, &calls)).await;
            if live.is_lost(&replies) {
                lost.send_if_modified(|lost| {
                    let is_news = *lost < live.number;
                    *lost = live.number.max(*lost);
                    is_news
                });
            }
            let replies = replies.map_err(|_| unknown(what, "no reply in time"))?;
            replies.and_then(|replies| replies.into_iter().collect()).map_err(|error| sorted(what, error))
        });
        task.await.unwrap_or_else(|_| Err(unknown(what, "the runtime is stopping")))
    }
}

impl Live {
    fn is_lost<E>(&self, replies: &Result<RedisResult<Vec<RedisResult<Value>>>, E>) -> bool {
        match replies {
            // A cluster's connection may not have heard yet that a node was replaced by another.
            Err(_) => true,
            Ok(Err(error)) => is_of_no_use(error),
            Ok(Ok(_)) if self.connection.is_cluster() => false,
            Ok(Ok(replies)) => replies.iter().filter_map(|reply| reply.as_ref().err()).any(is_of_no_use),
        }
    }
}

/// Sends calls, and those again whose script the server does not have: a few with the script's text, then the others.
async fn send(
    connection: &Connection,
    scripts: &Scripts,
    calls: &Pipeline,
) -> RedisResult<Vec<RedisResult<Value>>> {
    let mut replies = connection.send(calls).await?;
    if !replies.iter().any(|reply| lacks_script(Some(reply))) {
        return Ok(replies);
    }
    let calls: Vec<&Cmd> = calls.cmd_iter().collect();
    for _ in 0..SCRIPT_ROUNDS_MAX {
        let lacking: Vec<usize> =
            (0..replies.len()).filter(|&index| lacks_script(replies.get(index))).collect();
        // In a cluster each node may lack it; one call in one of them says nothing of the others.
        let taught = if connection.is_cluster() { CLUSTER_TEXTS_MAX } else { 1 };
        let (by_text, by_digest) = lacking.split_at(taught.min(lacking.len()));
        for (indices, is_by_text) in [(by_text, true), (by_digest, false)] {
            if indices.is_empty() {
                continue;
            }
            let mut again = Pipeline::with_capacity(indices.len());
            for call in indices.iter().filter_map(|&index| calls.get(index)) {
                again.add_command(if is_by_text { scripts.by_text(call) } else { (*call).clone() });
            }
            for (&index, reply) in indices.iter().zip(connection.send(&again).await?) {
                if let Some(place) = replies.get_mut(index) {
                    *place = reply;
                }
            }
        }
        if lacking.is_empty() {
            break;
        }
    }
    Ok(replies)
}

fn lacks_script(reply: Option<&RedisResult<Value>>) -> bool {
    reply.and_then(|reply| reply.as_ref().err()).is_some_and(is_no_script)
}

/// Keeps a connection: makes it, watches it, makes it anew.
struct Keeper {
    servers: Arc<Servers>,
    live: watch::Sender<Option<Live>>,
    lost: watch::Receiver<u64>,
}

impl Keeper {
    async fn run(mut self) {
        let (mut pause, mut number) = (PAUSE_MIN, 0);
        let mut is_told = false;
        loop {
            match self.servers.connect().await {
                Ok(connection) => {
                    tracing::info!("hot store connected");
                    (number, is_told) = (number + 1, false);
                    let live = Live { connection, number };
                    self.live.send_replace(Some(live.clone()));
                    if self.until_lost(&live).await {
                        pause = PAUSE_MIN;
                    }
                    // A cluster's connection still serves the nodes that are well until the next one is there.
                    if !live.connection.is_cluster() {
                        self.live.send_replace(None);
                    }
                    tracing::warn!("hot store lost, connecting again");
                }
                Err(error) => {
                    self.live.send_replace(None);
                    tell(&error, &mut is_told);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Waits until a call says that the connection is lost, or until it leads to no master any more. True when it was
    /// good for a while.
    async fn until_lost(&mut self, live: &Live) -> bool {
        let mut was_good = live.connection.is_cluster();
        if was_good {
            // Its other nodes are well while one does not answer; asking them all who is who can wait a little.
            sleep(CLUSTER_AGE_MIN).await;
        }
        loop {
            tokio::select! {
                () = said(&mut self.lost, |&lost| lost >= live.number) => return was_good,
                () = sleep(CHECK_EVERY) => {
                    if !live.connection.is_good(self.servers.patience()).await {
                        return was_good;
                    }
                    was_good = true;
                }
            }
        }
    }
}

/// Waits until a channel says this, or says nothing any more. It lends nothing out.
pub(super) async fn said<T>(channel: &mut watch::Receiver<T>, is_said: impl FnMut(&T) -> bool) {
    // Whoever could say it is gone when the store is.
    let _ = channel.wait_for(is_said).await;
}

/// Says once per outage why there is no connection.
fn tell(error: &RedisError, is_told: &mut bool) {
    if *is_told {
        tracing::debug!(%error, "hot store still not reached");
    } else {
        tracing::warn!(%error, "hot store not reached, will go on trying");
    }
    *is_told = true;
}

/// Between two tries to connect: at first, and in the end.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How often the server is asked whether it is still the master. A failover that breaks no connection shows so too.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// A cluster's connection is not replaced before it is so old.
const CLUSTER_AGE_MIN: Duration = Duration::from_secs(2);
/// Scripts may be flushed again while they are sent again.
const SCRIPT_ROUNDS_MAX: usize = 8;
/// Calls with the script's text in a round, a few KB each: enough to reach most nodes that lack it.
const CLUSTER_TEXTS_MAX: usize = 16;
