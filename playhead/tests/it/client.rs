//! What a caller does with a server, over HTTP.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, body::Bytes, body::Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Asks and reads the whole answer.
pub(crate) async fn ask(method: &str, at: SocketAddr, path: &str, body: &str) -> (StatusCode, String) {
    ask_as(Some("alice"), method, at, path, body).await
}

/// Asks with this token, or none, and reads the whole answer.
pub(crate) async fn ask_as(
    token: Option<&str>,
    method: &str,
    at: SocketAddr,
    path: &str,
    body: &str,
) -> (StatusCode, String) {
    let (status, incoming) = open_as(token, method, at, path, body).await;
    let bytes = incoming.collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Asks as alice, and hands out the body as it comes.
pub(crate) async fn open(method: &str, at: SocketAddr, path: &str, body: &str) -> (StatusCode, Incoming) {
    open_as(Some("alice"), method, at, path, body).await
}

async fn open_as(
    token: Option<&str>,
    method: &str,
    at: SocketAddr,
    path: &str,
    body: &str,
) -> (StatusCode, Incoming) {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{at}{path}"))
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Full::from(body.to_owned())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    (head.status, body)
}

pub(crate) async fn get(at: SocketAddr, path: &str) -> (StatusCode, String) {
    ask("GET", at, path, "").await
}

/// Says that alice's session played to here, and waits until that is durable.
pub(crate) async fn beat(http: SocketAddr, session: &str, seq: u64, position_ms: i64) {
    let (status, said) = try_beat(http, session, seq, position_ms).await;
    assert_eq!(status, StatusCode::OK, "{said}");
    assert!(said.contains(&format!("\"acked_through_seq\":{seq}")), "{said}");
}

/// Says that alice's session played to here.
pub(crate) async fn try_beat(
    http: SocketAddr,
    session: &str,
    seq: u64,
    position_ms: i64,
) -> (StatusCode, String) {
    let body = format!(
        r#"{{"session":{{"session_id":"{session}","item_id":"movie-1","item_kind":"MOVIE","duration_ms":5400000}},
            "events":[{{"kind":"BEAT","seq":{seq},"position_ms":{position_ms}}}]}}"#
    );
    ask("POST", http, "/v1/events", &body).await
}

/// A caller who has begun to send and does not go on: the server has asked for the rest when this returns.
pub(crate) async fn stuck(http: SocketAddr) -> TcpStream {
    let mut caller = TcpStream::connect(http).await.unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: playhead\r\nauthorization: Bearer alice\r\n\
        content-type: application/json\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n";
    caller.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    caller.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    caller
}
