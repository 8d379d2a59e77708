//! What a request becomes for the service that answers it, and what becomes of the answer.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use super::*;
use crate::{
    edge::calls::Refused,
    identity::{Development, Identity, IdentityError},
};

const BUTTON: &str = "/v1/items/e%201/authorize-playback";
const ROUTES: &[Route] = &[
    ("GET", "/v1/users/{user_id}/up-next", "playhead.screen.v1.ScreenService/ListUpNext"),
    (
        "GET",
        "/v1/accounts/{account_id}/subscription",
        "playhead.entitlement.v1.EntitlementService/CheckSubscription",
    ),
    (
        "POST",
        "/v1/items/{item_id}/authorize-playback",
        "playhead.entitlement.v1.EntitlementService/AuthorizePlayback",
    ),
];
/// The largest body, bytes.
const BODY_BYTES_MAX: usize = 100;

/// A service that answers everybody alike, and keeps what it is asked.
#[derive(Default)]
struct Service {
    asked: Mutex<Vec<(String, HeaderMap, Bytes)>>,
    refuses: Option<Refused>,
    /// Answers when this says so.
    waits_for: Option<Notify>,
}

#[async_trait]
impl Calls for Service {
    async fn call(&self, rpc: &str, headers: HeaderMap, message: Bytes) -> Result<Bytes, Refused> {
        self.asked.lock().unwrap().push((rpc.to_owned(), headers, message));
        if let Some(go) = &self.waits_for {
            go.notified().await;
        }
        self.refuses.clone().map_or(Ok(Bytes::new()), Err)
    }
}

impl Service {
    /// The routes to it, with this room for bodies, bytes.
    fn routes(self: &Arc<Self>, room_bytes: usize) -> Router {
        self.routes_for(Arc::new(Development), room_bytes)
    }

    fn routes_for(self: &Arc<Self>, verifier: Arc<dyn Verifier>, room_bytes: usize) -> Router {
        let calls = Arc::clone(self) as Arc<dyn Calls>;
        let beside = Beside { calls, verifier, routes: ROUTES, body_bytes_max: BODY_BYTES_MAX };
        router(&beside, &Arc::new(Bodies::new(room_bytes, Duration::from_secs(30))), &[]).unwrap()
    }

    /// The headers of the last call.
    fn headers(&self) -> HeaderMap {
        self.asked.lock().unwrap().last().unwrap().1.clone()
    }

    /// The message of the last call.
    fn message(&self) -> String {
        let (rpc, _, bytes) = self.asked.lock().unwrap().last().unwrap().clone();
        let pool = DescriptorPool::decode(schema::DESCRIPTORS).unwrap();
        let rpc = schema::rpc(&pool, rpc.trim_start_matches('/')).unwrap();
        DynamicMessage::decode(rpc.input(), bytes).unwrap().to_string()
    }
}

const ROOM: usize = 1 << 20;

