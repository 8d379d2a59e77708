//! What can be wrong with a configuration. Every message names the key, the value, what is allowed, and the source.

use std::{io, path::PathBuf};

use super::Source;

/// The configuration cannot be used; the process ends with [`ConfigError::EXIT_CODE`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {problem}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A value is not one that its key takes.
    #[error("{source}: {key} is {value:?}; allowed is {allowed}", source = .said_by)]
    Wrong {
        /// The key, `section.key`.
        key: String,
        /// Its value.
        value: String,
        /// What would be taken.
        allowed: String,
        /// Who said it.
        said_by: Source,
    },
    /// There is no such key.
    #[error("{said_by}: there is no key {key:?}; allowed is {allowed}")]
    Unknown {
        /// What was said.
        key: String,
        /// The keys that there are.
        allowed: String,
        /// Who said it.
        said_by: Source,
    },
    /// A `--set` that is not `section.key=value`.
    #[error("--set: {value:?} is no setting; allowed is section.key=value, such as engine.flush_age_ms=0")]
    NoSetting {
        /// What was said.
        value: String,
    },
    /// The bounds add up to more memory than allowed.
    #[error(
        "{said_by}: engine.memory_mb_max is {allowed_mb}, but the bounds add up to {needed_mb} MB ({consumers}); \
         allowed is {needed_mb} or more, or smaller bounds"
    )]
    Memory {
        /// What is allowed, MB.
        allowed_mb: u64,
        /// What is needed, MB.
        needed_mb: u64,
        /// The largest consumers, with their settings.
        consumers: String,
        /// Who said the bound.
        said_by: Source,
    },
}

impl ConfigError {
    /// `EX_CONFIG` of sysexits.h.
    pub(crate) const EXIT_CODE: u8 = 78;
}
