//! A server that speaks the wire, keeps events in memory, and misbehaves as told.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use playhead_client::{Backoff, Builder, Client, Event, Token, Trust};
use playhead_proto::ingest::v1::{
    Ack, Busy, ClientFrame, Command, Hello, Rejection, ServerFrame, Terminate, Verdict, Welcome,
    client_frame::Frame, command, server_frame::Frame as Said,
};
use tokio::task::JoinHandle;

mod grpc;
mod quic;

/// How the server misbehaves.
#[derive(Debug, Default, Clone)]
pub(crate) struct Script {
    /// Answers the first frame of events with busy.
    pub(crate) is_busy_once: bool,
    /// Refuses these numbers.
    pub(crate) refuses: BTreeSet<u64>,
    /// Breaks a connection off behind so many events taken on it, without an answer to the last ones.
    pub(crate) breaks_after: Option<usize>,
    /// Takes events and says nothing.
    pub(crate) is_mute: bool,
    /// Loses every so-manieth datagram.
    pub(crate) loses_datagram: Option<usize>,
    /// The only token that it takes.
    pub(crate) token: Option<String>,
    /// Tells each session to stop playing.
    pub(crate) terminates: bool,
}

/// What it has and saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) script: Script,
    /// By session and number.
    pub(crate) stored: BTreeMap<String, BTreeMap<u64, Event>>,
    /// Events that came, with those that came again.
    pub(crate) came: usize,
    pub(crate) datagrams: usize,
    pub(crate) hellos: Vec<Hello>,
    /// Where the client was, whenever something was heard of it.
    pub(crate) addresses: BTreeSet<SocketAddr>,
}

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) trust: Option<Trust>,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What becomes of a stream after a frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Say(Vec<ServerFrame>),
    /// The token is none.
    Unauthenticated,
    /// The connection is gone.
    Break,
}

/// One session's stream, on the server's side.
pub(crate) struct Talk {
    seen: Arc<Mutex<Seen>>,
    hello: Hello,
    taken: usize,
}

impl Server {
    pub(crate) fn quic(script: Script) -> Self {
        let seen = seen(script);
        let (address, certificate, task) = quic::serve(Arc::clone(&seen));
        Self { url: format!("quic://{address}"), trust: Some(Trust::Roots(certificate)), seen, task }
    }

    pub(crate) async fn grpc(script: Script) -> Self {
        let seen = seen(script);
        let (address, task) = grpc::serve(Arc::clone(&seen)).await;
        Self { url: format!("http://{address}"), trust: None, seen, task }
    }

    /// A client of it that loses no time.
    pub(crate) fn client(&self) -> Builder {
        let backoff = Backoff { first: std::time::Duration::from_millis(5), ..Backoff::default() };
        let builder = Client::builder(&self.url).token(Token::fixed("alice")).backoff(backoff);
        match &self.trust {
            Some(trust) => builder.trust(trust.clone()),
            None => builder,
        }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The numbers that it has of a session.
    pub(crate) fn stored(&self, session: &str) -> Vec<u64> {
        self.seen().stored.get(session).map(|events| events.keys().copied().collect()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn seen(script: Script) -> Arc<Mutex<Seen>> {
    Arc::new(Mutex::new(Seen { script, ..Seen::default() }))
}

impl Talk {
    /// Hears the first frame.
    pub(crate) fn greet(seen: &Arc<Mutex<Seen>>, first: ClientFrame, token: &str) -> (Option<Self>, Reply) {
        let Some(Frame::Hello(hello)) = first.frame else { panic!("{first:?} is no hello") };
        let mut now = seen.lock().unwrap();
        now.hellos.push(hello.clone());
        if now.script.token.as_ref().is_some_and(|only| only != token) {
            return (None, Reply::Unauthenticated);
        }
        let welcome = Welcome { next_beat_ms: 700, verdict: Verdict::Play.into(), ..Welcome::default() };
        let mut said = vec![Said::Welcome(welcome)];
        if now.script.terminates {
            let terminate =
                Terminate { reason: "limit".into(), by_device: "tv".into(), ..Default::default() };
            said.push(Said::Command(Command { command: Some(command::Command::Terminate(terminate)) }));
        }
        drop(now);
        let talk = Self { seen: Arc::clone(seen), hello, taken: 0 };
        (Some(talk), Reply::Say(said.into_iter().map(frame).collect()))
    }

    /// Hears another.
    pub(crate) fn hear(&mut self, heard: ClientFrame, is_datagram: bool) -> Reply {
        let Some(Frame::Events(batch)) = heard.frame else { panic!("{heard:?} is no batch") };
        let mut seen = self.seen.lock().unwrap();
        if is_datagram {
            assert!(self.hello.datagrams, "a datagram that was not announced");
            seen.datagrams += 1;
            let nth = seen.datagrams;
            if seen.script.loses_datagram.is_some_and(|every| nth.is_multiple_of(every)) {
                return Reply::Say(Vec::new());
            }
        }
        seen.came += batch.events.len();
        self.taken += batch.events.len();
        let first = batch.events.first().map_or(0, |event| event.seq);
        if std::mem::take(&mut seen.script.is_busy_once) {
            let busy = Busy { retry_after_ms: 30, from_seq: first };
            let acked_through_seq = self.acked_through(&seen);
            return say(Ack { acked_through_seq, busy: Some(busy), ..Ack::default() });
        }
        let refuses = seen.script.refuses.clone();
        let rejected = batch.events.iter().filter(|event| refuses.contains(&event.seq));
        let rejected = rejected.map(|event| Rejection { seq: event.seq, ..Rejection::default() }).collect();
        let session = self.hello.session.clone().unwrap().session_id;
        seen.stored
            .entry(session)
            .or_default()
            .extend(batch.events.into_iter().map(|event| (event.seq, event)));
        if seen.script.breaks_after.is_some_and(|most| self.taken >= most) {
            return Reply::Break;
        }
        match seen.script.is_mute {
            true => Reply::Say(Vec::new()),
            false => say(Ack { acked_through_seq: self.acked_through(&seen), rejected, ..Ack::default() }),
        }
    }

    /// The end of the unbroken run of numbers.
    fn acked_through(&self, seen: &Seen) -> u64 {
        let session = self.hello.session.as_ref().unwrap();
        let from = self.hello.unacked_from_seq.max(1);
        let Some(stored) = seen.stored.get(&session.session_id) else { return from - 1 };
        (from..).find(|seq| !stored.contains_key(seq)).unwrap() - 1
    }
}

fn say(ack: Ack) -> Reply {
    Reply::Say(vec![frame(Said::Ack(ack))])
}

fn frame(said: Said) -> ServerFrame {
    ServerFrame { frame: Some(said) }
}
