//! Whom the server believes: the verifier that the configuration asks for, and the keys that it checks tokens by.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use playhead_ingest::identity::{
    Development, TokenVerifier, Verifier,
    keyring::{Keyring, RefreshError},
    keys::KeySet,
    meters::Meters,
    token::Clock,
};

use crate::config::{AuthSettings, KeysAt, TokenSettings};

mod file;
mod url;

use self::{file::KeysFile, url::KeysUrl};

pub(crate) use self::file::{SECRET_KID, secret, up_to};

/// The keys or the secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// The file gives no keys.
    #[error("auth.keys_file is {path:?}: {error}; allowed is a JWK Set with a key for EdDSA, ES256 or RS256")]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: RefreshError,
    },
    /// The file holds no secret.
    #[error("{key} is {path:?}: {error}; allowed is a file of 32 to 4096 bytes")]
    Secret {
        /// What names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The URL cannot be asked.
    #[error("auth.keys_url cannot be asked: {0}")]
    Url(#[from] url::UrlError),
}

/// A verifier with what belongs to it.
pub(crate) struct Auth {
    /// It.
    pub(crate) verifier: Arc<dyn Verifier>,
    /// What keeps its keys up to date, to be run beside it.
    pub(crate) keys: Option<Arc<Keyring>>,
    /// How tokens fare.
    pub(crate) meters: Option<Meters>,
}

/// Makes the verifier. Keys from a file must be there; a URL that does not answer is tried again while the server runs.
pub(crate) async fn open(auth: &AuthSettings, now: Clock) -> Result<Auth, AuthError> {
    let AuthSettings::Token(settings) = auth else {
        return Ok(Auth { verifier: Arc::new(Development), keys: None, meters: None });
    };
    let keys = Arc::new(keyring(settings).await?);
    let verifier = Arc::new(TokenVerifier::new(settings.rules.clone(), Arc::clone(&keys), now));
    let meters = Some(verifier.meters());
    Ok(Auth { verifier, keys: Some(keys), meters })
}

/// Checks what can be checked without the network.
pub(crate) async fn check(auth: &AuthSettings) -> Result<(), AuthError> {
    match auth {
        AuthSettings::Development => Ok(()),
        AuthSettings::Token(TokenSettings { keys: KeysAt::Url { url, ca_file }, .. }) => {
            KeysUrl::new(url.clone(), ca_file.as_deref()).map(drop)?;
            Ok(())
        }
        AuthSettings::Token(settings) => keyring(settings).await.map(drop),
    }
}

/// The keys as they are now.
pub(crate) async fn keyring(settings: &TokenSettings) -> Result<Keyring, AuthError> {
    match &settings.keys {
        KeysAt::File(path) => {
            let keys = Keyring::of_source(Arc::new(KeysFile::new(path.clone())), FILE_LOOK);
            let read = keys.refresh().await;
            read.map_err(|error| AuthError::Keys { path: path.clone(), error })?;
            Ok(keys)
        }
        KeysAt::Url { url, ca_file } => {
            let source = KeysUrl::new(url.clone(), ca_file.as_deref())?;
            let keys = Keyring::of_source(Arc::new(source), Duration::from_secs(settings.keys_refresh_s));
            if let Err(error) = keys.refresh().await {
                tracing::error!(%url, %error, "no keys yet: every token is refused until there are some");
            }
            Ok(keys)
        }
        KeysAt::Secret(path) => {
            let secret = secret("auth.hs256_secret_file", path)?;
            Ok(Keyring::fixed(KeySet::default().with_secret(SECRET_KID, &secret)))
        }
    }
}

/// How often a file of keys is looked at.
const FILE_LOOK: Duration = Duration::from_secs(2);
