//! Ann's token with Ben's ids, on every rpc that the .proto files know and every route of the HTTP edge. What is Ben's
//! looks as if it were not there, in the words that a user who never was gets; and it stays as it is. An rpc or a route
//! without a case here fails.

use playhead_ingest::edge::http::ROUTES;
use playhead_proto::{ingest::v1 as proto, playback::v1 as reads};
use prost::Message;
use prost_types::FileDescriptorSet;
use serde_json::Value;

use super::{
    edges::{Edges, Told, batch, beat, json_batch},
    issuer::Issuer,
};

/// Whom an rpc's request names, and what becomes of it.
pub enum Rpc {
    /// A read or mark of a user's data: this request.
    OfUser(Vec<u8>),
    /// Batches of sessions.
    Publish,
    /// A stream: it names a session only, which is one of the caller's.
    Connect,
}

/// The case of an rpc, by its path.
pub fn rpc(path: &str, user: &str) -> Option<Rpc> {
    let (user_id, item_id) = (user.to_owned(), "m-1".to_owned());
    let request = match path {
        "/playhead.ingest.v1.IngestService/Connect" => return Some(Rpc::Connect),
        "/playhead.ingest.v1.IngestService/Publish" => return Some(Rpc::Publish),
        "/playhead.playback.v1.PlaybackService/GetPosition" => {
            reads::GetPositionRequest { user_id, item_id }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/BatchGetPositions" => {
            reads::BatchGetPositionsRequest { user_id, item_ids: vec![item_id] }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/ListContinueWatching" => {
            reads::ListContinueWatchingRequest { user_id, ..Default::default() }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/ListSessions" => {
            reads::ListSessionsRequest { user_id, ..Default::default() }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/GetSession" => {
            let session_id = "bens".to_owned();
            reads::GetSessionRequest { user_id, session_id, read_mask: None }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/SetPosition" => {
            reads::SetPositionRequest { user_id, item_id, position_ms: 1 }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/MarkWatched" => {
            reads::MarkWatchedRequest { user_id, item_id, watched: true }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/ForgetItem" => {
            reads::ForgetItemRequest { user_id, item_id }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/EraseUser" => {
            reads::EraseUserRequest { user_id }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/ListLiveSessions" => {
            reads::ListLiveSessionsRequest { account_id: user_id }.encode_to_vec()
        }
        "/playhead.playback.v1.PlaybackService/StopSession" => {
            let stop_code = "0123456789abcdef".to_owned();
            reads::StopSessionRequest { account_id: user_id, stop_code, ..Default::default() }.encode_to_vec()
        }
        _ => return None,
    };
    Some(Rpc::OfUser(request))
}

/// Packages of the catalog's, whose rpcs have their cases in `catalog/tests/it/cross_user.rs`.
const CATALOGS: [&str; 3] = ["playhead.catalog.v1", "playhead.entitlement.v1", "playhead.screen.v1"];

/// Every rpc of the engine's that the .proto files know, by its path.
pub fn rpcs() -> Vec<&'static str> {
    let files = FileDescriptorSet::decode(playhead_proto::DESCRIPTORS).unwrap().file;
    let mut paths = Vec::new();
    for file in files.iter().filter(|file| !CATALOGS.contains(&file.package())) {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                paths.push(&*path.leak());
            }
        }
    }
    paths
}

