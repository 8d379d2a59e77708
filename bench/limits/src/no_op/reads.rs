//! The limit of a read: GetPosition, decoded and answered with what was asked for. Nothing else is read here.

use playhead_proto::playback::v1::{
    BatchGetPositionsRequest, BatchGetPositionsResponse, EraseUserRequest, EraseUserResponse,
    ForgetItemRequest, ForgetItemResponse, GetPositionRequest, GetPositionResponse, GetSessionRequest,
    GetSessionResponse, ListContinueWatchingRequest, ListContinueWatchingResponse, ListLiveSessionsRequest,
    ListLiveSessionsResponse, ListSessionsRequest, ListSessionsResponse, MarkWatchedRequest,
    MarkWatchedResponse, Position, SetPositionRequest, SetPositionResponse, StopSessionRequest,
    StopSessionResponse, playback_service_server::PlaybackService,
};
use tonic::{Request, Response, Status};

/// Knows every position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads;

/// Implements the service: GetPosition is answered, the other methods are what no figure calls.
macro_rules! reads {
    ($($unanswered:ident: $request:ty => $response:ty;)*) => {
        #[tonic::async_trait]
        impl PlaybackService for Reads {
            async fn get_position(
                &self,
                request: Request<GetPositionRequest>,
            ) -> Result<Response<GetPositionResponse>, Status> {
                Ok(Response::new(GetPositionResponse { position: Some(position(request.into_inner())) }))
            }

            $(async fn $unanswered(&self, _: Request<$request>) -> Result<Response<$response>, Status> {
                Err(Status::unimplemented("a limit reads positions only"))
            })*
        }
    };
}

reads! {
    batch_get_positions: BatchGetPositionsRequest => BatchGetPositionsResponse;
    list_continue_watching: ListContinueWatchingRequest => ListContinueWatchingResponse;
    list_sessions: ListSessionsRequest => ListSessionsResponse;
    get_session: GetSessionRequest => GetSessionResponse;
    set_position: SetPositionRequest => SetPositionResponse;
    mark_watched: MarkWatchedRequest => MarkWatchedResponse;
    forget_item: ForgetItemRequest => ForgetItemResponse;
    erase_user: EraseUserRequest => EraseUserResponse;
    list_live_sessions: ListLiveSessionsRequest => ListLiveSessionsResponse;
    stop_session: StopSessionRequest => StopSessionResponse;
}

fn position(asked: GetPositionRequest) -> Position {
    Position {
        user_id: asked.user_id,
        item_id: asked.item_id,
        position_ms: 60_001,
        duration_ms: Some(6_000_000),
        at_ms: 1_790_000_000_000,
        session_id: "session--7c1a-7000-8000-000000000001".to_owned(),
        ..Position::default()
    }
}
