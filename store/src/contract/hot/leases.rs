//! The promises of leases. A store under test goes by the `now_ms` that it is given, with the times that are default.

mod chance;

mod healing;

mod home;

pub use chance::*;
pub use healing::*;

use super::NOW_MS;
use crate::{
    AccountId, ItemKind,
    hot::{Hot, HotUpdate, Verdict},
    lease::{AtLimit, DeviceType, Doing, StopReason, StopTarget, StreamRules, Terms},
};
use home::{Home, Player, heard, keys, stop};
use std::sync::Arc;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Sessions below the limit are admitted, and listed, the oldest first; asking again changes nothing.
pub async fn sessions_below_the_limit_are_admitted_and_listed(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(2, AtLimit::DenyNewest);
    let (tv, phone) = (home.player("tv", &rules), home.player("phone", &rules));
    assert_eq!(home.live(0).await, []);
    for (player, at_ms) in [(&phone, 0), (&tv, SECOND_MS), (&phone, 2 * SECOND_MS)] {
        assert_eq!(home.begin(player, at_ms).await, Verdict::Play);
    }
    let live = home.live(3 * SECOND_MS).await;
    assert_eq!(keys(&live), [phone.key(), tv.key()]);
    let [first, _] = &*live else { panic!("two sessions") };
    let expect = (phone.device.as_str(), phone.item.as_str(), ItemKind::Movie, NOW_MS, true);
    let found = (first.device.as_str(), first.item.as_str(), first.kind, first.since_ms, first.is_playing);
    assert_eq!(found, expect);
}

/// One more than allowed is denied, and told who is in the way; the others play on.
pub async fn the_newest_is_denied_at_the_limit(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(2, AtLimit::DenyNewest);
    let [tv, phone, tablet] = ["tv", "phone", "tablet"].map(|device| home.player(device, &rules));
    home.begin(&tv, 0).await;
    home.begin(&phone, SECOND_MS).await;
    for at_ms in [2 * SECOND_MS, 3 * SECOND_MS] {
        let stop = stop(home.begin(&tablet, at_ms).await);
        assert_eq!((stop.reason, &stop.by_device), (StopReason::StreamLimit, &None));
        assert_eq!(keys(&stop.in_the_way), [tv.key(), phone.key()]);
    }
    for player in [&tv, &phone] {
        assert_eq!(home.beat(player, 4 * SECOND_MS).await, Verdict::Play);
    }
    assert_eq!(keys(&home.live(5 * SECOND_MS).await), [tv.key(), phone.key()]);
    home.end(&tv, 6 * SECOND_MS).await;
    assert_eq!(home.begin(&tablet, 7 * SECOND_MS).await, Verdict::Play, "there is room now");
    assert_eq!(home.beat(&phone, 8 * SECOND_MS).await, Verdict::Play);
}

