//! The rpcs of the catalog.

use playhead_ingest::identity::Scope;
use playhead_proto::catalog::v1 as proto;
use playhead_store::{
    ItemId,
    catalog::{Fault, Item},
};
use tonic::{Request, Response, Status};

use super::{
    Services,
    caller::Caller,
    reading::{filter, page, showing, whole, within},
    service::catalog_service_server::CatalogService,
    status::{bad, of},
};
use crate::{
    CatalogError,
    history::History,
    page::Page,
    records::Written,
    settings::BATCH_ITEMS_MAX,
    wire::{self, encoded::ItemAnswer, item_read, mask},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl CatalogService for Services {
    async fn upsert_item(
        &self,
        request: Request<proto::UpsertItemRequest>,
    ) -> Answer<proto::UpsertItemResponse> {
        let keeper = self.keeper(&request, Scope::CatalogWrite).await?;
        let proto::UpsertItemRequest { item, update_mask } = request.into_inner();
        let item = item.unwrap_or_default();
        let mask = mask::check("update_mask", update_mask).map_err(|fault| bad(&fault))?;
        let id = wire::id("item.id", &item.id, ItemId::new).map_err(|fault| bad(&fault))?;
        let version = wire::version(&item.etag).map_err(|fault| bad(&fault))?;
        let change = |present: Option<&Item>| {
            let read = item_read::item(item.clone(), present);
            read.map(|read| mask::merge(present, read, &mask)).map_err(|fault| fault.within("item"))
        };
        let written = self.items.upsert(&id, version, keeper.now_ms, change).await;
        let Written { stored, outcome } = written.map_err(|error| of(&within("item", error)))?;
        let (item, outcome) = (Some(whole().item(&stored)), wire::outcome(outcome).into());
        Ok(Response::new(proto::UpsertItemResponse { item, outcome }))
    }

    async fn get_item(&self, request: Request<proto::GetItemRequest>) -> Answer<ItemAnswer> {
        let (_, view) = self.reader(&request, request.get_ref().consistency).await?;
        let request = request.into_inner();
        let showing = showing(&request.languages, request.read_mask.clone(), view)?;
        let item = self.item_named(&request, view).await?;
        Ok(Response::new(showing.answer(item)))
    }

    async fn batch_get_items(
        &self,
        request: Request<proto::BatchGetItemsRequest>,
    ) -> Answer<proto::BatchGetItemsResponse> {
        let (_, view) = self.reader(&request, request.get_ref().consistency).await?;
        let proto::BatchGetItemsRequest { ids, languages, read_mask, .. } = request.into_inner();
        let showing = showing(&languages, read_mask, view)?;
        if !(1..=BATCH_ITEMS_MAX).contains(&ids.len()) {
            let allowed = format!("1 to {BATCH_ITEMS_MAX}");
            return Err(bad(&Fault::new("ids", format!("{} of them", ids.len()), allowed)));
        }
        let ids = wire::ids("ids", &ids, ItemId::new).map_err(|fault| bad(&fault))?;
        let found = self.items.get_several(&ids, view).await.map_err(|error| of(&error))?;
        let items = found.iter().map(|item| showing.item(item)).collect();
        Ok(Response::new(proto::BatchGetItemsResponse { items }))
    }

    async fn list_items(
        &self,
        request: Request<proto::ListItemsRequest>,
    ) -> Answer<proto::ListItemsResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let request = request.into_inner();
        let showing = showing(&request.languages, request.read_mask.clone(), view)?;
        let page = page(request.page_size, &request.page_token)?;
        let filter = filter(request).map_err(|fault| bad(&fault))?;
        let Page { entries, next } =
            self.items.list(&filter, &page, view).await.map_err(|error| of(&error))?;
        let items = entries.iter().map(|item| showing.item(item)).collect();
        Ok(Response::new(proto::ListItemsResponse { items, next_page_token: next.unwrap_or_default() }))
    }

    async fn search_items(
        &self,
        request: Request<proto::SearchItemsRequest>,
    ) -> Answer<proto::SearchItemsResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let proto::SearchItemsRequest {
            query,
            kind,
            category_id,
            tag,
            page_size,
            page_token,
            languages,
            read_mask,
        } = request.into_inner();
        let showing = showing(&languages, read_mask, view)?;
        let page = page(page_size, &page_token)?;
        let narrowed =
            proto::ListItemsRequest { kind, category_id, tag, ..proto::ListItemsRequest::default() };
        let filter = filter(narrowed).map_err(|fault| bad(&fault))?;
        let Page { entries, next } =
            self.items.find(&query, &filter, &page, view).await.map_err(|error| of(&error))?;
        let items = entries.iter().map(|item| showing.item(item)).collect();
        Ok(Response::new(proto::SearchItemsResponse { items, next_page_token: next.unwrap_or_default() }))
    }

    async fn list_children(
        &self,
        request: Request<proto::ListChildrenRequest>,
    ) -> Answer<proto::ListChildrenResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let request = request.into_inner();
        let showing = showing(&request.languages, request.read_mask, view)?;
        let page = page(request.page_size, &request.page_token)?;
        let parent = wire::id_or_none("parent_id", &request.parent_id, ItemId::new);
        let parent = parent.map_err(|fault| bad(&fault))?;
        let found = self.items.children(parent.as_ref(), &page, view).await;
        let Page { entries, next } = found.map_err(|error| of(&error))?;
        let items = entries.iter().map(|item| showing.item(item)).collect();
        Ok(Response::new(proto::ListChildrenResponse { items, next_page_token: next.unwrap_or_default() }))
    }

    async fn get_tree(&self, request: Request<proto::GetTreeRequest>) -> Answer<proto::GetTreeResponse> {
        let (_, view) = self.reader(&request, request.get_ref().consistency).await?;
        let request = request.into_inner();
        let showing = showing(&request.languages, request.read_mask, view)?;
        let id = wire::id("id", &request.id, ItemId::new).map_err(|fault| bad(&fault))?;
        let depth = match request.depth {
            0 => DEPTH_MAX,
            depth @ 1..=DEPTH_MAX => depth,
            depth => return Err(bad(&Fault::new("depth", depth, "0 (meaning 8) to 8"))),
        };
        let depth = usize::try_from(depth).unwrap_or_default();
        let tree = self.items.tree(&id, depth, view).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::GetTreeResponse { root: Some(showing.node(&tree)) }))
    }

    async fn next_item(&self, request: Request<proto::NextItemRequest>) -> Answer<proto::NextItemResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let request = request.into_inner();
        let showing = showing(&request.languages, request.read_mask, view)?;
        let id = wire::id("id", &request.id, ItemId::new).map_err(|fault| bad(&fault))?;
        let collection = wire::id_or_none("collection_id", &request.collection_id, ItemId::new);
        let next = match collection.map_err(|fault| bad(&fault))? {
            Some(collection) => self.collections.next(&collection, &id, view).await,
            None => self.items.next(&id, view).await,
        };
        let item = next.map_err(|error| of(&error))?.map(|item| showing.item(&item));
        Ok(Response::new(proto::NextItemResponse { item }))
    }

    async fn delete_item(
        &self,
        request: Request<proto::DeleteItemRequest>,
    ) -> Answer<proto::DeleteItemResponse> {
        let keeper = self.keeper(&request, Scope::CatalogWrite).await?;
        let proto::DeleteItemRequest { id, cascade, etag, erase_history } = request.into_inner();
        let history = erase_history.then(|| self.eraser(&keeper)).transpose()?;
        let id = wire::id("id", &id, ItemId::new).map_err(|fault| bad(&fault))?;
        let version = wire::version(&etag).map_err(|fault| bad(&fault))?;
        let deleted = self.items.delete(&id, version, cascade, history, keeper.now_ms).await;
        let item = whole().item(&*deleted.map_err(|error| of(&error))?);
        Ok(Response::new(proto::DeleteItemResponse { item: Some(item) }))
    }

    async fn undelete_item(
        &self,
        request: Request<proto::UndeleteItemRequest>,
    ) -> Answer<proto::UndeleteItemResponse> {
        let keeper = self.keeper(&request, Scope::CatalogWrite).await?;
        let proto::UndeleteItemRequest { id, etag } = request.into_inner();
        let id = wire::id("id", &id, ItemId::new).map_err(|fault| bad(&fault))?;
        let version = wire::version(&etag).map_err(|fault| bad(&fault))?;
        let restored = self.items.undelete(&id, version, self.history.as_deref(), keeper.now_ms).await;
        let item = whole().item(&*restored.map_err(|error| of(&error))?);
        Ok(Response::new(proto::UndeleteItemResponse { item: Some(item) }))
    }

    async fn set_collection_items(
        &self,
        request: Request<proto::SetCollectionItemsRequest>,
    ) -> Answer<proto::SetCollectionItemsResponse> {
        let keeper = self.keeper(&request, Scope::CatalogWrite).await?;
        let proto::SetCollectionItemsRequest { collection_id, item_ids, etag } = request.into_inner();
        let id = wire::id("collection_id", &collection_id, ItemId::new).map_err(|fault| bad(&fault))?;
        let members = wire::ids("item_ids", &item_ids, ItemId::new).map_err(|fault| bad(&fault))?;
        let version = wire::version(&etag).map_err(|fault| bad(&fault))?;
        let set = self.collections.set(&id, &members, version, keeper.now_ms).await;
        let etag = set.map_err(|error| of(&error))?.etag();
        Ok(Response::new(proto::SetCollectionItemsResponse { etag }))
    }

    async fn list_collection_items(
        &self,
        request: Request<proto::ListCollectionItemsRequest>,
    ) -> Answer<proto::ListCollectionItemsResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let request = request.into_inner();
        let showing = showing(&request.languages, request.read_mask, view)?;
        let page = page(request.page_size, &request.page_token)?;
        let id = wire::id("collection_id", &request.collection_id, ItemId::new);
        let listed = self.collections.list(&id.map_err(|fault| bad(&fault))?, &page, view).await;
        let (Page { entries, next }, version) = listed.map_err(|error| of(&error))?;
        Ok(Response::new(proto::ListCollectionItemsResponse {
            items: entries.iter().map(|item| showing.item(item)).collect(),
            next_page_token: next.unwrap_or_default(),
            etag: version.etag(),
        }))
    }

    async fn upsert_category(
        &self,
        request: Request<proto::UpsertCategoryRequest>,
    ) -> Answer<proto::UpsertCategoryResponse> {
        self.keeper(&request, Scope::CatalogWrite).await?;
        let category = request.into_inner().category.unwrap_or_default();
        let version = wire::version(&category.etag).map_err(|fault| bad(&fault))?;
        let category = item_read::category(category).map_err(|fault| bad(&fault.within("category")))?;
        let written = self.categories.upsert(category, version).await;
        let written = written.map_err(|error| of(&within("category", error)))?;
        Ok(Response::new(proto::UpsertCategoryResponse { category: Some(whole().category(&written)) }))
    }

    async fn list_categories(
        &self,
        request: Request<proto::ListCategoriesRequest>,
    ) -> Answer<proto::ListCategoriesResponse> {
        let (_, view) = self.reader(&request, 0).await?;
        let showing = showing(&request.get_ref().languages, None, view)?;
        let all = self.categories.all().await.map_err(|error| of(&error))?;
        let categories = all.iter().map(|category| showing.category(category)).collect();
        Ok(Response::new(proto::ListCategoriesResponse { categories }))
    }

    async fn upsert_segments(
        &self,
        request: Request<proto::UpsertSegmentsRequest>,
    ) -> Answer<proto::UpsertSegmentsResponse> {
        self.write_segments(request).await.map(Response::new)
    }

    async fn delete_segments(
        &self,
        request: Request<proto::DeleteSegmentsRequest>,
    ) -> Answer<proto::DeleteSegmentsResponse> {
        self.drop_segments(request).await.map(Response::new)
    }

    async fn list_segments(
        &self,
        request: Request<proto::ListSegmentsRequest>,
    ) -> Answer<proto::ListSegmentsResponse> {
        self.show_segments(request).await.map(Response::new)
    }
}

impl Services {
    /// What erases histories, for whoever may: it is more than to keep the catalog.
    fn eraser(&self, keeper: &Caller) -> Result<&History, Status> {
        keeper.may_for_all(Scope::PlaybackErase)?;
        let message = "this server knows of no store in which what viewers do rests";
        self.history.as_deref().ok_or_else(|| of(&CatalogError::state("NO_HISTORY", message)))
    }
}

/// The most levels of a tree.
const DEPTH_MAX: i32 = 8;
