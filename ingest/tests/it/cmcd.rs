//! The CMCD front against what real players sent (see `captures/README.md`) and against what none should.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use playhead_ingest::{
    admission::RejectReason,
    edge::http::{Options, PositionKeys},
    settings::{Limits, Settings},
    tally::ShedReason,
};
use rand::seq::SliceRandom;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::Value;

use crate::http_server::{NOW_MS, Server};

const SID: &str = "6e2fb550-c457-11e9-bb97-0800200c9a66";

/// The bodies that a capture's player sent to its collector, in their order.
fn bodies(capture: &str) -> Vec<String> {
    requests(capture)
        .into_iter()
        .filter(|request| request["at"] == "collector" && request["method"] == "POST")
        .map(|request| request["body"].as_str().unwrap().to_owned())
        .collect()
}

fn requests(capture: &str) -> Vec<Value> {
    let path = format!("{}/tests/captures/{capture}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The values of a key in a record, found without the code under test.
fn key<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let at = format!(",{record}").find(&format!(",{name}="))?;
    let value = &record[at + name.len() + 1..];
    Some(value.split(',').next().unwrap().trim())
}

fn ts(record: &str) -> i64 {
    key(record, "ts").unwrap().parse().unwrap()
}

/// The bodies with every `ts` moved so that the latest is `ends_ms`.
fn moved(bodies: &[String], ends_ms: i64) -> Vec<String> {
    let latest_ms = bodies.iter().map(|body| ts(body)).max().unwrap();
    let moved = |body: &String| {
        let ts = ts(body);
        body.replace(&format!("ts={ts}"), &format!("ts={}", ts - latest_ms + ends_ms))
    };
    bodies.iter().map(moved).collect()
}

async fn replay(server: &Server, token: &str, bodies: &[String]) {
    for body in bodies {
        let headers = [("content-type", "application/cmcd"), ("origin", "http://127.0.0.1:9100")];
        let answer = server.send(Method::POST, &format!("/v1/cmcd/{token}"), &headers, body.clone()).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0), "{body}");
        assert_eq!(answer.headers["access-control-allow-origin"], "http://127.0.0.1:9100");
    }
}

async fn session(server: &Server, user: &str) -> Value {
    server.get(&format!("/v1/users/{user}/sessions/{SID}")).await.ok()
}

/// The last playhead that the video element itself had before it was destroyed, ms.
fn true_end_ms() -> f64 {
    let path = format!("{}/tests/captures/hls-v2-event-hook-pt.steps.json", env!("CARGO_MANIFEST_DIR"));
    let steps: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let steps = steps["steps"].as_array().unwrap();
    let last = steps.iter().take_while(|step| step["step"] != "destroyed").last().unwrap();
    last["currentTime"].as_f64().unwrap() * 1_000.0
}

#[tokio::test]
async fn a_replayed_player_is_where_its_video_was() {
    let recorded = bodies("hls-v2-event-hook-pt");
    assert_eq!(recorded.len(), 21);
    let now = moved(&recorded, NOW_MS);
    let seed = 20_261_121;
    let mut shuffled_twice = [now.clone(), now.clone()].concat();
    shuffled_twice.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let server = Server::start().await;
    for (user, bodies) in [("in-order", &now), ("shuffled", &shuffled_twice), ("old", &recorded)] {
        replay(&server, user, bodies).await;
        server.settled().await;
        let position = server.get(&format!("/v1/users/{user}/positions/movie-0001")).await.ok();
        let found_ms = position["position"]["position_ms"].as_f64().unwrap();
        assert!((found_ms - true_end_ms()).abs() <= 2_000.0, "{user}: {found_ms}, seed {seed}");
        let session = session(&server, user).await;
        assert_eq!(session["session"]["event_count"], 21, "{user}, seed {seed}");
        assert_eq!(session["session"]["seek_count"], 3, "{user}, seed {seed}");
    }
    let count = server.stop().await;
    assert_eq!((count.stored, count.duplicate), (21 * 3, 21));
}

