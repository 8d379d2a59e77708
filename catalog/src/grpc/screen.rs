//! The rpcs of screens. Whoever asks, items are shown as viewers see them.

use std::sync::Arc;

use playhead_ingest::identity::Scope;
use playhead_proto::screen::v1 as proto;
use playhead_store::ItemId;
use tonic::{Request, Response, Status};

use super::{
    Services,
    reading::{page, showing},
    service::screen_service_server::ScreenService,
    status::{bad, of},
};
use crate::{
    CatalogError,
    page::Page,
    screens::{Screens, Watcher},
    wire::{self, screen},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ScreenService for Services {
    async fn list_up_next(
        &self,
        request: Request<proto::ListUpNextRequest>,
    ) -> Answer<proto::ListUpNextResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::PlaybackRead, &request.user_id)?;
        let watcher = Watcher { user, country: caller.country(&request.country)? };
        let showing = showing(&request.languages, request.read_mask, caller.view(false, 0)?)?;
        let page = page(request.page_size, &request.page_token)?;
        let up_next = self.screens()?.up_next(&watcher, &page, caller.now_ms).await;
        let up_next = up_next.map_err(|error| of(&error))?;
        let Page { entries, next } = up_next.page;
        Ok(Response::new(proto::ListUpNextResponse {
            entries: entries.iter().map(|entry| screen::entry(entry, &showing)).collect(),
            next_page_token: next.unwrap_or_default(),
            positions_alone: up_next.positions_alone,
        }))
    }

    async fn get_progress(
        &self,
        request: Request<proto::GetProgressRequest>,
    ) -> Answer<proto::GetProgressResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::PlaybackRead, &request.user_id)?;
        let item = wire::id("item_id", &request.item_id, ItemId::new).map_err(|fault| bad(&fault))?;
        let page = page(request.page_size, &request.page_token)?;
        let progress = self.screens()?.progress(&user, &item, caller.now_ms).await;
        let progress = progress.map_err(|error| of(&error))?;
        // Leaves are named by their places: an answer's token is good for the tree as it was then.
        let numbered = progress.leaves.iter().enumerate().map(|(at, leaf)| (format!("{at:08}"), leaf));
        let Page { entries, next } = page.take(numbered);
        Ok(Response::new(proto::GetProgressResponse {
            progress: Some(screen::total(&user, &item, &progress)),
            leaves: entries.into_iter().map(screen::leaf).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }
}

impl Services {
    fn screens(&self) -> Result<&Arc<Screens>, Status> {
        let message =
            "this server has no engine, and shares no positions with one: set hot.backend = \"redis\"";
        self.screens.as_ref().ok_or_else(|| of(&CatalogError::state("NO_POSITIONS", message)))
    }
}
