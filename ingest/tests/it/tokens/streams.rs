//! The stream rules of tokens, through the edges: racing players, kicks, restarts, and who may see and stop what.

mod faults;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use playhead_ingest::identity::TokenVerifier;
use playhead_proto::{
    ingest::v1::{self as proto, StopReason, Verdict},
    playback::v1 as reads,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    edges::{Edges, Talk, batch, beat, json_batch},
    issuer::Issuer,
};

const PUBLISH: &str = "/playhead.ingest.v1.IngestService/Publish";
const LIST: &str = "/playhead.playback.v1.PlaybackService/ListLiveSessions";
const STOP: &str = "/playhead.playback.v1.PlaybackService/StopSession";

/// A token of somebody of this account, on this device.
fn token(issuer: &Issuer, user: &str, account: &str, device: &str, streams: &Value) -> String {
    issuer.token(user, &json!({ "account": account, "device": device, "streams": streams }))
}

fn two() -> Value {
    json!({ "max": 2, "at_limit": "DENY_NEWEST" })
}

async fn live(edges: &Edges, token: &str) -> Vec<reads::LiveSession> {
    let request = reads::ListLiveSessionsRequest::default();
    edges.call::<reads::ListLiveSessionsResponse>(token, LIST, &request).await.unwrap().sessions
}