#[tokio::test]
async fn players_that_send_no_playhead_have_sessions_and_no_position() {
    let server = Server::start().await;
    for capture in ["hls-v2-event", "dash-v2-event", "shaka-v2-event"] {
        let recorded = bodies(capture);
        let identities: BTreeSet<_> =
            recorded.iter().map(|body| ["sid", "ts", "e", "sn"].map(|name| key(body, name))).collect();
        assert!(identities.len() >= 30, "{capture}");
        replay(&server, capture, &moved(&recorded, NOW_MS)).await;
        server.settled().await;
        let session = session(&server, capture).await;
        assert_eq!(session["session"]["event_count"], identities.len(), "{capture}");
        assert_eq!(session["session"]["item_id"], "movie-0001", "{capture}");
        assert_eq!(session["events"].as_array().unwrap().len(), identities.len(), "{capture}");
        server.get(&format!("/v1/users/{capture}/positions/movie-0001")).await.error(404);
        let watching = server.get(&format!("/v1/users/{capture}/continue-watching")).await.ok();
        assert_eq!(watching["positions"].as_array().unwrap().len(), 0, "{capture}");
    }
    let hls = session(&server, "hls-v2-event").await;
    assert_eq!(
        (&hls["session"]["seek_count"], &hls["session"]["bitrates"][0]["bitrate_kbps"]),
        (&3.into(), &469.into())
    );
    let dash = session(&server, "dash-v2-event").await;
    assert_eq!(
        (&dash["session"]["end_reason"], &dash["session"]["bitrates"][0]["bitrate_kbps"]),
        (&"ENDED".into(), &464.into())
    );
    server.stop().await;
}

#[tokio::test]
async fn order_and_repetition_of_arrival_change_nothing() {
    let server = Server::start().await;
    let mut expect: BTreeMap<&str, Value> = BTreeMap::new();
    for seed in 0..6 {
        for capture in ["hls-v2-event-hook-pt", "hls-v2-event", "dash-v2-event", "shaka-v2-event"] {
            let mut bodies = moved(&bodies(capture), NOW_MS);
            if seed > 0 {
                let mut dice = ChaCha8Rng::seed_from_u64(seed);
                let again: Vec<String> = bodies.iter().step_by(2).cloned().collect();
                bodies.extend(again);
                bodies.shuffle(&mut dice);
            }
            // A request may as well hold several records.
            let records = usize::try_from(seed).unwrap() * 3 + 1;
            let bodies: Vec<String> = bodies
                .chunks(records)
                .map(|lines| lines.iter().map(|line| format!(" {}\r\n\n", line.trim())).collect())
                .collect();
            let user = format!("{capture}-{seed}");
            replay(&server, &user, &bodies).await;
            server.settled().await;
            let position = server.get(&format!("/v1/users/{user}/positions/movie-0001")).await.json();
            let found =
                serde_json::json!([without_clock(session(&server, &user).await), without_clock(position)]);
            let found: Value = serde_json::from_str(&found.to_string().replace(&user, "USER")).unwrap();
            assert_eq!(
                *expect.entry(capture).or_insert_with(|| found.clone()),
                found,
                "{capture}, seed {seed}"
            );
        }
    }
    server.stop().await;
}

/// The same with the player's own times: what arrives first fixes the session's clock, and so moves all its times.
fn without_clock(mut view: Value) -> Value {
    let offset_ms = match &view["session"]["clock_offset_ms"] {
        Value::Number(offset_ms) => offset_ms.as_i64().unwrap(),
        // A position's time is one of its session's, which is compared already.
        _ => {
            if let Some(position) = view.get_mut("position") {
                position.as_object_mut().unwrap().remove("at_ms");
            }
            return view;
        }
    };
    let session = view["session"].as_object_mut().unwrap();
    session.remove("clock_offset_ms");
    for name in ["started_at_ms", "last_event_at_ms"] {
        session[name] = (session[name].as_i64().unwrap() - offset_ms).into();
    }
    for event in view["events"].as_array_mut().unwrap() {
        event["at_ms"] = (event["at_ms"].as_i64().unwrap() - offset_ms).into();
    }
    view
}

