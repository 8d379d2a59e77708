//! Categories, items and what collections hold.

use playhead_proto::catalog::v1 as catalog;
use tonic::Status;

use super::{GrpcTarget, Outcome, outcome, there};
use crate::noun::played::Playable;

impl GrpcTarget {
    pub(super) async fn category(&self, category: &catalog::Category) -> Result<Outcome, Status> {
        let before = self.categories.find("", &category.id, async {
            let request = self.request(catalog::ListCategoriesRequest::default());
            let all = self.catalog.clone().list_categories(request).await?.into_inner().categories;
            Ok(all.into_iter().map(|category| (category.id, category.etag)).collect())
        });
        let before = before.await?;
        let request = self.request(catalog::UpsertCategoryRequest { category: Some(category.clone()) });
        let after = self.catalog.clone().upsert_category(request).await?.into_inner().category;
        Ok(outcome(before, after.map(|category| category.etag)))
    }

    async fn present(&self, id: &str) -> Result<Option<catalog::Item>, Status> {
        let request = catalog::GetItemRequest {
            id: id.to_owned(),
            consistency: catalog::Consistency::Fresh.into(),
            ..Default::default()
        };
        there(self.catalog.clone().get_item(self.request(request)).await)
            .map(|answer| answer.and_then(|answer| answer.item))
    }

    pub(super) async fn item(&self, item: &catalog::Item) -> Result<Outcome, Status> {
        let request = catalog::UpsertItemRequest { item: Some(item.clone()), update_mask: None };
        let written = self.catalog.clone().upsert_item(self.request(request)).await?.into_inner();
        if let Some(item) = &written.item {
            self.playables.keep(&item.id, Some(Playable::of(item)));
        }
        Ok(written.outcome().into())
    }

    pub(super) async fn gone(&self, id: &str) -> Result<Outcome, Status> {
        match self.present(id).await? {
            None => Ok(Outcome::Absent),
            Some(item) if item.deletion.is_some() => Ok(Outcome::Unchanged),
            Some(_) => {
                // What viewers saw of it stays theirs: the deletion is soft here, as it was there.
                let request =
                    catalog::DeleteItemRequest { id: id.to_owned(), cascade: true, ..Default::default() };
                self.catalog.clone().delete_item(self.request(request)).await?;
                Ok(Outcome::Deleted)
            }
        }
    }

    pub(super) async fn collection(
        &self,
        held: &catalog::SetCollectionItemsRequest,
    ) -> Result<Outcome, Status> {
        let collection_id = held.collection_id.clone();
        let request =
            catalog::ListCollectionItemsRequest { collection_id, page_size: 1, ..Default::default() };
        let before = there(self.catalog.clone().list_collection_items(self.request(request)).await)?;
        let after = self.catalog.clone().set_collection_items(self.request(held.clone())).await?.into_inner();
        // One that was never filled has an etag too.
        let is_new =
            before.as_ref().is_none_or(|before| before.items.is_empty() && before.etag != after.etag);
        Ok(outcome(before.filter(|_| !is_new).map(|before| before.etag), Some(after.etag)))
    }
}
