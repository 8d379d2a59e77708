//! Playhead's wire messages, generated from the .proto files of this crate and nothing else.
//!
//! The meaning of every message, field and rpc is written in `proto/playhead/*/v1/*.proto`. Generated types stop at
//! the edges' wire files: the engine has its own.

#![allow(missing_docs, clippy::all, clippy::allow_attributes_without_reason, reason = "generated code")]

/// Ingest: events in, acknowledgements out.
pub mod ingest {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("playhead.ingest.v1");
    }
}

/// Playback: positions, sessions and history.
pub mod playback {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("playhead.playback.v1");
    }
}

/// Catalog: what there is to watch.
pub mod catalog {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("playhead.catalog.v1");
    }
}

/// Entitlement: who may watch what.
pub mod entitlement {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("playhead.entitlement.v1");
    }
}

/// Screens: what is up next, and how far a viewer is.
pub mod screen {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("playhead.screen.v1");
    }
}

/// The compiled descriptors of all packages, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/playhead.bin"));
