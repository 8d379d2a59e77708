//! A user who is erased: what a catalog remembers of them is forgotten.

use hyper::StatusCode;
use playhead_proto::{
    catalog::v1::{
        AccessPolicy, AccessWay, GrantKind, GrantNeed, Item, Kind, PublicationStatus, UpsertItemRequest,
        catalog_service_client::CatalogServiceClient,
    },
    entitlement::v1::{
        CheckAccessRequest, Grant, UpsertGrantRequest, entitlement_service_client::EntitlementServiceClient,
    },
};
use tonic::Request;

use crate::{
    catalog::{channel, until},
    client::ask_as,
    process::{PATIENCE, Serve},
};

/// Far longer than a test: nothing becomes too old by itself.
pub(crate) const NEVER_OLD: &str = "catalog.cache_ttl_ms=3600000";

/// Whether carla may play the film, as this server remembers.
async fn carla_may(server: &Serve) -> bool {
    let mut request = Request::new(CheckAccessRequest { item_id: "premiere".into(), ..Default::default() });
    request.metadata_mut().insert("authorization", "Bearer carla".parse().unwrap());
    let answer = EntitlementServiceClient::new(channel(server).await).check_access(request).await.unwrap();
    answer.into_inner().decision.unwrap().allowed
}

/// Carla has a ticket, of which the catalog knows; she is erased at the engine, and the catalog hears of it.
pub(crate) async fn is_forgotten(engine: &Serve, catalog: &Serve) {
    let need = GrantNeed { kind: GrantKind::Ticket.into(), role: String::new() };
    let item = Item {
        id: "premiere".into(),
        kind: Kind::Movie.into(),
        status: PublicationStatus::Published.into(),
        access: Some(AccessPolicy { ways: vec![AccessWay { grant: Some(need), ..AccessWay::default() }] }),
        ..Item::default()
    };
    let request = UpsertItemRequest { item: Some(item), update_mask: None };
    CatalogServiceClient::new(channel(catalog).await).upsert_item(request).await.unwrap();
    assert!(!carla_may(catalog).await);
    let (id, user_id, item_id) = ("ticket".into(), "carla".into(), "premiere".into());
    let grant = Some(Grant { id, user_id, item_id, kind: GrantKind::Ticket.into(), ..Grant::default() });
    let request = UpsertGrantRequest { grant };
    EntitlementServiceClient::new(channel(catalog).await).upsert_grant(request).await.unwrap();
    assert!(carla_may(catalog).await);
    let (status, said) = ask_as(None, "DELETE", engine.http, "/v1/users/carla", "").await;
    assert_eq!(status, StatusCode::OK, "{said}");
    until("the ticket is forgotten", PATIENCE, async || !carla_may(catalog).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_beside_the_engine_forgets_an_erased_user() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start_set(data.path(), NEVER_OLD);
    is_forgotten(&server, &server).await;
    assert_eq!(server.terminate().0, Some(0));
}
