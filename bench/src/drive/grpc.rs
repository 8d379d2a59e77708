//! gRPC over HTTP/2 by hand: what a client needs of it and nothing more.

use std::{io, net::SocketAddr};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::{RecvStream, SendStream, client::SendRequest};
use http::Request;
use playhead_proto::ingest::v1::{ServerFrame, server_frame};
use prost::Message;
use tokio::net::TcpStream;

use crate::sample;

/// Opens a connection.
///
/// # Errors
/// When nobody listens.
pub async fn connection(address: SocketAddr) -> io::Result<SendRequest<Bytes>> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let (client, connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
    // A broken connection shows in its streams.
    tokio::spawn(connection);
    Ok(client)
}

/// Begins a call, and says where its messages go and where its answers come from once there are any.
///
/// # Errors
/// When the connection is broken.
pub async fn call(
    client: &SendRequest<Bytes>,
    method: &str,
    bearer: Option<&str>,
) -> io::Result<(SendStream<Bytes>, h2::client::ResponseFuture)> {
    let mut client = client.clone().ready().await.map_err(io::Error::other)?;
    let mut request = Request::post(format!("http://127.0.0.1{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(bearer) = bearer {
        request = request.header("authorization", bearer);
    }
    let request = request.body(()).map_err(io::Error::other)?;
    let (response, send) = client.send_request(request, false).map_err(io::Error::other)?;
    Ok((send, response))
}

/// Opens a Connect stream with session number `index`, and waits for its welcome.
///
/// # Errors
/// When the server refuses it.
pub async fn open_session(
    client: &SendRequest<Bytes>,
    index: usize,
) -> io::Result<(SendStream<Bytes>, Answers)> {
    let (mut send, response) = call(client, CONNECT, Some(&sample::bearer(index))).await?;
    let mut hello = BytesMut::new();
    put(&mut hello, &sample::hello(index));
    send.send_data(hello.freeze(), false).map_err(io::Error::other)?;
    let mut answers = Answers::of(response).await?;
    let welcome = loop {
        match answers.ready::<ServerFrame>()? {
            Some(frame) => break frame,
            None if answers.more().await? => {}
            None => return Err(io::Error::other("no welcome")),
        }
    };
    match welcome.frame {
        Some(server_frame::Frame::Welcome(_)) => Ok((send, answers)),
        other => Err(io::Error::other(format!("no welcome: {other:?}"))),
    }
}

/// Appends a message as it travels.
///
/// # Panics
/// Above 4 GiB.
pub fn put(out: &mut BytesMut, message: &impl Message) {
    out.put_u8(0);
    out.put_u32(u32::try_from(message.encoded_len()).expect("a message below 4 GiB"));
    message.encode(out).expect("a buffer that grows");
}

/// The messages of an answer.
#[derive(Debug)]
pub struct Answers {
    body: RecvStream,
    received: BytesMut,
}

impl Answers {
    /// Those of this response.
    ///
    /// # Errors
    /// When the call failed before its first message.
    pub async fn of(response: h2::client::ResponseFuture) -> io::Result<Self> {
        let response = response.await.map_err(io::Error::other)?;
        if let Some(status) = response.headers().get("grpc-status") {
            return Err(io::Error::other(format!("the call failed: {status:?} {:?}", response.headers())));
        }
        Ok(Self { body: response.into_body(), received: BytesMut::new() })
    }

    /// The next message that has come already.
    ///
    /// # Errors
    /// When it cannot be decoded.
    pub fn ready<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let Some(mut head) = self.received.get(1..PREFIX_BYTES) else { return Ok(None) };
        let length = PREFIX_BYTES + head.get_u32() as usize;
        if self.received.len() < length {
            return Ok(None);
        }
        let message = self.received.split_to(length);
        M::decode(message.get(PREFIX_BYTES..).unwrap_or_default()).map(Some).map_err(io::Error::other)
    }

    /// Waits for more bytes. False at the end.
    ///
    /// # Errors
    /// When the call failed.
    pub async fn more(&mut self) -> io::Result<bool> {
        match self.body.data().await {
            Some(bytes) => {
                let bytes = bytes.map_err(io::Error::other)?;
                self.body.flow_control().release_capacity(bytes.len()).map_err(io::Error::other)?;
                self.received.extend_from_slice(&bytes);
                Ok(true)
            }
            None => self.ended().await.map(|()| false),
        }
    }

    async fn ended(&mut self) -> io::Result<()> {
        let trailers = self.body.trailers().await.map_err(io::Error::other)?.unwrap_or_default();
        match trailers.get("grpc-status") {
            Some(status) if status == "0" => Ok(()),
            _ => Err(io::Error::other(format!("the call failed: {trailers:?}"))),
        }
    }
}

const CONNECT: &str = "/playhead.ingest.v1.IngestService/Connect";
/// Before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// What a server may send before it is read; enough never to hold one up.
const WINDOW_BYTES: u32 = 8 << 20;
