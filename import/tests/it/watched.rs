//! What was watched and said elsewhere, imported again and again, beside what its users go on doing here.

use playhead_import::{Counts, Job, NounKind, Report};
use playhead_ingest::settings::{Limits, Settings};
use playhead_proto::{
    catalog::v1 as catalog,
    ingest::v1::EventKind::{Ended, Stop},
    playback::v1::EraseUserRequest,
};

use crate::{
    player::says,
    site::{DAY_MS, NOW_MS, Site, by, counts, job, mapping_of},
    trouble::until,
};

const FILMS: &str = r#"
system = "films"
[[items]]
table = "films"
id = "film-{id}"
kind = "MOVIE"
status = "PUBLISHED"
duration_ms = { from = "{minutes}", unit = "min" }
access = [{ everybody = true }]
[[ratings]]
table = "stars"
user_id = "{user}"
item_id = "film-{film}"
stars = "{stars}"
rated_at_ms = "{at}"
[[bookmarks]]
table = "marks"
user_id = "{user}"
id = "mark-{film}"
item_id = "film-{film}"
position_ms = { from = "{second}", unit = "s" }
title = "{title}"
[[sessions]]
table = "progress"
session_id = "progress-{user}-{film}"
user_id = "{user}"
item_id = "film-{film}"
[[sessions.events]]
kind = { from = "{what}", words = { left = "STOP", done = "ENDED" } }
at_ms = "{at}"
position_ms = { from = "{second}", unit = "s" }
position_percent = "{percent}"
"#;

/// The films that there are: one of an hour and a half, one of which nobody knows the length.
const TWO: &str = "{\"id\":1,\"minutes\":90}\n{\"id\":2}\n";

/// Imports two films and these rows of another table.
async fn import(site: &Site, table: &str, rows: &str) -> Report {
    let files = [site.file("films.ndjson", TWO), site.file(&format!("{table}.ndjson"), rows)];
    site.run(Job { errors_max: 100, ..job(&mapping_of(site.dir.path(), FILMS), &files) }).await.unwrap()
}

/// A row of progress: where ann was in the first film, so many days ago.
fn left(days: i64, second: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(NOW_MS - days * DAY_MS).unwrap();
    format!("{{\"user\":\"ann\",\"film\":1,\"what\":\"left\",\"at\":\"{at}\",\"second\":{second}}}\n")
}

