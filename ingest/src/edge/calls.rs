//! Services that stand beside the engine, called from within the process: one front may lead to what another one serves,
//! and neither knows the other.

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;

/// Answers calls by the names of their rpcs.
#[async_trait]
pub trait Calls: Send + Sync + 'static {
    /// Calls `/package.Service/Method` with an encoded message, for whoever these headers prove: the encoded answer.
    ///
    /// # Errors
    /// [`Refused`], as the service says.
    async fn call(&self, rpc: &str, headers: HeaderMap, message: Bytes) -> Result<Bytes, Refused>;
}

/// Why a call did not get what it wanted, as every front tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// The canonical code, one of gRPC's, by its name.
    pub code: &'static str,
    /// Why, in one word.
    pub reason: String,
    /// The same in words.
    pub message: String,
    /// The field at fault.
    pub field: Option<String>,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// When to try again, ms.
    pub retry_after_ms: Option<u32>,
}
