//! Who may call what, on every rpc that the catalog's .proto files know: Ann with Ben's ids, a service with each scope but
//! the one that is needed, nobody at all. An rpc without a case here fails.

use playhead_ingest::identity::Scope;
use playhead_proto::{catalog::v1 as proto, entitlement::v1 as rights, screen::v1 as screen};
use prost::Message;
use prost_types::FileDescriptorSet;
use serde_json::json;
use tonic::Code;

use crate::site::{Site, item, told};

const PACKAGES: [&str; 3] = ["playhead.catalog.v1", "playhead.entitlement.v1", "playhead.screen.v1"];

/// Whose business an rpc is, and the scope that services need for it.
enum Whose {
    /// Whoever is known: what is published is for all viewers.
    Everybodys(Scope),
    /// One user's or account's, which the request names.
    Own(Scope),
    /// Of whoever keeps the catalog or the rights: no viewer's.
    Keepers(Scope),
}

/// The case of an rpc: whose it is, and a request that names this user or account where it names any.
fn case(path: &str, who: &str) -> Option<(Whose, Vec<u8>)> {
    let (_, rpc) = path.rsplit_once('/').unwrap();
    of_catalog(rpc)
        .or_else(|| of_segments(rpc))
        .or_else(|| of_opinions(rpc, who))
        .or_else(|| of_rights(rpc, who))
        .or_else(|| of_screens(rpc, who))
}

fn of_screens(rpc: &str, who: &str) -> Option<(Whose, Vec<u8>)> {
    let user_id = who.to_owned();
    let own = |bytes| Some((Whose::Own(Scope::PlaybackRead), bytes));
    match rpc {
        "ListUpNext" => own(screen::ListUpNextRequest { user_id, ..Default::default() }.encode_to_vec()),
        "GetProgress" => {
            let item_id = "film".to_owned();
            own(screen::GetProgressRequest { user_id, item_id, ..Default::default() }.encode_to_vec())
        }
        _ => None,
    }
}

fn of_catalog(rpc: &str) -> Option<(Whose, Vec<u8>)> {
    use Scope::{CatalogRead, CatalogWrite};
    let id = || "film".to_owned();
    let read = |bytes| Some((Whose::Everybodys(CatalogRead), bytes));
    let write = |bytes| Some((Whose::Keepers(CatalogWrite), bytes));
    match rpc {
        "UpsertItem" => {
            let item = Some(item("other", proto::Kind::Clip, "", 0));
            write(proto::UpsertItemRequest { item, update_mask: None }.encode_to_vec())
        }
        "GetItem" => read(proto::GetItemRequest { id: id(), ..Default::default() }.encode_to_vec()),
        "BatchGetItems" => {
            read(proto::BatchGetItemsRequest { ids: vec![id()], ..Default::default() }.encode_to_vec())
        }
        "ListItems" => read(proto::ListItemsRequest::default().encode_to_vec()),
        "SearchItems" => {
            read(proto::SearchItemsRequest { query: "film".into(), ..Default::default() }.encode_to_vec())
        }
        "ListChildren" => read(proto::ListChildrenRequest::default().encode_to_vec()),
        "GetTree" => read(proto::GetTreeRequest { id: id(), ..Default::default() }.encode_to_vec()),
        "NextItem" => read(proto::NextItemRequest { id: id(), ..Default::default() }.encode_to_vec()),
        "DeleteItem" => write(proto::DeleteItemRequest { id: id(), ..Default::default() }.encode_to_vec()),
        "UndeleteItem" => {
            write(proto::UndeleteItemRequest { id: id(), ..Default::default() }.encode_to_vec())
        }
        "SetCollectionItems" => write(
            proto::SetCollectionItemsRequest { collection_id: "best".into(), ..Default::default() }
                .encode_to_vec(),
        ),
        "ListCollectionItems" => read(
            proto::ListCollectionItemsRequest { collection_id: "best".into(), ..Default::default() }
                .encode_to_vec(),
        ),
        "UpsertCategory" => {
            let category = Some(proto::Category { id: "drama".into(), ..Default::default() });
            write(proto::UpsertCategoryRequest { category }.encode_to_vec())
        }
        "ListCategories" => read(proto::ListCategoriesRequest::default().encode_to_vec()),
        _ => None,
    }
}

