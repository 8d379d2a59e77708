//! What nodes tell each other: publish and subscribe, over a connection of its own.
//!
//! Nothing is promised: a message that is lost costs a kick a beat. Whoever listens for what is stale is told when the
//! subscription is there, for the first time or again: what was said before it, nobody may have heard.

use super::{
    connect::{Connection, Servers, within},
    keys::Keys,
    kicks,
    link::{Link, Live, said},
    notices,
};
use crate::{hot::Notice, lease::Kick};
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
    ears: Ears,
    listener: OnceLock<JoinSet<()>>,
}

/// Who hears messages on this node. Clones are the same.
#[derive(Clone)]
struct Ears {
    channels: [(Topic, String); 2],
    heard: broadcast::Sender<Message>,
    /// Kicks of this node and of the others.
    kicks: broadcast::Sender<Kick>,
    /// What was written, here and on the others.
    stale: broadcast::Sender<Notice>,
    /// Of this node, unlike any other's.
    node: u64,
}

impl Messages {
    pub(super) fn new(servers: Arc<Servers>, keys: &Keys, node: u64) -> Self {
        let channels = Topic::ALL.map(|topic| (topic, keys.channel(topic.name())));
        let (heard, kicks) = (broadcast::Sender::new(MESSAGES_MAX), broadcast::Sender::new(MESSAGES_MAX));
        let stale = broadcast::Sender::new(MESSAGES_MAX);
        let ears = Ears { channels, heard, kicks, stale, node };
        Self { servers, ears, listener: OnceLock::new() }
    }

    /// The channel of a topic.
    pub(super) fn channel(&self, topic: Topic) -> &str {
        self.ears.channels.iter().find(|(one, _)| *one == topic).map_or("", |(_, channel)| channel)
    }

    /// Kicks of all nodes from now on.
    pub(super) fn kicks(&self, link: &Link) -> broadcast::Receiver<Kick> {
        let kicks = self.ears.kicks.subscribe();
        drop(self.subscribe(link));
        kicks
    }

    /// What is written on all nodes, from now on.
    pub(super) fn stale(&self, link: &Link) -> broadcast::Receiver<Notice> {
        let stale = self.ears.stale.subscribe();
        drop(self.subscribe(link));
        stale
    }

    /// Tells this node of kicks, at once; the script told the others.
    pub(super) fn tell(&self, kicks: Vec<Kick>) {
        for kick in kicks {
            // That nobody listens at the moment is no error.
            let _ = self.ears.kicks.send(kick);
        }
    }

    pub(super) fn subscribe(&self, link: &Link) -> broadcast::Receiver<Message> {
        let heard = self.ears.heard.subscribe();
        self.listener.get_or_init(|| {
            let (servers, ears) = (Arc::clone(&self.servers), self.ears.clone());
            let mut listeners = JoinSet::new();
            listeners.spawn_on(Listener { servers, ears, live: link.live() }.run(), link.runtime());
            listeners
        });
        heard
    }
}

impl Ears {
    /// What was said before, nobody may have heard.
    fn open(&self) {
        let _ = self.stale.send(Notice::of_all());
    }

    /// Tells whoever listens; kicks of this node were told already.
    fn hear(&self, message: &Msg) {
        let topic = self.channels.iter().find(|(_, channel)| channel == message.get_channel_name());
        let Some(&(topic, _)) = topic else { return };
        let payload = message.get_payload_bytes();
        // That nobody listens at the moment is no error.
        match topic {
            Topic::Kicks => match kicks::from_bytes(payload) {
                Ok((from, kick)) if from != self.node => drop(self.kicks.send(kick)),
                // That another version's kick is not understood is no error either.
                Ok(_) | Err(_) => {}
            },
            Topic::Stale => {
                let notice = notices::from_bytes(payload).unwrap_or_else(|_| Notice::of_all());
                drop(self.stale.send(notice));
            }
        }
        let _ = self.heard.send(Message { topic, payload: payload.into() });
    }
}

/// Subscribes, passes messages on, and subscribes again.
struct Listener {
    servers: Arc<Servers>,
    ears: Ears,
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
        let names: Vec<&str> = self.ears.channels.iter().map(|(_, channel)| &**channel).collect();
        within(self.servers.patience(), connection.subscribe(names)).await?;
        *pause = PAUSE_MIN;
        self.ears.open();
        let (mut sink, mut stream) = connection.split();
        let is_other = |live: &Option<Live>| live.as_ref().is_none_or(|live| live.number != number);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.ears.hear(&message),
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

/// Messages that wait for the slowest receiver; then it misses the oldest.
const MESSAGES_MAX: usize = 1_024;
/// How often a quiet connection is tried.
const PING_EVERY: Duration = Duration::from_secs(2);
/// Between two tries to subscribe: at first, and in the end.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
