//! `playhead token`: makes keys, signs tokens, looks into them.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use playhead_ingest::identity::{
    refusal::{Fault, Refusal},
    signer::SignerError,
};

use crate::{
    CommandError,
    auth::AuthError,
    cli::{Expect, Token, TokenCommand},
    config::{self, AuthSettings, Flags, TokenSettings},
};

mod inspect;
mod keygen;
mod mint;

/// Why nothing can be said or signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// A file cannot be read or written.
    #[error("{path:?}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file holds no private key.
    #[error(
        "{path:?} {problem}; allowed is what `playhead token keygen` or `openssl genpkey` writes: PKCS#8 in PEM"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file holds no JWK Set.
    #[error("{path:?} {problem}; allowed is a JWK Set")]
    NoJwks {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A key cannot be made or used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A `--kid` that is none.
    #[error("--kid is {0:?}; allowed is {allowed}", allowed = playhead_ingest::identity::keys::KID_ALLOWED)]
    Kid(String),
    /// Issuer or audience are not known.
    #[error("--{0} is missing; allowed is a text, or auth.{0} in the configuration")]
    Missing(&'static str),
    /// What the token would say is not allowed.
    #[error("{0}")]
    Claims(#[from] Fault),
    /// What the token would say is not allowed.
    #[error("{0}")]
    Refused(Refusal),
    /// The keys of the configuration cannot be had.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Nothing was to be read.
    #[error("stdin: {0}; allowed is a token")]
    Stdin(io::Error),
}

/// Does what is asked.
pub(crate) fn run(asked: &Token) -> Result<ExitCode, CommandError> {
    match &asked.command {
        TokenCommand::Keygen(asked) => keygen::run(asked),
        TokenCommand::Mint(asked) => mint::run(asked),
        TokenCommand::Inspect(asked) => inspect::run(asked),
    }
}

/// What the configuration says of tokens, if it speaks of them.
fn configured(expect: &Expect) -> Result<Option<TokenSettings>, CommandError> {
    let flags = Flags { file: expect.config.clone(), ..Flags::default() };
    match config::load(&flags)?.config.auth {
        AuthSettings::Token(settings) => Ok(Some(settings)),
        AuthSettings::Development => Ok(None),
    }
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> TokenError {
    let path = path.to_owned();
    move |error| TokenError::File { path, error }
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
