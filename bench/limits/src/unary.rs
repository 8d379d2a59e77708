//! The limit of the catalog's calls: a unary call, decoded and answered with the same message each time.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use playhead_proto::{
    catalog::v1::{GetItemRequest, GetItemResponse},
    entitlement::v1::{CheckSubscriptionRequest, CheckSubscriptionResponse},
};
use prost::{DecodeError, Message};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;

/// `GetItem`.
pub type GetItem = Unary<GetItemRequest, GetItemResponse>;
/// `CheckSubscription`.
pub type CheckSubscription = Unary<CheckSubscriptionRequest, CheckSubscriptionResponse>;

/// A service that decodes what is asked, and answers what it was given, whatever that was.
#[derive(Debug)]
pub struct Unary<Q, A> {
    answer: Arc<A>,
    asked: PhantomData<fn() -> Q>,
}

impl<Q, A: Message + Default> Unary<Q, A> {
    /// One that answers this message, as it travels.
    ///
    /// # Errors
    /// When it is none.
    pub fn answering(message: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self { answer: Arc::new(A::decode(message)?), asked: PhantomData })
    }
}

/// Serves for ever.
///
/// # Panics
/// When the listener breaks.
pub async fn serve<Q, A>(listener: TcpListener, unary: Unary<Q, A>)
where
    Q: Message + Default + 'static,
    A: Message + Clone + 'static,
    Unary<Q, A>: NamedService,
{
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let served = Server::builder().add_service(unary).serve_with_incoming(incoming).await;
    served.expect("a listener that works");
}

impl<Q, A> Clone for Unary<Q, A> {
    fn clone(&self) -> Self {
        Self { answer: Arc::clone(&self.answer), asked: PhantomData }
    }
}

impl NamedService for GetItem {
    const NAME: &'static str = "playhead.catalog.v1.CatalogService";
}

impl NamedService for CheckSubscription {
    const NAME: &'static str = "playhead.entitlement.v1.EntitlementService";
}

impl<Q, A> UnaryService<Q> for Unary<Q, A>
where
    A: Message + Clone,
{
    type Response = A;
    type Future = Ready<Result<Response<A>, Status>>;

    fn call(&mut self, _: Request<Q>) -> Self::Future {
        ready(Ok(Response::new(A::clone(&self.answer))))
    }
}

/// As the generated services do it, but for the path: there is one method.
impl<Q, A> Service<http::Request<Body>> for Unary<Q, A>
where
    Q: Message + Default + 'static,
    A: Message + Clone + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let unary = self.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<A, Q>::default()).unary(unary, request).await) })
    }
}
