//! The reading of a segment, for the fuzzer.

use std::convert::Infallible;

use super::{
    scan::scan,
    segment::{SegmentHeader, SegmentId},
};

/// Reads any bytes as a segment; returns how many records it counts.
pub(crate) fn records(segment: &[u8], mut visit: impl FnMut(&[u8])) -> u64 {
    let id = SegmentHeader::decode(segment).map_or(SegmentId(1), |header| header.id);
    let pass = |payload: &[u8], _| {
        visit(payload);
        Ok::<(), Infallible>(())
    };
    match scan(id, segment, segment.len(), None, pass) {
        Ok(findings) => findings.records,
        Err(never) => match never {},
    }
}
