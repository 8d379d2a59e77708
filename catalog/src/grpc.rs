//! The catalog's gRPC services. `caller` says who calls and what may be done, `status` how errors are told, `catalog` and
//! `entitlement` are the rpcs.

use std::sync::Arc;

use playhead_ingest::{edge::Now, identity::Verifier};
use playhead_store::durable::documents::Documents;
use tonic::{server::NamedService, service::RoutesBuilder};

use self::service::{
    catalog_service_server::CatalogServiceServer, entitlement_service_server::EntitlementServiceServer,
};
use crate::{
    Settings, categories::Categories, collections::Collections, entitlement::Entitlement, items::Items,
    records::Records,
};

mod caller;
mod catalog;
mod entitlement;
mod status;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod service {
    include!(concat!(env!("OUT_DIR"), "/playhead.catalog.v1.CatalogService.rs"));
    include!(concat!(env!("OUT_DIR"), "/playhead.entitlement.v1.EntitlementService.rs"));
}

/// What the services work with. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    items: Arc<Items>,
    collections: Arc<Collections>,
    categories: Arc<Categories>,
    rights: Arc<Entitlement>,
    verifier: Arc<dyn Verifier>,
    now: Now,
    message_bytes_max: usize,
}

impl Services {
    /// Services on these documents, for callers that this verifier knows.
    pub fn new(
        documents: Arc<dyn Documents>,
        settings: &Settings,
        verifier: Arc<dyn Verifier>,
        now: Now,
    ) -> Self {
        let records = Records::new(documents, settings.store_ms_max);
        let items = Arc::new(Items::new(records.clone(), settings));
        let collections = Arc::new(Collections::new(records.clone(), Arc::clone(&items)));
        Self {
            rights: Arc::new(Entitlement::new(
                records.clone(),
                Arc::clone(&items),
                Arc::clone(&collections),
                settings,
            )),
            categories: Arc::new(Categories::new(records)),
            items,
            collections,
            verifier,
            now,
            message_bytes_max: settings.message_bytes_max,
        }
    }

    /// Adds the services to what a listener serves.
    pub fn add_to(self, routes: &mut RoutesBuilder) {
        let bytes_max = self.message_bytes_max;
        routes
            .add_service(CatalogServiceServer::new(self.clone()).max_decoding_message_size(bytes_max))
            .add_service(EntitlementServiceServer::new(self).max_decoding_message_size(bytes_max));
    }

    /// The services' names, for health checks.
    pub const NAMES: [&str; 2] = [CatalogServiceServer::<Self>::NAME, EntitlementServiceServer::<Self>::NAME];
}
