//! The script over QUIC: on the stream, with datagrams, and over WebTransport.

use super::*;
use crate::quic::{Client, QuicLine, Site};

/// Makes the script of one way to use the edge.
macro_rules! way {
    ($name:ident, $test:ident, $connect:ident, $datagrams:literal) => {
        struct $name(Site);

        impl Way for $name {
            type Line = QuicLine;

            async fn start(settings: Settings) -> Self {
                Self(Site::with(settings, Default::default()).await)
            }

            fn host(&self) -> &Host {
                &self.0.host
            }

            async fn open(&self, token: &str) -> QuicLine {
                Client::$connect(&self.0).await.open(token, $datagrams).await
            }

            fn begin_stop(&mut self) {
                self.0.begin_stop();
            }

            async fn has_stopped(&mut self) {
                self.0.has_stopped().await;
            }
        }

        mod $test {
            use super::{super::behaviours, $name};

            behaviours::whole_script! { $name }
        }
    };
}

way!(OnStream, stream, native, false);
way!(ByDatagram, datagram, native, true);
way!(OnWeb, web_transport, web, false);
way!(OnWebByDatagram, web_transport_datagram, web, true);

impl Line for QuicLine {
    async fn send_bytes(&mut self, frame: Vec<u8>) {
        Self::send_bytes(self, &frame).await;
    }

    async fn send_events(&mut self, events: Vec<proto::Event>) {
        Self::send_events(self, events).await;
    }

    async fn hello(&mut self, hello: proto::Hello) {
        Self::hello(self, hello).await;
    }

    async fn next(&mut self) -> Result<server_frame::Frame, End> {
        match Self::next(self).await {
            None => Err(End::default()),
            Some(server_frame::Frame::Failure(failure)) => {
                let proto::Failure { code, reason, retry_after_ms, field, value, allowed, .. } = failure;
                let retry_after_ms = retry_after_ms.into();
                let at_fault = !field.is_empty();
                let end = match at_fault {
                    true => End::at_fault(code, &reason, &field, &value, &allowed),
                    false => End::plain(code, &reason),
                };
                Err(End { retry_after_ms, ..end })
            }
            Some(frame) => Ok(frame),
        }
    }

    async fn close(&mut self) {
        self.finish();
    }
}
