//! The script over HTTP, as far as single requests can say it: each batch is a request of its own, and answers come as
//! they are done.

use ::http::{Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use playhead_ingest::edge::http::{self as edge, Options};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::*;

behaviours::script! { Requests:
    an_acknowledged_event_is_stored_and_may_play
    a_repeat_changes_nothing
    a_bad_event_is_refused_alone
    a_full_server_says_from_where_to_go_on
    a_field_of_the_session_that_is_wrong_is_named
}

/// A served engine.
struct Requests {
    host: Host,
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Way for Requests {
    type Line = RequestLine;

    async fn start(settings: Settings) -> Self {
        let host = Host::start(settings).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/events", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let doors = host.doors();
        let served = tokio::spawn(async move {
            edge::serve(doors, listener, Options::default(), async { drop(stopped.await) }).await
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { host, url, client, stop: Some(stop), served }
    }

    fn host(&self) -> &Host {
        &self.host
    }

    async fn open(&self, token: &str) -> RequestLine {
        let (answer, answers) = mpsc::channel(ANSWERS_MAX);
        let hello = proto::Hello::default();
        RequestLine {
            client: self.client.clone(),
            url: self.url.clone(),
            token: token.to_owned(),
            hello,
            answer,
            answers,
        }
    }

    fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    async fn has_stopped(&mut self) {
        within(&mut self.served).await.unwrap().unwrap();
    }
}

type Answer = Result<server_frame::Frame, End>;

/// Requests of one session.
struct RequestLine {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    token: String,
    hello: proto::Hello,
    answer: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
}

impl Line for RequestLine {
    async fn send_bytes(&mut self, frame: Vec<u8>) {
        panic!("a request has no frames, such as {frame:?}");
    }

    /// There is none: every request says what a Hello would.
    async fn hello(&mut self, hello: proto::Hello) {
        self.hello = hello;
        let welcome = proto::Welcome {
            protocol_version: 1,
            next_beat_ms: 10_000,
            verdict: proto::Verdict::Play.into(),
            ..proto::Welcome::default()
        };
        // A session that is wrong is told with the first events, not before.
        if self.hello.session == Some(crate::grpc::playing("s1")) {
            self.answer.send(Ok(server_frame::Frame::Welcome(welcome))).await.unwrap();
        }
    }

    async fn send_events(&mut self, events: Vec<proto::Event>) {
        let from_seq = events.iter().map(|event| event.seq).min().unwrap();
        let proto::Hello { session, sent_at_ms, .. } = self.hello.clone();
        let batch = proto::SessionEvents { session, sent_at_ms, events, ..proto::SessionEvents::default() };
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header("content-type", "application/x-protobuf")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Full::new(Bytes::from(batch.encode_to_vec())))
            .unwrap();
        let (answer, asked) = (self.answer.clone(), self.client.request(request));
        tokio::spawn(async move {
            let (parts, body) = asked.await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            // Nobody listens any more when the test is over.
            let _ = answer.send(told(parts.status, &body, from_seq)).await;
        });
    }

    async fn next(&mut self) -> Answer {
        self.answers.recv().await.unwrap()
    }

    async fn close(&mut self) {}
}

/// More than any behaviour leaves unread.
const ANSWERS_MAX: usize = 16;

fn told(status: StatusCode, body: &Bytes, from_seq: u64) -> Answer {
    let ack = |ack| Ok(server_frame::Frame::Ack(ack));
    if status == StatusCode::OK {
        let outcome = proto::SessionOutcome::decode(body.clone()).unwrap();
        return ack(proto::Ack {
            acked_through_seq: outcome.acked_through_seq,
            rejected: outcome.rejected,
            busy: outcome.busy,
            next_beat_ms: outcome.next_beat_ms,
            verdict: outcome.verdict,
        });
    }
    let error = &serde_json::from_slice::<Value>(body).unwrap()["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    if text("reason") == "BUSY" {
        let retry_after_ms = error["retry_after_ms"].as_u64().unwrap() as u32;
        let busy = Some(proto::Busy { retry_after_ms, from_seq });
        return ack(proto::Ack { busy, ..proto::Ack::default() });
    }
    assert_eq!(text("code"), "INVALID_ARGUMENT");
    Err(End::at_fault(3, text("reason"), text("field"), text("value"), text("allowed")))
}
