//! The rows of QUIC: those of gRPC once more, and what a session costs to open and to hold.

use std::{io, time::Duration};

use super::{
    paced,
    row::{Goal, Row},
    saturated, standing,
    workbench::Workbench,
};
use crate::drive::{connect::Shape, line::Via, openings::Openings};

/// F2.1.
pub(super) fn streams(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let row = saturated::streams(workbench, Via::Quic, &["quic"])?;
    let what =
        "durable events per server-core-second: QUIC, 16 connections x 64 sessions, 1 event per message";
    Ok(vec![row.row("F2.1", what, Goal::RatioAtLeast(0.6))])
}

/// F2.2.
pub(super) fn cpu(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, via, limit) in
        [("F2.2 stream", Via::Quic, "quic"), ("F2.2 datagram", Via::Datagrams, "quic-datagram")]
    {
        let what = format!(
            "server CPU per event, us: 1 000 QUIC connections, 20 000 events/s in all, {}",
            if via == Via::Quic { "on streams" } else { "by datagram" }
        );
        rows.push(paced::cpu_via(workbench, via, limit)?.row_of_costs(name, &what, Goal::RatioAtMost(1.25)));
    }
    Ok(rows)
}

/// F2.3.
pub(super) fn openings(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let turns = saturated::turns(workbench, &["quic"], async |server| {
        let mut load = Openings::new(server.quic, OPENERS);
        saturated::cost_of_answers(server, load.run(OPENING)).await
    })?;
    let what = "QUIC sessions opened per server-core-second, each with a whole handshake";
    Ok(vec![turns.row("F2.3", what, Goal::RatioAtLeast(0.8))])
}

/// F2.4.
pub(super) fn memory(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, connections, streams) in [("F2.4", standing::ALONE, 1), ("F2.4 shared", 100, 64)] {
        let shape = Shape { connections, streams, window: 1 };
        let what = format!(
            "resident memory per idle QUIC session, KiB: {} streams over {connections} connections",
            connections * streams
        );
        rows.push(standing::idle(workbench, name, &what, Via::Quic, shape)?);
    }
    Ok(rows)
}

const OPENERS: usize = 32;
const OPENING: Duration = Duration::from_secs(4);
