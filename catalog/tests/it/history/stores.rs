//! A node of the catalog alone, which asks the stores that engines share.

use std::{collections::HashSet, sync::Arc};

use playhead_ingest::{
    button::{PlayButton, Played},
    settings::Settings,
};
use playhead_store::{
    AccountId, Clock, Description, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, SeqOrder,
    SessionId, SessionKey, UserId,
    durable::{Durable, PositionWrite, SessionWrite, WriteBatch},
    hot::embedded::EmbeddedHot,
    position::PositionRow,
};

use super::*;

/// What an engine elsewhere flushed of a user: a session of the item, at this time.
fn played(user: &UserId, item: &ItemId, session: &str, at_ms: i64) -> WriteBatch {
    let playable = Playable {
        item: item.clone(),
        kind: ItemKind::Movie,
        duration_ms: Some(LENGTH_MS),
        credits_ms: None,
    };
    let description = Description {
        as_of_ms: at_ms,
        playable,
        account: AccountId::new("family").unwrap(),
        device: DeviceId::new("tv").unwrap(),
        order: SeqOrder::Native,
    };
    let event = Event { position_ms: Some(990_000), ..Event::new(EventKind::Beat, 1, at_ms) };
    let write = SessionWrite {
        key: SessionKey { user: user.clone(), session: SessionId::new(session).unwrap() },
        clock: Clock { fixed_at_ms: at_ms, offset_ms: 0 },
        description,
        events: vec![event].into(),
    };
    let row = PositionRow::set(400_000, at_ms);
    let position = PositionWrite { user: user.clone(), item: item.clone(), row };
    WriteBatch { sessions: vec![write], positions: vec![position] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_the_catalog_alone_erases_for_all_and_reads_what_is_left() {
    let site = Site::start().await;
    put_films(&site).await;
    let store: Arc<dyn Durable> = site.durable().clone();
    let (ann, item) = (UserId::new("ann").unwrap(), ItemId::new("film").unwrap());
    store.write(&played(&ann, &item, "s-1", BEGIN_MS)).await.unwrap();
    // Another node on the same store, with a hot store of its own that knows of nothing.
    let other = PlayButton::of_stores(store.clone(), Arc::new(EmbeddedHot::default()), &Settings::default());
    let found = async || {
        let sessions = match other.places().played(&ann, &HashSet::from([item.clone()]), 10).await.unwrap() {
            Played::All(all) => all.len(),
            Played::TooMany(_) => panic!("there are few"),
        };
        let place = other.place(&ann, &item).await.unwrap();
        let all = other.places().all(&ann).await.unwrap();
        assert_eq!(all.first().map(|(_, row)| row), place.as_ref());
        (place.and_then(|row| row.current().map(|(_, position_ms)| position_ms)), sessions)
    };
    assert_eq!(found().await, (Some(400_000), 1));
    assert_eq!(resumes_at(&site, "ann", "film").await, 400_000);

    delete(&site, &site.admin(), "film", false).await.unwrap();
    assert_eq!(found().await, (None, 0));
    // An engine elsewhere flushes late.
    store.write(&played(&ann, &item, "s-2", BEGIN_MS + 60_000)).await.unwrap();
    assert_eq!(found().await, (None, 0));
    site.later(120_000);
    undelete(&site, "film").await;
    assert_eq!(found().await, (None, 0));
    assert_eq!(resumes_at(&site, "ann", "film").await, 0);
    store.write(&played(&ann, &item, "s-3", BEGIN_MS + 600_000)).await.unwrap();
    assert_eq!(found().await, (Some(400_000), 1));
    assert_eq!(resumes_at(&site, "ann", "film").await, 400_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_of_no_store_of_playing_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store =
        playhead_store::durable::embedded::EmbeddedDurable::open(dir.path(), Default::default()).unwrap();
    let site = Site::on(Arc::new(store), playhead_catalog::Settings::default()).await;
    put_films(&site).await;
    let refused = delete(&site, &site.admin(), "film", false).await.unwrap_err();
    assert_eq!(refused, (Code::FailedPrecondition, "NO_HISTORY".into()));
    let request = catalog::GetItemRequest { id: "film".into(), ..Default::default() };
    let there = site.catalog().get_item(site.keep(request)).await.unwrap().into_inner().item.unwrap();
    assert_eq!(there.deletion, None, "it was not deleted without it");
}
