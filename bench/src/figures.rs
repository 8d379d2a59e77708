//! The figures F1.1 to F4.6: each row of the design beside its limit, run in turn, as a ratio with its spread.
//!
//! In reading order: [`workbench`] starts the servers, each pinned to a core, and reads what they cost; [`saturated`]
//! measures the rows where a server is kept busy, [`paced`] those of a rate far below that, [`standing`] those of a server
//! that only stands, [`quic`] those of QUIC, [`drained`], [`cluster`] and [`nodes`] those of servers on ScyllaDB and Redis,
//! [`importing`] that of the import, [`rooms`] single rooms in this process. [`spread`] sums up runs, [`row`] holds them
//! against their goal, [`results`] writes them into `bench/RESULTS.md`.

pub mod cluster;
pub mod drained;
pub mod importing;
pub mod nodes;
pub mod paced;
pub mod quic;
pub mod results;
pub mod rooms;
pub mod row;
pub mod saturated;
pub mod spread;
pub mod standing;
pub mod workbench;

use std::io;

use self::{row::Row, workbench::Workbench};

/// A row of the design.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its number there.
    pub name: &'static str,
    /// What is measured.
    pub what: &'static str,
    measure: fn(&Workbench) -> io::Result<Vec<Row>>,
}

impl Figure {
    /// Runs it.
    ///
    /// # Errors
    /// When a server does not start, or does not answer as it should.
    pub fn measure(&self, workbench: &Workbench) -> io::Result<Vec<Row>> {
        (self.measure)(workbench)
    }
}

/// All figures, in order.
pub const FIGURES: &[Figure] = &[
    Figure { name: "F1.1", what: "gRPC Connect, saturated", measure: saturated::connect },
    Figure { name: "F1.2", what: "gRPC Publish, saturated", measure: saturated::publish },
    Figure { name: "F1.3", what: "CPU per event at 20 000 events/s", measure: paced::cpu },
    Figure { name: "F1.4", what: "ack latency at 5 000 and 20 000 events/s", measure: paced::acks },
    Figure { name: "F1.5", what: "HTTP JSON, one event per POST", measure: saturated::json },
    Figure { name: "F1.6", what: "journal append and group commit", measure: rooms::journal },
    Figure { name: "F1.7", what: "memory of idle sessions", measure: standing::memory },
    Figure { name: "F1.8", what: "admission and shard push", measure: rooms::door },
    Figure { name: "F1.9", what: "start to ready", measure: standing::start },
    Figure { name: "F1.10", what: "GetPosition beside writes", measure: paced::reads },
    Figure { name: "F1.11", what: "CMCD, one record per POST", measure: saturated::cmcd },
    Figure { name: "F2.1", what: "QUIC streams, saturated", measure: quic::streams },
    Figure { name: "F2.2", what: "CPU per event over QUIC at 20 000 events/s", measure: quic::cpu },
    Figure { name: "F2.3", what: "QUIC sessions opened", measure: quic::openings },
    Figure { name: "F2.4", what: "memory of idle QUIC sessions", measure: quic::memory },
    Figure { name: "F2.5", what: "token verification, cached and first", measure: rooms::tokens },
    Figure { name: "F3.1", what: "events drained into CQL", measure: drained::drained },
    Figure { name: "F3.2", what: "CQL writes by flush age", measure: cluster::mutations },
    Figure { name: "F3.3", what: "ack latency with CQL healthy, frozen and down", measure: cluster::acks },
    Figure { name: "F3.4", what: "hot.apply against Redis", measure: cluster::hot },
    Figure { name: "F3.5", what: "kick over two nodes", measure: nodes::kicks },
    Figure { name: "F3.6", what: "position on another node", measure: nodes::positions },
    Figure { name: "F4.6", what: "import", measure: importing::rate },
];
