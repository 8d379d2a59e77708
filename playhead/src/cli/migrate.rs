//! `playhead migrate`.

use clap::Args;

use super::ConfigFlags;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) config: ConfigFlags,
    /// Only say what would be applied
    #[arg(long)]
    pub(crate) dry_run: bool,
}

const EXAMPLES: &str = "\
Exits 0 if the keyspace has all that this version needs, or with --dry-run if it could be looked at.

Examples:
  playhead migrate --config playhead.toml --dry-run
  playhead migrate --set durable.backend=scylla --set durable.replication=datacenter1:1";
