//! A playback service that forwards to a real server and tampers with one event of one answer.

use std::sync::{Mutex, mpsc};

use playhead_proto::playback::v1::{
    BatchGetPositionsRequest, BatchGetPositionsResponse, EraseUserRequest, EraseUserResponse,
    ForgetItemRequest, ForgetItemResponse, GetPositionRequest, GetPositionResponse, GetSessionRequest,
    GetSessionResponse, ListContinueWatchingRequest, ListContinueWatchingResponse, ListLiveSessionsRequest,
    ListLiveSessionsResponse, ListSessionsRequest, ListSessionsResponse, MarkWatchedRequest,
    MarkWatchedResponse, SetPositionRequest, SetPositionResponse, StopSessionRequest, StopSessionResponse,
    playback_service_client::PlaybackServiceClient,
    playback_service_server::{PlaybackService, PlaybackServiceServer},
};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server},
};

use crate::process::Serve;

/// What is done to an event, once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tamper {
    Delete,
    Alter,
    AlterTime,
    Double,
    Invent,
}

/// It runs until this goes.
pub(super) struct Proxy {
    pub(super) url: String,
    _stops: oneshot::Sender<()>,
}

impl Proxy {
    pub(super) fn start(server: &Serve, tamper: Option<Tamper>) -> Self {
        let upstream = format!("http://{}", server.grpc);
        let (stops, stopped) = oneshot::channel::<()>();
        let (told, address) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let channel = Endpoint::from_shared(upstream).unwrap().connect_lazy();
                let forwarding = Forwarding { upstream: channel, tamper: Mutex::new(tamper) };
                let service = PlaybackServiceServer::new(forwarding);
                let serving = Server::builder().add_service(service);
                tokio::select! {
                    served = serving.serve_with_incoming(TcpListenerStream::new(listener)) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { url: format!("http://{}", address.recv().unwrap()), _stops: stops }
    }
}

struct Forwarding {
    upstream: Channel,
    tamper: Mutex<Option<Tamper>>,
}

impl Forwarding {
    fn client(&self) -> PlaybackServiceClient<Channel> {
        PlaybackServiceClient::new(self.upstream.clone())
    }

    /// Tampers with the second event of the first answer that has three.
    fn tamper(&self, answer: &mut GetSessionResponse) {
        if answer.events.len() < 3 {
            return;
        }
        match self.tamper.lock().unwrap().take() {
            None => {}
            Some(Tamper::Delete) => drop(answer.events.remove(1)),
            Some(Tamper::Alter) => answer.events[1].position_ms = Some(-1),
            Some(Tamper::AlterTime) => answer.events[1].at_ms += 1,
            Some(Tamper::Double) => answer.events.push(answer.events[1].clone()),
            Some(Tamper::Invent) => {
                let mut invented = answer.events[1].clone();
                invented.seq = 1_000_000;
                answer.events.push(invented);
            }
        }
    }
}

/// The calls that the check does not make.
macro_rules! not_forwarded {
    ($($name:ident: $request:ty => $response:ty;)*) => {$(
        #[doc = "Is not forwarded."]
        fn $name<'a, 'b>(
            &'a self,
            _: Request<$request>,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async { Err(Status::unimplemented("not forwarded")) })
        }
    )*};
}

#[tonic::async_trait]
impl PlaybackService for Forwarding {
    async fn get_position(
        &self,
        request: Request<GetPositionRequest>,
    ) -> Result<Response<GetPositionResponse>, Status> {
        self.client().get_position(request).await
    }

    async fn get_session(
        &self,
        request: Request<GetSessionRequest>,
    ) -> Result<Response<GetSessionResponse>, Status> {
        let mut answer = self.client().get_session(request).await?.into_inner();
        self.tamper(&mut answer);
        Ok(Response::new(answer))
    }

    not_forwarded! {
        batch_get_positions: BatchGetPositionsRequest => BatchGetPositionsResponse;
        list_continue_watching: ListContinueWatchingRequest => ListContinueWatchingResponse;
        list_sessions: ListSessionsRequest => ListSessionsResponse;
        set_position: SetPositionRequest => SetPositionResponse;
        mark_watched: MarkWatchedRequest => MarkWatchedResponse;
        forget_item: ForgetItemRequest => ForgetItemResponse;
        erase_user: EraseUserRequest => EraseUserResponse;
        list_live_sessions: ListLiveSessionsRequest => ListLiveSessionsResponse;
        stop_session: StopSessionRequest => StopSessionResponse;
    }
}
