//! `playhead serve` as a catalog: beside the engine, by itself, and left out.

use std::time::Duration;

use hyper::StatusCode;
use playhead_proto::{
    catalog::v1::{
        AccessPolicy, AccessWay, Asset, AssetKind, DeleteItemRequest, GetItemRequest, Item, Kind,
        PublicationStatus, SearchItemsRequest, Text, UndeleteItemRequest, UpsertItemRequest,
        catalog_service_client::CatalogServiceClient,
    },
    entitlement::v1::{
        AuthorizePlaybackRequest, AuthorizePlaybackResponse, SlotState,
        entitlement_service_client::EntitlementServiceClient,
    },
    playback::v1::{GetPositionRequest, playback_service_client::PlaybackServiceClient},
};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

use crate::{
    client::{ask_as, beat, get},
    erased,
    process::{PATIENCE, Serve, run, stderr},
};

/// Presses play as alice.
async fn press(server: &Serve, session: &str) -> Result<AuthorizePlaybackResponse, Status> {
    let (item_id, session_id) = ("film".to_owned(), session.to_owned());
    let mut request = Request::new(AuthorizePlaybackRequest { item_id, session_id, ..Default::default() });
    request.metadata_mut().insert("authorization", "Bearer alice".parse().unwrap());
    let answer = EntitlementServiceClient::new(channel(server).await).authorize_playback(request).await;
    answer.map(tonic::Response::into_inner)
}

pub(crate) async fn channel(server: &Serve) -> Channel {
    Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap().connect().await.unwrap()
}

/// Writes a film, as the service that whoever names nobody is in development.
async fn put(server: &Serve) -> Result<(), Code> {
    put_titled(server, "영화").await
}

async fn put_titled(server: &Serve, title: &str) -> Result<(), Code> {
    let text = Text { language: "ko".into(), title: title.into(), ..Text::default() };
    let item = Item {
        id: "film".into(),
        kind: Kind::Movie.into(),
        status: PublicationStatus::Published.into(),
        texts: vec![text],
        access: Some(AccessPolicy { ways: vec![AccessWay { everybody: true, ..AccessWay::default() }] }),
        assets: vec![Asset {
            id: "main".into(),
            kind: AssetKind::Video.into(),
            url: "https://cdn.example/film.mp4".into(),
            ready: true,
            ..Asset::default()
        }],
        ..Item::default()
    };
    let request = UpsertItemRequest { item: Some(item), update_mask: None };
    let answer = CatalogServiceClient::new(channel(server).await).upsert_item(request).await;
    answer.map(drop).map_err(|status| status.code())
}

/// Deletes the film with what everybody did there, and says so again.
async fn delete_with_history(server: &Serve) {
    for _ in 0..2 {
        let request =
            DeleteItemRequest { id: "film".into(), erase_history: true, ..DeleteItemRequest::default() };
        CatalogServiceClient::new(channel(server).await).delete_item(request).await.unwrap();
    }
}

async fn undelete(server: &Serve) {
    let request = UndeleteItemRequest { id: "film".into(), ..UndeleteItemRequest::default() };
    CatalogServiceClient::new(channel(server).await).undelete_item(request).await.unwrap();
}

/// Where alice is in the film, as this server's engine knows; and whether her list of sessions has any.
async fn place(server: &Serve) -> (StatusCode, bool) {
    let (status, _) = get(server.http, "/v1/users/alice/positions/film").await;
    let (listed, sessions) = get(server.http, "/v1/users/alice/sessions").await;
    assert_eq!(listed, StatusCode::OK, "{sessions}");
    (status, sessions.contains("\"session_id\""))
}

/// The film's title, as alice sees it.
async fn title(server: &Serve) -> String {
    let mut request = Request::new(GetItemRequest { id: "film".into(), ..GetItemRequest::default() });
    request.metadata_mut().insert("authorization", "Bearer alice".parse().unwrap());
    let answer = CatalogServiceClient::new(channel(server).await).get_item(request).await.unwrap();
    answer.into_inner().item.unwrap().texts[0].title.clone()
}