/// How a racing player begins.
async fn begin(edges: &Edges, token: &str, user: &str, way: usize) -> (Verdict, Option<Talk>) {
    match way % 3 {
        0 => {
            let (talk, welcome) = edges.open(token, "s-1").await;
            (welcome.verdict(), Some(talk))
        }
        1 => {
            let request = proto::PublishRequest { sessions: vec![batch(user, "s-1", "m-1")] };
            let answer: proto::PublishResponse = edges.call(token, PUBLISH, &request).await.unwrap();
            let [outcome] = &*answer.sessions else { panic!("{answer:?}") };
            assert_eq!(outcome.stored, 1, "stored, whatever the verdict");
            assert_eq!(outcome.terminate.is_some(), outcome.verdict() == Verdict::Stop);
            (outcome.verdict(), None)
        }
        _ => {
            let answer = edges.http("POST", "/v1/events", Some(token), &json_batch(user, "s-1", "m-1")).await;
            let outcome: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!((answer.status, &outcome["stored"]), (200, &1.into()), "{outcome}");
            match outcome["verdict"].as_str() {
                Some("PLAY") => (Verdict::Play, None),
                Some("STOP") => {
                    assert_eq!(outcome["terminate"]["code"], "STREAM_LIMIT", "{outcome}");
                    assert_eq!(outcome["terminate"]["in_the_way"].as_array().unwrap().len(), 2, "{outcome}");
                    (Verdict::Stop, None)
                }
                _ => panic!("{outcome}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_players_that_race_are_never_three() {
    let issuer = Issuer::new();
    let edges = Arc::new(Edges::start(issuer.verifier()).await);
    for round in 0..RACE_ROUNDS {
        let account = format!("family-{round}");
        let mut tasks = JoinSet::new();
        for number in 0..64 {
            let user = format!("user-{round}-{number}");
            let token = token(&issuer, &user, &account, &format!("device-{number}"), &two());
            let edges = Arc::clone(&edges);
            tasks.spawn(async move { begin(&edges, &token, &user, number + round).await });
        }
        let began = tasks.join_all().await;
        let playing = began.iter().filter(|(verdict, _)| *verdict == Verdict::Play).count();
        assert_eq!(playing, 2, "round {round}");
        let live = live(&edges, &token(&issuer, "somebody", &account, "any", &two())).await;
        assert_eq!(live.len(), 2, "round {round}: {live:?}");
        // A stream that is given up costs its connection something; one that ends does not.
        for talk in began.into_iter().filter_map(|(_, talk)| talk) {
            talk.close().await;
        }
    }
    let held = edges.host.engine.doors().leases.meters().held.get();
    assert_eq!(held.unsigned_abs(), 2 * RACE_ROUNDS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_reaches_an_open_stream_within_a_second() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let mut took = Vec::new();
    for number in 0..200 {
        let session = format!("s-{number}");
        let token = token(&issuer, "ann", "family", "tv", &Value::Null);
        let (mut talk, _) = edges.open(&token, &session).await;
        talk.send(vec![beat(1)]).await;
        talk.acked(1).await;
        let request = reads::StopSessionRequest { session_id: session.clone(), ..Default::default() };
        let begun = Instant::now();
        let stopped: reads::StopSessionResponse = edges.call(&token, STOP, &request).await.unwrap();
        let terminate = talk.told().await;
        took.push(begun.elapsed());
        assert_eq!(stopped.session.unwrap().session_id, session);
        assert_eq!((terminate.code(), &*terminate.by_device), (StopReason::Stopped, "tv"));
    }
    took.sort_unstable();
    let (p50, p99, most) = (took[99], took[197], took[199]);
    println!("kick to open stream, call included, of 200: p50 {p50:?}, p99 {p99:?}, most {most:?}");
    assert!(most < Duration::from_secs(1), "{most:?}");
    let doors = edges.host.engine.doors();
    let kicked = doors.leases.meters().stopped.of(playhead_store::lease::StopReason::Stopped);
    assert_eq!(kicked.get(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_stops_nobody_who_ran_and_whoever_was_admitted_beyond_the_limit() {
    let issuer = Issuer::new();
    let verifier: Arc<TokenVerifier> = issuer.verifier();
    let edges = Edges::start(verifier.clone()).await;
    let of = |user: &str, device: &str| token(&issuer, user, "family", device, &two());
    let (ann, ben, zoe) = (of("ann", "tv"), of("ben", "phone"), of("zoe", "tablet"));
    for token in [&ann, &ben] {
        let (mut talk, welcome) = edges.open(token, "s-1").await;
        assert_eq!(welcome.verdict(), Verdict::Play);
        talk.send(vec![beat(1)]).await;
        talk.acked(1).await;
    }
    assert_eq!(edges.open(&zoe, "s-1").await.1.verdict(), Verdict::Stop);
    let edges = edges.restarted(verifier).await;
    // The hot store knows nothing; somebody new comes first.
    let (mut third, welcome) = edges.open(&zoe, "s-2").await;
    assert_eq!(welcome.verdict(), Verdict::Play);
    let mut talks = Vec::new();
    for token in [&ann, &ben] {
        let (mut talk, welcome) = edges.open(token, "s-1").await;
        assert_eq!(welcome.verdict(), Verdict::Play, "it runs");
        talk.send(vec![beat(2)]).await;
        assert_eq!(talk.acked(2).await.verdict(), Verdict::Play);
        talks.push(talk);
    }
    assert_eq!(third.told().await.code(), StopReason::StreamLimit, "at once, without a beat of its own");
    for talk in &mut talks {
        talk.send(vec![beat(3)]).await;
        assert_eq!(talk.acked(3).await.verdict(), Verdict::Play);
    }
    let live = live(&edges, &ann).await;
    let devices: Vec<_> = live.iter().map(|session| &*session.device_id).collect();
    assert_eq!(devices, ["tv", "phone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sees_and_stops_its_own_sessions_and_no_others() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let of = |user: &str, account: &str| token(&issuer, user, account, &format!("{user}s"), &two());
    let (ann, ben, stranger) = (of("ann", "family"), of("ben", "family"), of("eve", "other"));
    let (mut bens, _) = edges.open(&ben, "bens-session").await;
    bens.send(vec![beat(1)]).await;
    bens.acked(1).await;

    let seen = live(&edges, &ann).await;
    let [session] = &*seen else { panic!("{seen:?}") };
    assert_eq!((&*session.user_id, &*session.session_id), ("", ""), "another viewer's names");
    assert_eq!((&*session.device_id, &*session.item_id), ("bens", "m-1"));
    assert_eq!((session.state(), session.position_ms), (proto::PlayerState::Playing, Some(60_000)));
    assert_eq!(live(&edges, &ben).await[0].session_id, "bens-session");
    assert_eq!(live(&edges, &stranger).await, []);
    let service = reads::ListLiveSessionsRequest { account_id: "family".into() };
    let service: reads::ListLiveSessionsResponse =
        edges.call(&issuer.service("playback:read"), LIST, &service).await.unwrap();
    assert_eq!(service.sessions[0].user_id, "ben");

    let path = |code: &str| format!("/v1/accounts/family/live-sessions/{code}");
    let delete = async |token: &str, code: &str| edges.http("DELETE", &path(code), Some(token), "").await;
    let refused = delete(&stranger, &session.stop_code).await;
    assert_eq!((refused.status, refused.told().reason.as_str()), (404, "NOT_FOUND"));
    let refused = delete(&ann, "no-code").await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.body.contains("stop_code") && refused.body.contains("16 hexadecimal"),
        "{}",
        refused.body
    );
    let named = reads::StopSessionRequest {
        user_id: "ben".into(),
        session_id: "bens-session".into(),
        ..Default::default()
    };
    let told = edges.call::<reads::StopSessionResponse>(&ann, STOP, &named).await.unwrap_err();
    assert_eq!(told.reason, "NOT_FOUND", "another viewer's is named by its code only");
    let unnamed = reads::StopSessionRequest::default();
    let told = edges.call::<reads::StopSessionResponse>(&ann, STOP, &unnamed).await;
    assert_eq!(told.unwrap_err().code, "INVALID_ARGUMENT");

    let listed = edges.http("GET", "/v1/accounts/family/live-sessions", Some(&ann), "").await;
    let listed: Value = serde_json::from_str(&listed.body).unwrap();
    assert_eq!(listed["sessions"][0]["stop_code"], session.stop_code.as_str(), "{listed}");
    assert_eq!(listed["sessions"][0].get("user_id"), None, "{listed}");
    let stopped = delete(&ann, &session.stop_code).await;
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let terminate = bens.told().await;
    assert_eq!((terminate.code(), &*terminate.by_device), (StopReason::Stopped, "anns"));
    assert_eq!(delete(&ann, &session.stop_code).await.status, 404, "it is stopped");
    assert_eq!(live(&edges, &ann).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_may_stop_a_session_in_the_way_and_play() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let rule = || json!({ "max": 5, "at_limit": "DENY_NEWEST", "devices": 1 });
    let (ann, ben) =
        (token(&issuer, "ann", "family", "tv", &rule()), token(&issuer, "ben", "family", "phone", &rule()));
    let (_anns, _) = edges.open(&ann, "s-1").await;
    let (mut bens, welcome) = edges.open(&ben, "s-1").await;
    assert_eq!(welcome.verdict(), Verdict::Stop);
    let terminate = bens.told().await;
    assert_eq!(terminate.code(), StopReason::DeviceLimit);
    let stop_code = terminate.in_the_way[0].stop_code.clone();
    let request = reads::StopSessionRequest { stop_code, ..Default::default() };
    edges.call::<reads::StopSessionResponse>(&ben, STOP, &request).await.unwrap();
    let (_bens, welcome) = edges.open(&ben, "s-1").await;
    assert_eq!(welcome.verdict(), Verdict::Play, "the same session asks again");
}

/// Rounds of the race, of 64 players each.
const RACE_ROUNDS: usize = 40;
