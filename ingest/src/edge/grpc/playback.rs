//! The `PlaybackService`: reads, explicit marks, erasure, live sessions.
//!
//! A viewer reads and writes only its own; to it, other users have nothing. A service may name any user, as far as its
//! scopes go.

use playhead_proto::playback::v1 as proto;
use playhead_store::{Event, ItemId, SessionId, SessionKey, UserId};
use prost_types::FieldMask;
use tonic::{Request, Response, Status};

use super::{caller, live, service::playback_service_server::PlaybackService, status};
use crate::{
    admission::{self, RejectReason, Rejection},
    edge::{Doors, publish, wire},
    identity::Scope,
    page::PageRequest,
    playback::SessionView,
};

/// The most items that one BatchGetPositions may ask for.
const BATCH_ITEMS_MAX: usize = 100;

/// Answers the `PlaybackService`.
pub(super) struct Reads {
    pub(super) doors: Doors,
}

#[tonic::async_trait]
impl PlaybackService for Reads {
    async fn get_position(
        &self,
        request: Request<proto::GetPositionRequest>,
    ) -> Result<Response<proto::GetPositionResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackRead, &request.get_ref().user_id, "position").await?;
        let item = item("item_id", &request.get_ref().item_id)?;
        let row =
            self.doors.playback.position(&user, &item).await.map_err(|error| status::playback(&error))?;
        let position = row.and_then(|row| wire::position(&user, &item, &row));
        let position = Some(position.ok_or_else(|| status::not_found("position"))?);
        Ok(Response::new(proto::GetPositionResponse { position }))
    }

    async fn batch_get_positions(
        &self,
        request: Request<proto::BatchGetPositionsRequest>,
    ) -> Result<Response<proto::BatchGetPositionsResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackRead, &request.get_ref().user_id, "user").await?;
        let items = items(&request.get_ref().item_ids)?;
        let rows =
            self.doors.playback.positions(&user, items).await.map_err(|error| status::playback(&error))?;
        let positions = rows.iter().filter_map(|(item, row)| wire::position(&user, item, row)).collect();
        Ok(Response::new(proto::BatchGetPositionsResponse { positions }))
    }

    async fn list_continue_watching(
        &self,
        request: Request<proto::ListContinueWatchingRequest>,
    ) -> Result<Response<proto::ListContinueWatchingResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackRead, &request.get_ref().user_id, "user").await?;
        let page = page(request.get_ref().page_size, &request.get_ref().page_token)?;
        let found = self.doors.playback.continue_watching(&user, &page).await;
        let found = found.map_err(|error| status::playback(&error))?;
        let positions = found.entries.iter().filter_map(|(item, row)| wire::position(&user, item, row));
        Ok(Response::new(proto::ListContinueWatchingResponse {
            positions: positions.collect(),
            next_page_token: found.next.unwrap_or_default(),
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<proto::ListSessionsRequest>,
    ) -> Result<Response<proto::ListSessionsResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackRead, &request.get_ref().user_id, "user").await?;
        let asked = request.get_ref();
        let page = page(asked.page_size, &asked.page_token)?;
        let item = (!asked.item_id.is_empty()).then(|| item("item_id", &asked.item_id)).transpose()?;
        let found = self.doors.playback.sessions(&user, item.as_ref(), &page).await;
        let found = found.map_err(|error| status::playback(&error))?;
        Ok(Response::new(proto::ListSessionsResponse {
            sessions: found.entries.iter().map(wire::session).collect(),
            next_page_token: found.next.unwrap_or_default(),
        }))
    }

    async fn get_session(
        &self,
        request: Request<proto::GetSessionRequest>,
    ) -> Result<Response<proto::GetSessionResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackRead, &request.get_ref().user_id, "session").await?;
        let asked = request.into_inner();
        let wanted = wanted(asked.read_mask)?;
        let session = publish::id("session_id", &asked.session_id, SessionId::new);
        let key = SessionKey { user, session: session.map_err(|rejection| status::refused(&rejection))? };
        let found = self.doors.playback.session(&key).await.map_err(|error| status::playback(&error))?;
        let reading = found.ok_or_else(|| status::not_found("session"))?;
        Ok(Response::new(wanted.of(&reading.view, &reading.events)))
    }

    async fn set_position(
        &self,
        request: Request<proto::SetPositionRequest>,
    ) -> Result<Response<proto::SetPositionResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackWrite, &request.get_ref().user_id, "user").await?;
        let item = item("item_id", &request.get_ref().item_id)?;
        let position_ms = request.get_ref().position_ms;
        admission::media(RejectReason::PositionOutOfRange, "position_ms", Some(position_ms))
            .map_err(|rejection| status::refused(&rejection))?;
        let row = self.doors.playback.set_position(&user, &item, position_ms, self.now_ms()).await;
        let row = row.map_err(|error| status::playback(&error))?;
        let position = row.and_then(|row| wire::position(&user, &item, &row));
        Ok(Response::new(proto::SetPositionResponse { position }))
    }

    async fn mark_watched(
        &self,
        request: Request<proto::MarkWatchedRequest>,
    ) -> Result<Response<proto::MarkWatchedResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackWrite, &request.get_ref().user_id, "user").await?;
        let item = item("item_id", &request.get_ref().item_id)?;
        let watched = request.get_ref().watched;
        let marked = self.doors.playback.mark_watched(&user, &item, watched, self.now_ms()).await;
        marked.map_err(|error| status::playback(&error))?;
        Ok(Response::new(proto::MarkWatchedResponse {}))
    }

    async fn forget_item(
        &self,
        request: Request<proto::ForgetItemRequest>,
    ) -> Result<Response<proto::ForgetItemResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackWrite, &request.get_ref().user_id, "user").await?;
        let item = item("item_id", &request.get_ref().item_id)?;
        let forgotten = self.doors.playback.forget(&user, &item, self.now_ms()).await;
        forgotten.map_err(|error| status::playback(&error))?;
        Ok(Response::new(proto::ForgetItemResponse {}))
    }

    async fn erase_user(
        &self,
        request: Request<proto::EraseUserRequest>,
    ) -> Result<Response<proto::EraseUserResponse>, Status> {
        let user = self.user(&request, Scope::PlaybackErase, &request.get_ref().user_id, "user").await?;
        let erased_through_ms = self.now_ms();
        let erased = self.doors.playback.erase(&user, erased_through_ms).await;
        erased.map_err(|error| status::playback(&error))?;
        Ok(Response::new(proto::EraseUserResponse { erased_through_ms }))
    }

    async fn list_live_sessions(
        &self,
        request: Request<proto::ListLiveSessionsRequest>,
    ) -> Result<Response<proto::ListLiveSessionsResponse>, Status> {
        live::list(&self.doors, request).await
    }

    async fn stop_session(
        &self,
        request: Request<proto::StopSessionRequest>,
    ) -> Result<Response<proto::StopSessionResponse>, Status> {
        live::stop(&self.doors, request).await
    }
}

