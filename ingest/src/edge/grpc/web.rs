//! What browsers need, for browsers alone: gRPC-Web, and leave for pages of any origin. All others' calls go past it, since it
//! costs a call more than a cached answer does.

use std::{
    convert::Infallible,
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::{BoxFuture, Either};
use http::{
    Method, Request, Response, Version,
    header::{CONTENT_TYPE, HeaderName, ORIGIN},
};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Puts what browsers need before a service.
#[derive(Debug, Clone)]
pub(super) struct WebLayer(Arc<CorsLayer>);

/// A service, and what stands before it for browsers. There is a clone for each call.
#[derive(Debug, Clone)]
pub(super) struct Web<S> {
    cors: Arc<CorsLayer>,
    inner: S,
}

impl WebLayer {
    /// A page of any origin may call: it shows its own token, and cookies mean nothing here.
    pub(super) fn new() -> Self {
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::mirror_request())
            .allow_methods([Method::POST, Method::OPTIONS])
            .allow_headers(AllowHeaders::mirror_request())
            .allow_credentials(true)
            .expose_headers(STATUS_HEADERS.map(HeaderName::from_static))
            .max_age(PREFLIGHT_AGE);
        Self(Arc::new(cors))
    }
}

impl<S> Layer<S> for WebLayer {
    type Service = Web<S>;

    fn layer(&self, inner: S) -> Web<S> {
        Web { cors: Arc::clone(&self.0), inner }
    }
}

impl<S> Service<Request<Body>> for Web<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<BoxFuture<'static, Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match is_of_browser(&request) {
            true => {
                // The one that was found ready; its clone may not be. Boxed, so that other calls do not carry its room.
                let inner = self.inner.clone();
                let inner = mem::replace(&mut self.inner, inner);
                Either::Left(Box::pin(self.cors.layer(GrpcWebLayer::new().layer(inner)).call(request)))
            }
            false => Either::Right(self.inner.call(request)),
        }
    }
}

/// True for what a page sends, and for what speaks gRPC-Web wherever it is. What is no HTTP/2 is no gRPC either.
fn is_of_browser<B>(request: &Request<B>) -> bool {
    let speaks_web = || {
        let kind = request.headers().get(CONTENT_TYPE);
        kind.is_some_and(|kind| kind.as_bytes().starts_with(GRPC_WEB))
    };
    request.version() != Version::HTTP_2 || request.headers().contains_key(ORIGIN) || speaks_web()
}

const GRPC_WEB: &[u8] = b"application/grpc-web";
/// What a page may read of an answer besides its body.
const STATUS_HEADERS: [&str; 3] = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
/// How long a browser may remember a preflight: the longest that one takes.
const PREFLIGHT_AGE: Duration = Duration::from_secs(7_200);
