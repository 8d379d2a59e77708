//! `playhead import`.

use std::path::PathBuf;

use clap::Args;

use super::Output;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// What of the other system's tables becomes what here: a TOML file
    #[arg(long, value_name = "MAPPING.toml")]
    pub(crate) mapping: PathBuf,
    /// gRPC address of the server, http:// or https://
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7450")]
    pub(crate) to: String,
    /// PEM file of the certificates that a server behind https:// is trusted by [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// File with the token of a service that may write (catalog:read, catalog:write, entitlement:read, entitlement:write, and
    /// ingest:write for sessions), or of an administrator
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Write nothing: read, map and check everything, without a server
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Keep how far it came in this file, and go on from there if it is there already; `auto`: beside the first file
    #[arg(long, value_name = "FILE|auto")]
    pub(crate) resume: Option<PathBuf>,
    /// How many rows may be wrong; with one more it ends
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) errors_max: u32,
    /// How many calls are made at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) calls_max: u16,
    /// How the summary looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
    /// Dumps (.sql), tables (.csv, .ndjson, .jsonl) or feeds (.xml, .rss)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Exits 0 if everything was imported, 65 if some rows could not be, 78 if the mapping is wrong or does not fit the files,
1 if it was stopped, the server was away or a file cannot be read.

Examples:
  playhead import --mapping catalog/mappings/s1-streaming.toml --dry-run dump.sql
  playhead import --mapping catalog/mappings/s1-streaming.toml --resume auto dump.sql";