#[tokio::test]
async fn version_1_queries_are_accepted() {
    let server = Server::start().await;
    let queries: Vec<String> = requests("dash-v1-query")
        .iter()
        .map(|request| request["url"].as_str().unwrap().split_once('?').unwrap().1.to_owned())
        .collect();
    assert_eq!(queries.len(), 27);
    for query in &queries {
        let answer = server.get(&format!("/v1/cmcd/ann?{query}")).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0), "{query}");
    }
    server.settled().await;
    let distinct: BTreeSet<_> = queries.iter().collect();
    let session = session(&server, "ann").await;
    assert_eq!(session["session"]["event_count"], distinct.len());
    assert_eq!(session["session"]["item_id"], "movie-0001");
    assert_eq!(session["session"]["started_at_ms"], NOW_MS);
    server.get("/v1/users/ann/positions/movie-0001").await.error(404);
    // The released shaka: form-encoded, the event code a string.
    let query = format!(
        "CMCD=cid%3D%22m%22%2Ce%3D%22t%22%2Csid%3D%22s%22%2Csn%3D1%2Cts%3D{NOW_MS}%2Cv%3D2%2Cbr%3D(400%3Bv+64%3Ba)"
    );
    assert_eq!(server.get(&format!("/v1/cmcd/ann?{query}")).await.status, 204);
    server.settled().await;
    let events = server.get("/v1/users/ann/sessions/s").await.ok()["events"].clone();
    assert_eq!((&events[0]["kind"], &events[0]["bitrate_kbps"]), (&"BEAT".into(), &464.into()));
    server.stop().await;
}

#[tokio::test]
async fn headers_win_over_the_query() {
    let server = Server::start().await;
    let headers = [("CMCD-Session", "sid=\"headers\",v=1"), ("cmcd-object", "br=400")];
    let answer = server.send(Method::GET, "/v1/cmcd/ann?CMCD=sid%3D%22query%22", &headers, "").await;
    assert_eq!(answer.status, 204);
    server.settled().await;
    server.get("/v1/users/ann/sessions/headers").await.ok();
    server.get("/v1/users/ann/sessions/query").await.error(404);
    server.stop().await;
}

#[tokio::test]
async fn the_answer_is_always_204_and_everything_is_counted() {
    use RejectReason::{Malformed, NotAllowed};
    let server = Server::start().await;
    let long = format!("sid=\"{}\",e=t", "s".repeat(65));
    let good = "sid=\"s\",cid=\"m\",e=t,ts=1799999999000";
    let mut expect = [0; 4];
    // The body, and what becomes of it: stored, refused as malformed, refused as not allowed, not kept.
    for (path, body, ending) in [
        ("/v1/cmcd/ann", String::new(), [0, 0, 0, 0]),
        ("/v1/cmcd/ann", "\r\n \n\n".to_owned(), [0, 0, 0, 0]),
        ("/v1/cmcd/ann", format!("{good},sn=1\r\n  {good},sn=2  \n\n"), [2, 0, 0, 0]),
        ("/v1/cmcd/ann", format!("garbage\n{good},sn=3\n{{\"json\":1}}"), [1, 2, 0, 0]),
        ("/v1/cmcd/ann", format!("{good},sn=4,v=3\n{good},sn=5,v=2\n{good},sn=6,v=\"x\""), [2, 0, 0, 1]),
        ("/v1/cmcd/ann", format!("{long}\ne=t\nsid=\"\""), [0, 3, 0, 0]),
        ("/v1/cmcd/ann", format!("{good},sn=7,,br=(1,pt=x,ttfb=99999999999999999999"), [1, 0, 0, 0]),
        ("/v1/cmcd/%ff", format!("{good}\n{good}"), [0, 0, 2, 0]),
        ("/v1/cmcd/:", good.to_owned(), [0, 0, 1, 0]),
        ("/v1/cmcd/a%0Ab", good.to_owned(), [0, 0, 1, 0]),
        ("/v1/beacon/ann", format!("{good},sn=8"), [1, 0, 0, 0]),
        ("/v1/beacon/:", good.to_owned(), [0, 0, 1, 0]),
    ] {
        for content_type in [None, Some("text/plain;charset=UTF-8"), Some("application/cmcd"), Some("x")] {
            let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
            let answer = server.send(Method::POST, path, &headers, body.clone()).await;
            assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0), "{path}: {body}");
        }
        let count = server.settled().await;
        let rejected = |reason| count.rejected.iter().find(|(found, _)| *found == reason).unwrap().1;
        // Sent four times, stored once.
        let [stored, malformed, not_allowed, not_kept] = &mut expect;
        *stored += ending[0];
        *malformed += ending[1] * 4;
        *not_allowed += ending[2] * 4;
        *not_kept += ending[3] * 4;
        let shed = count.shed.iter().find(|(found, _)| *found == ShedReason::NotKept).unwrap().1;
        assert_eq!([count.stored, rejected(Malformed), rejected(NotAllowed), shed], expect, "{path}: {body}");
    }
    let count = server.stop().await;
    assert_eq!(count.duplicate, count.stored * 3);
}

