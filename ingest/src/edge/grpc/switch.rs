//! gRPC services by their names.

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, Either, Ready, ready};
use http::{Request, Response};
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

/// Services of one listener. A call goes to the one that its path names, which knows its methods. Nothing more is read of the
/// path, since what a router of paths does for each call costs more than a cached answer. Cheap to clone.
#[derive(Clone, Default)]
pub struct Switch(Arc<Vec<Named>>);

/// A service: its name, and how it is called.
type Named = (&'static str, Arc<dyn Fn(Request<Body>) -> Answer + Send + Sync>);
type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

impl Switch {
    /// Adds a service; of two of one name, the first is called.
    pub fn add<S>(&mut self, service: S) -> &mut Self
    where
        S: NamedService + Clone + Send + Sync + 'static,
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
    {
        let serve = Arc::new(move |request| service.clone().call(request));
        Arc::make_mut(&mut self.0).push((S::NAME, serve));
        self
    }

    /// The names of all services.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

impl Service<Request<Body>> for Switch {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Answer, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Generated services always are.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let called = path.strip_prefix('/').and_then(|path| path.split_once('/')).map(|(name, _)| name);
        match called.and_then(|called| self.0.iter().find(|(name, _)| *name == called)) {
            Some((_, serve)) => Either::Left(serve(request)),
            None => Either::Right(ready(Ok(Status::unimplemented("").into_http()))),
        }
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
