//! The command line: what can be asked of the binary. What is done about it stands in the module of the same name.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Flags;

mod import;
mod migrate;
mod token;
mod verify;

pub(crate) use import::Import;
pub(crate) use migrate::Migrate;
pub(crate) use token::{Expect, Inspect, Keygen, Mint, Signing, Token, TokenCommand, ViewerClaims};
pub(crate) use verify::Verify;

/// Playhead: a self-hosted playback-telemetry engine.
///
/// Players send it heartbeats, seeks and state changes; it makes them durable before it acknowledges them, and answers
/// where every viewer is.
#[derive(Debug, Parser)]
#[command(name = "playhead", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server. Needs no configuration.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ConfigFlags),
    /// Check the configuration and the data folder, and print the configuration that counts.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Watch synthetic viewers play, against a server of its own or a running one.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo(Demo),
    /// Put a running server under load by a scenario, or read back the ledger that a load left.
    #[command(after_help = LOAD_EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Load(Load),
    /// Make keys, sign tokens, and look into them.
    Token(Token),
    /// Print events of a running server as they become durable, one JSON object per line.
    #[command(after_help = TAP_EXAMPLES)]
    Tap(Tap),
    /// Bring catalog, plans and rights of another system into a running server.
    Import(Import),
    /// Make or bring up to date the tables of a cluster (durable.backend = "scylla").
    Migrate(Migrate),
    /// Report what journal and store of a stopped server hold, and what of it is damaged.
    Verify(Verify),
    /// Ask a running server whether it is ready. Exits 0 if so, else 1.
    Health(Health),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Settings from the command line. They win over the environment, which wins over the file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigFlags {
    /// TOML file with settings [default: playhead.toml, if it is there; environment: PLAYHEAD_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the journal and the store (data.dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// What the server is for: all, ingest or catalog (serve.role)
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Where gRPC listens (listen.grpc)
    #[arg(long, value_name = "ADDR")]
    grpc: Option<String>,
    /// Where HTTP listens (listen.http)
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where QUIC and WebTransport listen, or off (listen.quic)
    #[arg(long, value_name = "ADDR")]
    quic: Option<String>,
    /// Where health, metrics and tap listen (listen.admin)
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Any setting; `playhead check --defaults` lists them
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigFlags {
    /// What they say of settings.
    pub(crate) fn settings(&self) -> Flags {
        let named = [
            ("--data-dir", "data.dir", &self.data_dir),
            ("--role", "serve.role", &self.role),
            ("--grpc", "listen.grpc", &self.grpc),
            ("--http", "listen.http", &self.http),
            ("--quic", "listen.quic", &self.quic),
            ("--admin", "listen.admin", &self.admin),
        ];
        let said = named.into_iter().filter_map(|(flag, key, text)| Some((flag, key, text.clone()?)));
        Flags { file: self.config.clone(), set: self.set.clone(), named: said.collect() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) config: ConfigFlags,
    /// Print every setting with its meaning and default instead, as a file to begin with
    #[arg(long)]
    pub(crate) defaults: bool,
    /// How the result looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// gRPC address of a running server, such as http://127.0.0.1:7450 [default: a server of its own, in a temporary
    /// folder]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// How many viewers play at once
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) viewers: u32,
    /// How many seconds of playing pass in one second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub(crate) speedup: u32,
    /// How long to play, seconds; Ctrl-C ends it early
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) duration_s: u32,
    /// Viewers with the same seed do the same
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How the closing table looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    #[command(subcommand)]
    pub(crate) instead: Option<LoadCommand>,
    /// What is played: a TOML file
    #[arg(required = true, value_name = "SCENARIO.toml")]
    pub(crate) scenario: Option<PathBuf>,
    /// gRPC address of the server (target.grpc)
    #[arg(long, value_name = "URL")]
    pub(crate) grpc: Option<String>,
    /// HTTP address of the server (target.http)
    #[arg(long, value_name = "URL")]
    pub(crate) http: Option<String>,
    /// Admin address of the server (target.admin); empty for a server that has none
    #[arg(long, value_name = "URL")]
    pub(crate) admin: Option<String>,
    /// QUIC address of the server (target.quic)
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) quic: Option<String>,
    /// SHA-256 of the certificate that it shows there (target.quic_fingerprint)
    #[arg(long, value_name = "HEX")]
    pub(crate) quic_fingerprint: Option<String>,
    /// Viewers with the same seed do the same (seed)
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How long is measured, seconds (duration_s)
    #[arg(long)]
    pub(crate) duration_s: Option<u64>,
    /// The highest rate of all loads together (load.events_per_s); steps and loads keep their proportions
    #[arg(long)]
    pub(crate) events_per_s: Option<u64>,
    /// Where to keep the ledger of what was sent and acknowledged
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
    /// Where to put the report as a page
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Where to put the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Show no progress, and with --json no table
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LoadCommand {
    /// Read a ledger back: every acknowledged event there, values equal, nothing twice. Exits 0 if so, else 1.
    Check(LoadCheck),
}

#[derive(Debug, Args)]
pub(crate) struct LoadCheck {
    /// What `--ledger` wrote
    #[arg(value_name = "LEDGER")]
    pub(crate) ledger: PathBuf,
    /// gRPC address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7450")]
    pub(crate) grpc: String,
    /// How the result looks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Tap {
    #[command(flatten)]
    pub(crate) at: AdminFlags,
    /// Only events of this user
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// Only events of this session
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Stop after this many events
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(crate) at: AdminFlags,
    /// gRPC address of the server [default: as configured, 127.0.0.1:7450]
    #[arg(long, value_name = "ADDR")]
    pub(crate) grpc: Option<SocketAddr>,
}

/// Where a running server's admin port is.
#[derive(Debug, Args)]
pub(crate) struct AdminFlags {
    /// Admin address of the server [default: as configured, 127.0.0.1:7490]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
}

/// How results look on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed or not healthy, 2 wrong usage, 78 wrong configuration.
Results go to stdout, everything else to stderr.";

const SERVE_EXAMPLES: &str = "\
Settings: flags > environment PLAYHEAD_SECTION_KEY > TOML file > defaults.

Examples:
  playhead serve
  playhead serve --data-dir /var/lib/playhead --set engine.flush_age_ms=0
  PLAYHEAD_LISTEN_HTTP=127.0.0.1:8080 playhead serve";

const CHECK_EXAMPLES: &str = "\
Exits 0 if a server could start with this, else 78.

Examples:
  playhead check --config playhead.toml
  playhead check --defaults > playhead.toml";

const DEMO_EXAMPLES: &str = "\
Exits 0 if events were acknowledged, and every acknowledged event and position was read back.

Examples:
  playhead demo
  playhead demo --server http://127.0.0.1:7450 --viewers 1000 --duration-s 60
  playhead demo --duration-s 5 --output json";

const LOAD_EXAMPLES: &str = "\
Exits 0 if all went well, 99 if a limit of the scenario was missed, 98 if the run is invalid because the generator
lagged, 78 if the scenario is wrong, 1 otherwise.

Examples:
  playhead load load-tests/scenarios/smoke.toml
  playhead load average.toml --ledger run.ledger --report run.html --json run.json
  playhead load check run.ledger";

const TAP_EXAMPLES: &str = "\
Examples:
  playhead tap
  playhead tap --user alice --limit 10";
