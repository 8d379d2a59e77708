//! Leases that a store forgot, rules that are only tried, and what comes in late.

use super::{
    MINUTE_MS, NOW_MS, SECOND_MS,
    home::{Home, heard, keys, stop},
};
use crate::{
    hot::{Hot, Verdict},
    lease::{AtLimit, Doing, StopReason, StreamRules},
};
use std::sync::Arc;

/// A store that forgot everything knows it again with the next beats. Nobody who ran before is stopped; who was admitted
/// meanwhile beyond the limit is.
pub async fn forgotten_leases_come_back_with_the_next_beats(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(2, AtLimit::DenyNewest);
    let [tv, phone, tablet] = ["tv", "phone", "tablet"].map(|device| home.player(device, &rules));
    let [tv, phone] = [(tv, -60), (phone, -50)].map(|(player, s)| player.since(s * SECOND_MS));
    let mut kicks = home.store.kicks();
    assert_eq!(home.begin(&tablet, 0).await, Verdict::Play, "nothing is known of the others");
    assert_eq!(home.beat(&phone, SECOND_MS).await, Verdict::Play);
    assert_eq!(home.beat(&tablet, 2 * SECOND_MS).await, Verdict::Play);
    assert_eq!(home.beat(&tv, 3 * SECOND_MS).await, Verdict::Play);
    assert_eq!(heard(&mut kicks, &tablet).await.stop.reason, StopReason::StreamLimit);
    assert_eq!(keys(&home.live(3 * SECOND_MS).await), [tv.key(), phone.key()]);
    assert_eq!(stop(home.beat(&tablet, 4 * SECOND_MS).await).reason, StopReason::StreamLimit);
    for player in [&tv, &phone] {
        assert_eq!(home.beat(player, 5 * SECOND_MS).await, Verdict::Play);
    }
}

/// When leases come back, a stream that does not play stops none that does.
pub async fn a_paused_session_gives_way_when_leases_come_back(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [paused, tv] = ["phone", "tv"].map(|device| home.player(device, &rules));
    let (paused, tv) = (paused.since(-60 * MINUTE_MS), tv.since(-MINUTE_MS));
    assert_eq!(home.pause(&paused, 0).await, Verdict::Play);
    assert_eq!(home.beat(&tv, SECOND_MS).await, Verdict::Play);
    assert_eq!(home.pause(&paused, 2 * SECOND_MS).await, Verdict::Play);
    assert_eq!(keys(&home.live(2 * SECOND_MS).await), [tv.key()]);
    assert_eq!(stop(home.beat(&paused, 3 * SECOND_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(home.beat(&tv, 4 * SECOND_MS).await, Verdict::Play);
}

/// Rules that are only tried stop nobody, and say whom they would have.
pub async fn rules_that_are_tried_stop_nobody(store: Arc<dyn Hot>) {
    for at_limit in AtLimit::ALL {
        let mut home = Home::new(Arc::clone(&store));
        let rules = StreamRules { is_dry_run: true, ..StreamRules::streams(1, at_limit) };
        let [tv, phone] = ["tv", "phone"].map(|device| home.player(device, &rules));
        assert_eq!(home.begin(&tv, 0).await, Verdict::Play);
        assert_eq!(home.begin(&phone, 1).await, Verdict::Tolerated(StopReason::StreamLimit));
        for player in [&tv, &phone] {
            assert_eq!(home.beat(player, 2).await, Verdict::Play);
        }
        assert_eq!(home.live(3).await.len(), 2);
    }
}

/// What was watched offline and comes in later takes nobody's slot.
pub async fn what_was_watched_offline_takes_no_slot(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [offline, tv] = ["phone", "tv"].map(|device| home.player(device, &rules));
    home.begin(&tv, 0).await;
    let mut late = offline.says(Doing::Playing, -MINUTE_MS);
    late.beat.iter_mut().for_each(|beat| beat.is_open = false);
    assert_eq!(home.hear(&late, SECOND_MS).await, Verdict::Play);
    assert_eq!(keys(&home.live(SECOND_MS).await), [tv.key()]);
    late.last_at_ms = NOW_MS + SECOND_MS;
    assert_eq!(stop(home.hear(&late, 2 * SECOND_MS).await).reason, StopReason::StreamLimit, "that is now");
}