/// Whom a route's request names.
pub enum Route {
    /// A user's data: this path and body.
    OfUser(String, &'static str),
    /// Batches: this body.
    Publish(String),
    /// A front that answers nothing: this path, with the token in it, and body.
    Silent(String, String),
}

/// The case of a route.
pub fn route(method: &str, path: &str, user: &str, token: &str) -> Option<Route> {
    let line = "sid=\"bens\",cid=\"m-1\",e=t,ts=1800000000000,pt=1000";
    let query = "CMCD=sid%3D%22bens%22%2Ccid%3D%22m-1%22%2Ce%3Dt%2Cts%3D1800000000000";
    let of_user = |rest: &str, body| Some(Route::OfUser(format!("/v1/users/{user}{rest}"), body));
    match (method, path) {
        ("POST", "/v1/events") => Some(Route::Publish(json_batch(user, "bens", "m-1"))),
        ("POST", "/v1/publish") => {
            Some(Route::Publish(format!(r#"{{"sessions":[{}]}}"#, json_batch(user, "bens", "m-1"))))
        }
        ("POST", "/v1/cmcd/{token}") => Some(Route::Silent(format!("/v1/cmcd/{token}"), line.into())),
        ("GET", "/v1/cmcd/{token}") => {
            Some(Route::Silent(format!("/v1/cmcd/{token}?{query}"), String::new()))
        }
        ("POST", "/v1/beacon/{token}") => Some(Route::Silent(format!("/v1/beacon/{token}"), line.into())),
        ("DELETE", "/v1/users/{user}") => of_user("", ""),
        ("GET", "/v1/users/{user}/positions") => of_user("/positions?item=m-1", ""),
        ("GET", "/v1/users/{user}/positions/{item}") => of_user("/positions/m-1", ""),
        ("PUT", "/v1/users/{user}/positions/{item}") => of_user("/positions/m-1", r#"{"position_ms":1}"#),
        ("DELETE", "/v1/users/{user}/positions/{item}") => of_user("/positions/m-1", ""),
        ("POST", "/v1/users/{user}/items/{item}/watched") => {
            of_user("/items/m-1/watched", r#"{"watched":true}"#)
        }
        ("GET", "/v1/users/{user}/continue-watching") => of_user("/continue-watching", ""),
        ("GET", "/v1/users/{user}/sessions") => of_user("/sessions", ""),
        ("GET", "/v1/users/{user}/sessions/{session}") => of_user("/sessions/bens", ""),
        ("GET", "/v1/accounts/{account}/live-sessions") => {
            Some(Route::OfUser(format!("/v1/accounts/{user}/live-sessions"), ""))
        }
        ("DELETE", "/v1/accounts/{account}/live-sessions/{code}") => {
            Some(Route::OfUser(format!("/v1/accounts/{user}/live-sessions/0123456789abcdef"), ""))
        }
        _ => None,
    }
}

/// Ben has played something.
async fn with_ben(issuer: &Issuer) -> Edges {
    let edges = Edges::start(issuer.verifier()).await;
    let body = json_batch("ben", "bens", "m-1");
    assert_eq!(edges.http("POST", "/v1/events", Some(&issuer.viewer("ben")), &body).await.status, 200);
    edges
}

/// All that Ben sees of his own.
async fn bens(edges: &Edges, issuer: &Issuer) -> [String; 3] {
    let token = issuer.viewer("ben");
    let mut seen = ["positions/m-1", "sessions/bens", "sessions"].map(|rest| format!("/v1/users/ben/{rest}"));
    for path in &mut seen {
        let answer = edges.http("GET", path, Some(&token), "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        *path = answer.body;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn on_every_rpc_another_users_data_looks_absent_and_stays_as_it_is() {
    let issuer = Issuer::new();
    let edges = with_ben(&issuer).await;
    let (before, ann) = (bens(&edges, &issuer).await, issuer.viewer("ann"));
    let rpcs = rpcs();
    assert!(rpcs.len() >= 11, "{rpcs:?}");
    for path in rpcs {
        let case = |user| rpc(path, user).unwrap_or_else(|| panic!("{path} has no case here"));
        match (case("ben"), case("zoe"), case("ann")) {
            (Rpc::OfUser(bens), Rpc::OfUser(nobodys), Rpc::OfUser(own)) => {
                let call = async |request: Vec<u8>| {
                    crate::grpc::call_raw::<()>(&edges.channel, &ann, path, request).await
                };
                let told = crate::grpc::told(&call(bens).await.unwrap_err());
                assert_eq!((told.0, told.1.as_str()), (tonic::Code::NotFound, "NOT_FOUND"), "{path}");
                assert_eq!(
                    told,
                    crate::grpc::told(&call(nobodys).await.unwrap_err()),
                    "{path}: as if he were not"
                );
                // What she has not got herself is told in the same words; the rest she may do.
                if let Err(absent) = call(own).await {
                    assert_eq!(crate::grpc::told(&absent), told, "{path}");
                }
            }
            (Rpc::Publish, ..) => publishes_for_nobody_else(&edges, &ann, path).await,
            (Rpc::Connect, ..) => {
                let ack = edges.connect(&ann, "bens", "m-1", vec![beat(7)]).await.unwrap();
                assert_eq!(ack.acked_through_seq, 7, "a session of her own, of the same name");
            }
            _ => panic!("{path}"),
        }
    }
    assert_eq!(bens(&edges, &issuer).await, before);
}

async fn publishes_for_nobody_else(edges: &Edges, ann: &str, path: &'static str) {
    let outcome = async |user: &str| {
        let request = proto::PublishRequest { sessions: vec![batch(user, "bens", "m-1")] };
        let answer: proto::PublishResponse = edges.call(ann, path, &request).await.unwrap();
        answer.sessions.into_iter().next().unwrap()
    };
    let (bens, nobodys) = (outcome("ben").await, outcome("zoe").await);
    assert_eq!((bens.stored, bens.duplicate, bens.rejected.len()), (0, 0, 1));
    assert_eq!(bens.rejected[0].reason(), proto::RejectReason::NotAllowed);
    assert_eq!(format!("{bens:?}").replace("ben\"", "zoe\""), format!("{nobodys:?}"), "as if he were not");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_every_route_another_users_data_looks_absent_and_stays_as_it_is() {
    let issuer = Issuer::new();
    let edges = with_ben(&issuer).await;
    let (before, ann) = (bens(&edges, &issuer).await, issuer.viewer("ann"));
    for (method, path) in ROUTES {
        let case = |user| {
            route(method, path, user, &ann).unwrap_or_else(|| panic!("{method} {path} has no case here"))
        };
        match (case("ben"), case("zoe"), case("ann")) {
            (Route::OfUser(bens, body), Route::OfUser(nobodys, _), Route::OfUser(own, _)) => {
                let call = async |path: &str| edges.http(method, path, Some(&ann), body).await;
                let (denied, absent, own) = (call(&bens).await, call(&nobodys).await, call(&own).await);
                assert_eq!((denied.status, denied.told().reason.as_str()), (404, "NOT_FOUND"), "{bens}");
                assert_eq!((absent.status, &absent.body), (404, &denied.body), "{bens}: as if he were not");
                if own.status != 200 {
                    assert_eq!((own.status, own.body), (404, denied.body), "{path}");
                }
            }
            (Route::Publish(bens), Route::Publish(nobodys), _) => {
                let call = async |body: &str| edges.http(method, path, Some(&ann), body).await;
                let (denied, absent) = (call(&bens).await, call(&nobodys).await);
                assert!(denied.body.contains("NOT_ALLOWED"), "{path}: {}", denied.body);
                let as_zoe = denied.body.replace("\"ben\"", "\"zoe\"").replace("\\\"ben\\\"", "\\\"zoe\\\"");
                assert_eq!((absent.status, absent.body), (denied.status, as_zoe), "{path}");
                let outcomes: Value = serde_json::from_str(&denied.body).unwrap();
                assert!(!outcomes.to_string().contains("\"stored\":1"), "{outcomes}");
            }
            (Route::Silent(path, body), ..) => {
                assert_eq!(edges.http(method, &path, None, &body).await.status, 204, "{path}");
            }
            _ => panic!("{method} {path}"),
        }
    }
    assert_eq!(bens(&edges, &issuer).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_name_anybody_and_an_administrator_too() {
    let issuer = Issuer::new();
    let edges = with_ben(&issuer).await;
    let admin = issuer.token("root", &serde_json::json!({ "role": "admin" }));
    for token in [issuer.service("playback:read"), admin] {
        let answer = edges.http("GET", "/v1/users/ben/positions/m-1", Some(&token), "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = edges.connect(&token, "s-1", "m-1", vec![beat(1)]).await.unwrap_err();
        let expect =
            Told { code: "PERMISSION_DENIED".into(), reason: "VIEWER_REQUIRED".into(), ..told.clone() };
        assert_eq!(told, expect);
    }
}
