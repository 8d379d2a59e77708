//! The row of the import: how many rows of a dump come in per second, beside the server that takes them.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    cluster,
    row::{Goal, Row},
    workbench::{Server, Workbench},
};

/// F4.6, into the embedded store.
pub(super) fn rate(workbench: &Workbench) -> io::Result<Vec<Row>> {
    rows(workbench, "F4.6", 20_000.0, Workbench::playhead)
}

/// F4.6, into CQL.
pub(super) fn rate_into_cql(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let start = |workbench: &Workbench| workbench.playhead_with(&cluster::on_fresh_cql(workbench)?);
    rows(workbench, "F4.6 CQL", 5_000.0, start)
}

#[expect(clippy::print_stderr, reason = "progress")]
fn rows(
    workbench: &Workbench,
    name: &str,
    goal: f64,
    start: fn(&Workbench) -> io::Result<Server>,
) -> io::Result<Vec<Row>> {
    let folder = workbench.fresh_folder()?;
    let (mapping, dump) = write(folder.path())?;
    let dumps = [dump];
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..workbench.runs {
        let server = start(workbench)?;
        for rates in [&mut first, &mut again] {
            let begun = Instant::now();
            workbench.import(&server, &mapping, &dumps)?;
            let rate = ROWS as f64 / begun.elapsed().as_secs_f64();
            eprintln!("  {name:<10} {rate:>9.0} rows/s");
            rates.push(rate);
        }
    }
    let what = format!(
        "rows of a dump imported, rows/s: {ITEMS} items with a title row each and {ITEMS} rows of progress"
    );
    let unchanged = format!("{what}; once more, so that nothing changes");
    Ok(vec![
        Row::alone(name, &what, &first, Goal::AtLeast(goal)),
        Row::alone(&format!("{name} again"), &unchanged, &again, Goal::AtLeast(goal)),
    ])
}

/// Writes a mapping and a dump of a streaming service: films, what they are called, and where viewers are in them.
fn write(folder: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let (mapping, dump) = (folder.join("films.toml"), folder.join("films.sql"));
    std::fs::write(&mapping, MAPPING)?;
    let mut out = BufWriter::new(File::create(&dump)?);
    out.write_all(TABLES.as_bytes())?;
    table(&mut out, "films", |id| format!("({id},{})", 600 + id % 5_000))?;
    table(&mut out, "titles", |id| format!("({id},'ko','이야기 {id}','It\\'s the story of {id}')"))?;
    table(&mut out, "progress", |id| {
        format!("('user-{}',{id},{},'2026-10-{:02} 12:00:00')", id / 4, 60 + id % 500, 1 + id % 28)
    })?;
    out.flush()?;
    Ok((mapping, dump))
}

/// A table's rows, as many to an INSERT as dumps have.
fn table(out: &mut impl io::Write, name: &str, row: impl Fn(usize) -> String) -> io::Result<()> {
    let ids: Vec<usize> = (0..ITEMS).collect();
    for some in ids.chunks(ROWS_PER_INSERT) {
        let rows: Vec<String> = some.iter().map(|&id| row(id)).collect();
        writeln!(out, "INSERT INTO `{name}` VALUES {};", rows.join(","))?;
    }
    Ok(())
}

const ITEMS: usize = 20_000;
/// Of three tables.
const ROWS: usize = 3 * ITEMS;
const ROWS_PER_INSERT: usize = 500;

const TABLES: &str = "CREATE TABLE `films` (`id` int, `seconds` int);\n\
    CREATE TABLE `titles` (`film` int, `language` varchar(5), `title` varchar(200), `words` text);\n\
    CREATE TABLE `progress` (`user` varchar(40), `film` int, `second` int, `at` datetime);\n";

const MAPPING: &str = r#"
system = "films"
dialect = "mysql"
time_zone = "Asia/Seoul"
[[items]]
table = "films"
id = "film-{id}"
external_id = "{id}"
kind = "MOVIE"
status = "PUBLISHED"
duration_ms = { from = "{seconds}", unit = "s" }
access = [{ tier_min = 1 }]
[[items]]
table = "titles"
part_of = "films"
id = "film-{film}"
texts = [{ language = "{language}", title = "{title}", description = "{words}" }]
[[sessions]]
table = "progress"
session_id = "progress-{user}-{film}"
user_id = "{user}"
item_id = "film-{film}"
events = [{ kind = "STOP", at_ms = "{at}", position_ms = { from = "{second}", unit = "s" } }]
"#;
