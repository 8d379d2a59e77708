//! The button while stores are away, and where there are no streams to share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use playhead_ingest::{leases::LeaseSettings, settings::Settings};
use playhead_proto::ingest::v1::StopReason;
use playhead_store::{
    ItemId, UserId,
    contract::StillHot,
    durable::{PositionWrite, WriteBatch},
    position::PositionRow,
};

use super::*;
use crate::stores::patience;

#[tokio::test(flavor = "multi_thread")]
async fn while_the_hot_store_is_away_it_is_as_the_server_is_set_up() {
    for admits_unanswered in [true, false] {
        let hot = Arc::new(StillHot::default());
        let leases = LeaseSettings { admits_unanswered, ..LeaseSettings::default() };
        let settings = Settings { leases, ..Settings::default() };
        let site = Site::before(hot.clone(), &settings).await;
        site.put(for_subscribers("film")).await;
        subscribe(&site, one_stream(proto::AtLimit::DenyNewest)).await;
        let position = PositionWrite {
            user: UserId::new("ben").unwrap(),
            item: ItemId::new("film").unwrap(),
            row: PositionRow::set(600_000, BEGIN_MS),
        };
        let batch = WriteBatch { sessions: Vec::new(), positions: vec![position] };
        site.durable().write(&batch).await.unwrap();
        begins(site.play(&on(&site, "ann", "tv"), "film", "s-1").await);

        hot.stand_still(true);
        let ben = on(&site, "ben", "phone");
        let begun = Instant::now();
        let answer = site.play(&ben, "film", "s-1").await;
        assert!(begun.elapsed() < patience(Duration::from_secs(2)), "{:?}", begun.elapsed());
        if admits_unanswered {
            let playback = begins(answer);
            assert_eq!(playback.slot(), proto::SlotState::Unconfirmed);
            assert_eq!(playback.resume.unwrap().position_ms, 600_000, "what rests is known all the same");
        } else {
            assert_eq!(no_slot(answer).code(), StopReason::Unavailable);
        }
        hot.stand_still(false);
        assert_eq!(no_slot(site.play(&ben, "film", "s-2").await).code(), StopReason::StreamLimit);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_streams_to_share_nobody_presses_play() {
    let site = Site::alone().await;
    site.put(film("film")).await;
    let refused = site.play(&site.viewer("ann"), "film", "s-1").await.unwrap_err();
    assert_eq!(told(&refused), (Code::FailedPrecondition, "NO_STREAMS".into(), Vec::new()));
}