/// How many items alice finds by these words; none while the search is being made.
async fn found(server: &Serve, query: &str) -> usize {
    let mut request = Request::new(SearchItemsRequest { query: query.into(), ..Default::default() });
    request.metadata_mut().insert("authorization", "Bearer alice".parse().unwrap());
    let answer = CatalogServiceClient::new(channel(server).await).search_items(request).await;
    answer.map_or(0, |answer| answer.into_inner().items.len())
}

/// Waits until this is so.
pub(crate) async fn until(what: &str, within: Duration, is_so: impl AsyncFn() -> bool) {
    let so = async { while !is_so().await {} };
    tokio::time::timeout(within, so).await.unwrap_or_else(|_| panic!("not within {within:?}: {what}"));
}

/// What the metrics page says of the cache of items.
async fn of_items(server: &Serve, name: &str) -> u64 {
    let (status, page) = get(server.admin, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let name = format!("playhead_cache_{name}{{cache=\"items\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&*name));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
}

async fn position(server: &Serve) -> Result<(), Code> {
    let request = GetPositionRequest { user_id: "alice".into(), item_id: "movie-1".into() };
    let answer = PlaybackServiceClient::new(channel(server).await).get_position(request).await;
    answer.map(drop).map_err(|status| status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_serves_its_own_and_the_store_keeps_both() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    put(&server).await.unwrap();
    beat(server.http, "s-1", 1, 600_000).await;
    assert_eq!((title(&server).await.as_str(), position(&server).await), ("영화", Ok(())));
    let (status, said) = get(server.http, "/v1/users/alice/progress/film").await;
    assert!(status == StatusCode::OK && said.contains("\"leaves\":1"), "{said}");
    assert_eq!(server.terminate().0, Some(0));

    let server = Serve::start_set(data.path(), "serve.role=ingest");
    assert_eq!((put(&server).await, position(&server).await), (Err(Code::Unimplemented), Ok(())));
    assert_eq!(get(server.http, "/v1/items/film").await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.terminate().0, Some(0));

    let server = Serve::start_flags(data.path(), &["--role", "catalog"]);
    assert_eq!(title(&server).await, "영화");
    let (status, said) = get(server.http, "/v1/items/film").await;
    assert!(status == StatusCode::OK && said.contains("영화"), "{said}");
    assert_eq!(get(server.http, "/v1/users/alice/positions/movie-1").await.0, StatusCode::NOT_FOUND);
    assert_eq!(position(&server).await, Err(Code::Unimplemented));
    let refused = press(&server, "s-1").await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "it shares streams with nobody: {refused:?}");
    assert_eq!(get(server.admin, "/readyz").await.0, StatusCode::OK);
    assert_eq!(server.terminate().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_found_by_its_words_and_after_a_restart_too() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    put_titled(&server, "도깨비 Goblin").await.unwrap();
    let finds = async |server: &Serve| {
        for query in ["도깨비", "도깨", "gob", "gobiln"] {
            until(query, PATIENCE, async || found(server, query).await == 1).await;
        }
        assert_eq!(found(server, "nothing").await, 0);
    };
    finds(&server).await;
    assert_eq!(server.terminate().0, Some(0));
    let server = Serve::start_flags(data.path(), &["--role", "catalog"]);
    finds(&server).await;
    put_titled(&server, "Guardian").await.unwrap();
    until("the new title", PATIENCE, async || found(&server, "guardian").await == 1).await;
    assert_eq!(found(&server, "goblin").await, 0);
    assert_eq!(server.terminate().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caches_are_counted() {
    for flags in [&[][..], &["--role", "catalog"]] {
        let data = tempfile::tempdir().unwrap();
        let server = Serve::start_flags(data.path(), flags);
        put(&server).await.unwrap();
        let (hits, misses) = (of_items(&server, "hits_total").await, of_items(&server, "misses_total").await);
        title(&server).await;
        assert_eq!(of_items(&server, "misses_total").await, misses + 1);
        title(&server).await;
        assert_eq!(of_items(&server, "hits_total").await, hits + 1);
        assert_eq!(of_items(&server, "misses_total").await, misses + 1);
        assert_eq!(of_items(&server, "entries").await, 1);
        assert!((300..30_000).contains(&of_items(&server, "bytes").await));
        assert_eq!(of_items(&server, "told_stale_total").await, 0, "there is no other node");
        assert_eq!(server.terminate().0, Some(0));
    }
}

const BEAT: &str = r#"{"session":{},"events":[{"kind":"BEAT","seq":1,"position_ms":600000}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_play_button_leads_to_a_beat_and_a_shared_key_to_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["token", "keygen", "--private-key=session.pem", "--jwks=keys.json"], folder.path());
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    std::fs::write(folder.path().join("url.key"), "k".repeat(32)).unwrap();
    let settings = ["auth.session_key_file=session.pem", "catalog.url_key_file=url.key"];
    let file = |setting: &str| {
        let (key, name) = setting.split_once('=').unwrap();
        format!("--set={key}={}", folder.path().join(name).display())
    };
    let flags = settings.map(file);
    let flags = flags.each_ref().map(String::as_str);
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start_flags(data.path(), &flags);
    put(&server).await.unwrap();
    let playback = press(&server, "s-1").await.unwrap().playback.unwrap();
    assert_eq!((playback.slot(), playback.next_beat_ms), (SlotState::Held, 10_000));
    assert!(playback.assets[0].url.contains("/film.mp4?playhead-key=1&playhead-expires="), "{playback:?}");
    let token = Some(playback.session_token.as_str());
    let (status, said) = ask_as(token, "POST", server.http, "/v1/events", BEAT).await;
    assert_eq!((status, said.contains("\"acked_through_seq\":1")), (StatusCode::OK, true), "{said}");
    let again = press(&server, "s-2").await.unwrap().playback.unwrap();
    assert_eq!(again.resume.unwrap().position_ms, 600_000);

    let (elsewhere, stranger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = Serve::start_flags(elsewhere.path(), &flags);
    assert_eq!(ask_as(token, "POST", other.http, "/v1/events", BEAT).await.0, StatusCode::OK);
    let stranger = Serve::start(stranger.path());
    let (status, said) = ask_as(token, "POST", stranger.http, "/v1/events", BEAT).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "without the key it is nobody's: {said}");
}

/// Engines and the catalog in processes of their own share streams and places through a cluster and Redis.
#[tokio::test(flavor = "multi_thread")]
async fn split_roles_share_streams_and_places() {
    let data = tempfile::tempdir().unwrap();
    let Some([points, keyspace]) = crate::cluster::real(data.path()) else { return };
    let Some(redis) = real_redis() else { return };
    let made = run(&["token", "keygen", "--private-key=session.pem", "--jwks=keys.json"], data.path());
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let key = format!("auth.session_key_file={}", data.path().join("session.pem").display());
    let (urls, prefix) = (format!("hot.urls={redis}"), keyspace.replace("durable.keyspace", "hot.prefix"));
    let shared: [&str; 6] =
        ["durable.backend=scylla", "hot.backend=redis", "leases.streams_max=1", &points, &keyspace, &key];
    let mut flags: Vec<&str> =
        shared.into_iter().chain([&*urls, &*prefix]).flat_map(|set| ["--set", set]).collect();
    let ingest_data = tempfile::tempdir().unwrap();
    let engine = Serve::start_flags(ingest_data.path(), &[&flags[..], &["--role", "ingest"]].concat());
    flags.extend(["--role", "catalog"]);
    let catalog = Serve::start_flags(data.path(), &flags);
    put(&catalog).await.unwrap();

    let playback = press(&catalog, "s-1").await.unwrap().playback.unwrap();
    assert_eq!(playback.slot(), SlotState::Held);
    let token = Some(playback.session_token.as_str());
    let (status, said) = ask_as(token, "POST", engine.http, "/v1/events", BEAT).await;
    assert_eq!((status, said.contains("\"verdict\":\"PLAY\"")), (StatusCode::OK, true), "{said}");
    let denied = press(&catalog, "s-2").await.unwrap().no_slot.unwrap();
    let path = format!("/v1/accounts/alice/live-sessions/{}", denied.in_the_way[0].stop_code);
    assert_eq!(ask_as(Some("alice"), "DELETE", engine.http, &path, "").await.0, StatusCode::OK);
    let again = press(&catalog, "s-2").await.unwrap().playback.unwrap();
    assert_eq!(again.resume.unwrap().position_ms, 600_000, "as the engine took it");

    // Another catalog learns at once what this one writes, long before it would look by itself.
    let other_data = tempfile::tempdir().unwrap();
    flags.extend(["--set", erased::NEVER_OLD]);
    let other = Serve::start_flags(other_data.path(), &flags);
    until("the search is made", PATIENCE, async || found(&other, "영화").await == 1).await;
    assert_eq!(title(&other).await, "영화");
    put_titled(&catalog, "도깨비").await.unwrap();
    until("the new title", Duration::from_secs(1), async || title(&other).await == "도깨비").await;
    assert!(of_items(&other, "told_stale_total").await > 0);
    until("the search", PATIENCE, async || found(&other, "도깨").await == 1).await;

    // What one catalog erases is gone from the engine and from the other catalog, as soon as it has answered.
    assert_eq!(place(&engine).await, (StatusCode::OK, true));
    delete_with_history(&other).await;
    assert_eq!(place(&engine).await, (StatusCode::NOT_FOUND, false));
    undelete(&other).await;
    assert_eq!(place(&engine).await, (StatusCode::NOT_FOUND, false));
    let path = "the other catalog has it again";
    until(path, PATIENCE, async || press(&catalog, "s-2").await.is_ok()).await;
    let again = press(&catalog, "s-2").await.unwrap().playback.unwrap();
    assert_eq!(again.resume, None);
    play(&engine, "s-9", 700_000).await;
    assert_eq!(place(&engine).await, (StatusCode::OK, true));
    erased::is_forgotten(&engine, &other).await;
}

/// Alice plays the film and is here in it.
async fn play(server: &Serve, session: &str, position_ms: i64) {
    let body = format!(
        r#"{{"session":{{"session_id":"{session}","item_id":"film"}},
            "events":[{{"kind":"BEAT","seq":1,"position_ms":{position_ms}}}]}}"#
    );
    let (status, said) = ask_as(Some("alice"), "POST", server.http, "/v1/events", &body).await;
    assert_eq!((status, said.contains("\"acked_through_seq\":1")), (StatusCode::OK, true), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_with_an_item_stays_so_across_kills_and_roles() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    put(&server).await.unwrap();
    play(&server, "s-1", 600_000).await;
    assert_eq!(place(&server).await, (StatusCode::OK, true));
    delete_with_history(&server).await;
    assert_eq!(place(&server).await, (StatusCode::NOT_FOUND, false));
    server.kill();
    // Its journal says all of it again, to a server that knows of no catalog.
    let server = Serve::start_set(data.path(), "serve.role=ingest");
    assert_eq!(place(&server).await, (StatusCode::NOT_FOUND, false));
    play(&server, "s-2", 700_000).await;
    assert_eq!(place(&server).await, (StatusCode::NOT_FOUND, false), "it is deleted still");
    server.kill();
    let server = Serve::start_flags(data.path(), &["--role", "catalog"]);
    undelete(&server).await;
    server.kill();
    let server = Serve::start(data.path());
    assert_eq!(place(&server).await, (StatusCode::NOT_FOUND, false));
    play(&server, "s-3", 800_000).await;
    assert_eq!(place(&server).await, (StatusCode::OK, true));
    assert_eq!(press(&server, "s-4").await.unwrap().playback.unwrap().resume.unwrap().position_ms, 800_000);
    assert_eq!(server.terminate().0, Some(0));
}

/// The real Redis that the tests are given.
fn real_redis() -> Option<String> {
    let found = std::env::var("PLAYHEAD_TEST_REDIS").ok();
    if found.is_none() {
        let is_required =
            std::env::var("PLAYHEAD_TEST_SERVICES").is_ok_and(|services| services == "required");
        assert!(!is_required, "PLAYHEAD_TEST_SERVICES is required, and PLAYHEAD_TEST_REDIS is not set");
        eprintln!("SKIPPED: no Redis server, set PLAYHEAD_TEST_REDIS (cargo xtask services up)");
    }
    found
}
