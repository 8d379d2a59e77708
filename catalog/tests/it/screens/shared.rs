//! Screens of a node that serves the catalog alone: what an engine elsewhere took it sees through the stores that they
//! share.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use playhead_catalog::{
    CatalogError, Settings,
    collections::Collections,
    entitlement::Entitlement,
    items::Items,
    page::PageRequest,
    records::Records,
    screens::{Screens, Watcher},
    stale::Noted,
};
use playhead_ingest::{
    button::{PlayButton, Played},
    edge::http as edge_http,
    engine::{Engine, Parts, Threads},
    identity::development::Development,
    journal,
    settings::Settings as EngineSettings,
};
use playhead_store::{
    AccountId, Clock, DeviceId, Event, ItemId, SessionId, SessionKey, StoreError, StoreErrorKind, UserId,
    contract::StillHot,
    durable::{Durable, KnownSession, PositionWrite, SessionRow, WriteBatch},
    erasure::ItemErasure,
    fold::Interval,
    hot::{Hot, HotUpdate, embedded::EmbeddedHot},
    position::PositionRow,
    progress::Playing,
};
use tokio::net::TcpListener;

use super::*;

fn id(name: &str) -> ItemId {
    ItemId::new(name).unwrap()
}

fn ann() -> UserId {
    UserId::new("ann").unwrap()
}

async fn up_next(site: &Site) -> Vec<(String, i64)> {
    let request = site.watch("ann", proto::ListUpNextRequest::default());
    let answer = site.screens().list_up_next(request).await.unwrap().into_inner();
    assert!(!answer.positions_alone, "{answer:?}");
    answer.entries.into_iter().map(|entry| (entry.item_id, entry.position_ms)).collect()
}

/// Lets the durable store know where ann is, as an engine that flushes.
async fn flushed(site: &Site, item: &str, row: PositionRow) {
    let positions = vec![PositionWrite { user: ann(), item: id(item), row }];
    let batch = WriteBatch { sessions: Vec::new(), positions };
    site.durable().write(&batch).await.unwrap();
}

/// Lets the hot store know where ann is, as an engine that commits.
async fn committed(hot: &dyn Hot, item: &str, row: PositionRow) {
    let update = HotUpdate {
        key: SessionKey { user: ann(), session: SessionId::new(&format!("s-{item}")).unwrap() },
        account: AccountId::new("family").unwrap(),
        device: DeviceId::new("tv").unwrap(),
        clock: Clock { fixed_at_ms: BEGIN_MS, offset_ms: 0 },
        last_at_ms: BEGIN_MS,
        position: Some((id(item), row)),
        beat: None,
    };
    hot.apply(&[update], BEGIN_MS).await.unwrap();
}

/// What either store knows counts, and where both know something it is joined.
#[tokio::test(flavor = "multi_thread")]
async fn places_are_joined_of_what_is_committed_and_what_is_flushed() {
    let hot = Arc::new(StillHot::default());
    let site = Site::before(hot.clone(), &EngineSettings::default()).await;
    let everybody = catalog::AccessWay { everybody: true, ..Default::default() };
    for film in ["flushed", "committed", "later", "watched"] {
        let access = Some(catalog::AccessPolicy { ways: vec![everybody.clone()] });
        site.put(catalog::Item { access, ..leaf(film, Kind::Movie, "", 0) }).await;
    }
    flushed(&site, "flushed", PositionRow::set(100_000, BEGIN_MS - 10)).await;
    committed(&*hot, "committed", PositionRow::set(200_000, BEGIN_MS - 20)).await;
    flushed(&site, "later", PositionRow::set(300_000, BEGIN_MS - 30)).await;
    committed(&*hot, "later", PositionRow::set(290_000, BEGIN_MS - 40)).await;
    flushed(&site, "watched", PositionRow::mark_watched(true, BEGIN_MS - 50)).await;
    committed(&*hot, "watched", PositionRow::set(400_000, BEGIN_MS - 60)).await;
    let of = |all: &[(&str, i64)]| -> Vec<(String, i64)> {
        all.iter().map(|&(item, position_ms)| (item.to_owned(), position_ms)).collect()
    };
    let all = of(&[("flushed", 100_000), ("committed", 200_000), ("later", 300_000)]);
    assert_eq!(up_next(&site).await, all, "what was watched leads nowhere");
    // The play button asks for one.
    let begins_at = async |item: &str| {
        let playback = site.play(&site.viewer("ann"), item, &format!("s-{item}")).await.unwrap().playback;
        playback.unwrap().resume.map(|resume| resume.position_ms)
    };
    for (item, position_ms) in [("flushed", 100_000), ("committed", 200_000), ("later", 300_000)] {
        assert_eq!(begins_at(item).await, Some(position_ms), "{item}");
    }
    hot.stand_still(true);
    assert_eq!(up_next(&site).await, of(&[("flushed", 100_000), ("later", 300_000)]), "what rests is known");
}

/// An engine on a site's durable store and this hot store. It has no journal: what it acknowledged is flushed.
async fn engine(site: &Site, hot: Arc<dyn Hot>) -> Engine {
    let clock = Arc::clone(&site.clock);
    let parts = Parts {
        durable: site.durable().clone(),
        hot,
        disk: None,
        journal: journal::Settings::default(),
        verifier: Arc::new(Development),
        now: Arc::new(move || clock.load(std::sync::atomic::Ordering::SeqCst)),
        seed: 7,
        threads: Threads::Own,
    };
    let settings = EngineSettings { flush_age_ms: 0, ..EngineSettings::default() };
    Engine::start(settings, parts).await.unwrap()
}

