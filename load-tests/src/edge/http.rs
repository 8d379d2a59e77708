//! HTTP/1.1 with keep-alive: one request at a time per connection, as `POST /v1/events` in JSON or protobuf, or as CMCD
//! reports.

use std::{
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use playhead_proto::ingest::v1::SessionOutcome;
use prost::Message;
use tokio::net::TcpStream;

use super::{
    cmcd,
    publish::{outcome, session_events},
    queue::{Answer, Call, Part, Queue},
};
use crate::{scenario::Edge, stage::back_off};

mod json;

/// A connection to a server, made anew when it breaks.
pub(crate) struct Caller {
    pub(crate) queue: Rc<Queue>,
    pub(crate) server: SocketAddr,
    pub(crate) edge: Edge,
    pub(crate) reconnects: bool,
}

type Sender = SendRequest<Full<Bytes>>;

impl Caller {
    /// Sends a connection's calls until there is nothing left.
    pub(crate) async fn run(self) {
        let mut sender = None;
        while let Some(call) = self.queue.next().await {
            let Some(ready) = self.connected(sender.take()).await else { return };
            sender = self.one(ready, call).await;
        }
    }

    /// A connection that takes a request; `None` when it broke and is not to be made again.
    async fn connected(&self, sender: Option<Sender>) -> Option<Sender> {
        let was_there = sender.is_some();
        if let Some(mut sender) = sender
            && sender.ready().await.is_ok()
        {
            return Some(sender);
        }
        let mut tries = 0;
        loop {
            if was_there && !self.reconnects {
                return None;
            }
            match connect(self.server).await {
                Ok(sender) => return Some(sender),
                Err(_) => self.queue.stage.tally().broke("UNREACHABLE"),
            }
            tokio::time::sleep(back_off(tries, 0.5)).await;
            tries += 1;
        }
    }

    /// Sends one call and settles it. Hands the connection back if it still is one.
    async fn one(&self, mut sender: Sender, call: Call) -> Option<Sender> {
        let sent = Instant::now();
        let Some(request) = call.parts.first().and_then(|part| self.request(part, sent)) else {
            self.queue.settle(call, sent, Answer::Rejected("UNWRITABLE".to_owned()));
            return Some(sender);
        };
        let answer = exchange(&mut sender, request).await;
        let (answer, sender) = match answer {
            Ok((status, body)) => (self.answer(status, &body), Some(sender)),
            Err(_) => (Answer::Failed("BROKEN_OFF".to_owned()), None),
        };
        self.queue.settle(call, sent, answer);
        sender
    }

    fn request(&self, part: &Part, now: Instant) -> Option<Request<Full<Bytes>>> {
        let session = &part.session;
        let now_ms = self.queue.stage.clock.unix_ms(now);
        let viewer = format!("{}:{}:{}", session.user, session.user, session.device);
        let (path, kind, body) = match self.edge {
            Edge::HttpJson => (EVENTS.to_owned(), "application/json", json::body(part, now_ms)?),
            Edge::HttpProtobuf => {
                (EVENTS.to_owned(), "application/x-protobuf", session_events(part, now_ms).encode_to_vec())
            }
            _ => (format!("/v1/cmcd/{viewer}"), "application/cmcd", cmcd::body(part).into_bytes()),
        };
        Request::post(path)
            .header(header::HOST, "playhead")
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, format!("Bearer {viewer}"))
            .body(Full::from(body))
            .ok()
    }

    fn answer(&self, status: StatusCode, body: &Bytes) -> Answer {
        match (self.edge, status) {
            (Edge::Cmcd, StatusCode::NO_CONTENT) => Answer::Accepted,
            (Edge::HttpProtobuf, StatusCode::OK) => match SessionOutcome::decode(body.clone()) {
                Ok(said) => Answer::Outcomes(vec![outcome(&said)]),
                Err(_) => Answer::Failed("UNREADABLE_ANSWER".to_owned()),
            },
            (_, StatusCode::OK) => json::outcome(body),
            _ => json::failure(status, body),
        }
    }
}

async fn connect(server: SocketAddr) -> Result<Sender, Box<dyn std::error::Error>> {
    let stream = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(server)).await??;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the connection; why it broke is told to the request that was on its way.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn exchange(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), hyper::Error> {
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok((head.status, body.collect().await?.to_bytes()))
}

const EVENTS: &str = "/v1/events";
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
