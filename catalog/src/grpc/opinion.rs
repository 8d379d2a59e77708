//! The rpcs of ratings and bookmarks. What is a user's own, a viewer needs no scope for.

use playhead_ingest::identity::Scope;
use playhead_proto::catalog::v1 as proto;
use playhead_store::{ItemId, catalog::check};
use tonic::{Request, Response, Status};

use super::{
    Services,
    caller::Caller,
    reading::{page, within},
    service::opinion_service_server::OpinionService,
    status::{bad, of},
};
use crate::{
    items::View,
    page::Page,
    wire::{self, opinion},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OpinionService for Services {
    async fn rate_item(&self, request: Request<proto::RateItemRequest>) -> Answer<proto::RateItemResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::CatalogWrite, &request.user_id)?;
        let version = wire::version(&request.etag).map_err(|fault| bad(&fault))?;
        let rating = opinion::read_rating(user, request, caller.now_ms).map_err(|fault| bad(&fault))?;
        let rated = self.opinions.rate(rating, version, eyes(&caller)?).await;
        let (rating, summary) = rated.map_err(|error| of(&error))?;
        Ok(Response::new(proto::RateItemResponse {
            rating: Some(opinion::rating(&rating)),
            summary: Some(opinion::summary(&summary)),
        }))
    }

    async fn get_rating(
        &self,
        request: Request<proto::GetRatingRequest>,
    ) -> Answer<proto::GetRatingResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::CatalogRead, &request.user_id)?;
        let item = wire::id("item_id", &request.item_id, ItemId::new).map_err(|fault| bad(&fault))?;
        let rating = self.opinions.rating(&user, &item).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::GetRatingResponse { rating: Some(opinion::rating(&rating)) }))
    }

    async fn delete_rating(
        &self,
        request: Request<proto::DeleteRatingRequest>,
    ) -> Answer<proto::DeleteRatingResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::CatalogWrite, &request.user_id)?;
        let item = wire::id("item_id", &request.item_id, ItemId::new).map_err(|fault| bad(&fault))?;
        let version = wire::version(&request.etag).map_err(|fault| bad(&fault))?;
        self.opinions.take_back(&user, &item, version).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::DeleteRatingResponse {}))
    }

    async fn get_rating_summary(
        &self,
        request: Request<proto::GetRatingSummaryRequest>,
    ) -> Answer<proto::GetRatingSummaryResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let item = wire::id("item_id", &request.get_ref().item_id, ItemId::new);
        let item = item.map_err(|fault| bad(&fault))?;
        let summary = self.opinions.summary(&item, view).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::GetRatingSummaryResponse { summary: Some(opinion::summary(&summary)) }))
    }

    async fn create_bookmark(
        &self,
        request: Request<proto::CreateBookmarkRequest>,
    ) -> Answer<proto::CreateBookmarkResponse> {
        let caller = self.caller(&request).await?;
        let bookmark = request.into_inner().bookmark.unwrap_or_default();
        let user = caller.user(Scope::CatalogWrite, &bookmark.user_id)?;
        let bookmark = opinion::read_bookmark(user, bookmark, caller.now_ms);
        let bookmark = bookmark.map_err(|fault| bad(&fault.within("bookmark")))?;
        let made = self.bookmarks.create(bookmark, eyes(&caller)?).await;
        let made = made.map_err(|error| of(&within("bookmark", error)))?;
        Ok(Response::new(proto::CreateBookmarkResponse { bookmark: Some(opinion::bookmark(&made)) }))
    }

    async fn update_bookmark(
        &self,
        request: Request<proto::UpdateBookmarkRequest>,
    ) -> Answer<proto::UpdateBookmarkResponse> {
        let caller = self.caller(&request).await?;
        let proto::UpdateBookmarkRequest { bookmark, update_mask } = request.into_inner();
        let bookmark = bookmark.unwrap_or_default();
        let user = caller.user(Scope::CatalogWrite, &bookmark.user_id)?;
        let version = wire::version(&bookmark.etag).map_err(|fault| bad(&fault))?;
        check::length("bookmark.id", &bookmark.id, 1, 128).map_err(|fault| bad(&fault))?;
        let id = bookmark.id.clone();
        let change = opinion::change(bookmark, update_mask).map_err(|fault| bad(&fault))?;
        let changed = self.bookmarks.update(&user, &id, version, change).await;
        let changed = changed.map_err(|error| of(&within("bookmark", error)))?;
        Ok(Response::new(proto::UpdateBookmarkResponse { bookmark: Some(opinion::bookmark(&changed)) }))
    }

    async fn delete_bookmark(
        &self,
        request: Request<proto::DeleteBookmarkRequest>,
    ) -> Answer<proto::DeleteBookmarkResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::CatalogWrite, &request.user_id)?;
        let version = wire::version(&request.etag).map_err(|fault| bad(&fault))?;
        check::length("id", &request.id, 1, 128).map_err(|fault| bad(&fault))?;
        self.bookmarks.delete(&user, &request.id, version).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::DeleteBookmarkResponse {}))
    }

    async fn list_bookmarks(
        &self,
        request: Request<proto::ListBookmarksRequest>,
    ) -> Answer<proto::ListBookmarksResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let user = caller.user(Scope::CatalogRead, &request.user_id)?;
        let page = page(request.page_size, &request.page_token)?;
        let item = wire::id_or_none("item_id", &request.item_id, ItemId::new).map_err(|fault| bad(&fault))?;
        let found = self.bookmarks.list(&user, item.as_ref(), &page).await;
        let Page { entries, next } = found.map_err(|error| of(&error))?;
        Ok(Response::new(proto::ListBookmarksResponse {
            bookmarks: entries.iter().map(opinion::bookmark).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }
}

/// How the catalog looks to whoever gives an opinion of what is in it.
fn eyes(caller: &Caller) -> Result<View, Status> {
    caller.view(!caller.is_viewer(), 0)
}
