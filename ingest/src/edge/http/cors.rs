//! Cross-origin answers. Pages of any origin may call: nothing here looks at cookies, a caller is who its token says.

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Answers a preflight, and lets the caller's page read any other answer, errors included.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let methods = methods(request.uri().path());
    let mut response = match *request.method() {
        Method::OPTIONS => preflight(methods),
        _ => next.run(request).await,
    };
    allow(response.headers_mut(), origin);
    response
}

fn preflight(methods: &'static str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    response
}

/// `sendBeacon` always sends credentials, for which browsers take no `*`: the origin is echoed.
fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_name(ORIGIN));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

fn methods(path: &str) -> &'static str {
    if path.starts_with("/v1/users/") { "GET, POST, OPTIONS, PUT, DELETE" } else { "GET, POST, OPTIONS" }
}

const HEADERS: &str =
    "content-type, authorization, if-none-match, cmcd-request, cmcd-object, cmcd-status, cmcd-session";
/// What a page may read of an answer besides its body.
const EXPOSED: &str = "retry-after, etag";
/// How long a browser remembers a preflight, s: the longest that all of them take.
const MAX_AGE_S: &str = "7200";
