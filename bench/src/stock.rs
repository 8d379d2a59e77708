//! A catalog to be asked: films, a plan, and accounts that pay for it, as tables in NDJSON and the mapping that imports them.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::sample;

/// What to import.
#[derive(Debug, Clone)]
pub struct Stock {
    /// How tables become nouns.
    pub mapping: PathBuf,
    /// The tables.
    pub files: Vec<PathBuf>,
}

/// Writes so many films, and so many accounts that pay for them, into a folder.
///
/// # Errors
/// The folder's.
pub fn write(folder: &Path, films: usize, accounts: usize) -> io::Result<Stock> {
    let mapping = folder.join("stock.toml");
    std::fs::write(&mapping, MAPPING)?;
    let files = vec![
        table(folder, "films", (0..films).map(film))?,
        table(folder, "plans", std::iter::once(json!({"id": PLAN})))?,
        table(folder, "subscriptions", (0..accounts).map(subscription))?,
    ];
    Ok(Stock { mapping, files })
}

fn table(folder: &Path, name: &str, rows: impl Iterator<Item = serde_json::Value>) -> io::Result<PathBuf> {
    let path = folder.join(format!("{name}.ndjson"));
    let mut file = BufWriter::new(File::create(&path)?);
    for row in rows {
        writeln!(file, "{row}")?;
    }
    file.into_inner()?;
    Ok(path)
}

/// What somebody types who looks for film number `index`: whole words, a beginning, a slip of the finger, Korean.
#[must_use]
pub fn query(index: usize) -> String {
    let [first, second, first_ko, second_ko] = words(index);
    match index % 4 {
        0 => format!("{first} {second}"),
        1 => format!("{} {}", first.to_lowercase(), second.chars().take(4).collect::<String>()),
        2 => format!("{} {first}", without_second_letter(second)),
        _ => format!("{first_ko} {second_ko}"),
    }
}

fn without_second_letter(word: &str) -> String {
    word.char_indices().filter(|(at, _)| *at != 1).map(|(_, letter)| letter).collect()
}

/// What film number `index` is called, in English and Korean.
fn words(index: usize) -> [&'static str; 4] {
    let word =
        |words: &[&'static str], index: usize| words.get(index % words.len()).copied().unwrap_or_default();
    let behind = index / FIRST.len();
    [word(&FIRST, index), word(&SECOND, behind), word(&FIRST_KO, index), word(&SECOND_KO, behind)]
}

/// Film number `index`: what session number `index` plays.
fn film(index: usize) -> serde_json::Value {
    let [first, second, first_ko, second_ko] = words(index);
    let age = AGES.get(index % AGES.len()).copied().unwrap_or_default();
    json!({
        "id": sample::item(index).as_str(),
        "number": index.to_string(),
        "minutes": (60 + index % 120).to_string(),
        "age": age.to_string(),
        "title": format!("{first} {second} {index}"),
        "title_ko": format!("{first_ko} {second_ko} {index}"),
        "about": format!(
            "In a town by the sea, somebody finds a {second} that nobody has lost, and cannot leave it alone. Part {index}."
        ),
        "about_ko": format!("바닷가 마을에서 누군가 아무도 잃어버리지 않은 {second_ko}을 발견한다. {index}편."),
        "genre": GENRES.get(index % GENRES.len()).copied(),
        "url": format!("https://cdn.example/{index}/main.m3u8"),
    })
}

/// The subscription of account number `index`, which session number `index` plays under.
fn subscription(index: usize) -> serde_json::Value {
    json!({ "id": index.to_string(), "account": sample::account(index).as_str(), "plan": PLAN })
}

const PLAN: &str = "monthly";

const MAPPING: &str = r#"
system = "stock"
language = "en"

[[items]]
table = "films"
id = "{id}"
external_id = "{number}"
kind = "MOVIE"
status = "PUBLISHED"
duration_ms = { from = "{minutes}", unit = "min" }
maturity_age = "{age}"
texts = [{ title = "{title}", description = "{about}" }, { language = "ko", title = "{title_ko}", description = "{about_ko}" }]
tags = [{ group = "genre", name = "{genre}" }]
access = [{ tier_min = 1 }]

[[items.assets]]
id = "main"
kind = "VIDEO"
url = "{url}"
mime_type = "application/vnd.apple.mpegurl"
variants = [
  { id = "2160", resolution = "2160p", bitrate_kbps = "16000", playlist_url = "{url}?v=2160" },
  { id = "1080", resolution = "1080p", bitrate_kbps = "6000", playlist_url = "{url}?v=1080" },
  { id = "720", resolution = "720p", bitrate_kbps = "3000", playlist_url = "{url}?v=720" },
]

[[plans]]
table = "plans"
id = "{id}"
active = true
tier = 1
streams_max = 4
texts = [{ title = "Monthly" }]

[[subscriptions]]
table = "subscriptions"
id = "{id}"
external_id = "{id}"
account_id = "{account}"
plan_id = "{plan}"
status = "ACTIVE"
period_start_ms = "2020-01-01"
period_end_ms = "2099-01-01"
interval_months = 1
auto_renew = true
"#;

const AGES: [u32; 5] = [0, 7, 12, 15, 18];
const GENRES: [&str; 4] = ["drama", "comedy", "thriller", "documentary"];
const FIRST: [&str; 10] =
    ["Silent", "Golden", "Broken", "Distant", "Hidden", "Burning", "Paper", "Winter", "Electric", "Borrowed"];
const SECOND: [&str; 10] =
    ["Harbour", "Letter", "Mountain", "Orchard", "Mirror", "Railway", "Garden", "Window", "Island", "Clock"];
const FIRST_KO: [&str; 10] =
    ["고요한", "황금빛", "부서진", "머나먼", "숨겨진", "불타는", "종이", "겨울", "전기", "빌린"];
const SECOND_KO: [&str; 10] = ["항구", "편지", "산", "과수원", "거울", "철길", "정원", "창문", "섬", "시계"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_is_rows_of_json_that_differ() {
        let folder = tempfile::tempdir().unwrap();
        let stock = write(folder.path(), 1_000, 50).unwrap();
        assert_eq!(stock.files.len(), 3);
        let films = std::fs::read_to_string(&stock.files[0]).unwrap();
        let titles: std::collections::HashSet<String> = films
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["title"].to_string())
            .collect();
        assert_eq!(titles.len(), 1_000);
        let queries: Vec<String> = (0..4).map(query).collect();
        assert_eq!(queries, ["Silent Harbour", "golden Harb", "Hrbour Broken", "머나먼 항구"]);
        assert_eq!(std::fs::read_to_string(&stock.files[2]).unwrap().lines().count(), 50);
    }
}
