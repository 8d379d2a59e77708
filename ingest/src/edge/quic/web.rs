//! WebTransport: what a browser says before it opens streams (draft-ietf-webtrans-http3).
//!
//! A page of any origin may connect: it shows a token of its own in each Hello, and cookies mean nothing here.

use http::StatusCode;
use quinn::Connection;
use web_transport_quinn::{Request, Session};

/// HTTP/3, as it is named in the handshake.
pub(super) const PROTOCOL: &[u8] = b"h3";
/// A browser opens three for HTTP/3 itself, and may open more that mean nothing (RFC 9114, section 6.2).
pub(super) const UNI_STREAMS_MAX: u32 = 8;
/// Where sessions are taken.
const PATH: &str = "/v1/connect";

/// Answers the request that begins a WebTransport session. Its caller bounds how long that may take.
pub(super) async fn open(connection: Connection) -> Option<Session> {
    let request = Request::accept(connection.clone()).await.ok()?;
    match request.url.path() {
        PATH => request.ok().await.ok(),
        _ => {
            request.reject(StatusCode::NOT_FOUND).await.ok()?;
            // Dropping the connection would take the answer back.
            connection.closed().await;
            None
        }
    }
}
