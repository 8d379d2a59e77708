//! The rpcs of segments. Viewers see them where they may play the item, which their session token says.

use playhead_ingest::identity::Scope;
use playhead_proto::catalog::v1 as proto;
use playhead_store::{ItemId, catalog::check};
use tonic::{Request, Status};

use super::{
    Services,
    reading::page,
    status::{bad, of},
};
use crate::{
    CatalogError,
    page::Page,
    segments::Of,
    wire::{self, opinion},
};

impl Services {
    pub(super) async fn write_segments(
        &self,
        request: Request<proto::UpsertSegmentsRequest>,
    ) -> Result<proto::UpsertSegmentsResponse, Status> {
        let keeper = self.keeper(&request, Scope::CatalogWrite).await?;
        let request = request.into_inner();
        let of_variant = variant(&request.item_id, &request.asset_id, &request.variant_id)?;
        let segments: Vec<_> = request.segments.into_iter().map(opinion::read_segment).collect();
        self.segments.upsert(&of_variant, &segments, keeper.now_ms).await.map_err(|error| of(&error))?;
        Ok(proto::UpsertSegmentsResponse {})
    }

    pub(super) async fn drop_segments(
        &self,
        request: Request<proto::DeleteSegmentsRequest>,
    ) -> Result<proto::DeleteSegmentsResponse, Status> {
        self.keeper(&request, Scope::CatalogWrite).await?;
        let request = request.into_inner();
        let of_variant = variant(&request.item_id, &request.asset_id, &request.variant_id)?;
        self.segments.delete(&of_variant).await.map_err(|error| of(&error))?;
        Ok(proto::DeleteSegmentsResponse {})
    }

    pub(super) async fn show_segments(
        &self,
        request: Request<proto::ListSegmentsRequest>,
    ) -> Result<proto::ListSegmentsResponse, Status> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let of_variant = variant(&request.item_id, &request.asset_id, &request.variant_id)?;
        let is_playing = caller.plays(&of_variant.item);
        if !is_playing {
            caller.may_for_all(Scope::CatalogRead)?;
        }
        let page = page(request.page_size, &request.page_token)?;
        let found = self.segments.list(&of_variant, &page, caller.view(!is_playing, 0)?).await;
        let Page { mut entries, next } = found.map_err(|error| of(&error))?;
        // Whoever keeps the catalog is told where things are.
        let expires_s = if is_playing { self.urls.expires_s(caller.now_ms, None) } else { None };
        let signed = entries.iter_mut().try_for_each(|segment| self.urls.sign_segment(segment, expires_s));
        signed.map_err(|error| of(&CatalogError::Signing(error)))?;
        Ok(proto::ListSegmentsResponse {
            segments: entries.into_iter().map(opinion::segment).collect(),
            next_page_token: next.unwrap_or_default(),
            urls_expire_at_ms: expires_s.map(|expires_s| expires_s.saturating_mul(1_000)),
        })
    }
}

fn variant(item: &str, asset: &str, variant: &str) -> Result<Of, Status> {
    let item = wire::id("item_id", item, ItemId::new).map_err(|fault| bad(&fault))?;
    for (field, id) in [("asset_id", asset), ("variant_id", variant)] {
        check::length(field, id, 1, 128).map_err(|fault| bad(&fault))?;
    }
    Ok(Of { item, asset: asset.to_owned(), variant: variant.to_owned() })
}
