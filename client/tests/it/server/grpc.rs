//! The wire of gRPC.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use playhead_proto::ingest::v1::{
    ClientFrame, PublishRequest, PublishResponse, ServerFrame,
    ingest_service_server::{IngestService, IngestServiceServer},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{Reply, Seen, Talk};

struct Service(Arc<Mutex<Seen>>);

/// Serves on a free port: where, and its task.
pub(super) async fn serve(seen: Arc<Mutex<Seen>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Server::builder()
        .add_service(IngestServiceServer::new(Service(seen)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    (address, tokio::spawn(async move { serving.await.unwrap() }))
}

#[tonic::async_trait]
impl IngestService for Service {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ServerFrame, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<ClientFrame>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let bearer = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let token = bearer.unwrap_or_default().trim_start_matches("Bearer ").to_owned();
        let (tx, rx) = mpsc::channel(100);
        tokio::spawn(talk(request.into_inner(), token, Arc::clone(&self.0), tx));
        Ok(Response::new(Box::pin(ReceiverStream::new(rx))))
    }

    async fn publish(&self, _: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Err(Status::unimplemented("nobody asks for it here"))
    }
}

async fn talk(
    mut frames: Streaming<ClientFrame>,
    token: String,
    seen: Arc<Mutex<Seen>>,
    tx: mpsc::Sender<Result<ServerFrame, Status>>,
) {
    let Ok(Some(first)) = frames.message().await else { return };
    let (talk, mut reply) = Talk::greet(&seen, first, &token);
    let mut talk = talk;
    loop {
        match reply {
            Reply::Say(said) => {
                for frame in said {
                    // A client that has gone hears nothing.
                    let _ = tx.send(Ok(frame)).await;
                }
            }
            Reply::Unauthenticated => {
                let _ = tx.send(Err(Status::unauthenticated("who?"))).await;
                return;
            }
            Reply::Break => {
                let _ = tx.send(Err(Status::unavailable("as told"))).await;
                return;
            }
        }
        let Ok(Some(frame)) = frames.message().await else { return };
        reply = talk.as_mut().unwrap().hear(frame, false);
    }
}
