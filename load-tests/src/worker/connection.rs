//! A connection with the sessions that are open on it.

use std::{io, net::SocketAddr, rc::Rc, time::Instant};

use playhead_client::transport::{TargetError, Transport};
use playhead_proto::ingest::v1 as proto;
use tonic::transport::Endpoint;

use super::Part as Worked;

use crate::{
    edge::{
        connect::Stream,
        http::Caller,
        publish,
        queue::{Part, Queue},
    },
    play::{BoxOffice, Playing},
    scenario::{Edge, Load, Port},
    stage::Stage,
};

/// A connection.
pub(super) struct Connection {
    /// Which of the scenario's loads it belongs to.
    pub(super) load: usize,
    /// How many connections that load has.
    pub(super) connections: u32,
    edge: Edge,
    reconnects: bool,
    events_per_message: usize,
    sessions_per_message: usize,
    seats: Vec<Option<Seat>>,
    line: Line,
    turns: u64,
    /// Which seat is next.
    next_seat: usize,
    /// Events that messages at sessions' ends were short of.
    owed: usize,
}

/// Where a worker's connections lead.
pub(super) struct Lines {
    grpc: Endpoint,
    http: SocketAddr,
    grpc_streams: Transport,
    /// All its connections share a socket.
    quic_streams: Option<Transport>,
}

/// What leads to the server.
enum Line {
    /// A stream per session.
    Streams(Transport),
    /// Calls, one after the other.
    Calls(Rc<Queue>),
}

/// An open session.
struct Seat {
    playing: Playing,
    /// On Connect, its stream.
    stream: Option<Rc<Stream>>,
}

impl Connection {
    pub(super) fn open(stage: &Rc<Stage>, load: &Load, at: usize, lines: &Lines) -> io::Result<Self> {
        let line = lines.line(stage, load)?;
        Ok(Self {
            load: at,
            connections: load.connections,
            edge: load.edge,
            reconnects: load.reconnect,
            events_per_message: load.events_per_message as usize,
            sessions_per_message: load.sessions_per_message as usize,
            seats: (0..load.sessions_per_connection).map(|_| None).collect(),
            line,
            turns: 0,
            next_seat: 0,
            owed: 0,
        })
    }

    /// How many messages were planned so far.
    #[expect(clippy::cast_precision_loss, reason = "messages of a run are far below 2^53")]
    pub(super) fn turns(&self) -> f64 {
        self.turns as f64
    }

    /// Sends the next message.
    pub(super) fn send(&mut self, stage: &Rc<Stage>, office: &mut BoxOffice, due: Instant) {
        self.turns += 1;
        let wanted = self.events_per_message + self.owed.min(self.events_per_message);
        if !stage.hold(wanted) {
            stage.tally().unsent(due, self.events_per_message, "CLIENT_FULL");
            return;
        }
        let now = Instant::now();
        let mut parts = Vec::with_capacity(self.sessions_per_message);
        let mut left = wanted;
        for sessions_left in (1..=self.sessions_per_message).rev() {
            let events = left.div_ceil(sessions_left).min(MESSAGE_EVENTS_MAX);
            left -= self.play(stage, office, due, events, &mut parts);
        }
        stage.release(left);
        self.owed = (self.owed + self.events_per_message).saturating_sub(wanted - left);
        stage.tally().sent(due, now, wanted - left);
        if let Line::Calls(queue) = &self.line {
            queue.offer(parts, due);
        }
    }

    /// Lets some events happen in the next session, and says how many did.
    fn play(
        &mut self,
        stage: &Rc<Stage>,
        office: &mut BoxOffice,
        due: Instant,
        events: usize,
        parts: &mut Vec<Part>,
    ) -> usize {
        let at = self.next_seat;
        self.next_seat = (at + 1) % self.seats.len().max(1);
        self.sit(stage, office, at);
        let Some(place) = self.seats.get_mut(at) else { return 0 };
        let Some(seat) = place else { return 0 };
        let happened = seat.playing.happen(events, stage.clock.unix_ms(due));
        let count = happened.len();
        seat.hand_over(happened, due, parts);
        if seat.playing.is_over() {
            seat.finish();
            *place = None;
        }
        count
    }

    /// Begins a session on a free seat. On Connect that opens its stream, before it has anything to say.
    pub(super) fn sit(&mut self, stage: &Rc<Stage>, office: &mut BoxOffice, at: usize) {
        let Some(place @ None) = self.seats.get_mut(at) else { return };
        let playing = office.begin(&stage.names, self.edge);
        stage.begin(&playing.session, self.edge);
        let stream = match &self.line {
            Line::Streams(transport) => Some(stream(stage, &playing, transport, self.edge, self.reconnects)),
            Line::Calls(_) => None,
        };
        *place = Some(Seat { playing, stream });
    }

    /// How many sessions may be open at a time.
    pub(super) fn seats(&self) -> usize {
        self.seats.len()
    }

    /// Nothing new will come.
    pub(super) fn finish(&self) {
        self.seats.iter().flatten().for_each(Seat::finish);
        if let Line::Calls(queue) = &self.line {
            queue.finish();
        }
    }
}

impl Seat {
    fn hand_over(&self, events: Vec<proto::Event>, due: Instant, parts: &mut Vec<Part>) {
        match &self.stream {
            Some(stream) => stream.offer(events, due),
            None => parts.push(Part { session: Rc::clone(&self.playing.session), events }),
        }
    }

    fn finish(&self) {
        if let Some(stream) = &self.stream {
            stream.finish();
        }
    }
}

impl Lines {
    pub(super) fn of(part: &Worked) -> Result<Self, TargetError> {
        let goes_by_quic = part.scenario.goes_to(Port::Quic);
        Ok(Self {
            grpc: part.grpc.clone(),
            http: part.http,
            grpc_streams: part.streams.grpc()?,
            quic_streams: goes_by_quic.then(|| part.streams.quic()).transpose()?,
        })
    }

    fn line(&self, stage: &Rc<Stage>, load: &Load) -> io::Result<Line> {
        let queue = || Queue::new(Rc::clone(stage), load.resend);
        Ok(match load.edge {
            Edge::GrpcConnect => Line::Streams(self.grpc_streams.another()),
            Edge::QuicStream | Edge::QuicDatagram => {
                let transport = self.quic_streams.as_ref();
                Line::Streams(
                    transport.ok_or_else(|| io::Error::other("no load was to go by QUIC"))?.another(),
                )
            }
            Edge::GrpcPublish => {
                let queue = queue();
                tokio::task::spawn_local(publish::run(Rc::clone(&queue), self.grpc.connect_lazy()));
                Line::Calls(queue)
            }
            edge @ (Edge::HttpJson | Edge::HttpProtobuf | Edge::Cmcd) => {
                let (queue, server, reconnects) = (queue(), self.http, load.reconnect);
                let caller = Caller { queue: Rc::clone(&queue), server, edge, reconnects };
                tokio::task::spawn_local(caller.run());
                Line::Calls(queue)
            }
        })
    }
}

/// Begins a session's stream.
fn stream(
    stage: &Rc<Stage>,
    playing: &Playing,
    transport: &Transport,
    edge: Edge,
    reconnects: bool,
) -> Rc<Stream> {
    let stream = Stream::new(Rc::clone(stage), Rc::clone(&playing.session), edge == Edge::QuicDatagram);
    tokio::task::spawn_local(Rc::clone(&stream).run(transport.clone(), reconnects));
    stream
}

/// What a server takes of one session in one message.
const MESSAGE_EVENTS_MAX: usize = 1_000;
