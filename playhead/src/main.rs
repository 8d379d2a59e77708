//! The one binary: configuration, wiring, command line. It has no logic of its own; the engine is `playhead-ingest`.
//!
//! In reading order: [`cli`] says what can be asked, [`config`] what can be set; [`serve`] puts the server together and
//! [`admin`] tells how it is. [`demo`] and [`load`] play viewers against it; [`tap`], [`health`], [`check`] and
//! [`verify`] look on. [`durable`] is where the lasting record is, and [`migrate`] makes a cluster's
//! tables. [`import`] brings in what another system has. [`auth`] says whom the server believes, [`token`] makes what it
//! believes.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use config::ConfigError;
use mimalloc::MiMalloc;

mod admin;
mod auth;
mod check;
mod cli;
mod config;
mod demo;
mod durable;
mod fetch;
mod health;
mod import;
mod load;
mod log;
mod migrate;
mod print;
mod roots;
mod serve;
mod tap;
mod token;
mod verify;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Check(asked) => check::run(&asked),
        Command::Demo(asked) => demo::run(&asked),
        Command::Load(asked) => load::run(&asked),
        Command::Token(asked) => token::run(&asked),
        Command::Tap(asked) => tap::run(&asked),
        Command::Import(asked) => import::run(&asked),
        Command::Migrate(asked) => migrate::run(&asked),
        Command::Verify(asked) => verify::run(&asked),
        Command::Health(asked) => health::run(&asked),
        Command::Completions { shell } => completions(shell),
    };
    result.unwrap_or_else(|error| {
        print::note(&format!("error: {error}"));
        error.exit_code()
    })
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "playhead", &mut script);
    print::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be used as it is configured.
    #[error(transparent)]
    Data(#[from] check::DataError),
    /// The server could not start or go on.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// A running server did not answer.
    #[error(transparent)]
    Fetch(#[from] fetch::FetchError),
    /// The demo could not be played.
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    /// The load could not be played, or its ledger not be read back.
    #[error(transparent)]
    Load(#[from] load::LoadCommandError),
    /// Another system's data could not be imported.
    #[error(transparent)]
    Import(#[from] import::ImportCommandError),
    /// The keys of tokens cannot be had.
    #[error(transparent)]
    Auth(#[from] auth::AuthError),
    /// A key or a token cannot be made or read.
    #[error(transparent)]
    Token(#[from] token::TokenError),
    /// The cluster's keyspace was not brought up to this version.
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    /// Journal or store could not be looked at.
    #[error(transparent)]
    Verify(#[from] verify::VerifyError),
    /// The runtime could not be made, or stdout could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_)
            | Self::Data(_)
            | Self::Auth(_)
            | Self::Serve(serve::ServeError::Auth(_) | serve::ServeError::ClusterSettings(_))
            | Self::Migrate(migrate::MigrateError::NoCluster | migrate::MigrateError::Cluster(_)) => {
                ExitCode::from(ConfigError::EXIT_CODE)
            }
            Self::Load(error) => error.exit_code(),
            Self::Import(error) => error.exit_code(),
            Self::Serve(_)
            | Self::Fetch(_)
            | Self::Demo(_)
            | Self::Migrate(_)
            | Self::Verify(_)
            | Self::Token(_)
            | Self::Io(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs a command that waits for the network.
fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
