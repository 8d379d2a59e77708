//! What each scope opens, on every rpc and route: that and nothing else.

use playhead_ingest::{edge::http::ROUTES, identity::Scope};
use playhead_proto::ingest::v1 as proto;
use prost::Message;
use tonic::Code;

use super::{
    cross_user::{Route, Rpc, route, rpc, rpcs},
    edges::{Edges, batch},
    issuer::Issuer,
};

/// The scope that an rpc needs; Connect takes no service at all.
fn scope_of_rpc(path: &str) -> Option<Scope> {
    let (_, method) = path.rsplit_once('/').unwrap();
    match method {
        "Connect" => None,
        "Publish" => Some(Scope::IngestWrite),
        "GetPosition"
        | "BatchGetPositions"
        | "ListContinueWatching"
        | "ListSessions"
        | "GetSession"
        | "ListLiveSessions" => Some(Scope::PlaybackRead),
        "SetPosition" | "MarkWatched" | "ForgetItem" | "StopSession" => Some(Scope::PlaybackWrite),
        "EraseUser" => Some(Scope::PlaybackErase),
        _ => panic!("{path} has no scope here"),
    }
}

/// The scope that a route needs; fronts with the token in their path take no service at all.
fn scope_of_route(method: &str, path: &str) -> Option<Scope> {
    match (method, path) {
        (_, "/v1/events" | "/v1/publish") => Some(Scope::IngestWrite),
        (_, path) if path.ends_with("/{token}") => None,
        ("DELETE", "/v1/users/{user}") => Some(Scope::PlaybackErase),
        ("GET", _) => Some(Scope::PlaybackRead),
        _ => Some(Scope::PlaybackWrite),
    }
}

fn all_but(scope: Scope) -> String {
    let others = Scope::ALL.into_iter().filter(|other| *other != scope);
    others.map(Scope::name).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rpc_needs_its_scope_and_no_other() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    for path in rpcs() {
        let Some(scope) = scope_of_rpc(path) else { continue };
        let request = match rpc(path, "ben").unwrap() {
            Rpc::OfUser(request) => request,
            Rpc::Publish => {
                proto::PublishRequest { sessions: vec![batch("ben", "bens", "m-1")] }.encode_to_vec()
            }
            Rpc::Connect => continue,
        };
        let call = async |token: &str| {
            crate::grpc::call_raw::<()>(&edges.channel, token, path, request.clone()).await
        };
        let denied = call(&issuer.service(&all_but(scope))).await.unwrap_err();
        let (code, reason, ..) = crate::grpc::told(&denied);
        assert_eq!((code, reason.as_str()), (Code::PermissionDenied, "SCOPE_REQUIRED"), "{path}");
        assert!(denied.message().ends_with(scope.name()), "{path}: {denied:?}");
        let allowed = call(&issuer.service(scope.name())).await.map_err(|status| status.code());
        assert!(matches!(allowed, Ok(()) | Err(Code::NotFound)), "{path}: {allowed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_needs_its_scope_and_no_other() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    for (method, path) in ROUTES {
        let Some(scope) = scope_of_route(method, path) else { continue };
        let (path, body) = match route(method, path, "ben", "").unwrap() {
            Route::OfUser(path, body) => (path, body.to_owned()),
            Route::Publish(body) => ((*path).to_owned(), body),
            Route::Silent(..) => continue,
        };
        let denied = edges.http(method, &path, Some(&issuer.service(&all_but(scope))), &body).await;
        let told = denied.told();
        assert_eq!(
            (told.code.as_str(), told.reason.as_str()),
            ("PERMISSION_DENIED", "SCOPE_REQUIRED"),
            "{path}"
        );
        let challenge =
            format!("Bearer realm=\"playhead\", error=\"insufficient_scope\", scope=\"{}\"", scope.name());
        assert_eq!((denied.status, denied.challenge), (403, Some(challenge)));
        let allowed = edges.http(method, &path, Some(&issuer.service(scope.name())), &body).await;
        assert!([200, 404].contains(&allowed.status), "{method} {path}: {}", allowed.body);
    }
}
