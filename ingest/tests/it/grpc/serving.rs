//! Health, reflection, gRPC-Web, and what the library answers by itself.

use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Response, header::HeaderMap};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use playhead_ingest::edge::grpc::Options;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::*;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_and_watchers_see_the_end() {
    let mut site = Site::start().await;
    let mut health = HealthClient::new(site.channel.clone());
    for service in ["", "playhead.ingest.v1.IngestService", "playhead.playback.v1.PlaybackService"] {
        let status = health.check(of(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let unknown = health.check(of("nothing")).await.unwrap_err();
    assert_told(&unknown, Code::NotFound, "NOT_FOUND", "", "");
    let mut watched = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    site.begin_stop();
    assert_eq!(within(watched.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(within(watched.message()).await.unwrap().is_none());
    site.has_stopped().await;
}

async fn described(site: &Site) -> Result<Vec<String>, Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(site.channel.clone());
    let mut answers = reflection.server_reflection_info(tokio_stream::once(request)).await?.into_inner();
    match answers.message().await?.unwrap().message_response.unwrap() {
        MessageResponse::ListServicesResponse(list) => {
            Ok(list.service.into_iter().map(|service| service.name).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_answers_only_when_switched_on() {
    let open = Site::with(Settings::default(), Options { reflection: true, ..Options::default() }).await;
    let services = described(&open).await.unwrap();
    for service in ["playhead.ingest.v1.IngestService", "playhead.playback.v1.PlaybackService"] {
        assert!(services.iter().any(|name| name == service), "{services:?}");
    }
    let closed = Site::start().await;
    assert_told(&described(&closed).await.unwrap_err(), Code::Unimplemented, "UNIMPLEMENTED", "", "");
}

type Browser = Client<HttpConnector, Full<Bytes>>;

/// A call as a browser makes it: HTTP/1.1, from a page of another origin.
async fn fetch(
    site: &Site,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Response<Bytes> {
    let browser: Browser = Client::builder(TokioExecutor::new()).build_http();
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", site.address))
        .header("origin", "https://tv.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = browser.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// A message as gRPC frames it.
fn framed(message: &impl prost::Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &bytes].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_calls_over_plain_http() {
    let site = Site::start().await;
    let batch = proto::SessionEvents {
        session: Some(playing("s1")),
        events: vec![beat(1)],
        ..proto::SessionEvents::default()
    };
    let request = proto::PublishRequest { sessions: vec![batch] };
    let headers = [
        ("content-type", "application/grpc-web+proto"),
        ("x-grpc-web", "1"),
        ("authorization", "Bearer ann"),
    ];
    let path = "/playhead.ingest.v1.IngestService/Publish";
    let response = fetch(&site, Method::POST, path, &headers, framed(&request)).await;
    assert_eq!(response.version(), http::Version::HTTP_11);
    assert_eq!(header(response.headers(), "content-type"), "application/grpc-web+proto");
    assert_eq!(header(response.headers(), "access-control-allow-origin"), "https://tv.example");
    assert_eq!(header(response.headers(), "access-control-allow-credentials"), "true");
    assert!(header(response.headers(), "vary").contains("origin"));
    assert!(header(response.headers(), "access-control-expose-headers").contains("grpc-status"));
    let body = response.body();
    let length = usize::try_from(u32::from_be_bytes(body[1..5].try_into().unwrap())).unwrap();
    let reply = proto::PublishResponse::decode(&body[5..5 + length]).unwrap();
    assert_eq!(reply.sessions[0].stored, 1);
    assert_eq!(body[5 + length], 0x80, "the trailers are the last frame");
    let trailers = String::from_utf8(body[5 + length + 5..].to_vec()).unwrap();
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
    assert_eq!(site.events("s1").await.len(), 1);

    let bad = [("content-type", "application/grpc-web+proto"), ("authorization", "Basic x")];
    let response = fetch(&site, Method::POST, path, &bad, framed(&request)).await;
    assert_eq!(header(response.headers(), "grpc-status"), "16");
    assert_eq!(header(response.headers(), "access-control-allow-origin"), "https://tv.example");
    assert!(!header(response.headers(), "grpc-status-details-bin").is_empty());
}

/// A page over HTTP/2, a caller of gRPC-Web that is no page, and one that is neither.
#[tokio::test(flavor = "multi_thread")]
async fn what_browsers_need_is_told_to_them_alone() {
    let site = Site::start().await;
    let client: Browser = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let call = async |headers: &[(&str, &str)]| {
        let mut request = hyper::Request::post(format!("http://{}/{HEALTH}", site.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            client.request(request.body(Full::new(framed(&of("")).into())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let is_in_trailers = body.trailers().is_some_and(|trailers| trailers.contains_key("grpc-status"));
        let kind = header(&parts.headers, "content-type").to_owned();
        let names = parts.headers.keys().map(http::HeaderName::as_str);
        (kind, names.filter(|name| name.starts_with("access-control")).count(), is_in_trailers)
    };
    let grpc = [("content-type", "application/grpc"), ("te", "trailers"), ("origin", "https://tv.example")];
    assert_eq!(call(&grpc[..2]).await, ("application/grpc".to_owned(), 0, true));
    assert_eq!(call(&grpc).await, ("application/grpc".to_owned(), 3, true));
    let web = [("content-type", "application/grpc-web+proto")];
    assert_eq!(call(&web).await, ("application/grpc-web+proto".to_owned(), 2, false));
}

const HEALTH: &str = "grpc.health.v1.Health/Check";

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_preflight_is_answered() {
    let site = Site::start().await;
    let headers = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,x-grpc-web"),
    ];
    let path = "/playhead.ingest.v1.IngestService/Publish";
    let response = fetch(&site, Method::OPTIONS, path, &headers, Vec::new()).await;
    let headers = response.headers();
    assert!(response.status().is_success());
    assert_eq!(header(headers, "access-control-allow-origin"), "https://tv.example");
    assert_eq!(header(headers, "access-control-max-age"), "7200");
    assert!(header(headers, "access-control-allow-methods").contains("POST"));
    assert!(header(headers, "access-control-allow-headers").contains("x-grpc-web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_method_is_told_in_our_form() {
    let site = Site::start().await;
    let of_service = "/playhead.ingest.v1.IngestService/Guess";
    let of_none =
        ["/playhead.ingest.v1.Ingest/Publish", "/playhead.ingest.v1.IngestServices/Publish", "/Publish"];
    for path in [of_service].into_iter().chain(of_none) {
        let status = call_raw::<proto::PublishResponse>(&site.channel, "", path, vec![]).await.unwrap_err();
        assert_told(&status, Code::Unimplemented, "UNIMPLEMENTED", "", "");
    }
}
