//! The limits: what the transports, the formats and the disk cost by themselves, so that a figure of Playhead can be
//! said as a ratio that holds on any machine.
//!
//! In reading order: [`no_op`] is a gRPC server that decodes and answers, [`quic_no_op`] one of QUIC; [`bare_http`] a hyper
//! server that parses the same JSON, or takes the same CMCD; [`raw_log`] a log that only appends, and [`bare_fsync`] the
//! disk alone; [`cql_loop`] is the CQL driver used by hand. The servers run as processes of their own, `limit SERVER`, and
//! answer what Playhead would answer, as often as it would.

#![expect(clippy::expect_used, reason = "a limit that cannot be set up limits nothing")]

pub mod bare_fsync;
pub mod bare_http;
pub mod cql_loop;
pub mod no_op;
pub mod quic_no_op;
pub mod raw_log;
pub mod unary;