/// Beats keep a lease; three that are missing end it. Until somebody takes the slot, the next beat finds it again.
pub async fn beats_keep_a_lease_and_three_that_are_missing_end_it(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [tv, phone] = ["tv", "phone"].map(|device| home.player(device, &rules));
    home.begin(&tv, 0).await;
    for at_ms in [10, 20, 49, 78] {
        assert_eq!(home.beat(&tv, at_ms * SECOND_MS).await, Verdict::Play);
    }
    assert_eq!(home.live(107 * SECOND_MS).await.len(), 1);
    assert_eq!(home.live(108 * SECOND_MS).await.len(), 0);
    assert_eq!(home.beat(&tv, 110 * SECOND_MS).await, Verdict::Play, "nobody took it");
    assert_eq!(stop(home.begin(&phone, 139 * SECOND_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(home.begin(&phone, 141 * SECOND_MS).await, Verdict::Play, "it is free");
    assert_eq!(stop(home.beat(&tv, 142 * SECOND_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(home.beat(&phone, 143 * SECOND_MS).await, Verdict::Play);
}

/// By the other rule the oldest goes, is told by whom, and does not come back.
pub async fn the_oldest_is_evicted_and_told_by_whom(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(2, AtLimit::EvictOldest);
    let [tv, phone, tablet] = ["tv", "phone", "tablet"].map(|device| home.player(device, &rules));
    let mut kicks = home.store.kicks();
    home.begin(&tv, 0).await;
    home.begin(&phone, SECOND_MS).await;
    assert_eq!(home.begin(&tablet, 2 * SECOND_MS).await, Verdict::Play);
    let kick = heard(&mut kicks, &tv).await;
    assert_eq!((kick.account, kick.stop.reason), (home.account.clone(), StopReason::Evicted));
    assert_eq!(kick.stop.by_device, Some(tablet.device.clone()));
    for at_ms in [3, 4, 600] {
        let stop = stop(home.beat(&tv, at_ms * SECOND_MS).await);
        assert_eq!((stop.reason, &stop.by_device), (StopReason::Evicted, &Some(tablet.device.clone())));
    }
    assert_eq!(stop(home.begin(&tv, 601 * SECOND_MS).await).reason, StopReason::Evicted);
    for player in [&phone, &tablet] {
        assert_eq!(home.beat(player, 602 * SECOND_MS).await, Verdict::Play);
    }
}

/// A device that begins another session takes the slot of its earlier one, whose player is told where there is none.
pub async fn a_device_takes_over_its_own_ghost(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [ghost, tv, phone] = ["tv", "tv", "phone"].map(|device| home.player(device, &rules));
    let mut kicks = home.store.kicks();
    home.begin(&ghost, 0).await;
    assert_eq!(home.begin(&tv, SECOND_MS).await, Verdict::Play);
    let kick = heard(&mut kicks, &ghost).await;
    assert_eq!((kick.stop.reason, &kick.stop.by_device), (StopReason::TakenOver, &Some(tv.device.clone())));
    assert_eq!(stop(home.beat(&ghost, 2 * SECOND_MS).await).reason, StopReason::TakenOver);
    assert_eq!(stop(home.begin(&phone, 3 * SECOND_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(home.beat(&tv, 4 * SECOND_MS).await, Verdict::Play);
}

/// A ghost that is none says so with its next beat, and has a slot again if there is one.
pub async fn a_second_session_of_a_device_plays_on_where_there_is_room(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(2, AtLimit::DenyNewest);
    let [first, second, third] = ["tv"; 3].map(|device| home.player(device, &rules));
    home.begin(&first, 0).await;
    home.begin(&second, SECOND_MS).await;
    assert_eq!(home.live(SECOND_MS).await.len(), 1, "a ghost, as far as we know");
    for at_ms in [2, 3, 4] {
        for player in [&first, &second] {
            assert_eq!(home.beat(player, at_ms * SECOND_MS).await, Verdict::Play);
        }
    }
    assert_eq!(home.live(4 * SECOND_MS).await.len(), 2);
    assert_eq!(home.begin(&third, 5 * SECOND_MS).await, Verdict::Play);
    let verdicts = [home.beat(&first, 6 * SECOND_MS).await, home.beat(&second, 6 * SECOND_MS).await];
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Play).count(), 1, "{verdicts:?}");
    assert_eq!(home.live(6 * SECOND_MS).await.len(), 2);
}

/// A session that ends gives its slot back. What it said before that and comes later takes none; what it says after does.
pub async fn an_ended_session_gives_its_slot_back(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [tv, phone] = ["tv", "phone"].map(|device| home.player(device, &rules));
    home.begin(&tv, 0).await;
    assert_eq!(home.end(&tv, 5 * SECOND_MS).await, Verdict::Play);
    let late = HotUpdate { last_at_ms: NOW_MS + 4 * SECOND_MS, ..tv.says(Doing::Playing, 6 * SECOND_MS) };
    assert_eq!(home.hear(&late, 6 * SECOND_MS).await, Verdict::Play);
    assert_eq!(home.live(6 * SECOND_MS).await, []);
    assert_eq!(home.beat(&tv, 7 * SECOND_MS).await, Verdict::Play, "it plays again");
    assert_eq!(home.live(7 * SECOND_MS).await.len(), 1);
    home.end(&tv, 8 * SECOND_MS).await;
    home.begin(&phone, 9 * SECOND_MS).await;
    assert_eq!(stop(home.beat(&tv, 10 * SECOND_MS).await).reason, StopReason::StreamLimit);
}

/// A paused session keeps its slot for 30 min, beats or not, and then has to find another.
pub async fn a_paused_session_keeps_its_slot_for_a_while(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [tv, phone] = ["tv", "phone"].map(|device| home.player(device, &rules));
    home.begin(&tv, 0).await;
    home.pause(&tv, MINUTE_MS / 3).await;
    assert_eq!(stop(home.begin(&phone, 29 * MINUTE_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(home.pause(&tv, 30 * MINUTE_MS).await, Verdict::Play, "its beats go on");
    assert_eq!(home.begin(&phone, 32 * MINUTE_MS - SECOND_MS).await, Verdict::Play);
    assert_eq!(home.pause(&tv, 32 * MINUTE_MS).await, Verdict::Play, "who is paused needs no slot");
    assert_eq!(home.beat(&phone, 33 * MINUTE_MS - SECOND_MS).await, Verdict::Play);
    assert_eq!(stop(home.beat(&tv, 33 * MINUTE_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(keys(&home.live(33 * MINUTE_MS).await), [phone.key()]);
}

/// A playhead that says it plays and does not move counts as paused after 10 min.
pub async fn a_stuck_playhead_counts_as_paused(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(1, AtLimit::DenyNewest);
    let [tv, phone] = ["tv", "phone"].map(|device| home.player(device, &rules));
    home.begin(&tv, 0).await;
    let mut stuck = tv.says(Doing::Playing, 0);
    let beats =
        |minutes: std::ops::Range<i64>| minutes.flat_map(|minute| [0, 20, 40].map(|s| minute * 60 + s));
    for at_s in beats(0..39) {
        stuck.last_at_ms = NOW_MS + at_s * SECOND_MS;
        assert_eq!(home.hear(&stuck, at_s * SECOND_MS).await, Verdict::Play);
    }
    assert_eq!(stop(home.begin(&phone, 39 * MINUTE_MS).await).reason, StopReason::StreamLimit);
    assert_eq!(home.live(40 * MINUTE_MS + 20 * SECOND_MS).await, []);
    assert_eq!(home.begin(&phone, 40 * MINUTE_MS + 20 * SECOND_MS).await, Verdict::Play);
    // One that moves, however slowly, does not.
    let home = Home::new(home.store);
    home.begin(&tv, 0).await;
    for at_s in beats(0..60) {
        assert_eq!(home.beat(&tv, at_s * SECOND_MS).await, Verdict::Play);
    }
    assert_eq!(home.live(60 * MINUTE_MS - SECOND_MS).await.len(), 1);
}

/// Limits of device types, of kinds of content and of devices hold beside that of streams.
pub async fn limits_hold_by_device_type_content_and_device(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let word = |word| DeviceType::new(word).expect("a word");
    let rules = StreamRules {
        per_device_type: vec![(word("mobile"), 1), (word("vr"), 0)],
        per_item_kind: vec![(ItemKind::Live, 1)],
        devices_max: Some(3),
        ..StreamRules::streams(9, AtLimit::DenyNewest)
    };
    let mut of = |device, device_type, kind| {
        let player = home.player(device, &rules);
        let terms = Terms { device_type: Some(word(device_type)), rules: Some(rules.clone()) };
        Player { terms: Arc::new(terms), kind, ..player }
    };
    let cases = [
        (of("phone", "mobile", ItemKind::Movie), None),
        (of("other", "mobile", ItemKind::Movie), Some((StopReason::DeviceTypeLimit, 1))),
        (of("glasses", "vr", ItemKind::Movie), Some((StopReason::DeviceTypeLimit, 0))),
        (of("tv", "tv", ItemKind::Live), None),
        (of("laptop", "web", ItemKind::Live), Some((StopReason::ContentLimit, 1))),
        (of("laptop", "web", ItemKind::Movie), None),
        (of("tablet", "web", ItemKind::Movie), Some((StopReason::DeviceLimit, 3))),
    ];
    for (at_ms, (player, expect)) in (0..).zip(&cases) {
        let verdict = home.begin(player, at_ms * 10).await;
        let found = verdict.stop().map(|stop| (stop.reason, stop.in_the_way.len()));
        assert_eq!(found, *expect, "{}", player.device);
    }
    assert_eq!(home.live(100).await.len(), 3);
}

/// Whoever is stopped loses the slot at once, is told, and stays stopped.
pub async fn a_stopped_session_stays_stopped(store: Arc<dyn Hot>) {
    let mut home = Home::new(store);
    let rules = StreamRules::streams(2, AtLimit::DenyNewest);
    let [tv, phone] = ["tv", "phone"].map(|device| home.player(device, &rules));
    let mut kicks = home.store.kicks();
    home.begin(&tv, 0).await;
    home.begin(&phone, 1).await;
    let code = home.live(2).await.first().expect("a session").stop_code();
    let by = Some(phone.device.clone());
    let strangers = AccountId::new(&format!("{}-other", home.account)).expect("a short name");
    let stop_at = async |account: &AccountId, target: StopTarget, at_ms: i64| {
        home.store.stop(account, &target, by.clone(), NOW_MS + at_ms).await.expect("a session is stopped")
    };
    assert_eq!(stop_at(&strangers, StopTarget::Code(code), 3).await, None, "another account's");
    let stopped = stop_at(&home.account, StopTarget::Code(code), 4).await;
    assert_eq!(stopped.map(|lease| lease.key), Some(tv.key()));
    let kick = heard(&mut kicks, &tv).await;
    assert_eq!((kick.stop.reason, &kick.stop.by_device), (StopReason::Stopped, &by));
    assert_eq!(stop_at(&home.account, StopTarget::Code(code), 5).await, None, "it is stopped");
    let stopped = stop_at(&home.account, StopTarget::Session(phone.key()), 6).await;
    assert_eq!(stopped.map(|lease| lease.key), Some(phone.key()));
    assert_eq!(home.live(7).await, []);
    for player in [&tv, &phone] {
        assert_eq!(stop(home.beat(player, 20 * MINUTE_MS).await).reason, StopReason::Stopped);
        assert_eq!(stop(home.begin(player, 21 * MINUTE_MS).await).reason, StopReason::Stopped);
    }
}
