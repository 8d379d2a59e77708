//! Whom the server believes: the verifier that the configuration asks for, and the keys that it checks tokens by.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use playhead_ingest::identity::{
    Development, OwnTokens, TokenRules, TokenVerifier, Verifier,
    keyring::{Keyring, RefreshError},
    keys::KeySet,
    meters::Meters,
    signer::SignerError,
    token::Clock,
};

use crate::config::{AuthSettings, Config, DurableSettings, HotSettings, KeysAt, TokenSettings};

mod file;
mod session;
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
    /// The file holds no key of session tokens.
    #[error(
        "auth.session_key_file is {path:?}: {problem}; allowed is a private key as `playhead token keygen` makes it"
    )]
    SessionKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// No key of session tokens could be made.
    #[error("a key of session tokens could not be made: {0}")]
    NoSessionKey(#[from] SignerError),
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
    /// Signs the session tokens that the verifier takes besides.
    pub(crate) own: Arc<OwnTokens>,
}

/// Makes the verifier. Keys from a file must be there; a URL that does not answer is tried again while the server runs.
pub(crate) async fn open(config: &Config, now: Clock) -> Result<Auth, AuthError> {
    let own = Arc::new(session::own(config.catalog.session_key.as_deref(), own_rules(&config.auth))?);
    let shares = config.durable != DurableSettings::Embedded || matches!(config.hot, HotSettings::Redis(_));
    if shares && config.catalog.session_key.is_none() {
        tracing::warn!("no auth.session_key_file: other nodes refuse the session tokens that this one signs");
    }
    let AuthSettings::Token(settings) = &config.auth else {
        let verifier = own.beside(Arc::new(Development), now, None);
        return Ok(Auth { verifier, keys: None, meters: None, own });
    };
    let keys = Arc::new(keyring(settings).await?);
    let verifier = TokenVerifier::new(settings.rules.clone(), Arc::clone(&keys), Arc::clone(&now));
    let meters = Some(verifier.meters());
    let verifier = own.beside(Arc::new(verifier), now, meters.clone());
    Ok(Auth { verifier, keys: Some(keys), meters, own })
}

/// What session tokens say of whom they are by and for: what others must say, or in development the server's own name.
fn own_rules(auth: &AuthSettings) -> TokenRules {
    match auth {
        AuthSettings::Token(settings) => settings.rules.clone(),
        AuthSettings::Development => {
            TokenRules { issuer: OWN_NAME.to_owned(), audience: OWN_NAME.to_owned(), leeway_s: OWN_LEEWAY_S }
        }
    }
}

/// Checks what can be checked without the network.
pub(crate) async fn check(config: &Config) -> Result<(), AuthError> {
    session::own(config.catalog.session_key.as_deref(), own_rules(&config.auth))?;
    if let Some(key) = &config.catalog.url_key {
        secret(URL_KEY, &key.file)?;
    }
    match &config.auth {
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
/// The key that names the file of the secret that URLs are signed by.
pub(crate) const URL_KEY: &str = "catalog.url_key_file";
/// Issuer and audience of session tokens in development.
const OWN_NAME: &str = "playhead";
/// As by default of others: nodes of one cluster sign and check.
const OWN_LEEWAY_S: i64 = 30;
