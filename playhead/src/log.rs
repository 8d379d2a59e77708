//! Logging: lines on stderr, for people or for programs.

use std::io::{self, IsTerminal};

use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Log, LogFormat, wants_color};

/// Begins to log. The level was checked with the configuration.
pub(crate) fn begin(log: &Log) {
    let levels: Targets = format!("{QUIET},{}", log.level).parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && wants_color());
    let layer = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A second call would be a bug, and the first one's lines are good enough.
    let _ = tracing_subscriber::registry().with(layer.with_filter(levels)).try_init();
}

/// The embedded store's engine tells its inner life at `info`; whoever wants it names it.
const QUIET: &str = "fjall=warn,lsm_tree=warn";
