//! The figures F1.1 to F4.7: each row of the design beside its limit, run in turn, as a ratio with its spread.
//!
//! In reading order: [`workbench`] starts the servers, each pinned to a core, and reads what they cost; [`saturated`]
//! measures the rows where a server is kept busy, [`paced`] those of a rate far below that, [`standing`] those of a server
//! that only stands, [`quic`] those of QUIC, [`drained`], [`cluster`] and [`nodes`] those of servers on ScyllaDB and Redis,
//! [`mod@catalog`], over what is [`stocked`], and [`importing`] those of the catalog, [`rooms`] single rooms in this
//! process. [`spread`] sums up runs, [`row`] holds them against their goal, [`results`] writes them into `bench/RESULTS.md`.

pub mod catalog;
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
pub mod stocked;
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
    /// Which servers it needs besides.
    pub needs: Needs,
    measure: Measure,
}

type Measure = fn(&Workbench) -> io::Result<Vec<Row>>;

/// What a figure needs besides this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A CQL server and a Redis.
    Cluster,
}

impl Figure {
    const fn of(name: &'static str, what: &'static str, measure: Measure) -> Self {
        Self { name, what, needs: Needs::Nothing, measure }
    }

    const fn on_cluster(self) -> Self {
        Self { needs: Needs::Cluster, ..self }
    }

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
    Figure::of("F1.1", "gRPC Connect, saturated", saturated::connect),
    Figure::of("F1.2", "gRPC Publish, saturated", saturated::publish),
    Figure::of("F1.3", "CPU per event at 20 000 events/s", paced::cpu),
    Figure::of("F1.4", "ack latency at 5 000 and 20 000 events/s", paced::acks),
    Figure::of("F1.5", "HTTP JSON, one event per POST", saturated::json),
    Figure::of("F1.6", "journal append and group commit", rooms::journal),
    Figure::of("F1.7", "memory of idle sessions", standing::memory),
    Figure::of("F1.8", "admission and shard push", rooms::door),
    Figure::of("F1.9", "start to ready", standing::start),
    Figure::of("F1.10", "GetPosition beside writes", paced::reads),
    Figure::of("F1.11", "CMCD, one record per POST", saturated::cmcd),
    Figure::of("F2.1", "QUIC streams, saturated", quic::streams),
    Figure::of("F2.2", "CPU per event over QUIC at 20 000 events/s", quic::cpu),
    Figure::of("F2.3", "QUIC sessions opened", quic::openings),
    Figure::of("F2.4", "memory of idle QUIC sessions", quic::memory),
    Figure::of("F2.5", "token verification, cached and first", rooms::tokens),
    Figure::of("F3.1", "events drained into CQL", drained::drained).on_cluster(),
    Figure::of("F3.2", "CQL writes by flush age", cluster::mutations).on_cluster(),
    Figure::of("F3.3", "ack latency with CQL healthy, frozen and down", cluster::acks).on_cluster(),
    Figure::of("F3.4", "hot.apply against Redis", cluster::hot).on_cluster(),
    Figure::of("F3.5", "kick over two nodes", nodes::kicks).on_cluster(),
    Figure::of("F3.6", "position on another node", nodes::positions).on_cluster(),
    Figure::of("F4.1", "GetItem from the cache", catalog::cached_items),
    Figure::of("F4.2", "CheckSubscription, cached and from the embedded store", catalog::subscriptions),
    Figure::of("F4.3", "CheckSubscription and GetItem from CQL", catalog::from_cql).on_cluster(),
    Figure::of("F4.4", "AuthorizePlayback", catalog::play_button).on_cluster(),
    Figure::of("F4.5", "memory of cached items", catalog::memory),
    Figure::of("F4.6", "import", importing::rate),
    Figure::of("F4.6-CQL", "import into CQL", importing::rate_into_cql).on_cluster(),
    Figure::of("F4.7", "search", catalog::search),
];
