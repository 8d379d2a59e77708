//! What is wrong with rows, files and states, and what an import does about it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use playhead_import::{
    ImportError, Job, Noun, NounKind, Report,
    send::{Outcome, Refusal, Target, grpc::GrpcTarget},
};
use tokio::sync::Notify;

use crate::site::{Site, counts, dry, job, mapping_of, title};

const SHOW: &str = r#"
system = "show"
dialect = "mysql"
[[items]]
table = "series"
id = "series-{id}"
kind = "SERIES"
status = { from = "{status}", words = { on = "PUBLISHED", off = "DRAFT" } }
texts = [{ title = "{title}" }]
deleted = "{deleted_at}"
[[items]]
table = "episodes"
id = "episode-{id}"
kind = "EPISODE"
parent_id = "series-{series_id}"
duration_ms = { from = "{seconds}", unit = "s" }
status = "PUBLISHED"
maturity_age = "{age}"
[[items]]
table = "subtitles"
part_of = "episodes"
id = "episode-{episode_id}"
assets = [{ id = "{language}", kind = "SUBTITLES", url = "{url}", language = "{language}" }]
"#;

/// Tables of a show, with these rows.
fn dump(series: &str, episodes: &str, subtitles: &str) -> String {
    let mut text = "CREATE TABLE series (id int, status text, title text, deleted_at datetime);\n\
        CREATE TABLE episodes (id int, series_id int, seconds int, age int);\n\
        CREATE TABLE subtitles (episode_id int, language text, url text);\n"
        .to_owned();
    for (table, rows) in [("series", series), ("episodes", episodes), ("subtitles", subtitles)] {
        if !rows.is_empty() {
            text += &format!("INSERT INTO {table} VALUES\n{rows};\n");
        }
    }
    text
}

async fn import(site: &Site, name: &str, text: &str, errors_max: usize) -> Result<Report, ImportError> {
    let job = job(&mapping_of(site.dir.path(), SHOW), &[site.file(name, text)]);
    site.run(Job { errors_max, ..job }).await
}

/// What is told of the rows that were left out, without the folder.
fn told(site: &Site, report: &Report) -> Vec<String> {
    let folder = format!("{}/", site.dir.path().display());
    report.complaints.iter().map(|complaint| complaint.to_string().replace(&folder, "")).collect()
}

