//! Connect: one session's events on one stream, as [`talk`](crate::edge::talk) has it.

use tonic::{Status, Streaming};

use super::{codec::Frame, status};
use crate::edge::{
    talk::{Failure, Frames, Said},
    wire::PROTOCOL_VERSION,
};

impl Frames for Streaming<Frame> {
    type Error = Status;

    async fn next(&mut self) -> Result<Option<Said>, Status> {
        let frame = self.message().await.map_err(status::explained)?;
        Ok(frame.map(|Frame(frame)| Said::Frame(frame)))
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let message = failure.message();
        match failure {
            Failure::Refused(rejection) => status::refused(&rejection),
            Failure::WrongVersion { found } => status::wrong_version(found, PROTOCOL_VERSION),
            Failure::Unidentified(error) => status::unauthenticated(&error),
            Failure::ViewerRequired => status::viewer_required(),
            Failure::TooManyStreams(_) => status::too_many_streams(&message),
            Failure::Busy { retry_after_ms } => status::busy(retry_after_ms),
            Failure::Stopping => status::stopping(),
            // The library bounds messages itself, in these words: see `status::explained`.
            Failure::TooLarge { bytes, bytes_max } => status::explained(Status::out_of_range(format!(
                "message length too large: found {bytes} bytes, the limit is: {bytes_max} bytes"
            ))),
        }
    }
}
