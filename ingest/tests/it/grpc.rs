//! The gRPC edge over a real socket, before a real engine.

mod connect;
mod playback;
mod publish;
mod serving;

use std::{net::SocketAddr, str::FromStr, time::Duration};

use bytes::Bytes;
use playhead_ingest::{edge::grpc, settings::Settings, tally::Count};
use playhead_proto::{
    ingest::v1::{self as proto, ingest_service_client::IngestServiceClient},
    playback::v1::{self as reads, playback_service_client::PlaybackServiceClient},
};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::{ErrorDetail, StatusExt as _};

use crate::host::{Host, now_ms};

/// A served engine.
pub struct Site {
    pub host: Host,
    address: SocketAddr,
    channel: Channel,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), grpc::ServeError>>,
}

impl Site {
    async fn start() -> Self {
        Self::with(Settings::default(), grpc::Options::default()).await
    }

    pub async fn with(settings: Settings, options: grpc::Options) -> Self {
        let host = Host::start(settings).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let doors = host.doors();
        let served = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap_or(()) };
            grpc::serve(doors, listener, options, shutdown).await
        });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { host, address, channel, stop: Some(stop), served }
    }

    pub fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn has_stopped(&mut self) {
        within(&mut self.served).await.unwrap().unwrap();
    }

    fn ingest(&self) -> IngestServiceClient<Channel> {
        IngestServiceClient::new(self.channel.clone())
    }

    fn playback(&self) -> PlaybackServiceClient<Channel> {
        PlaybackServiceClient::new(self.channel.clone())
    }

    /// A stream of ann's that has sent nothing yet.
    async fn stream(&self) -> Stream {
        self.stream_of("ann").await.unwrap()
    }

    /// A stream of whoever has this token, that has sent nothing yet.
    pub async fn stream_of(&self, token: &str) -> Result<Stream, Status> {
        let (frames, sent) = mpsc::channel(8_192);
        let answer = call_streaming(&self.channel, token, ReceiverStream::new(sent)).await?;
        Ok(Stream { frames, answer })
    }

    /// A stream of ann's whose session is open.
    async fn talk(&self, session: &str) -> Stream {
        let mut stream = self.stream().await;
        stream.send(hello(session)).await;
        match stream.next().await.unwrap() {
            proto::server_frame::Frame::Welcome(welcome) => assert_eq!(welcome.protocol_version, 1),
            other => panic!("{other:?}"),
        }
        stream
    }

    async fn position(&self, item: &str) -> Result<reads::Position, Status> {
        let request = reads::GetPositionRequest { user_id: "ann".into(), item_id: item.into() };
        Ok(self.playback().get_position(by("ann", request)).await?.into_inner().position.unwrap())
    }

    async fn events(&self, session: &str) -> Vec<proto::Event> {
        let request = reads::GetSessionRequest {
            user_id: "ann".into(),
            session_id: session.into(),
            ..reads::GetSessionRequest::default()
        };
        self.playback().get_session(by("ann", request)).await.unwrap().into_inner().events
    }

    /// The counts once every event has its ending.
    async fn at_rest(&self) -> Count {
        within(async {
            loop {
                let count = self.host.engine.tally().count();
                if count.held() == 0 {
                    return count;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// A hang is a failure too.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("no answer")
}

/// Far more than any answer takes, on however busy a machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One side of a Connect, which may also send bytes that are no frame.
pub struct Stream {
    pub frames: mpsc::Sender<Bytes>,
    answer: Streaming<proto::ServerFrame>,
}

impl Stream {
    async fn send(&self, frame: proto::client_frame::Frame) {
        self.send_bytes(proto::ClientFrame { frame: Some(frame) }.encode_to_vec()).await;
    }

    pub async fn send_bytes(&self, bytes: Vec<u8>) {
        // A stream that the server ended takes none: its end says why.
        let _ = self.frames.send(bytes.into()).await;
    }

    pub async fn next(&mut self) -> Result<proto::server_frame::Frame, Status> {
        let frame = within(self.answer.message()).await?.ok_or_else(|| Status::ok("the end"))?;
        Ok(frame.frame.unwrap())
    }

    async fn ack(&mut self) -> proto::Ack {
        match self.next().await.unwrap() {
            proto::server_frame::Frame::Ack(ack) => ack,
            other => panic!("{other:?}"),
        }
    }

    /// The first Ack that goes this far. Refusals on the way are collected in it.
    async fn acked_through(&mut self, seq: u64) -> proto::Ack {
        let mut refused = Vec::new();
        loop {
            let mut ack = self.ack().await;
            refused.append(&mut ack.rejected);
            if ack.acked_through_seq >= seq {
                ack.rejected = refused;
                return ack;
            }
        }
    }

    /// How the stream ends, whatever comes before.
    async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.next().await {
                return status;
            }
        }
    }
}

fn hello(session: &str) -> proto::client_frame::Frame {
    proto::client_frame::Frame::Hello(hello_of(session))
}

pub fn hello_of(session: &str) -> proto::Hello {
    let session = Some(playing(session));
    proto::Hello { protocol_version: 1, session, sent_at_ms: now_ms(), ..proto::Hello::default() }
}

pub fn playing(session: &str) -> proto::Session {
    proto::Session {
        session_id: session.into(),
        item_id: "movie".into(),
        item_kind: proto::ItemKind::Movie.into(),
        duration_ms: Some(6_000_000),
        credits_ms: None,
    }
}

pub fn events(events: Vec<proto::Event>) -> proto::client_frame::Frame {
    proto::client_frame::Frame::Events(proto::EventBatch { sent_at_ms: now_ms(), events })
}

/// A beat at second `seq` of the item.
pub fn beat(seq: u64) -> proto::Event {
    proto::Event {
        kind: proto::EventKind::Beat.into(),
        seq,
        at_ms: now_ms(),
        position_ms: Some(i64::try_from(seq).unwrap() * 1_000),
        ..proto::Event::default()
    }
}

/// A request with a bearer token; an empty one is a service's.
fn by<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        let value = MetadataValue::from_str(&format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Code, reason, and the field and description of a BadRequest. Panics unless there is exactly one ErrorInfo.
#[track_caller]
pub(crate) fn told(status: &Status) -> (Code, String, String, String) {
    let details = status.get_error_details_vec();
    let infos: Vec<_> = details
        .iter()
        .filter_map(|detail| match detail {
            ErrorDetail::ErrorInfo(info) => Some(info),
            _ => None,
        })
        .collect();
    let [info] = infos[..] else { panic!("{status:?}") };
    assert_eq!(info.domain, "playhead");
    let violation = details.iter().find_map(|detail| match detail {
        ErrorDetail::BadRequest(bad) => bad.field_violations.first().cloned(),
        _ => None,
    });
    let (field, description) = violation.map(|bad| (bad.field, bad.description)).unwrap_or_default();
    (status.code(), info.reason.clone(), field, description)
}

#[track_caller]
fn assert_told(status: &Status, code: Code, reason: &str, field: &str, description: &str) {
    let expect = (code, reason.to_owned(), field.to_owned(), description.to_owned());
    assert_eq!(told(status), expect, "{status:?}");
}

#[track_caller]
pub fn retry_after_ms(status: &Status) -> u128 {
    status.get_details_retry_info().unwrap().retry_delay.unwrap().as_millis()
}

/// Sends bytes as they are, and reads messages.
struct RawCodec<M>(std::marker::PhantomData<M>);

struct RawEncoder;

struct MessageDecoder<M>(std::marker::PhantomData<M>);

impl<M: prost::Message + Default + 'static> Codec for RawCodec<M> {
    type Encode = Bytes;
    type Decode = M;
    type Encoder = RawEncoder;
    type Decoder = MessageDecoder<M>;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder
    }

    fn decoder(&mut self) -> MessageDecoder<M> {
        MessageDecoder(std::marker::PhantomData)
    }
}

impl Encoder for RawEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(buffer, bytes);
        Ok(())
    }
}

