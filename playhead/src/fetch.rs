//! Asks a running server's admin port, over plain HTTP.

use std::net::SocketAddr;

use axum::http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

/// The largest page that is read whole.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// The admin port did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// Nobody answers there.
    #[error("no answer from {address}: {error}")]
    Unreachable {
        /// Whom we asked.
        address: SocketAddr,
        /// Why not.
        error: hyper_util::client::legacy::Error,
    },
    /// The answer broke off, or is too long.
    #[error("the answer of {address} broke off: {error}")]
    BrokenOff {
        /// Whom we asked.
        address: SocketAddr,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Asks for a path, whose query is encoded already, and reads the whole answer.
pub(crate) async fn page(address: SocketAddr, path: &str) -> Result<(StatusCode, String), FetchError> {
    let (status, body) = open(address, path).await?;
    let read = Limited::new(body, PAGE_BYTES_MAX).collect().await;
    let bytes = read.map_err(|error| FetchError::BrokenOff { address, error })?.to_bytes();
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Asks for a path and hands out the body as it comes.
pub(crate) async fn open(address: SocketAddr, path: &str) -> Result<(StatusCode, Incoming), FetchError> {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri: Uri = format!("http://{address}{path}").parse().unwrap_or_default();
    let response = client.get(uri).await.map_err(|error| FetchError::Unreachable { address, error })?;
    let (head, body) = response.into_parts();
    Ok((head.status, body))
}

/// A text as part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_in_a_query_is_encoded() {
        assert_eq!(encoded("ann-1.b_c~"), "ann-1.b_c~");
        assert_eq!(encoded("a b&c=é/"), "a%20b%26c%3D%C3%A9%2F");
    }
}