impl Reads {
    /// The user that a request names. Another viewer's looks as if there were no `what`.
    async fn user<T: Sync>(
        &self,
        request: &Request<T>,
        scope: Scope,
        named: &str,
        what: &str,
    ) -> Result<UserId, Status> {
        let identity = caller::identify(&self.doors, request.metadata()).await?;
        let user =
            publish::id("user_id", named, UserId::new).map_err(|rejection| status::refused(&rejection))?;
        caller::allow(&identity, scope, &user, what)?;
        Ok(user)
    }

    fn now_ms(&self) -> i64 {
        (self.doors.now)()
    }
}

/// Which parts of a session are wanted.
struct Wanted {
    session: bool,
    events: bool,
}

impl Wanted {
    fn of(&self, view: &SessionView, events: &[Event]) -> proto::GetSessionResponse {
        let events = if self.events { events } else { &[] };
        proto::GetSessionResponse {
            session: self.session.then(|| wire::session(view)),
            events: events.iter().map(wire::event).collect(),
        }
    }
}

fn wanted(mask: Option<FieldMask>) -> Result<Wanted, Status> {
    let paths = mask.unwrap_or_default().paths;
    let everything = paths.is_empty();
    let mut wanted = Wanted { session: everything, events: everything };
    for (index, path) in paths.iter().enumerate() {
        match path.as_str() {
            "session" => wanted.session = true,
            "events" => wanted.events = true,
            "*" => wanted = Wanted { session: true, events: true },
            _ => {
                let field = format!("read_mask.paths[{index}]");
                let rejection = Rejection::new(RejectReason::Malformed, field, path, "session, events or *");
                return Err(status::refused(&rejection));
            }
        }
    }
    Ok(wanted)
}

fn items(named: &[String]) -> Result<Vec<ItemId>, Status> {
    if !(1..=BATCH_ITEMS_MAX).contains(&named.len()) {
        let allowed = format!("1 to {BATCH_ITEMS_MAX} items");
        let rejection = Rejection::new(RejectReason::BatchTooLarge, "item_ids", named.len(), allowed);
        return Err(status::refused(&rejection));
    }
    named.iter().enumerate().map(|(index, id)| item(&format!("item_ids[{index}]"), id)).collect()
}

fn item(field: &str, named: &str) -> Result<ItemId, Status> {
    publish::id(field.to_owned(), named, ItemId::new).map_err(|rejection| status::refused(&rejection))
}

fn page(size: i32, token: &str) -> Result<PageRequest, Status> {
    PageRequest::new(size.into(), token).map_err(|error| status::page(&error, token))
}
