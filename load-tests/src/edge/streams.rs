//! Where streams lead: a worker's transports, one over each wire, which its connections are made from.

use playhead_client::transport::{TargetError, Transport};

use crate::scenario::{Target, Trust};

/// A target's addresses for streams.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    grpc: String,
    quic: String,
    quic_trust: Option<Trust>,
}

impl Streams {
    pub(crate) fn of(target: &Target) -> Self {
        let Target { grpc, quic, quic_trust, .. } = target;
        Self { grpc: grpc.clone(), quic: format!("quic://{quic}"), quic_trust: quic_trust.clone() }
    }

    /// A transport over gRPC.
    pub(crate) fn grpc(&self) -> Result<Transport, TargetError> {
        Transport::new(&self.grpc, None)
    }

    /// A transport over QUIC, with a socket of its own.
    pub(crate) fn quic(&self) -> Result<Transport, TargetError> {
        Transport::new(&self.quic, self.quic_trust.as_ref())
    }
}