/// How the sessions of an import ended: created, changed, unchanged, skipped.
fn sessions(report: &Report) -> [u64; 4] {
    assert_eq!(report.complaints, []);
    let Counts { created, changed, unchanged, skipped, .. } = counts(report, NounKind::Session);
    [created, changed, unchanged, skipped]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_as_old_as_it_was() {
    let site = Site::start().await;
    assert_eq!(sessions(&import(&site, "progress", &left(5, 600)).await), [1, 0, 0, 0]);
    let there = site.position("ann", "film-1").await.unwrap();
    assert_eq!(
        (there.position_ms, there.at_ms, there.duration_ms),
        (600_000, NOW_MS - 5 * DAY_MS, Some(5_400_000))
    );
    // There it goes on, and so it does here.
    assert_eq!(sessions(&import(&site, "progress", &left(4, 900)).await), [1, 0, 0, 0]);
    assert_eq!(site.position_ms("ann", "film-1").await, 900_000);
    // The dump of before says nothing new.
    assert_eq!(sessions(&import(&site, "progress", &left(5, 600)).await), [0, 0, 1, 0]);
    assert_eq!(site.position_ms("ann", "film-1").await, 900_000);
    // Here ann goes back to an earlier scene, and stays there whatever comes of the other system.
    let playback = site.begin("ann", "film-1", "here").await;
    let session = site.over_grpc("here", "film-1", &playback.session_token);
    says(&session, &[(Stop, 300_000)]).await;
    session.close().await.unwrap();
    for days in [5, 4, 3] {
        import(&site, "progress", &left(days, 4_000)).await;
        assert_eq!(site.position_ms("ann", "film-1").await, 300_000, "{days}");
    }
    // Of one session, all that was ever said.
    let (_, events) = site.session("ann", "progress-ann-1").await;
    assert_eq!(events.iter().map(|&(_, at_ms)| (NOW_MS - at_ms) / DAY_MS).collect::<Vec<_>>(), [5, 4, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_by_many_rows() {
    let site = Site::start().await;
    let mapping = FILMS.replacen("table = \"progress\"\n", "table = \"progress\"\nrepeats = true\n", 1);
    let rows = |days: &[i64]| days.iter().map(|&days| left(days, 100 * (10 - days))).collect::<String>();
    let import = async |days: &[i64]| {
        let files = [site.file("films.ndjson", TWO), site.file("progress.ndjson", &rows(days))];
        site.run(job(&mapping_of(site.dir.path(), &mapping), &files)).await.unwrap()
    };
    assert_eq!(sessions(&import(&[2, 4, 3]).await), [1, 0, 0, 0]);
    assert_eq!(site.position_ms("ann", "film-1").await, 800_000);
    assert_eq!(sessions(&import(&[3, 2, 4]).await), [0, 0, 1, 0]);
    assert_eq!(sessions(&import(&[4, 3, 2, 1]).await), [0, 1, 0, 0]);
    assert_eq!(site.position_ms("ann", "film-1").await, 900_000);
    let (session, events) = site.session("ann", "progress-ann-1").await;
    assert_eq!((session.event_count, events.len()), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_erased_stays_erased() {
    let site = Site::start().await;
    import(&site, "progress", &left(2, 600)).await;
    site.playback().erase_user(EraseUserRequest { user_id: "ann".into() }).await.unwrap();
    assert_eq!(site.position("ann", "film-1").await, None);
    assert_eq!(sessions(&import(&site, "progress", &left(2, 600)).await), [0, 0, 0, 1]);
    assert_eq!((site.position("ann", "film-1").await, site.history("ann", "").await.len()), (None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_row_is_told() {
    let site = Site::start().await;
    let told = async |table: &str, row: &str| {
        let report = import(&site, table, &format!("{{\"user\":\"ann\",{row}}}\n")).await;
        let [complaint] = &report.complaints[..] else { panic!("{row}: {:?}", report.complaints) };
        complaint.to_string().replace(&format!("{}/", site.dir.path().display()), "")
    };
    for (table, row, expect) in [
        ("stars", r#""film":1,"stars":6"#, "stars is \"6\" (column stars); allowed is 1 to 5"),
        ("stars", r#""film":1"#, "column stars is \"NULL\"; allowed is a value, since it is the stars"),
        (
            "stars",
            r#""film":7,"stars":3"#,
            "item_id is \"film-7\" (column film); allowed is an item that is there",
        ),
        ("marks", r#""film":1,"second":-1"#, "column second is \"-1\"; allowed is a length of 0 or more"),
        (
            "marks",
            r#""film":1"#,
            "column second is \"NULL\"; allowed is a value, since it is the position_ms",
        ),
        (
            "progress",
            r#""film":1,"what":"left","second":1"#,
            "events is \"none\"; allowed is at least one that has a time",
        ),
        ("progress", r#""film":1,"what":"left","at":"1969-12-31""#, "allowed is a time from 1970 to 9999"),
        (
            "progress",
            r#""film":1,"what":"gone","at":"2027-01-01""#,
            "column what is \"gone\"; allowed is done, left",
        ),
        (
            "progress",
            r#""film":1,"what":"done","at":"2027-01-01","percent":101"#,
            "events[0].position_percent is \"101\" (column percent); allowed is 0 to 100",
        ),
        (
            "progress",
            r#""film":2,"what":"done","at":"2027-01-01","percent":100"#,
            "events[0].position_percent is \"100\" (column percent); allowed is a position_ms",
        ),
        (
            "progress",
            r#""film":7,"what":"done","at":"2027-01-01","second":1"#,
            "item_id is \"film-7\" (column film); allowed is an item that is there",
        ),
    ] {
        let said = told(table, row).await;
        assert!(said.starts_with(&format!("{table}.ndjson:1: table {table}, row 1: ")), "{said}");
        assert!(said.contains(expect), "{row}: {said}");
    }
    assert_eq!(site.history("ann", "").await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opinion_that_was_changed_here_is_the_newer_one_where_times_are_told() {
    let site = Site::start().await;
    let at =
        |text: &str, stars: u32| format!("{{\"user\":\"ann\",\"film\":1,\"stars\":{stars},\"at\":{text}}}\n");
    let ratings = |report: &Report| {
        assert_eq!(report.complaints, []);
        let Counts { created, changed, unchanged, .. } = counts(report, NounKind::Rating);
        [created, changed, unchanged]
    };
    let stars = async || {
        let request = catalog::GetRatingRequest { item_id: "film-1".into(), ..Default::default() };
        let answer = site.opinions().get_rating(by("ann", request)).await.unwrap().into_inner();
        answer.rating.unwrap().stars
    };
    let there = at("\"2027-01-01\"", 2);
    assert_eq!(ratings(&import(&site, "stars", &there).await), [1, 0, 0]);
    let request = catalog::RateItemRequest { item_id: "film-1".into(), stars: 5, ..Default::default() };
    site.opinions().rate_item(by("ann", request)).await.unwrap();
    assert_eq!((ratings(&import(&site, "stars", &there).await), stars().await), ([0, 0, 1], 5));
    // Without a time, nobody can tell.
    assert_eq!((ratings(&import(&site, "stars", &at("null", 2)).await), stars().await), ([0, 1, 0], 2));
    // One that was given there meanwhile is newer than both.
    let later = at("\"2027-01-15T08:00:01Z\"", 4);
    assert_eq!((ratings(&import(&site, "stars", &later).await), stars().await), ([0, 1, 0], 4));
    let request = catalog::GetRatingSummaryRequest { item_id: "film-1".into() };
    let answer = site.opinions().get_rating_summary(by("ann", request)).await.unwrap().into_inner();
    assert_eq!(answer.summary.unwrap().counts, [0, 0, 0, 1, 0], "counted once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bookmark_keeps_its_name() {
    let site = Site::start().await;
    let mark =
        |second: u32| format!("{{\"user\":\"ann\",\"film\":1,\"second\":{second},\"title\":\"장면\"}}\n");
    let bookmarks = |report: &Report| {
        assert_eq!(report.complaints, []);
        let Counts { created, changed, unchanged, .. } = counts(report, NounKind::Bookmark);
        [created, changed, unchanged]
    };
    for (second, expect) in [(10, [1, 0, 0]), (10, [0, 0, 1]), (20, [0, 1, 0]), (20, [0, 0, 1])] {
        assert_eq!(bookmarks(&import(&site, "marks", &mark(second)).await), expect, "{second}");
    }
    let request = catalog::ListBookmarksRequest::default();
    let found = site.opinions().list_bookmarks(by("ann", request)).await.unwrap().into_inner().bookmarks;
    let [only] = &found[..] else { panic!("{found:?}") };
    assert_eq!((only.id.as_str(), only.position_ms, only.title.as_str()), ("mark-1", 20_000, "장면"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_completed_is_finished() {
    let site = Site::start().await;
    let row = "{\"user\":\"ann\",\"film\":1,\"what\":\"done\",\"at\":\"2027-01-01\",\"percent\":100}\n";
    assert_eq!(sessions(&import(&site, "progress", row).await), [1, 0, 0, 0]);
    let there = site.position("ann", "film-1").await.unwrap();
    assert_eq!((there.position_ms, there.finished, there.watched), (5_400_000, true, true));
    let (session, events) = site.session("ann", "progress-ann-1").await;
    assert_eq!((events[0].0, session.event_count, session.watched_ms), (Ended, 1, 0));
    assert_eq!(site.going_on("ann").await, []);
}

const SHOW: &str = r#"
system = "show"
[[items]]
table = "series"
id = "series-{id}"
kind = "SERIES"
deleted = "{gone}"
[[items]]
table = "episodes"
id = "episode-{id}"
kind = "EPISODE"
parent_id = "series-{series}"
[[sessions]]
table = "progress"
session_id = "progress-{user}-{episode}"
user_id = "{user}"
item_id = "episode-{episode}"
events = [{ kind = "STOP", at_ms = "{at}", position_ms = { from = "{second}", unit = "s" } }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_something_deleted_is_left_out_after_a_break_too() {
    let site = Site::start().await;
    let series = |at: u32| if at == 1 { 1 } else { 2 };
    let episodes: String =
        (1..=300).map(|at| format!("{{\"id\":\"{at:03}\",\"series\":{}}}\n", series(at))).collect();
    let progress = |episode: &str| {
        format!("{{\"user\":\"ann\",\"episode\":\"{episode}\",\"at\":\"2027-01-01\",\"second\":60}}\n")
    };
    let files = [
        site.file("series.ndjson", "{\"id\":1,\"gone\":true}\n{\"id\":2,\"gone\":false}\n"),
        site.file("episodes.ndjson", &episodes),
        site.file("progress.ndjson", &[progress("001"), progress("002")].concat()),
    ];
    let state = site.dir.path().join("state");
    let job = || Job { resume: Some(state.clone()), ..job(&mapping_of(site.dir.path(), SHOW), &files) };
    let (stopped, _) = until(&site, job(), 100).await;
    assert!(stopped.unwrap().is_stopped && state.exists());
    let (ended, _) = until(&site, job(), 0).await;
    let report = ended.unwrap();
    assert_eq!(sessions(&report), [1, 0, 0, 1], "{}", report.table());
    assert_eq!(site.history("ann", "").await.len(), 1);
}

/// What waits goes together, as far as the server takes it so; what becomes of each is its own.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_go_together_end_each_by_itself() {
    for publish_sessions_max in [1_000, 2] {
        let limits = Limits { publish_sessions_max, ..Limits::default() };
        let site = Site::start_with(Settings { limits, ..Settings::default() }).await;
        let row = |n: u64| {
            let (user, second) = (format!("u{n:03}"), if n % 50 == 7 { 9_100_000_000_000 } else { n });
            let at = jiff::Timestamp::from_millisecond(NOW_MS - DAY_MS).unwrap();
            format!(
                "{{\"user\":\"{user}\",\"film\":1,\"what\":\"left\",\"at\":\"{at}\",\"second\":{second}}}\n"
            )
        };
        let report = import(&site, "progress", &(0..200).map(row).collect::<String>()).await;
        assert_eq!(counts(&report, NounKind::Session).created, 196);
        let mut wrong: Vec<_> = report.complaints.iter().map(|complaint| complaint.line).collect();
        wrong.sort_unstable();
        assert_eq!(wrong, [8, 58, 108, 158], "{:?}", report.complaints);
        for n in [0, 6, 8, 199] {
            let there = site.position(&format!("u{n:03}"), "film-1").await.unwrap();
            assert_eq!(there.position_ms, n * 1_000);
        }
    }
}
