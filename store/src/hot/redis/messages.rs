//! What nodes tell each other: publish and subscribe, over a connection of its own.
//!
//! Nothing is promised: a message that is lost costs a kick a beat, and a cache its time to live.

use super::{
    connect::{Connection, Servers, within},
    keys::Keys,
    kicks,
    link::{Link, Live, said},
};
use crate::lease::Kick;
use futures_util::StreamExt;
use redis::{Msg, RedisResult, Value};
use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
    time::sleep,
};

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A session must stop.
    Kicks,
    /// Something that caches hold has changed.
    Stale,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kicks, Self::Stale];

    fn name(self) -> &'static str {
        match self {
            Self::Kicks => "kicks",
            Self::Stale => "stale",
        }
    }
}

/// What a node said to all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub topic: Topic,
    /// What it says, as its publisher wrote it.
    pub payload: Arc<[u8]>,
}

/// Hears messages from the first subscription on.
pub(super) struct Messages {
    servers: Arc<Servers>,
    channels: [(Topic, String); 2],
    heard: broadcast::Sender<Message>,
    /// Kicks of this node and of the others.
    kicks: broadcast::Sender<Kick>,
    /// Of this node, unlike any other's.
    node: u64,
    listener: OnceLock<JoinSet<()>>,
}

impl Messages {
    pub(super) fn new(servers: Arc<Servers>, keys: &Keys, node: u64) -> Self {
        let channels = Topic::ALL.map(|topic| (topic, keys.channel(topic.name())));
        let (heard, _) = broadcast::channel(MESSAGES_MAX);
        let kicks = broadcast::Sender::new(MESSAGES_MAX);
        Self { servers, channels, heard, kicks, node, listener: OnceLock::new() }
    }

    /// The channel of a topic.
    pub(super) fn channel(&self, topic: Topic) -> &str {
        self.channels.iter().find(|(one, _)| *one == topic).map_or("", |(_, channel)| channel)
    }

    /// Kicks of all nodes from now on.
    pub(super) fn kicks(&self, link: &Link) -> broadcast::Receiver<Kick> {
        let kicks = self.kicks.subscribe();
        drop(self.subscribe(link));
        kicks
    }

    /// Tells this node of kicks, at once; the script told the others.
    pub(super) fn tell(&self, kicks: Vec<Kick>) {
        for kick in kicks {
            // That nobody listens at the moment is no error.
            let _ = self.kicks.send(kick);
        }
    }

    pub(super) fn subscribe(&self, link: &Link) -> broadcast::Receiver<Message> {
        self.listener.get_or_init(|| {
            let listener = Listener {
                servers: Arc::clone(&self.servers),
                channels: self.channels.clone(),
                heard: self.heard.clone(),
                kicks: self.kicks.clone(),
                node: self.node,
                live: link.live(),
            };
            let mut listeners = JoinSet::new();
            listeners.spawn_on(listener.run(), link.runtime());
            listeners
        });
        self.heard.subscribe()
    }
}

/// Subscribes, passes messages on, and subscribes again.
struct Listener {
    servers: Arc<Servers>,
    channels: [(Topic, String); 2],
    heard: broadcast::Sender<Message>,
    kicks: broadcast::Sender<Kick>,
    node: u64,
    live: watch::Receiver<Option<Live>>,
}

impl Listener {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        for attempt in 0_usize.. {
            // Where calls find a server, messages do too; and they should find the same.
            let Ok(live) = self.live.wait_for(Option::is_some).await.map(|live| live.clone()) else { return };
            let index = match live.as_ref().map(|live| &live.connection) {
                Some(Connection::Master(_, index)) => *index,
                Some(Connection::Cluster(_)) | None => attempt,
            };
            let number = live.map_or(0, |live| live.number);
            match self.listen(index, number, &mut pause).await {
                Ok(()) => tracing::debug!("messages of the hot store move to another connection"),
                Err(error) => tracing::debug!(%error, "messages of the hot store are lost for a while"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Listens at a server until that fails, or until calls go elsewhere.
    async fn listen(&mut self, index: usize, number: u64, pause: &mut Duration) -> RedisResult<()> {
        let mut connection = self.servers.connect_for_messages(index).await?;
        let names: Vec<&str> = self.channels.iter().map(|(_, channel)| &**channel).collect();
        within(self.servers.patience(), connection.subscribe(names)).await?;
        *pause = PAUSE_MIN;
        let (mut sink, mut stream) = connection.split();
        let to = (&self.channels, &self.heard, &self.kicks, self.node);
        let is_other = |live: &Option<Live>| live.as_ref().is_none_or(|live| live.number != number);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => pass_on(&message, to),
                    None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                },
                () = sleep(PING_EVERY) => {
                    within(self.servers.patience(), sink.ping::<Value>()).await?;
                }
                () = said(&mut self.live, is_other) => return Ok(()),
            }
        }
    }
}

/// Where messages go: by their channels, to whoever listens; kicks of this node were told already.
type To<'a> = (&'a [(Topic, String); 2], &'a broadcast::Sender<Message>, &'a broadcast::Sender<Kick>, u64);

fn pass_on(message: &Msg, (channels, heard, kicks, node): To<'_>) {
    let topic = channels.iter().find(|(_, channel)| channel == message.get_channel_name());
    let Some(&(topic, _)) = topic else { return };
    let payload = message.get_payload_bytes();
    // That nobody listens at the moment is no error, nor that another version's kick is not understood.
    if topic == Topic::Kicks
        && let Ok((from, kick)) = kicks::from_bytes(payload)
        && from != node
    {
        let _ = kicks.send(kick);
    }
    let _ = heard.send(Message { topic, payload: payload.into() });
}

/// Messages that wait for the slowest receiver; then it misses the oldest.
const MESSAGES_MAX: usize = 1_024;
/// How often a quiet connection is tried.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Between two tries to subscribe: at first, and in the end.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
