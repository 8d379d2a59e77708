//! One engine behind gRPC and HTTP, and what a caller is told by them.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use playhead_ingest::{
    edge::{grpc, http as edge_http},
    identity::Verifier,
    settings::Settings,
};
use playhead_proto::ingest::v1 as proto;
use prost::Message;
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::{
    grpc::{call_raw, call_streaming, told, within},
    host::Host,
};

pub struct Edges {
    pub host: Host,
    pub channel: Channel,
    http: String,
    client: Client<HttpConnector, Full<Bytes>>,
    serving: [Serving; 2],
}

/// A task that ends with its owner.
pub struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A stream that is open.
pub struct Talk {
    frames: mpsc::Sender<Bytes>,
    answers: Streaming<proto::ServerFrame>,
}

impl Talk {
    pub async fn send(&self, events: Vec<proto::Event>) {
        let batch = proto::EventBatch { sent_at_ms: 0, events };
        let frame = proto::ClientFrame { frame: Some(proto::client_frame::Frame::Events(batch)) };
        self.frames.send(frame.encode_to_vec().into()).await.unwrap();
    }

    pub async fn next(&mut self) -> proto::server_frame::Frame {
        let frame = within(self.answers.message()).await.unwrap().expect("an answer");
        frame.frame.expect("a frame")
    }

    /// Ends the stream, and waits for the server's end.
    pub async fn close(self) {
        let Self { frames, mut answers } = self;
        drop(frames);
        while within(answers.message()).await.unwrap().is_some() {}
    }

    /// The next command, whatever is acknowledged before.
    pub async fn told(&mut self) -> proto::Terminate {
        loop {
            if let proto::server_frame::Frame::Command(command) = self.next().await {
                let Some(proto::command::Command::Terminate(terminate)) = command.command else { panic!() };
                return terminate;
            }
        }
    }

