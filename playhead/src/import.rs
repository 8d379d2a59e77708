//! `playhead import`: what another system has, through a mapping, into a running server.

use std::{
    fs,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use playhead_import::{
    ImportError, Job, Mapping, MappingError, Progress, Report, resume,
    send::{Target, dry::Dry, grpc::GrpcTarget},
};

use crate::{
    CommandError, block_on,
    cli::{Import, Output},
    config::ConfigError,
    print,
    serve::Signals,
};

mod channel;

use channel::ChannelError;

/// Why nothing, or not everything, was imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportCommandError {
    /// The mapping is wrong.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// It could not go on.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// There is no way to the server.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The token cannot be read.
    #[error("--token-file {}: {error}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl ImportCommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Mapping(_) | Self::Import(ImportError::NoColumn { .. }) => {
                ExitCode::from(ConfigError::EXIT_CODE)
            }
            Self::Import(ImportError::TooMany { .. }) => ExitCode::from(ROWS_FAILED),
            Self::Import(_) | Self::Channel(_) | Self::Token { .. } => ExitCode::FAILURE,
        }
    }
}

/// Imports.
pub(crate) fn run(asked: &Import) -> Result<ExitCode, CommandError> {
    let mapping = Mapping::read(&asked.mapping).map_err(ImportCommandError::from)?;
    let resume = asked.resume.as_ref().filter(|_| !asked.dry_run).map(|path| match path.to_str() {
        Some("auto") => resume::beside(&asked.files),
        _ => path.clone(),
    });
    let job = Job {
        mapping,
        files: asked.files.clone(),
        to: asked.to.clone(),
        errors_max: usize::try_from(asked.errors_max).unwrap_or(usize::MAX),
        calls_max: asked.calls_max.into(),
        resume,
        is_dry: asked.dry_run,
    };
    let imported = block_on(async {
        // A channel belongs to the runtime that it is made in.
        let target = target(asked)?;
        let mut signals = Signals::listen()?;
        let stop = async {
            signals.first().await;
        };
        let imported = playhead_import::run(job, target, show, stop).await;
        if io::stderr().is_terminal() {
            print::note("");
        }
        Ok(imported)
    })?;
    match imported {
        Ok(report) => tell(asked, &report),
        Err(error) => {
            if let ImportError::TooMany { complaints, .. } = &error {
                complaints.iter().for_each(|complaint| print::note(&complaint.to_string()));
            }
            Err(ImportCommandError::from(error).into())
        }
    }
}

fn target(asked: &Import) -> Result<Arc<dyn Target>, ImportCommandError> {
    if asked.dry_run {
        return Ok(Arc::new(Dry));
    }
    let token = asked.token_file.as_ref().map(|path| {
        let token = fs::read_to_string(path);
        token.map_err(|error| ImportCommandError::Token { path: path.clone(), error })
    });
    let token = token.transpose()?;
    let channel = channel::to(&asked.to, asked.ca_file.as_deref())?;
    Ok(Arc::new(GrpcTarget::over(channel, token.as_deref().map(str::trim))?))
}

/// Shows how far it is: in place on a terminal, otherwise a line for every so many.
fn show(progress: Progress) {
    let line = match progress {
        Progress::Reading { bytes, bytes_all } => {
            format!("import: read {} of {} MB", bytes / 1_000_000, bytes_all.div_ceil(1_000_000))
        }
        Progress::Writing { nouns } => format!("import: {nouns} done"),
    };
    match io::stderr().is_terminal() {
        true => print::note_part(&format!("\r\x1b[2K{line}")),
        false => print::note(&line),
    }
}

fn tell(asked: &Import, report: &Report) -> Result<ExitCode, CommandError> {
    report.complaints.iter().for_each(|complaint| print::note(&complaint.to_string()));
    report.notes.lines().iter().for_each(|line| print::note(&format!("note: {line}")));
    print::text(&match asked.output {
        Output::Text => report.table(),
        Output::Json => format!("{:#}\n", report.json()),
    })?;
    if report.is_dry {
        print::note("dry run: nothing was written; what would be counts as created");
    }
    if report.is_stopped {
        print::note(
            "stopped: the same command goes on with --resume, or does what is done already once more",
        );
        return Ok(ExitCode::FAILURE);
    }
    let is_whole = report.complaints.is_empty() && report.total().failed == 0;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(ROWS_FAILED) })
}

/// Exit code of an import that left rows out: wrong data, as `sysexits.h` has it.
const ROWS_FAILED: u8 = 65;
