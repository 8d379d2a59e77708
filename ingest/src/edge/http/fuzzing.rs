//! The HTTP edge's decoders, for the fuzzer.

use super::{PositionKeys, cmcd, json};
use crate::{admission::RawEvent, edge::publish::SessionBatch};

/// The batches that a JSON body is read as, of one session and of many.
pub(crate) fn json(body: &[u8]) -> Vec<SessionBatch> {
    let one = json::session_events(body).ok().and_then(Result::ok);
    let many = json::publish_request(body).ok().and_then(Result::ok).unwrap_or_default();
    one.into_iter().chain(many.into_iter().flatten()).collect()
}

/// The events that lines of CMCD are read as. Reading a line again gives the same number.
pub(crate) fn cmcd(body: &[u8]) -> Vec<RawEvent> {
    let positions = PositionKeys::default();
    let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|line| cmcd::fuzzing::event(line, &positions)).collect()
}
