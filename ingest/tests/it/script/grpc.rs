//! The script over gRPC.

use playhead_ingest::edge::grpc::Options;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::grpc::{Site, Stream, told};

behaviours::whole_script! { Site }

impl Way for Site {
    type Line = GrpcLine;

    async fn start(settings: Settings) -> Self {
        Self::with(settings, Options::default()).await
    }

    fn host(&self) -> &Host {
        &self.host
    }

    async fn open(&self, token: &str) -> GrpcLine {
        GrpcLine(self.stream_of(token).await.map_err(end_of))
    }

    fn begin_stop(&mut self) {
        Self::begin_stop(self);
    }

    async fn has_stopped(&mut self) {
        Self::has_stopped(self).await;
    }
}

/// A call, or how it ended at once.
pub(super) struct GrpcLine(Result<Stream, End>);

impl Line for GrpcLine {
    async fn send_bytes(&mut self, frame: Vec<u8>) {
        if let Ok(stream) = &self.0 {
            stream.send_bytes(frame).await;
        }
    }

    async fn next(&mut self) -> Result<server_frame::Frame, End> {
        match &mut self.0 {
            Ok(stream) => stream.next().await.map_err(end_of),
            Err(end) => Err(end.clone()),
        }
    }

    async fn close(&mut self) {
        if let Ok(stream) = &mut self.0 {
            stream.frames = tokio::sync::mpsc::channel(1).0;
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over results")]
fn end_of(status: Status) -> End {
    if status.code() == Code::Ok {
        return End::default();
    }
    let (code, reason, field, description) = told(&status);
    let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let retry_after_ms = retry.map_or(0, |delay| delay.as_millis() as u64);
    End { code: code as u32, reason, field, description, retry_after_ms }
}
