//! Somebody who publishes keys: a file, over HTTP or HTTPS.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use playhead_ingest::tls::{Source, Tls};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

pub(crate) struct KeysServer {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl KeysServer {
    /// Publishes this file, under a certificate in a folder if there is one.
    pub(crate) async fn start(file: PathBuf, certificate: Option<&Path>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = certificate.map(|folder| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let source = Source::Development { folder: folder.into(), names: Vec::new() };
            let tls = Tls::open(source, now.as_millis().try_into().unwrap()).unwrap();
            TlsAcceptor::from(std::sync::Arc::new(tls.tcp(&[b"http/1.1"]).unwrap()))
        });
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                match &acceptor {
                    None => answer(stream, &file).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            answer(stream, &file).await;
                        }
                    }
                }
            }
        });
        Self { address, serving }
    }

    /// Is away from now on.
    pub(crate) async fn stop(&mut self) {
        self.serving.abort();
        assert!((&mut self.serving).await.unwrap_err().is_cancelled());
    }
}

impl Drop for KeysServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, file: &Path) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let body = std::fs::read(file).unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}
