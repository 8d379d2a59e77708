//! A hot store that does not answer, and rules that are only tried.

use playhead_ingest::{leases::LeaseSettings, settings::Settings};
use playhead_store::{contract::StillHot, lease::StopReason as Why};

use super::*;
use crate::host::Host;

#[tokio::test(flavor = "multi_thread")]
async fn while_the_hot_store_stands_still_who_runs_plays_on_and_who_begins_as_it_is_set() {
    for admits_unanswered in [true, false] {
        let issuer = Issuer::new();
        let leases = LeaseSettings { admits_unanswered, ..LeaseSettings::default() };
        let hot = Arc::new(StillHot::default());
        let settings = Settings { leases, ..Settings::default() };
        let edges = Edges::over(Host::before(settings, issuer.verifier(), hot.clone()).await).await;
        let of = |user: &str| token(&issuer, user, "family", user, &two());
        let (mut runs, _) = edges.open(&of("ann"), "s-1").await;
        runs.send(vec![beat(1)]).await;
        runs.acked(1).await;
        hot.stand_still(true);
        runs.send(vec![beat(2)]).await;
        assert_eq!(runs.acked(2).await.verdict(), Verdict::Play, "it runs");
        let begun = Instant::now();
        let (mut begins, welcome) = edges.open(&of("ben"), "s-1").await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
        let expect = if admits_unanswered { Verdict::Play } else { Verdict::Stop };
        assert_eq!(welcome.verdict(), expect);
        if !admits_unanswered {
            assert_eq!(begins.told().await.code(), StopReason::Unavailable);
        }
        begins.send(vec![beat(1)]).await;
        assert_eq!(begins.acked(1).await.verdict(), expect, "and no acknowledgement fails");
        let (_, welcome) = edges.open(&of("ann"), "s-1").await;
        assert_eq!(welcome.verdict(), Verdict::Play, "a second stream of the session that runs");
        assert_eq!(edges.host.engine.doors().leases.meters().unanswered.get(), 1);
        hot.stand_still(false);
        if admits_unanswered {
            begins.send(vec![beat(2)]).await;
            begins.acked(2).await;
            runs.send(vec![beat(3)]).await;
            runs.acked(3).await;
            assert_eq!(live(&edges, &of("ann")).await.len(), 2, "its beats asked for its slot");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_tried_stop_nobody_and_are_counted() {
    let issuer = Issuer::new();
    let leases = LeaseSettings { is_dry_run: true, ..LeaseSettings::default() };
    let settings = Settings { leases, ..Settings::default() };
    let edges = Edges::over(Host::believing(settings, issuer.verifier()).await).await;
    for at_limit in ["DENY_NEWEST", "EVICT_OLDEST"] {
        let mut talks = Vec::new();
        for user in ["ann", "ben", "zoe"].map(|user| format!("{user}-{at_limit}")) {
            let rules = json!({ "max": 2, "at_limit": at_limit });
            let (mut talk, welcome) =
                edges.open(&token(&issuer, &user, at_limit, &user, &rules), "s-1").await;
            assert_eq!(welcome.verdict(), Verdict::Play);
            talk.send(vec![beat(1)]).await;
            assert_eq!(talk.acked(1).await.verdict(), Verdict::Play);
            talks.push(talk);
        }
    }
    let doors = edges.host.engine.doors();
    let meters = doors.leases.meters();
    assert_eq!(meters.tolerated.of(Why::StreamLimit).get(), 2);
    assert_eq!(meters.stopped.all().map(|(_, sessions)| sessions).sum::<u64>(), 0);
    assert_eq!(meters.held.get(), 6);
}