fn of_opinions(rpc: &str, who: &str) -> Option<(Whose, Vec<u8>)> {
    use Scope::{CatalogRead, CatalogWrite};
    let (user_id, item_id) = (who.to_owned(), "film".to_owned());
    let read = |bytes| Some((Whose::Own(CatalogRead), bytes));
    let write = |bytes| Some((Whose::Own(CatalogWrite), bytes));
    let bookmark = || {
        let (user_id, item_id) = (user_id.clone(), item_id.clone());
        Some(proto::Bookmark { id: "b-1".into(), user_id, item_id, ..Default::default() })
    };
    match rpc {
        "RateItem" => {
            write(proto::RateItemRequest { user_id, item_id, stars: 5, ..Default::default() }.encode_to_vec())
        }
        "GetRating" => read(proto::GetRatingRequest { user_id, item_id }.encode_to_vec()),
        "DeleteRating" => {
            write(proto::DeleteRatingRequest { user_id, item_id, etag: String::new() }.encode_to_vec())
        }
        "GetRatingSummary" => {
            Some((Whose::Everybodys(CatalogRead), proto::GetRatingSummaryRequest { item_id }.encode_to_vec()))
        }
        "CreateBookmark" => write(proto::CreateBookmarkRequest { bookmark: bookmark() }.encode_to_vec()),
        "UpdateBookmark" => {
            write(proto::UpdateBookmarkRequest { bookmark: bookmark(), update_mask: None }.encode_to_vec())
        }
        "DeleteBookmark" => {
            let (id, etag) = ("b-1".to_owned(), String::new());
            write(proto::DeleteBookmarkRequest { user_id, id, etag }.encode_to_vec())
        }
        "ListBookmarks" => {
            read(proto::ListBookmarksRequest { user_id, ..Default::default() }.encode_to_vec())
        }
        _ => None,
    }
}

fn of_segments(rpc: &str) -> Option<(Whose, Vec<u8>)> {
    let (item_id, asset_id, variant_id) = ("film".to_owned(), "main".to_owned(), "hd".to_owned());
    let write = |bytes| Some((Whose::Keepers(Scope::CatalogWrite), bytes));
    match rpc {
        "UpsertSegments" => {
            let segments = vec![proto::Segment { url: "/1.ts".into(), ..Default::default() }];
            write(proto::UpsertSegmentsRequest { item_id, asset_id, variant_id, segments }.encode_to_vec())
        }
        "DeleteSegments" => {
            write(proto::DeleteSegmentsRequest { item_id, asset_id, variant_id }.encode_to_vec())
        }
        // A viewer sees them with a session token of the item: `segments` has that.
        "ListSegments" => Some((
            Whose::Keepers(Scope::CatalogRead),
            proto::ListSegmentsRequest { item_id, asset_id, variant_id, ..Default::default() }
                .encode_to_vec(),
        )),
        _ => None,
    }
}

fn of_rights(rpc: &str, who: &str) -> Option<(Whose, Vec<u8>)> {
    use Scope::{EntitlementRead, EntitlementWrite};
    let (who, plan_id) = (who.to_owned(), "basic".to_owned());
    let (account_id, user_id, subscription_id) = (who.clone(), who, "s-1".to_owned());
    let own = |bytes| Some((Whose::Own(EntitlementRead), bytes));
    let write = |bytes| Some((Whose::Keepers(EntitlementWrite), bytes));
    match rpc {
        "UpsertPlan" => {
            let plan = Some(rights::Plan { id: plan_id, ..Default::default() });
            write(rights::UpsertPlanRequest { plan }.encode_to_vec())
        }
        "GetPlan" => {
            Some((Whose::Everybodys(EntitlementRead), rights::GetPlanRequest { id: plan_id }.encode_to_vec()))
        }
        "ListPlans" => {
            Some((Whose::Everybodys(EntitlementRead), rights::ListPlansRequest::default().encode_to_vec()))
        }
        "UpsertSubscription" => {
            let subscription = Some(rights::Subscription {
                id: subscription_id,
                account_id,
                plan_id,
                status: 2,
                period_end_ms: 9,
                ..Default::default()
            });
            write(rights::UpsertSubscriptionRequest { subscription }.encode_to_vec())
        }
        "ListSubscriptions" => {
            own(rights::ListSubscriptionsRequest { account_id, consistency: 0 }.encode_to_vec())
        }
        "RenewSubscription" => write(
            rights::RenewSubscriptionRequest { account_id, id: subscription_id, ..Default::default() }
                .encode_to_vec(),
        ),
        "CancelSubscription" => write(
            rights::CancelSubscriptionRequest { account_id, id: subscription_id, at_once: false }
                .encode_to_vec(),
        ),
        "AssignSeat" => {
            write(rights::AssignSeatRequest { account_id, subscription_id, user_id }.encode_to_vec())
        }
        "ReleaseSeat" => {
            write(rights::ReleaseSeatRequest { account_id, subscription_id, user_id }.encode_to_vec())
        }
        "ListSeats" => Some((
            Whose::Keepers(EntitlementRead),
            rights::ListSeatsRequest { account_id, subscription_id }.encode_to_vec(),
        )),
        "UpsertGrant" => {
            let grant = rights::Grant { id: "g-1".into(), user_id, kind: 1, ..Default::default() };
            write(rights::UpsertGrantRequest { grant: Some(grant) }.encode_to_vec())
        }
        "ListGrants" => own(rights::ListGrantsRequest { user_id, consistency: 0 }.encode_to_vec()),
        "SetViewerLimits" => {
            let limits = Some(rights::ViewerLimits { user_id, ..Default::default() });
            write(rights::SetViewerLimitsRequest { limits }.encode_to_vec())
        }
        "GetViewerLimits" => own(rights::GetViewerLimitsRequest { user_id, consistency: 0 }.encode_to_vec()),
        "CheckSubscription" => {
            own(rights::CheckSubscriptionRequest { account_id, consistency: 0 }.encode_to_vec())
        }
        "CheckAccess" => own(rights::CheckAccessRequest {
            item_id: "film".into(),
            user_id,
            account_id,
            ..Default::default()
        }
        .encode_to_vec()),
        "AuthorizePlayback" => Some((
            Whose::Own(Scope::PlaybackAuthorize),
            rights::AuthorizePlaybackRequest {
                item_id: "film".into(),
                session_id: "s-1".into(),
                user_id,
                account_id,
                ..Default::default()
            }
            .encode_to_vec(),
        )),
        _ => None,
    }
}

