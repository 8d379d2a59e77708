//! gRPC services called within the process, without a network: the bytes are the same, and so are the answers.

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response,
    header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING},
};
use http_body_util::{BodyExt as _, Full};
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use super::{Switch, status};
use crate::edge::calls::{Calls, Refused};

/// Services of this process.
#[derive(Debug, Clone)]
pub struct Inside(pub Switch);

#[async_trait]
impl Calls for Inside {
    async fn call(&self, rpc: &str, headers: HeaderMap, message: Bytes) -> Result<Bytes, Refused> {
        let answered = match request(rpc, headers, &message) {
            Ok(request) => match self.0.clone().oneshot(request).await {
                Ok(response) => answer(response).await,
                Err(never) => match never {},
            },
            Err(error) => Err(Status::internal(error.to_string())),
        };
        answered.map_err(|status| refused(&status::explained(status)))
    }
}

/// The call as it would come over a network, with the caller's headers, but for those of its own protocol.
fn request(rpc: &str, mut headers: HeaderMap, message: &[u8]) -> http::Result<Request<Body>> {
    let is_protocols = |name: &HeaderName| PROTOCOLS.contains(name) || name.as_str().starts_with("grpc-");
    let foreign: Vec<HeaderName> = headers.keys().filter(|name| is_protocols(name)).cloned().collect();
    for name in foreign {
        headers.remove(name);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let mut body = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    body.put_u8(0);
    body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    body.put_slice(message);
    let body = Body::new(Full::new(body.freeze()));
    let mut request = Request::builder().method(Method::POST).uri(rpc).body(body)?;
    *request.headers_mut() = headers;
    Ok(request)
}

async fn answer(response: Response<Body>) -> Result<Bytes, Status> {
    let (head, body) = response.into_parts();
    told(&head.headers)?;
    let collected = body.collect().await?;
    if let Some(trailers) = collected.trailers() {
        told(trailers)?;
    }
    let bytes = collected.to_bytes();
    match bytes.len() {
        // Our own services neither compress nor stream.
        len if len >= PREFIX_BYTES => Ok(bytes.slice(PREFIX_BYTES..)),
        _ => Err(Status::internal("a call without an answer")),
    }
}

fn told(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ => Ok(()),
    }
}

fn refused(status: &Status) -> Refused {
    let details = status.get_error_details();
    let code = status::name(status.code());
    let violation = details.bad_request().and_then(|bad| bad.field_violations.first());
    let delay = details.retry_info().and_then(|info| info.retry_delay);
    Refused {
        code,
        reason: details.error_info().map_or_else(|| code.to_owned(), |info| info.reason.clone()),
        message: status.message().to_owned(),
        field: violation.map(|bad| bad.field.clone()),
        fault: violation.map(|bad| bad.description.clone()),
        retry_after_ms: delay.map(|delay| u32::try_from(delay.as_millis()).unwrap_or(u32::MAX)),
    }
}

/// Whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// What a request says of its own way here.
const PROTOCOLS: [HeaderName; 7] =
    [CONTENT_TYPE, CONTENT_LENGTH, TE, TRANSFER_ENCODING, CONNECTION, HOST, ACCEPT_ENCODING];
