//! Tables in CSV and NDJSON, and a feed in Media RSS.

use playhead_proto::catalog::v1 as catalog;

use crate::site::{Site, fixture, ids, job, mapping, mapping_of, title};

const FILMS: &str = r#"
system = "films"
time_zone = "Asia/Seoul"
[[items]]
table = "films"
id = "film-{id}"
kind = "MOVIE"
status = "PUBLISHED"
duration_ms = { from = "{length}", unit = "clock" }
texts = [{ language = "ko", title = "{title}" }, { language = "en", title = "{title_en}" }]
windows = [{ starts_at_ms = { from = "{from}", format = "%d.%m.%Y" }, countries = ["KR"] }]
maturity_age = "{age}"
[[items]]
table = "genres"
part_of = "films"
id = "film-{film}"
tags = [{ group = "genre", name = "{genre}" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn tables_in_csv_and_ndjson_go_together() {
    let site = Site::start().await;
    let mapping = mapping_of(site.dir.path(), FILMS);
    let job = || job(&mapping, &[fixture("genres.ndjson"), fixture("films.csv")]);
    let first = site.run(job()).await.unwrap();
    assert_eq!(first.complaints, []);
    assert_eq!((first.total().created, site.run(job()).await.unwrap().total().unchanged), (3, 3));
    let film = site.item("film-1").await;
    assert_eq!((title(&film, "ko"), title(&film, "en")), ("기생충, \"반지하\"", "Parasite"));
    assert_eq!((film.duration_ms, film.maturity_age), (Some(7_920_000), Some(15)));
    // Midnight in Seoul.
    assert_eq!(film.windows[0].starts_at_ms, Some(1_559_142_000_000));
    let genres: Vec<&str> = film.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(genres, ["스릴러", "drama"]);
    let film = site.item("film-3").await;
    assert_eq!((film.texts.len(), film.duration_ms, film.windows.len()), (1, None, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_in_media_rss_becomes_clips() {
    let site = Site::start().await;
    let mapping = mapping("media-rss");
    let job = || job(&mapping, &[fixture("feed.xml")]);
    let first = site.run(job()).await.unwrap();
    assert_eq!(first.complaints, []);
    assert_eq!((first.total().created, site.run(job()).await.unwrap().total().unchanged), (2, 2));
    let clip = site.item("feed-clip-1").await;
    assert_eq!(
        (clip.kind(), title(&clip, "en"), clip.duration_ms),
        (catalog::Kind::Clip, "Tom & Jerry's 여행", Some(61_500))
    );
    assert_eq!(clip.assets.len(), 2);
    assert_eq!(
        (clip.assets[0].variants[0].height, clip.assets[0].url.as_str()),
        (720, "https://cdn.example/1.m3u8?a=1&b=2")
    );
    assert_eq!(clip.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["travel", "비", "rain"]);
    assert_eq!(clip.windows[0].starts_at_ms, Some(1_799_971_200_000));
    assert_eq!(ids(&site.children("ann", "").await), ["feed-clip-1", "feed-https://example.com/2"]);
    assert_eq!(site.may("ann", "feed-clip-1").await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_with_a_document_type_is_refused() {
    let site = Site::start().await;
    let path =
        site.file("bad.xml", "<!DOCTYPE rss [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><rss>&x;</rss>");
    let error = site.run(job(&mapping("media-rss"), &[path])).await.unwrap_err().to_string();
    assert!(error.contains("bad.xml: line 1: a document type (DOCTYPE) is refused"), "{error}");
}
