//! How a stream begins: a Hello in a version that we speak, of a viewer.

use std::time::Duration;

use tokio::time::timeout;

use super::{Caller, Failure, Frames, Said, misplaced, unreadable_frame};
use crate::{
    admission::RejectReason,
    edge::{
        Doors,
        wire::{self, ClientFrame, Hello},
    },
    identity::{self, Credential, Identity},
};

/// The Hello that a stream must begin with, in a version that we speak.
pub(super) async fn greet<F: Frames>(doors: &Doors, frames: &mut F) -> Result<Hello, F::Error> {
    let first = timeout(HELLO_PATIENCE, frames.next()).await.unwrap_or(Ok(None));
    Ok(hello(doors, first?)?)
}

fn hello(doors: &Doors, first: Option<Said>) -> Result<Hello, Failure> {
    let frame = match first {
        Some(Said::Frame(frame)) => frame.map_err(|unreadable| unreadable_frame(doors, unreadable))?,
        Some(Said::Datagram(events)) => ClientFrame::Events(events),
        None => return Err(misplaced("none", "hello, as the first frame, within 10 s")),
    };
    match frame {
        ClientFrame::Hello(hello) if hello.protocol_version == wire::PROTOCOL_VERSION => Ok(*hello),
        ClientFrame::Hello(hello) => Err(Failure::WrongVersion { found: hello.protocol_version }),
        ClientFrame::Events(events) => {
            doors.intake.reject(RejectReason::Malformed, events.len() as u64);
            Err(misplaced("events", "hello, as the first frame"))
        }
        ClientFrame::Ping => Err(misplaced("ping", "hello, as the first frame")),
    }
}

/// Who the stream's viewer is. Asked once: a stream goes on when its token expires, until it ends.
pub(super) async fn identity(doors: &Doors, caller: Caller, hello: &Hello) -> Result<Identity, Failure> {
    let identity = match caller {
        Caller::Known(identity) => identity,
        Caller::InHello => {
            let token = (!hello.token.is_empty()).then_some(&*hello.token);
            let credential = Credential { token, ..Credential::default() };
            let identity = identity::identify(&*doors.verifier, credential).await;
            identity.map_err(Failure::Unidentified)?
        }
    };
    match identity {
        Identity::Viewer(_) => Ok(identity),
        _ => Err(Failure::ViewerRequired),
    }
}

/// How long a stream may take for its Hello.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
