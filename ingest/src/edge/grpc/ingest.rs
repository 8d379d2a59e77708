//! The `IngestService`: streams of single sessions, and batches of many.

use std::pin::Pin;

use futures_util::Stream;
use playhead_proto::ingest::v1::{PublishResponse, ServerFrame};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use super::{
    caller,
    codec::{Batches, Frame},
    service::ingest_service_server::IngestService,
    status,
};
use crate::{
    edge::{
        Doors,
        publish::publish,
        talk::{Caller, talk},
        wire,
    },
    identity::Identity,
};

/// Answers the `IngestService`.
pub(super) struct Ingest {
    pub(super) doors: Doors,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl IngestService for Ingest {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ServerFrame, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let identity = caller::identify(&self.doors, request.metadata()).await?;
        if !matches!(identity, Identity::Viewer(_)) {
            return Err(status::viewer_required());
        }
        // The answer begins before the Hello is there: some clients send nothing until they see it begin.
        let caller = Caller::Known(identity);
        let frames = talk(self.doors.clone(), caller, request.into_inner(), self.stopping.clone());
        Ok(Response::new(Box::pin(frames)))
    }

    async fn publish(&self, request: Request<Batches>) -> Result<Response<PublishResponse>, Status> {
        let identity = caller::identify(&self.doors, request.metadata()).await?;
        let Batches(batches) = request.into_inner();
        let batches = batches.map_err(|unreadable| {
            self.doors.intake.reject(unreadable.rejection.reason, unreadable.events);
            status::refused(&unreadable.rejection)
        })?;
        let published = publish(&self.doors, &identity, batches, (self.doors.now)()).await;
        let outcomes = published.map_err(|unpublished| status::unpublished(&unpublished))?;
        Ok(Response::new(wire::publish_response(outcomes)))
    }
}