    /// The Ack of this event; no command may come before.
    pub async fn acked(&mut self, seq: u64) -> proto::Ack {
        loop {
            match self.next().await {
                proto::server_frame::Frame::Ack(ack) if ack.acked_through_seq >= seq => return ack,
                proto::server_frame::Frame::Ack(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// How a caller was refused: the same on every edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub code: String,
    pub reason: String,
    pub message: String,
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub challenge: Option<String>,
    pub body: String,
}

impl Edges {
    pub async fn start(verifier: Arc<dyn Verifier>) -> Self {
        Self::over(Host::believing(Settings::default(), verifier).await).await
    }

    /// The edges of this host.
    pub async fn over(host: Host) -> Self {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (grpc, http) = (listen().await, listen().await);
        let (grpc_at, http_at) = (grpc.local_addr().unwrap(), http.local_addr().unwrap());
        let doors = host.doors();
        let serve_grpc = async move {
            let options = grpc::Options::default();
            grpc::serve(doors, grpc, options, std::future::pending()).await.unwrap();
        };
        let doors = host.doors();
        let serve_http = async move {
            let options = edge_http::Options::default();
            edge_http::serve(doors, http, options, std::future::pending()).await.unwrap();
        };
        Self {
            host,
            channel: Endpoint::from_shared(format!("http://{grpc_at}")).unwrap().connect_lazy(),
            http: format!("http://{http_at}"),
            client: Client::builder(TokioExecutor::new()).build_http(),
            serving: [tokio::spawn(serve_grpc), tokio::spawn(serve_http)].map(Serving),
        }
    }

    /// Lets go of all callers, and begins anew on the same folder with a hot store that knows nothing.
    pub async fn restarted(self, verifier: Arc<dyn Verifier>) -> Self {
        let Self { host, serving, .. } = self;
        drop(serving);
        Self::over(host.restarted(Settings::default(), verifier).await).await
    }

    /// Opens a stream of this session that stays open: its client's side, and the Welcome.
    pub async fn open(&self, token: &str, session: &str) -> (Talk, proto::Welcome) {
        let (frames, sent) = mpsc::channel(64);
        let session =
            proto::Session { session_id: session.into(), item_id: "m-1".into(), ..proto::Session::default() };
        let hello = proto::Hello { protocol_version: 1, session: Some(session), ..proto::Hello::default() };
        let hello = proto::ClientFrame { frame: Some(proto::client_frame::Frame::Hello(hello)) };
        frames.send(hello.encode_to_vec().into()).await.unwrap();
        let answers = call_streaming(&self.channel, token, ReceiverStream::new(sent)).await.unwrap();
        let mut talk = Talk { frames, answers };
        match talk.next().await {
            proto::server_frame::Frame::Welcome(welcome) => (talk, welcome),
            other => panic!("{other:?}"),
        }
    }

    /// Opens a stream, which says Hello and sends these events, and waits for its end after the client's: the last Ack,
    /// or why there is none.
    pub async fn connect(
        &self,
        token: &str,
        session: &str,
        item: &str,
        events: Vec<proto::Event>,
    ) -> Result<proto::Ack, Told> {
        let (frames, sent) = mpsc::channel(2);
        let hello = proto::Hello {
            protocol_version: 1,
            session: Some(proto::Session {
                session_id: session.into(),
                item_id: item.into(),
                ..proto::Session::default()
            }),
            ..proto::Hello::default()
        };
        for frame in [
            proto::client_frame::Frame::Hello(hello),
            proto::client_frame::Frame::Events(proto::EventBatch { sent_at_ms: 0, events }),
        ] {
            let frame = proto::ClientFrame { frame: Some(frame) };
            frames.send(frame.encode_to_vec().into()).await.unwrap();
        }
        drop(frames);
        let answer = call_streaming(&self.channel, token, ReceiverStream::new(sent)).await;
        let (mut answer, mut last) = (answer.map_err(|status| of(&status))?, proto::Ack::default());
        while let Some(frame) = answer.message().await.map_err(|status| of(&status))? {
            if let Some(proto::server_frame::Frame::Ack(mut ack)) = frame.frame {
                ack.rejected.splice(0..0, last.rejected);
                last = ack;
            }
        }
        Ok(last)
    }

    /// Calls a unary method.
    pub async fn call<M: Message + Default + 'static>(
        &self,
        token: &str,
        path: &'static str,
        request: &impl Message,
    ) -> Result<M, Told> {
        let answer = call_raw(&self.channel, token, path, request.encode_to_vec()).await;
        answer.map_err(|status| of(&status))
    }

    pub async fn http(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.http))
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let challenge = head.headers.get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        Answer { status: head.status.as_u16(), challenge, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}

impl Answer {
    pub fn told(&self) -> Told {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}", self.body));
        let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        Told { code: text("code"), reason: text("reason"), message: text("message") }
    }
}

fn of(status: &Status) -> Told {
    let (code, reason, ..) = told(status);
    let code = match code {
        tonic::Code::Unauthenticated => "UNAUTHENTICATED",
        tonic::Code::PermissionDenied => "PERMISSION_DENIED",
        tonic::Code::NotFound => "NOT_FOUND",
        tonic::Code::InvalidArgument => "INVALID_ARGUMENT",
        other => panic!("{other:?}: {status:?}"),
    };
    Told { code: code.into(), reason, message: status.message().to_owned() }
}

/// The same event on every edge.
pub fn beat(seq: u64) -> proto::Event {
    proto::Event {
        kind: proto::EventKind::Beat.into(),
        seq,
        position_ms: Some(60_000),
        ..proto::Event::default()
    }
}

/// A batch of one event as JSON.
pub fn json_batch(user: &str, session: &str, item: &str) -> String {
    serde_json::json!({
        "session": { "session_id": session, "item_id": item }, "user_id": user,
        "events": [{ "kind": "BEAT", "seq": 1, "position_ms": 60_000 }],
    })
    .to_string()
}

/// A batch of one event.
pub fn batch(user: &str, session: &str, item: &str) -> proto::SessionEvents {
    proto::SessionEvents {
        session: Some(proto::Session {
            session_id: session.into(),
            item_id: item.into(),
            ..proto::Session::default()
        }),
        user_id: user.into(),
        events: vec![beat(1)],
        ..proto::SessionEvents::default()
    }
}
