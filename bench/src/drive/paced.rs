//! An open loop: one stream per connection, one event per message, each sent when it is due, whatever has been answered.
//! A latency counts from the moment when its event was due.

use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

use bytes::BytesMut;
use playhead_proto::ingest::v1::server_frame;
use tokio::time::{Instant, sleep_until, timeout};

use super::line::{Client, Line, Via};
use crate::sample;

/// How fast, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Events of all streams together, by the second.
    pub events_per_s: u32,
    /// Sent like all others, and not looked at.
    pub warmup: Duration,
    /// What counts.
    pub lasting: Duration,
}

/// What an open loop saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Events that were acknowledged, those of the warmup included.
    pub events: u64,
    /// From due to acknowledged, warmup excluded.
    pub latencies: Vec<Duration>,
    /// From due to sent, warmup excluded: how late this client was.
    pub lags: Vec<Duration>,
}

/// Open streams.
#[derive(Debug)]
pub struct Paced(Vec<Player>);

impl Paced {
    /// Opens so many connections, each with a welcomed stream.
    ///
    /// # Errors
    /// When the server refuses one.
    pub async fn open(via: Via, address: SocketAddr, connections: usize) -> io::Result<Self> {
        let mut players = Vec::with_capacity(connections);
        for index in 0..connections {
            let client = via.connect(address).await?;
            let line = client.open_session(index).await?;
            players.push(Player {
                line,
                is_by_datagram: via == Via::Datagrams,
                resent_at: Instant::now(),
                _client: client,
                sent: 0,
                under_way: VecDeque::new(),
                seen: Seen::default(),
            });
        }
        Ok(Self(players))
    }

    /// Sends at this pace, each stream in turn, and waits for the last acknowledgements.
    ///
    /// # Errors
    /// When a stream breaks, or an event is refused or not acknowledged within 10 s of the end.
    pub async fn run(self, pace: Pace) -> io::Result<Seen> {
        let players = u32::try_from(self.0.len()).map_err(io::Error::other)?;
        let every = Duration::from_secs(1) * players / pace.events_per_s;
        let started = Instant::now();
        let tasks: Vec<_> = (0..players)
            .zip(self.0)
            .map(|(index, player)| {
                tokio::spawn(player.run(started + every * index / players, every, started, pace))
            })
            .collect();
        let mut all = Seen::default();
        for task in tasks {
            let seen = task.await.map_err(io::Error::other)??;
            all.events += seen.events;
            all.latencies.extend(seen.latencies);
            all.lags.extend(seen.lags);
        }
        Ok(all)
    }
}

/// One session's stream.
#[derive(Debug)]
struct Player {
    line: Line,
    _client: Client,
    /// A datagram may be lost, even between two processes: what is not acknowledged soon is sent again, as players do.
    is_by_datagram: bool,
    resent_at: Instant,
    sent: u64,
    /// When the events were due that are not acknowledged yet, oldest first.
    under_way: VecDeque<Instant>,
    seen: Seen,
}

impl Player {
    async fn run(
        mut self,
        mut due: Instant,
        every: Duration,
        started: Instant,
        pace: Pace,
    ) -> io::Result<Seen> {
        let counts_from = started + pace.warmup;
        let until = counts_from + pace.lasting;
        while due < until {
            tokio::select! {
                biased;
                more = self.line.more() => self.hear(more?, counts_from)?,
                () = sleep_until(due) => {
                    self.send(due).await?;
                    if due >= counts_from {
                        self.seen.lags.push(due.elapsed());
                    }
                    due += every;
                }
            }
        }
        let given_up = Instant::now() + LAST_ACK_MAX;
        while !self.under_way.is_empty() {
            match timeout(RESEND_AFTER, self.line.more()).await {
                Ok(more) => self.hear(more?, counts_from)?,
                Err(_) if Instant::now() > given_up => {
                    return Err(io::Error::other(format!(
                        "event {} was not acknowledged",
                        self.seen.events + 1
                    )));
                }
                Err(_) => self.send_again().await?,
            }
        }
        Ok(self.seen)
    }

    async fn send(&mut self, due: Instant) -> io::Result<()> {
        self.sent += 1;
        self.under_way.push_back(due);
        self.send_event(self.sent).await?;
        self.send_again().await
    }

    /// Sends what should have been acknowledged by now once more.
    async fn send_again(&mut self) -> io::Result<()> {
        let is_late = |since: Instant| since.elapsed() >= RESEND_AFTER;
        if !self.is_by_datagram || !is_late(self.resent_at) {
            return Ok(());
        }
        self.resent_at = Instant::now();
        let late = self.under_way.iter().take_while(|due| is_late(**due)).count() as u64;
        for seq in self.seen.events + 1..=self.seen.events + late {
            self.send_event(seq).await?;
        }
        Ok(())
    }

    async fn send_event(&mut self, seq: u64) -> io::Result<()> {
        let mut out = BytesMut::with_capacity(MESSAGE_BYTES);
        self.line.put(&mut out, &sample::frame(vec![sample::wire_beat(seq, sample::now_ms())]));
        self.line.send(out).await
    }

    /// Takes all answers that have come.
    fn hear(&mut self, has_more: bool, counts_from: Instant) -> io::Result<()> {
        if !has_more {
            return Err(io::Error::other("the stream ended"));
        }
        let now = Instant::now();
        while let Some(answer) = self.line.ready()? {
            let Some(server_frame::Frame::Ack(ack)) = answer.frame else { continue };
            if !ack.rejected.is_empty() || ack.busy.is_some() {
                return Err(io::Error::other(format!("refused: {ack:?}")));
            }
            while self.seen.events < ack.acked_through_seq
                && let Some(due) = self.under_way.pop_front()
            {
                self.seen.events += 1;
                if due >= counts_from {
                    self.seen.latencies.push(now.saturating_duration_since(due));
                }
            }
        }
        Ok(())
    }
}

/// How long an acknowledgement is waited for before a datagram is sent again.
const RESEND_AFTER: Duration = Duration::from_millis(500);
/// How long the last acknowledgement may take.
const LAST_ACK_MAX: Duration = Duration::from_secs(10);
/// About what one message takes.
const MESSAGE_BYTES: usize = 64;