impl<M: prost::Message + Default> Decoder for MessageDecoder<M> {
    type Item = M;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<M>, Status> {
        Ok(Some(M::decode(buffer).unwrap()))
    }
}

pub(crate) async fn call_streaming(
    channel: &Channel,
    token: &str,
    frames: ReceiverStream<Bytes>,
) -> Result<Streaming<proto::ServerFrame>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = "/playhead.ingest.v1.IngestService/Connect".parse().unwrap();
    let codec = RawCodec(std::marker::PhantomData);
    Ok(client.streaming(by(token, frames), path, codec).await?.into_inner())
}

/// Calls a unary method with these bytes as its request.
pub(crate) async fn call_raw<M: prost::Message + Default + 'static>(
    channel: &Channel,
    token: &str,
    path: &'static str,
    bytes: Vec<u8>,
) -> Result<M, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = RawCodec(std::marker::PhantomData);
    let path = http::uri::PathAndQuery::from_static(path);
    Ok(client.unary(by(token, Bytes::from(bytes)), path, codec).await?.into_inner())
}

/// A length-delimited field.
pub fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut field);
    field.extend_from_slice(bytes);
    field
}

/// An event whose error code is no UTF-8.
fn bad_text(seq: u8) -> Vec<u8> {
    [&[0x08, 2, 0x10, seq][..], &field(11, b"\xff\xfe")].concat()
}