/// Every rpc of the catalog's, by its path.
fn rpcs() -> Vec<&'static str> {
    let files = FileDescriptorSet::decode(playhead_proto::DESCRIPTORS).unwrap().file;
    let mut paths = Vec::new();
    for file in files.iter().filter(|file| PACKAGES.contains(&file.package())) {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                paths.push(&*path.leak());
            }
        }
    }
    assert_eq!(paths.len(), 44, "{paths:?}");
    paths
}

async fn site() -> Site {
    let site = Site::start().await;
    site.put(item("film", proto::Kind::Movie, "", 0)).await;
    site.put(item("best", proto::Kind::Collection, "", 0)).await;
    site
}

fn of(path: &str, who: &str) -> (Whose, Vec<u8>) {
    case(path, who).unwrap_or_else(|| panic!("{path} has no case here"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_what_is_for_all_and_its_own_and_writes_nothing() {
    let site = site().await;
    // An account of her own, so that a request can name both by one name.
    let ann = site.token("ann", &json!({ "account": "ann" }));
    for path in rpcs() {
        let call = async |who: &str| {
            let (whose, request) = of(path, who);
            (
                whose,
                site.call(&ann, path, request)
                    .await
                    .map_err(|status| (told(&status), status.message().to_owned())),
            )
        };
        let (whose, bens) = call("ben").await;
        let ((_, nobodys), (_, own)) = (call("zoe").await, call("ann").await);
        match whose {
            Whose::Everybodys(_) => {
                let absent = own.err().map(|((code, ..), _)| code);
                assert!(matches!(absent, None | Some(Code::NotFound)), "{path}: {absent:?}");
            }
            Whose::Own(_) => {
                let (refused, message) = bens.unwrap_err();
                assert_eq!((refused.0, refused.1.as_str()), (Code::NotFound, "NOT_FOUND"), "{path}");
                assert_eq!(nobodys.unwrap_err(), (refused, message), "{path}: as if he were not");
                own.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            }
            Whose::Keepers(scope) => {
                for ((code, reason, _), message) in [bens, nobodys, own].map(Result::unwrap_err) {
                    let told = (code, reason.as_str());
                    assert_eq!(told, (Code::PermissionDenied, "SCOPE_REQUIRED"), "{path}");
                    assert_eq!(message, format!("the token's scope lacks {}", scope.name()), "{path}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rpc_needs_its_scope_and_no_other() {
    let site = site().await;
    for path in rpcs() {
        let (whose, request) = of(path, "ben");
        let (Whose::Everybodys(scope) | Whose::Own(scope) | Whose::Keepers(scope)) = whose;
        let others = Scope::ALL.into_iter().filter(|other| *other != scope).map(Scope::name);
        let others = site.service(&others.collect::<Vec<_>>().join(" "));
        let refused = site.call(&others, path, request.clone()).await.unwrap_err();
        let (code, reason, _) = told(&refused);
        assert_eq!((code, reason.as_str()), (Code::PermissionDenied, "SCOPE_REQUIRED"), "{path}");
        assert!(refused.message().ends_with(scope.name()), "{path}: {refused:?}");
        for token in [site.service(scope.name()), site.admin()] {
            let code = site.call(&token, path, request.clone()).await.map_err(|status| told(&status));
            let is_let_in = match &code {
                Ok(_) => true,
                // There is no such subscription or plan; that is what whoever may ask is told.
                Err((code, ..)) => {
                    matches!(code, Code::NotFound | Code::InvalidArgument | Code::FailedPrecondition)
                }
            };
            assert!(is_let_in, "{path}: {code:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_is_let_in() {
    let site = site().await;
    let late = site.token("ann", &json!({ "exp": 1 }));
    for path in rpcs() {
        let (_, request) = of(path, "ann");
        for (token, reason) in [("nonsense", "TOKEN_INVALID"), (&late, "TOKEN_EXPIRED")] {
            let refused = site.call(token, path, request.clone()).await.unwrap_err();
            assert_eq!(told(&refused), (Code::Unauthenticated, reason.into(), Vec::new()), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_the_callers_fault() {
    let site = site().await;
    for path in rpcs() {
        let refused = site.call(&site.admin(), path, vec![0xff; 9]).await.unwrap_err();
        let (code, reason, fields) = told(&refused);
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "MALFORMED"), "{path}: {refused:?}");
        assert_eq!(fields, ["message"], "{path}");
    }
}
