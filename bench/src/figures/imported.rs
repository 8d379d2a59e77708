//! The rows of the import: tables in NDJSON, through `playhead import`, into a server.

use std::{ffi::OsString, io, time::Instant};

use super::{
    cluster,
    row::{Goal, Row},
    workbench::{Server, Workbench},
};
use crate::stock;

/// F4.6, embedded.
pub(super) fn embedded(workbench: &Workbench) -> io::Result<Vec<Row>> {
    rows(workbench, "F4.6 embedded", 20_000.0, |workbench| workbench.playhead())
}

/// F4.6, into CQL.
pub(super) fn into_cql(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let start = |workbench: &Workbench| workbench.playhead_with(&cluster::on_fresh_cql(workbench)?);
    rows(workbench, "F4.6 CQL", 5_000.0, start)
}

fn rows(
    workbench: &Workbench,
    name: &str,
    goal: f64,
    start: impl Fn(&Workbench) -> io::Result<Server>,
) -> io::Result<Vec<Row>> {
    let mut runs = Vec::new();
    for _ in 0..workbench.runs {
        runs.push(import(workbench, &start(workbench)?, NOUNS, NOUNS)?);
    }
    let what = format!("rows/s imported: {NOUNS} items and as many subscriptions, in NDJSON");
    Ok(vec![Row::alone(name, &what, &runs, Goal::AtLeast(goal))])
}

/// Imports so many films and accounts, and says how many rows that were by the second.
#[expect(clippy::print_stderr, reason = "progress")]
pub(super) fn import(
    workbench: &Workbench,
    server: &Server,
    films: usize,
    accounts: usize,
) -> io::Result<f64> {
    let folder = workbench.fresh_folder()?;
    let stock = stock::write(folder.path(), films, accounts)?;
    let mut arguments: Vec<OsString> = vec!["import".into(), "--mapping".into(), stock.mapping.into()];
    arguments.extend(["--to".into(), format!("http://{}", server.grpc).into()]);
    arguments.extend(["--calls-max".into(), CALLS_MAX.into()]);
    arguments.extend(stock.files.into_iter().map(OsString::from));
    let begun = Instant::now();
    // It ends with an error if a single row is left out.
    workbench.ask("playhead", &arguments)?;
    let rate = stock.rows as f64 / begun.elapsed().as_secs_f64();
    eprintln!("  import     {rate:>9.0} rows/s, {} rows", stock.rows);
    Ok(rate)
}

const NOUNS: usize = 50_000;
/// So that a commit has something to do while answers travel.
const CALLS_MAX: &str = "64";
