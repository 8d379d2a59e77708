//! Where tokens come from.

use std::{error::Error, fmt, pin::Pin, sync::Arc};

use crate::SessionInfo;

type Answer = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Gives the bearer token of a session, whenever a stream is opened.
#[derive(Clone)]
pub struct Token(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<str>),
    Asked(Arc<dyn Fn(&SessionInfo) -> Answer + Send + Sync>),
}

impl Token {
    /// Always the same. When the server refuses it, the session is over.
    #[must_use]
    pub fn fixed(token: impl Into<Arc<str>>) -> Self {
        Self(Source::Fixed(token.into()))
    }

    /// Asks for it before every stream, so that it can be renewed. When the server refuses what came, it is asked again,
    /// [`REFUSALS_MAX`](Self::REFUSALS_MAX) times in a row at most. An error of its own counts as one of the network.
    pub fn from_fn<F, A, E>(ask: F) -> Self
    where
        F: Fn(&SessionInfo) -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Source::Asked(Arc::new(move |session| {
            let asked = ask(session);
            Box::pin(async move { asked.await.map_err(|error| error.into().to_string()) })
        })))
    }

    /// How often in a row a server may refuse what was asked for.
    pub const REFUSALS_MAX: u32 = 3;

    pub(crate) async fn get(&self, session: &SessionInfo) -> Result<String, String> {
        match &self.0 {
            Source::Fixed(token) => Ok(token.to_string()),
            Source::Asked(ask) => ask(session).await,
        }
    }

    /// How many refusals in a row end a session.
    pub(crate) fn refusals_max(&self) -> u32 {
        match self.0 {
            Source::Fixed(_) => 1,
            Source::Asked(_) => Self::REFUSALS_MAX,
        }
    }
}

impl fmt::Debug for Token {
    /// Never shows the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_asked_for_by_session_and_never_shown() {
        let session = SessionInfo::new("s-7", "m");
        let asked = Token::from_fn(|session: &SessionInfo| {
            let id = session.session_id.clone();
            async move { if id == "s-7" { Ok(format!("secret-{id}")) } else { Err("nobody") } }
        });
        assert_eq!(asked.get(&session).await, Ok("secret-s-7".into()));
        assert_eq!(asked.get(&SessionInfo::new("x", "m")).await, Err("nobody".into()));
        assert_eq!(Token::fixed("secret").get(&session).await, Ok("secret".into()));
        assert!(!format!("{:?}", Token::fixed("secret")).contains("secret"));
    }
}
