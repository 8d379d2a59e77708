//! `playhead verify`.

use clap::Args;

use super::{ConfigFlags, Output};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) config: ConfigFlags,
    /// How the report looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

const EXAMPLES: &str = "\
Exits 0 if nothing is damaged, 1 if something is, 78 if there is no data folder.

Examples:
  playhead verify --data-dir /var/lib/playhead
  playhead verify --output json";
