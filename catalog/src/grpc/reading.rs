//! What the rpcs of the catalog have in common: which items are meant, and how they are shown.

use std::sync::Arc;

use playhead_proto::catalog::v1 as proto;
use playhead_store::{CategoryId, ItemId, catalog::Fault};
use prost_types::FieldMask;
use tonic::Status;

use super::{
    Services,
    status::{bad, of},
};
use crate::{
    items::{View, known::Known, lists::Filter},
    page::PageRequest,
    wire::{self, item::Showing, item_read, mask},
};

impl Services {
    /// The item that a request names by one of its names.
    pub(super) async fn item_named(
        &self,
        request: &proto::GetItemRequest,
        view: View,
    ) -> Result<Arc<Known>, Status> {
        let found = match (&*request.id, &request.external_id, &*request.share_token) {
            (id, None, "") => {
                let id = wire::id("id", id, ItemId::new).map_err(|fault| bad(&fault))?;
                self.items.known(&id, view).await
            }
            // What other systems call things is their business.
            ("", Some(_), "") if !view.sees_all => Err(crate::CatalogError::Absent("item")),
            ("", Some(called), "") => {
                let called = wire::external_ids(vec![called.clone()]);
                match called.first() {
                    Some(called) => self.items.called(called, view).await,
                    None => Err(crate::CatalogError::Absent("item")),
                }
            }
            ("", None, token) => self.items.shared(token, view).await,
            _ => {
                let allowed = "exactly one of id, external_id and share_token";
                return Err(bad(&Fault::new("id", &request.id, allowed)));
            }
        };
        found.map_err(|error| of(&error))
    }
}

/// Which items a request wants.
pub(super) fn filter(request: proto::ListItemsRequest) -> Result<Filter, Fault> {
    let kind = match request.kind {
        0 => None,
        kind => Some(item_read::kind("kind", kind)?),
    };
    Ok(Filter {
        kind,
        category: wire::id_or_none("category_id", &request.category_id, CategoryId::new)?,
        tag: request.tag.map(item_read::tag),
        status: item_read::status(request.status)?,
        with_deleted: request.show_deleted,
    })
}

/// Which part of a list a request wants.
pub(super) fn page(size: i32, token: &str) -> Result<PageRequest, Status> {
    PageRequest::new(size, token).map_err(|fault| bad(&fault))
}

/// How a request wants items shown.
pub(super) fn showing(
    languages: &[String],
    read_mask: Option<FieldMask>,
    view: View,
) -> Result<Showing, Status> {
    let languages = wire::languages(languages).map_err(|fault| bad(&fault))?;
    let mask = mask::check("read_mask", read_mask).map_err(|fault| bad(&fault))?;
    Ok(Showing { languages, mask, sees_all: view.sees_all })
}

/// How whoever wrote something is shown it.
pub(super) fn whole() -> Showing {
    Showing { languages: Vec::new(), mask: FieldMask::default(), sees_all: true }
}

/// A fault of a field in a part of the request.
pub(super) fn within(outer: &str, error: crate::CatalogError) -> crate::CatalogError {
    match error {
        crate::CatalogError::Bad(fault) if !fault.field.starts_with(outer) => fault.within(outer).into(),
        error => error,
    }
}
