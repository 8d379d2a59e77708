//! The scenarios with real servers: Apache Cassandra and Redis are killed, frozen, slowed down, emptied and replaced while
//! players play on one ingest node. What is acknowledged meanwhile waits in its journal; in the end a second node without any
//! data of its own reads all of it from the servers.
//!
//! [`servers`] are the servers, the same ones for several scenarios; [`trial`] is a node under load before them, [`seconds`]
//! judges its answers second by second, [`families`] are accounts that run all the streams they may.

mod cql_away;
mod cql_node;
mod drain_killed;
mod families;
mod gathered;
mod redis_away;
mod seconds;
mod servers;
mod split;
mod trial;
mod two_nodes;

pub(super) use self::{
    cql_away::{down as cql_down, frozen as cql_frozen, slow as cql_slow},
    cql_node::play as cql_node,
    drain_killed::play as drain_killed,
    gathered::play as cql_backlog,
    redis_away::{
        empty as redis_empty, frozen as redis_frozen, killed as redis_killed, promoted as redis_promoted,
        scripts as redis_scripts,
    },
    servers::Servers,
    two_nodes::play as two_nodes,
};