fn get_of(path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = axum::http::Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

fn press(body: impl Into<Body>) -> Request {
    axum::http::Request::post(BUTTON).body(body.into()).unwrap()
}

/// Status, headers and JSON of what is answered.
async fn answered(routes: &Router, request: Request) -> (u16, HeaderMap, Value) {
    let (head, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), head.headers, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn what_a_read_says_may_be_kept_and_what_a_post_says_not() {
    let routes = Arc::new(Service::default()).routes(ROOM);
    let (status, read, _) = answered(&routes, get_of("/v1/users/ann/up-next", &[])).await;
    assert_eq!(
        (status, &read[CACHE_CONTROL], read.contains_key(ETAG)),
        (200, &"private, no-cache".parse().unwrap(), true)
    );
    let (status, pressed, _) = answered(&routes, press(r#"{"session_id":"s"}"#)).await;
    assert_eq!(
        (status, &pressed[CACHE_CONTROL], pressed.contains_key(ETAG)),
        (200, &"no-store".parse().unwrap(), false)
    );
}

#[tokio::test]
async fn a_body_is_bounded_and_read_to_its_end() {
    let service = Arc::new(Service::default());
    let routes = service.routes(ROOM);
    let body = |bytes: usize| format!("{:bytes$}", r#"{"session_id":"s"}"#);
    assert_eq!(answered(&routes, press(body(BODY_BYTES_MAX))).await.0, 200);
    let (status, _, said) = answered(&routes, press(body(BODY_BYTES_MAX + 1))).await;
    assert_eq!((status, &said["error"]["reason"]), (413, &"BODY_TOO_LARGE".into()));
    assert_eq!(
        (&said["error"]["field"], &said["error"]["allowed"]),
        (&"body".into(), &"1 to 100 bytes".into())
    );
    let (status, _, said) = answered(&routes, press(r#"{"session_id":"s"}{}"#)).await;
    assert_eq!((status, &said["error"]["reason"]), (400, &"MALFORMED".into()), "something behind it");
    assert_eq!(answered(&routes, press("")).await.0, 200, "the service says what is missing");
    assert_eq!(service.asked.lock().unwrap().len(), 2);
}

/// A body is held for as long as the service takes, so it counts for as long.
#[tokio::test]
async fn a_body_has_its_room_until_it_is_answered() {
    let service = Arc::new(Service { waits_for: Some(Notify::new()), ..Service::default() });
    let routes = service.routes(3 << 10);
    let first = {
        let routes = routes.clone();
        tokio::spawn(async move { answered(&routes, press("{}")).await.0 })
    };
    while service.asked.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = tokio::time::timeout(Duration::from_secs(5), answered(&routes, press("{}"))).await;
    let (status, headers, said) = second.expect("it is not let in");
    assert_eq!(
        (status, &said["error"]["reason"], &headers["retry-after"]),
        (503, &"BUSY".into(), &"1".parse().unwrap())
    );
    let go = service.waits_for.as_ref().unwrap();
    go.notify_one();
    assert_eq!(first.await.unwrap(), 200);
    go.notify_one();
    assert_eq!(answered(&routes, press("{}")).await.0, 200);
}

/// Believes whoever shows a token.
struct Shown;

impl Verifier for Shown {
    fn verify(&self, credential: Credential<'_>) -> Result<Identity, IdentityError> {
        credential.token.map(|_| Identity::Admin).ok_or(IdentityError::Missing)
    }
}

#[tokio::test]
async fn a_strangers_body_is_not_waited_for_and_takes_no_room() {
    let service = Arc::new(Service::default());
    let routes = service.routes_for(Arc::new(Shown), 2 << 10);
    let endless = Body::from_stream(tokio_stream::pending::<Result<Bytes, axum::BoxError>>());
    let stranger = tokio::time::timeout(Duration::from_secs(5), answered(&routes, press(endless)));
    let (status, headers, said) = stranger.await.expect("it is not waited for");
    assert_eq!((status, &said["error"]["reason"]), (401, &"TOKEN_MISSING".into()), "{said}");
    assert_eq!(headers["www-authenticate"], "Bearer realm=\"playhead\"");
    let mut known = press("{}");
    known.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer ann"));
    assert_eq!(answered(&routes, known).await.0, 200);
    assert_eq!(service.asked.lock().unwrap().len(), 1);
    // A request without a body says nothing that would have to be held.
    assert_eq!(
        answered(&routes, get_of("/v1/users/ann/up-next", &[])).await.0,
        200,
        "the service says who may"
    );
}

#[tokio::test]
async fn the_path_says_more_than_the_body() {
    let service = Arc::new(Service::default());
    let routes = service.routes(ROOM);
    answered(&routes, press(r#"{"session_id":"s","item_id":"other"}"#)).await;
    let message = service.message();
    assert!(message.contains("item_id:\"e 1\"") && message.contains("session_id:\"s\""), "{message}");
}

/// For a verifier that believes names; any other one looks for a token.
#[tokio::test]
async fn whoever_shows_nothing_is_whom_the_path_names() {
    let service = Arc::new(Service::default());
    let routes = service.routes(ROOM);
    let (up_next, subscription) = ("/v1/users/ann/up-next", "/v1/accounts/family/subscription");
    for (path, shown, expect) in [
        (up_next, &[][..], Some("ann")),
        (subscription, &[][..], Some("family")),
        (up_next, &[("authorization", "Bearer ben")][..], None),
        (up_next, &[("playhead-user", "ben")][..], Some("ben")),
    ] {
        answered(&routes, get_of(path, shown)).await;
        let headers = service.headers();
        let user = headers.get("playhead-user").map(|user| user.to_str().unwrap());
        assert_eq!(user, expect, "{path} {shown:?}");
        assert_eq!(headers.get_all("playhead-user").iter().count(), usize::from(expect.is_some()));
    }
}

#[tokio::test]
async fn as_many_languages_are_taken_from_the_header_as_services_take() {
    let service = Arc::new(Service::default());
    let routes = service.routes(ROOM);
    let many: Vec<String> = (b'a'..=b't').map(|letter| format!("k{}", char::from(letter))).collect();
    answered(&routes, get_of("/v1/users/ann/up-next", &[("accept-language", &many.join(","))])).await;
    assert_eq!(service.message().matches("\"k").count(), 16, "{}", service.message());
}

#[tokio::test]
async fn what_a_service_refuses_has_its_status_and_when_to_try_again() {
    for (code, status) in [
        ("INVALID_ARGUMENT", 400),
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("NOT_FOUND", 404),
        ("ABORTED", 409),
        ("FAILED_PRECONDITION", 409),
        ("RESOURCE_EXHAUSTED", 429),
        ("UNIMPLEMENTED", 501),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("INTERNAL", 500),
    ] {
        let (reason, retry_after_ms) = ("WHY".to_owned(), Some(1_001));
        let refuses = Some(Refused { code, reason, retry_after_ms, ..Refused::default() });
        let routes = Arc::new(Service { refuses, ..Service::default() }).routes(ROOM);
        let (found, headers, said) =
            answered(&routes, get_of("/v1/users/ann/up-next", &[("if-none-match", "*")])).await;
        assert_eq!((found, &headers["retry-after"]), (status, &"2".parse().unwrap()), "{code}");
        let expect = json!({ "code": code, "reason": "WHY", "message": "", "retry_after_ms": 1_001 });
        assert_eq!(said["error"], expect, "{code}");
    }
}
