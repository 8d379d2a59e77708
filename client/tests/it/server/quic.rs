//! The wire of QUIC.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use playhead_proto::ingest::v1::{ClientFrame, Failure, ServerFrame, server_frame::Frame as Said};
use prost::Message;
use quinn::{
    Connection, Endpoint, RecvStream, SendStream, ServerConfig, VarInt, crypto::rustls::QuicServerConfig,
};
use rustls::crypto::aws_lc_rs;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Reply, Seen, Talk};

type Streams = Arc<Mutex<HashMap<u64, mpsc::Sender<ClientFrame>>>>;

/// Serves on a free port: where, its certificate, its task.
pub(super) fn serve(seen: Arc<Mutex<Seen>>) -> (SocketAddr, String, JoinHandle<()>) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into()),
        )
        .unwrap();
    tls.alpn_protocols = vec![b"playhead/1".to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let endpoint = Endpoint::server(config, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = endpoint.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                if let Ok(connection) = incoming.await {
                    accept(connection, seen).await;
                }
            });
        }
    });
    (address, own.cert.pem(), task)
}

async fn accept(connection: Connection, seen: Arc<Mutex<Seen>>) {
    let streams = Streams::default();
    loop {
        tokio::select! {
            Ok((tx, rx)) = connection.accept_bi() => {
                let (to, datagrams) = mpsc::channel(100);
                streams.lock().unwrap().insert(tx.id().into(), to);
                tokio::spawn(talk(connection.clone(), tx, rx, datagrams, Arc::clone(&seen)));
            }
            Ok(datagram) = connection.read_datagram() => {
                let (stream, frame) = open(&datagram);
                let to = streams.lock().unwrap().get(&stream).cloned();
                // One that overtook its Hello is dropped.
                if let Some(to) = to {
                    let _ = to.try_send(frame);
                }
            }
            _ = connection.closed() => return,
        }
        seen.lock().unwrap().addresses.insert(connection.remote_address());
    }
}

async fn talk(
    connection: Connection,
    mut tx: SendStream,
    mut rx: RecvStream,
    mut datagrams: mpsc::Receiver<ClientFrame>,
    seen: Arc<Mutex<Seen>>,
) {
    let Some(first) = read(&mut rx).await else { return };
    let Some(playhead_proto::ingest::v1::client_frame::Frame::Hello(hello)) = &first.frame else { return };
    let token = hello.token.clone();
    let (talk, mut reply) = Talk::greet(&seen, first, &token);
    let Some(mut talk) = talk else {
        let failure = Failure { code: 16, reason: "UNAUTHENTICATED".into(), ..Failure::default() };
        write(&mut tx, &ServerFrame { frame: Some(Said::Failure(failure)) }).await;
        let _ = tx.finish();
        return;
    };
    loop {
        match reply {
            Reply::Say(frames) => {
                for frame in frames {
                    write(&mut tx, &frame).await;
                }
            }
            _ => return connection.close(VarInt::from_u32(0), b"as told"),
        }
        reply = tokio::select! {
            frame = read(&mut rx) => match frame {
                Some(frame) => talk.hear(frame, false),
                None => break,
            },
            Some(frame) = datagrams.recv() => talk.hear(frame, true),
        };
        seen.lock().unwrap().addresses.insert(connection.remote_address());
    }
    let _ = tx.finish();
}

/// The next frame, byte by byte where its length stands.
async fn read(rx: &mut RecvStream) -> Option<ClientFrame> {
    let mut length = Vec::new();
    loop {
        let mut byte = [0];
        rx.read_exact(&mut byte).await.ok()?;
        length.extend_from_slice(&byte);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let bytes = prost::decode_length_delimiter(&*length).unwrap();
    let mut body = vec![0; bytes];
    rx.read_exact(&mut body).await.ok()?;
    Some(ClientFrame::decode(&*body).unwrap())
}

async fn write(tx: &mut SendStream, frame: &ServerFrame) {
    // A client that has gone hears nothing.
    let _ = tx.write_all(&frame.encode_length_delimited_to_vec()).await;
}

/// A datagram's stream and frame.
fn open(datagram: &[u8]) -> (u64, ClientFrame) {
    let bytes = 1 << (datagram[0] >> 6);
    let rest = &datagram[1..bytes];
    let stream = rest.iter().fold(u64::from(datagram[0] & 0x3f), |value, &byte| value << 8 | u64::from(byte));
    (stream, ClientFrame::decode(&datagram[bytes..]).unwrap())
}