const WRONG: [(&str, &str, &str); 1] = [(
    "(1,'on','a',NULL),\n(2,'maybe','b',NULL),\n(3,'on','c',NULL),\n(3,'on','d',NULL)",
    "(1,1,60,12),\n(2,1,-5,12),\n(3,1,60,99),\n(4,2,60,12),\n(5,9,60,12),\n(6,1,NOW(),12),\n(7,1,60,NULL)",
    "(1,'ko','u'),\n(99,'ko','u'),\n(7,'klingonisch!','u'),\n(1,'en')",
)];

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_row_is_told_and_the_others_go_on() {
    let site = Site::start().await;
    let [(series, episodes, subtitles)] = WRONG;
    let report = import(&site, "d.sql", &dump(series, episodes, subtitles), 100).await.unwrap();
    let expect = [
        "d.sql:6: table series, row 2: column status is \"maybe\"; allowed is off, on",
        "d.sql:11: table episodes, row 2: column seconds is \"-5\"; allowed is a length of 0 or more",
        "d.sql:15: table episodes, row 6: column seconds is \"NOW(…)\"; allowed is a value that stands in the file",
        "d.sql:21: table subtitles, row 4: has 2 values; its columns are 3",
        "d.sql:8: table series, row 4: makes again what row 3 (line 7) makes",
        "d.sql:12: table episodes, row 3: items episode-3: maturity_age is \"99\" (column age); allowed is 0 to 21",
        "d.sql:19: table subtitles, row 2: adds to episode-99, which no row makes",
        "d.sql:16: table episodes, row 7: items episode-7: assets[0].language is \"klingonisch!\"; \
         allowed is a language tag (BCP 47), such as ko or pt-BR",
    ];
    let told = told(&site, &report);
    for line in expect {
        assert!(told.iter().any(|told| told == line), "{line}\n{told:#?}");
    }
    // The parents of two are not there, which the server says.
    let orphans: Vec<_> = told.iter().filter(|line| line.contains("parent_id is")).collect();
    assert_eq!(orphans.len(), 2, "{told:#?}");
    assert!(orphans[0].ends_with("(column series_id); allowed is an item that is there"), "{orphans:#?}");
    assert_eq!(told.len(), expect.len() + orphans.len());
    let items = counts(&report, NounKind::Item);
    assert_eq!((items.created, site.item("episode-1").await.assets.len()), (2, 1), "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_wrong_rows_end_it_before_anything_is_written() {
    let site = Site::start().await;
    let [(series, episodes, subtitles)] = WRONG;
    let error = import(&site, "d.sql", &dump(series, episodes, subtitles), 3).await.unwrap_err();
    let ImportError::TooMany { complaints, done, .. } = &error else { panic!("{error}") };
    assert_eq!((complaints.len(), *done), (4, 0));
    assert!(site.children("", "").await.is_empty());
    // A dry run tells the same, without a server.
    let job = job(&mapping_of(site.dir.path(), SHOW), &[site.dir.path().join("d.sql")]);
    let report = dry(Job { errors_max: 100, ..job }).await.unwrap();
    assert_eq!((report.complaints.len(), report.is_dry), (8, true), "{:#?}", report.complaints);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_is_not_there_is_an_error_and_one_too_many_a_note() {
    let site = Site::start().await;
    let text = dump("(1,'on','a',NULL)", "", "").replace("deleted_at", "removed_at");
    let error = import(&site, "d.sql", &text, 100).await.unwrap_err().to_string();
    assert!(
        error.ends_with("d.sql: table series has no column deleted_at, which the mapping names"),
        "{error}"
    );
    let text =
        dump("(1,'on','a',NULL,7)", "", "").replace("deleted_at datetime", "deleted_at datetime, views int");
    let text = format!("{text}INSERT INTO others (a) VALUES (1);\nINSERT INTO others (a) VALUES (2);\n");
    let report = import(&site, "d.sql", &text, 100).await.unwrap();
    let notes = [
        "tables that the mapping does not speak of: others",
        "columns that the mapping does not speak of: series.views",
        "tables of the mapping that no file has: episodes, subtitles",
    ];
    assert_eq!((report.complaints.len(), report.notes.lines()), (0, notes.map(str::to_owned).to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_and_what_was_deleted_there_changes_here() {
    let site = Site::start().await;
    let episodes = "(1,1,60,12),(2,2,60,12)";
    let both = |first: &str, deleted: &str| format!("(1,'on','{first}',NULL),(2,'on','b',{deleted})");
    import(&site, "d.sql", &dump(&both("a", "NULL"), episodes, ""), 0).await.unwrap();
    let beat = r#"{"session":{"session_id":"s-1","item_id":"episode-2"},
        "events":[{"kind":"BEAT","seq":1,"position_ms":30000}]}"#;
    assert_eq!(site.post("/v1/events", "ann", "application/json", beat.to_owned()).await.0, 200);
    let report =
        import(&site, "d.sql", &dump(&both("changed", "'2027-01-01'"), episodes, ""), 0).await.unwrap();
    let items = counts(&report, NounKind::Item);
    // The episode of what was deleted went with it.
    assert_eq!(
        (items.changed, items.deleted, items.unchanged, items.skipped),
        (1, 1, 1, 1),
        "{}",
        report.table()
    );
    assert_eq!(title(&site.item("series-1").await, "en"), "changed");
    assert_eq!(site.item("episode-2").await.deletion.unwrap().root_id, "series-2");
    assert_eq!(
        site.position_ms("ann", "episode-2").await,
        30_000,
        "what was seen of it stays: it may come back"
    );
    let report =
        import(&site, "d.sql", &dump(&both("changed", "'2027-01-01'"), episodes, ""), 0).await.unwrap();
    assert_eq!(counts(&report, NounKind::Item).unchanged, 3, "{}", report.table());
}

/// A target that counts, and says when so many were written.
struct Counting {
    inner: GrpcTarget,
    written: AtomicUsize,
    stop_at: usize,
    stop: Notify,
}

#[async_trait]
impl Target for Counting {
    async fn write(&self, noun: &Noun) -> Result<Outcome, Refusal> {
        if self.written.fetch_add(1, Ordering::SeqCst) + 1 == self.stop_at {
            self.stop.notify_one();
        }
        self.inner.write(noun).await
    }
}

/// Imports until so many were written: the report, and how many were.
pub async fn until(site: &Site, job: Job, stop_at: usize) -> (Result<Report, ImportError>, usize) {
    let inner = GrpcTarget::over(site.channel.clone(), None).unwrap();
    let target = Arc::new(Counting { inner, written: AtomicUsize::new(0), stop_at, stop: Notify::new() });
    let ended =
        playhead_import::run(job, Arc::clone(&target) as Arc<dyn Target>, |_| {}, target.stop.notified())
            .await;
    (ended, target.written.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_stopped_goes_on_where_it_was() {
    let site = Site::start().await;
    let episodes: Vec<String> = (0..700).map(|at| format!("({at},1,60,12)")).collect();
    let path = site.file("d.sql", &dump("(1,'on','a',NULL)", &episodes.join(",\n"), ""));
    let state = site.dir.path().join("state");
    let job = || Job {
        resume: Some(state.clone()),
        ..job(&mapping_of(site.dir.path(), SHOW), std::slice::from_ref(&path))
    };
    let (stopped, first) = until(&site, job(), 300).await;
    assert!(stopped.unwrap().is_stopped && (300..701).contains(&first), "{first}");
    // Of another mapping, and of a changed file, it is not the state.
    let other = Job { mapping: mapping_of(site.dir.path(), &SHOW.replace("PUBLISHED", "DRAFT")), ..job() };
    let refused = site.run(other).await.unwrap_err().to_string();
    assert!(refused.contains("is the state of another import: the mapping is another one"), "{refused}");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replace("'a'", "'b'")).unwrap();
    let refused = site.run(job()).await.unwrap_err().to_string();
    assert!(refused.contains("d.sql was changed meanwhile"), "{refused}");
    std::fs::write(&path, whole).unwrap();
    // The rest is written and no more, and the counts are of both.
    let (ended, second) = until(&site, job(), 0).await;
    let report = ended.unwrap();
    assert_eq!((first + second, report.total().created), (701, 701), "{}", report.table());
    assert!(!state.exists());
}