/// Plays an item over HTTP from one place to another, in so many seconds.
async fn plays(site: &Site, at: &str, session: &str, item: &str, [from_ms, to_ms]: [i64; 2]) {
    for (seq, position_ms) in [(1, from_ms), (2, to_ms)] {
        let body = json!({
            "session": { "session_id": session, "item_id": item, "duration_ms": LENGTH_MS },
            "events": [{ "kind": "BEAT", "seq": seq, "position_ms": position_ms, "state": "PLAYING" }],
        });
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = http::Request::post(format!("http://{at}/v1/events"))
            .header("content-type", "application/json")
            .header("authorization", "Bearer ann")
            .body(Full::from(body.to_string()))
            .unwrap();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.status, 200, "{body:?}");
        site.later(if seq == 1 { to_ms - from_ms } else { 1_000 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_played_on_another_node_is_known_by_session() {
    let hot: Arc<dyn Hot> = Arc::new(EmbeddedHot::default());
    let site = Site::before(Arc::clone(&hot), &EngineSettings::default()).await;
    let engine = engine(&site, Arc::clone(&hot)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let doors = engine.doors();
    let serving = tokio::spawn(async move {
        edge_http::serve(doors, listener, edge_http::Options::default(), std::future::pending()).await
    });
    plays(&site, &at, "s-1", "l1", [0, 300_000]).await;
    plays(&site, &at, "s-2", "l1", [200_000, 400_000]).await;
    plays(&site, &at, "s-3", "l2", [0, 50_000]).await;
    plays(&site, &at, "s-4", "other", [0, 60_000]).await;

    let store = site.durable().clone();
    let button = PlayButton::of_stores(store, hot, &EngineSettings::default());
    let played = async |user: UserId, items: &[&str], sessions_max| {
        let items: HashSet<ItemId> = items.iter().map(|item| id(item)).collect();
        match button.places().played(&user, &items, sessions_max).await.unwrap() {
            Played::All(mut all) => {
                all.sort_by_key(|(_, playing)| playing.first_at_ms);
                Ok(all)
            }
            Played::TooMany(sessions) => Err(sessions),
        }
    };
    let playing = |item: &str, first_at_ms: i64, [from_ms, to_ms]: [i64; 2]| {
        let first_at_ms = BEGIN_MS + first_at_ms;
        let last_at_ms = first_at_ms + to_ms - from_ms;
        let intervals = vec![Interval { from_ms, to_ms }];
        (id(item), Playing { first_at_ms, last_at_ms, duration_ms: Some(LENGTH_MS), intervals })
    };
    let expect = [
        playing("l1", 0, [0, 300_000]),
        playing("l1", 301_000, [200_000, 400_000]),
        playing("l2", 502_000, [0, 50_000]),
    ];
    assert_eq!(played(ann(), &["l1", "l2", "never"], 3).await, Ok(expect.to_vec()));
    assert_eq!(played(ann(), &["l1", "l2"], 2).await, Err(3), "of these items");
    assert_eq!(played(ann(), &["l1"], 2).await, Ok(expect[..2].to_vec()));
    assert_eq!(played(UserId::new("ben").unwrap(), &["l1"], 2).await, Ok(Vec::new()), "it is hers");
    serving.abort();
}

/// A durable store that answers no read.
struct Away;

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError { kind: StoreErrorKind::Unavailable, what: "away", source: None })
}

#[async_trait::async_trait]
impl Durable for Away {
    async fn open_session(&self, _: &SessionKey) -> Result<KnownSession, StoreError> {
        away()
    }

    async fn write(&self, _: &WriteBatch) -> Result<(), StoreError> {
        away()
    }

    async fn persist(&self) -> Result<(), StoreError> {
        away()
    }

    async fn position(&self, _: &UserId, _: &ItemId) -> Result<Option<PositionRow>, StoreError> {
        away()
    }

    async fn positions(&self, _: &UserId) -> Result<Vec<(ItemId, PositionRow)>, StoreError> {
        away()
    }

    async fn session(&self, _: &SessionKey) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
        away()
    }

    async fn sessions(&self, _: &UserId) -> Result<Vec<SessionRow>, StoreError> {
        away()
    }

    async fn erase(&self, _: &UserId, _: i64) -> Result<(), StoreError> {
        away()
    }

    async fn erase_items(&self, _: &[(ItemId, ItemErasure)]) -> Result<(), StoreError> {
        away()
    }

    async fn item_erasures(&self, _: &[ItemId]) -> Result<HashMap<ItemId, ItemErasure>, StoreError> {
        away()
    }
}

/// Where positions are not known nothing is shown: an empty list would say that there is nothing to go on with.
#[tokio::test(flavor = "multi_thread")]
async fn without_positions_there_is_no_screen() {
    let line = crate::store::Line::up().await;
    let settings = Settings::default();
    let records = Records::new(line, settings.store_ms_max);
    let items = Arc::new(Items::new(records.clone(), Noted::default(), &settings));
    let collections =
        Arc::new(Collections::new(records.clone(), Arc::clone(&items), Noted::default(), &settings));
    let rights = Arc::new(Entitlement::new(
        records,
        Arc::clone(&items),
        Arc::clone(&collections),
        Noted::default(),
        &settings,
    ));
    let hot = Arc::new(EmbeddedHot::default());
    committed(&*hot, "film", PositionRow::set(1, BEGIN_MS)).await;
    let button = PlayButton::of_stores(Arc::new(Away), hot, &EngineSettings::default());
    let screens = Screens::new(items, collections, rights, button.places().clone(), &settings);
    let watcher = Watcher { user: ann(), country: None };
    let shown = screens.up_next(&watcher, &PageRequest { size: 20, after: None }, BEGIN_MS).await;
    assert!(matches!(shown, Err(CatalogError::Store(_))), "{shown:?}");
}
