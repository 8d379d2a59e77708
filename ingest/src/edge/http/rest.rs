//! Services beside the engine as JSON: each route names the rpc that answers it, and all else is read from the rpc's
//! descriptor. A request's fields come from the path, then from the query or, where there is one, from a JSON body; the
//! answer is the protobuf JSON mapping with the names of the .proto files, 64-bit numbers as numbers.
//!
//! `reading` makes a request of what came, `schema` and `openapi` describe it all. Who may do what, and what comes of it,
//! the service says: here is no rule, but that a body is read of somebody.

mod openapi;
mod reading;
mod schema;

use std::{io, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, RawQuery, Request, rejection::RawPathParamsRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse, Response},
    routing::{MethodFilter, get, on},
};
use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    body::{Bodies, Taken},
    error::Failure,
};
use crate::{
    edge::calls::Calls,
    identity::{self, Credential, Verifier},
};

/// A route: its method, its path with the names of fields in braces, and the rpc that answers it.
pub type Route = (&'static str, &'static str, &'static str);

/// Where a description of all that is served is found.
pub const OPENAPI: &str = "/v1/openapi.json";

/// Services beside the engine, and the routes that lead to them.
#[derive(Clone)]
pub struct Beside {
    /// Answers the rpcs.
    pub calls: Arc<dyn Calls>,
    /// Says whose bodies are read.
    pub verifier: Arc<dyn Verifier>,
    /// What is served: nothing that is not listed here.
    pub routes: &'static [Route],
    /// The largest body, bytes.
    pub body_bytes_max: usize,
}

/// A route, as it is served.
struct Served {
    calls: Arc<dyn Calls>,
    verifier: Arc<dyn Verifier>,
    bodies: Arc<Bodies>,
    body_bytes_max: usize,
    method: MethodDescriptor,
    /// The rpc's path.
    rpc: String,
    has_body: bool,
}

/// The routes, and the description of these and of the engine's own.
///
/// # Errors
/// Of a route that names no rpc, or a method that is neither GET nor POST.
pub(super) fn router(beside: &Beside, bodies: &Arc<Bodies>, own: &[(&str, &str)]) -> io::Result<Router> {
    let pool = DescriptorPool::decode(schema::DESCRIPTORS).map_err(io::Error::other)?;
    let document = openapi::document(&pool, beside.routes, own).map_err(io::Error::other)?;
    let document = Bytes::from(document.to_string());
    let mut router = Router::new().route(OPENAPI, get(move |headers: HeaderMap| describe(headers, document)));
    for &(method, path, rpc) in beside.routes {
        let descriptor = schema::rpc(&pool, rpc).map_err(io::Error::other)?;
        let served = Arc::new(Served {
            calls: Arc::clone(&beside.calls),
            verifier: Arc::clone(&beside.verifier),
            bodies: Arc::clone(bodies),
            body_bytes_max: beside.body_bytes_max,
            rpc: format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name()),
            method: descriptor,
            has_body: method == "POST",
        });
        let filter = if served.has_body { MethodFilter::POST } else { MethodFilter::GET };
        let answer =
            move |path: Result<RawPathParams, RawPathParamsRejection>, query: RawQuery, request: Request| {
                let served = Arc::clone(&served);
                async move { served.answer(path, query, request).await }
            };
        router = router.route(path, on(filter, answer));
    }
    Ok(router)
}

impl Served {
    async fn answer(
        &self,
        path: Result<RawPathParams, RawPathParamsRejection>,
        RawQuery(query): RawQuery,
        request: Request,
    ) -> Result<Response, Failure> {
        let path = path.map_err(Failure::malformed)?;
        let path: Vec<(&str, &str)> = path.iter().collect();
        let (head, body) = request.into_parts();
        let headers = on_behalf(&path, head.headers.clone());
        // Its room is held until there is an answer.
        let taken = if self.has_body { Some(self.body(&headers, body).await?) } else { None };
        let body = taken.as_ref().map(|taken| taken.bytes.clone());
        let query = query.unwrap_or_default();
        let message = reading::message(&self.method.input(), &path, &query, body, &head.headers)?;
        let is_masked = message.has_field_by_name("read_mask");
        let answer = self.calls.call(&self.rpc, headers, message.encode_to_vec().into()).await;
        let json = self.json(answer.map_err(Failure::refused)?, is_masked)?;
        Ok(if self.has_body { not_kept(json) } else { cached(&head.headers, json) })
    }

    /// The body, of one who is somebody: what strangers send takes no room.
    async fn body(&self, headers: &HeaderMap, body: Body) -> Result<Taken, Failure> {
        identity::identify(&*self.verifier, Credential::from_headers(headers)?).await?;
        let taken = self.bodies.take(body, self.body_bytes_max).await;
        match (taken.is_whole, &taken.room) {
            (true, _) => Ok(taken),
            (false, None) => Err(Failure::busy(BODY_RETRY_MS)),
            (false, Some(_)) => Err(Failure::too_large(self.body_bytes_max)),
        }
    }

    /// The answer as JSON: every field that has no presence of its own is there, unless a mask chose some.
    fn json(&self, answer: Bytes, is_masked: bool) -> Result<Vec<u8>, Failure> {
        let options = SerializeOptions::new()
            .use_proto_field_name(true)
            .stringify_64_bit_integers(false)
            .skip_default_fields(is_masked);
        let message =
            DynamicMessage::decode(self.method.output(), answer).map_err(|_| Failure::unwritable())?;
        let mut json = serde_json::Serializer::new(Vec::new());
        message.serialize_with_options(&mut json, &options).map_err(|_| Failure::unwritable())?;
        Ok(json.into_inner())
    }
}

/// Whoever shows nothing is, for a verifier that believes names, whom the path names.
fn on_behalf(path: &[(&str, &str)], mut headers: HeaderMap) -> HeaderMap {
    let is_nothing = !headers.contains_key(AUTHORIZATION) && !headers.contains_key(USER);
    let named = path.iter().find(|(name, _)| ["user_id", "account_id"].contains(name));
    if let Some((_, named)) = named.filter(|_| is_nothing)
        && let Ok(named) = HeaderValue::from_bytes(named.as_bytes())
    {
        headers.insert(USER, named);
    }
    headers
}

async fn describe(headers: HeaderMap, document: Bytes) -> Response {
    cached(&headers, document.to_vec())
}

/// An answer that may be kept by whoever got it, and has to be asked for again.
fn cached(headers: &HeaderMap, json: Vec<u8>) -> Response {
    let etag = format!("\"{:032x}\"", xxh3_128(&json));
    let is_known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|said| said.to_str().ok()).any(|said| {
        said.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    });
    let mut response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => written(json),
    };
    let kept = response.headers_mut();
    kept.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    kept.append(VARY, HeaderValue::from_name(AUTHORIZATION));
    kept.append(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        kept.insert(ETAG, etag);
    }
    response
}

fn not_kept(json: Vec<u8>) -> Response {
    let mut response = written(json);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn written(json: Vec<u8>) -> Response {
    let json_type = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json_type)], json).into_response()
}

/// Says in development who asks.
const USER: HeaderName = HeaderName::from_static("playhead-user");
/// When to try again where there was no room for a body, ms.
const BODY_RETRY_MS: u32 = 1_000;

#[cfg(test)]
mod tests;