#[tokio::test]
async fn a_body_that_is_too_long_counts_as_far_as_it_goes() {
    let server = Server::start().await;
    for (path, limit) in [("/v1/cmcd/ann", 1 << 20), ("/v1/beacon/ann", 64 << 10)] {
        let url = "x".repeat(900);
        let line =
            |sn: usize| format!("cid=\"m\",e=t,sid=\"{limit}\",sn={sn:08},ts={NOW_MS},url=\"{url}\"\n");
        let lines = limit / line(0).len();
        let body: String = (0..lines + 10).map(line).collect();
        let answer = server.send(Method::POST, path, &[], body).await;
        assert_eq!(answer.status, 204);
        server.settled().await;
        let session = server.get(&format!("/v1/users/ann/sessions/{limit}")).await.ok();
        assert_eq!(session["session"]["event_count"], lines, "{path}");
    }
    let count = server.stop().await;
    assert_eq!(count.rejected(), 2, "the lines that were cut");
}

#[tokio::test]
async fn what_finds_no_room_is_shed_and_counted() {
    let limits = Limits { sessions_max: 1, ..Limits::default() };
    let server = Server::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    let body =
        format!("sid=\"a\",e=t,ts={NOW_MS}\nsid=\"b\",e=t,ts={NOW_MS}\nsid=\"b\",e=ps,sta=p,ts={NOW_MS}");
    assert_eq!(server.send(Method::POST, "/v1/cmcd/ann", &[], body).await.status, 204);
    let count = server.stop().await;
    assert_eq!((count.stored, count.shed()), (1, 2));
}

#[tokio::test]
async fn the_playhead_may_come_under_a_custom_key() {
    let position_keys = PositionKeys::only(["com.example-pt".to_owned()]);
    let options = Options { position_keys, ..Options::default() };
    let server = Server::with(Settings::default(), options).await;
    let body = format!(
        "cid=\"a\",com.example-pt=\"61000\",e=t,sid=\"s\",ts={NOW_MS}\n\
         cid=\"b\",com.other-pt=61000,e=t,sid=\"s\",ts={NOW_MS},sn=1"
    );
    server.send(Method::POST, "/v1/cmcd/ann:family:tv", &[], body).await;
    server.settled().await;
    let position = server.get("/v1/users/ann/positions/a").await.ok();
    assert_eq!(position["position"]["position_ms"], 61_000);
    server.get("/v1/users/ann/positions/b").await.error(404);
    let session = server.get("/v1/users/ann/sessions/s").await.ok();
    assert_eq!(
        (&session["session"]["account_id"], &session["session"]["device_id"]),
        (&"family".into(), &"tv".into())
    );
    server.stop().await;
}

#[tokio::test]
async fn an_evening_offline_keeps_its_times_and_no_clock_writes_into_the_future() {
    let server = Server::start().await;
    // A player whose clock is a day ahead sends what it did in the last two hours, latest last.
    let ahead_ms = 86_400_000;
    let body: String = (0..3)
        .map(|hour| {
            format!(
                "cid=\"m\",e=t,pt={},sid=\"s\",sn={hour},ts={}\n",
                hour + 60_000,
                NOW_MS + ahead_ms - 7_200_000 + hour * 3_600_000
            )
        })
        .collect();
    server.send(Method::POST, "/v1/cmcd/ann", &[], body).await;
    server.settled().await;
    let session = server.get("/v1/users/ann/sessions/s").await.ok();
    let times: Vec<_> =
        session["events"].as_array().unwrap().iter().map(|event| event["at_ms"].as_i64().unwrap()).collect();
    assert_eq!(times, [NOW_MS - 7_200_000, NOW_MS - 3_600_000, NOW_MS]);
    server.stop().await;
}
