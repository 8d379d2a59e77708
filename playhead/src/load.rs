//! `playhead load`: puts a server under load, and reads the load's ledger back.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
};

use playhead_load::{
    check::{self, CheckError, CheckReport},
    report::{Progress, Report},
    run::{self, LoadError},
    scenario::{Overrides, Scenario, ScenarioError},
};

use crate::{
    CommandError, block_on,
    cli::{Load, LoadCheck, LoadCommand, Output},
    print,
    serve::Signals,
};

/// Why a load could not be played, or its ledger not be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadCommandError {
    /// The scenario is wrong.
    #[error("the scenario: {0}")]
    Scenario(#[from] ScenarioError),
    /// It could not be played.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its ledger could not be read back.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A file cannot be written.
    #[error("{}: cannot be written: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl LoadCommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Scenario(_) => ExitCode::from(ScenarioError::EXIT_CODE),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Plays the scenario, or reads the ledger back.
pub(crate) fn run(asked: &Load) -> Result<ExitCode, CommandError> {
    match (&asked.instead, &asked.scenario) {
        (Some(LoadCommand::Check(asked)), _) => run_check(asked),
        (None, Some(path)) => {
            let scenario = Scenario::read(path, &overrides(asked)).map_err(LoadCommandError::from)?;
            block_on(play(asked, scenario))
        }
        // clap asks for a scenario where there is no subcommand.
        (None, None) => Ok(ExitCode::FAILURE),
    }
}

fn overrides(asked: &Load) -> Overrides {
    Overrides {
        grpc: asked.grpc.clone(),
        http: asked.http.clone(),
        admin: asked.admin.clone(),
        quic: asked.quic.clone(),
        quic_fingerprint: asked.quic_fingerprint.clone(),
        seed: asked.seed,
        duration_s: asked.duration_s,
        events_per_s: asked.events_per_s,
    }
}

async fn play(asked: &Load, scenario: Scenario) -> Result<ExitCode, CommandError> {
    let mut signals = Signals::listen()?;
    let must_read_back = scenario.limits.iter().any(|limit| limit.name == MISSING);
    let own = tempfile::NamedTempFile::new().ok().filter(|_| must_read_back && asked.ledger.is_none());
    let ledger = asked.ledger.as_deref().or(own.as_ref().map(tempfile::NamedTempFile::path));
    let stop = async {
        signals.first().await;
    };
    let played = run::run(scenario.clone(), ledger, |progress| show(asked, progress), stop).await;
    if io::stderr().is_terminal() && !asked.quiet {
        print::note("");
    }
    let mut report = played.map_err(LoadCommandError::from)?;
    if let Some(ledger) = ledger.filter(|_| must_read_back) {
        let found = read_back(ledger, &scenario.target.grpc).await?;
        found.examples.iter().for_each(|example| print::note(&format!("load: {example}")));
        report.note_missing(&scenario, found.wrong());
    }
    write(asked, &report)?;
    Ok(match (report.valid, report.is_within_limits()) {
        (false, _) => ExitCode::from(INVALID),
        (true, false) => ExitCode::from(LIMIT_MISSED),
        (true, true) => ExitCode::SUCCESS,
    })
}

/// Shows how far it is: in place on a terminal, otherwise a line a second.
fn show(asked: &Load, progress: &Progress) {
    match (asked.quiet, io::stderr().is_terminal()) {
        (true, _) => {}
        (false, true) => print::note_part(&format!("\r\x1b[2K{}", progress.line())),
        (false, false) => print::note(&progress.line()),
    }
}

fn write(asked: &Load, report: &Report) -> Result<(), CommandError> {
    if let Some(path) = &asked.json {
        write_file(path, &format!("{:#}\n", report.json()))?;
    }
    if let Some(path) = &asked.report {
        write_file(path, &report.html())?;
    }
    if !(asked.quiet && asked.json.is_some()) {
        print::text(&report.table())?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), LoadCommandError> {
    std::fs::write(path, text).map_err(|error| LoadCommandError::Unwritable { path: path.to_owned(), error })
}

fn run_check(asked: &LoadCheck) -> Result<ExitCode, CommandError> {
    let found = block_on(async { Ok(read_back(&asked.ledger, &asked.grpc).await?) })?;
    let text = match asked.output {
        Output::Text => found.text(),
        Output::Json => format!("{:#}\n", serde_json::to_value(&found).unwrap_or_default()),
    };
    print::text(&text)?;
    Ok(if found.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn read_back(ledger: &Path, grpc: &str) -> Result<CheckReport, LoadCommandError> {
    Ok(check::check(ledger, grpc).await?)
}

/// The limit that needs the ledger read back.
const MISSING: &str = "missing_max";
/// Exit code of a run that missed a limit.
const LIMIT_MISSED: u8 = 99;
/// Exit code of a run that says nothing of the server.
const INVALID: u8 = 98;
