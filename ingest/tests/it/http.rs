//! The HTTP edge: events in, playback reads out, and every wrong request told what is wrong with it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::Ordering,
};

use bytes::Bytes;
use http::{Method, StatusCode};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use playhead_ingest::{
    edge::http::Options,
    settings::{Limits, Settings},
};
use playhead_proto::ingest::v1 as proto;
use playhead_store::{SessionId, SessionKey, UserId};
use prost::Message;
use serde_json::{Value, json};

use crate::http_server::{Answer, NOW_MS, PATIENCE, Server};

fn beat(seq: u64) -> Value {
    json!({ "kind": "BEAT", "seq": seq, "at_ms": NOW_MS, "position_ms": 60_000 + seq })
}

fn batch(events: impl Into<Value>) -> Value {
    let session =
        json!({ "session_id": "s", "item_id": "movie/1", "item_kind": "MOVIE", "duration_ms": 600_000 });
    json!({ "session": session, "user_id": "ann", "device_id": "tv", "sent_at_ms": NOW_MS, "events": events.into() })
}

async fn post(server: &Server, body: &Value) -> Answer {
    server.post_json("/v1/events", body.to_string()).await
}

fn names(fields: &Value) -> Vec<&str> {
    fields.as_array().unwrap().iter().map(|refused| refused["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_answered_event_is_readable() {
    let server = Server::start().await;
    let answer = post(&server, &batch(vec![beat(1), beat(2)])).await.ok();
    let expect = json!({
        "session_id": "s", "stored": 2, "duplicate": 0, "rejected": [], "acked_through_seq": 2, "verdict": "PLAY",
        "next_beat_ms": 10_000,
    });
    assert_eq!(answer, expect);
    let position = server.get("/v1/users/ann/positions/movie%2F1").await.ok();
    let expect = json!({
        "user_id": "ann", "item_id": "movie/1", "position_ms": 60_002, "duration_ms": 600_000, "at_ms": NOW_MS,
        "session_id": "s", "watched": false, "finished": false,
    });
    assert_eq!(position["position"], expect);
    let again = post(&server, &batch(vec![beat(2), beat(3)])).await.ok();
    assert_eq!((&again["stored"], &again["duplicate"]), (&1.into(), &1.into()));
    let session = server.get("/v1/users/ann/sessions/s").await.ok();
    assert_eq!(session["session"]["event_count"], 3);
    assert_eq!(session["session"]["item_kind"], "MOVIE");
    assert_eq!(
        (&session["session"]["account_id"], &session["session"]["device_id"]),
        (&"ann".into(), &"tv".into())
    );
    let expect = json!({ "kind": "BEAT", "seq": 3, "at_ms": NOW_MS, "position_ms": 60_003 });
    assert_eq!(session["events"][2], expect);
    server.stop().await;
}

#[tokio::test]
async fn a_bad_event_is_refused_alone() {
    let server = Server::start().await;
    let with = |change: Value| {
        let mut event = beat(1_000);
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        event
    };
    let bad = [
        (with(json!({ "kind": null })), "events[1].kind", "UNKNOWN_KIND", ""),
        (with(json!({ "kind": "BLINK" })), "events[1].kind", "UNKNOWN_KIND", "BLINK"),
        (with(json!({ "kind": 99 })), "events[1].kind", "UNKNOWN_KIND", "99"),
        (with(json!({ "kind": [] })), "events[1].kind", "MALFORMED", "an array"),
        (with(json!({ "state": "ASLEEP" })), "events[1].state", "UNKNOWN_STATE", "ASLEEP"),
        (with(json!({ "seq": 0 })), "events[1].seq", "SEQ_OUT_OF_RANGE", "0"),
        (with(json!({ "seq": "x" })), "events[1].seq", "MALFORMED", "x"),
        (with(json!({ "at_ms": -1 })), "events[1].at_ms", "TIME_OUT_OF_RANGE", "-1"),
        (with(json!({ "position_ms": "far" })), "events[1].position_ms", "MALFORMED", "far"),
        (with(json!({ "position_ms": -1 })), "events[1].position_ms", "POSITION_OUT_OF_RANGE", "-1"),
        (with(json!({ "rate": 17 })), "events[1].rate", "RATE_OUT_OF_RANGE", "17"),
        (with(json!({ "rate": "NaN" })), "events[1].rate", "RATE_OUT_OF_RANGE", "NaN"),
        (with(json!({ "duration_ms": -1 })), "events[1].duration_ms", "DURATION_OUT_OF_RANGE", "-1"),
        (with(json!({ "error_code": "e".repeat(65) })), "events[1].error_code", "BAD_TEXT", &"e".repeat(64)),
        (json!("BEAT"), "events[1]", "MALFORMED", "BEAT"),
        (Value::Null, "events[1]", "MALFORMED", "null"),
    ];
    for (seq, (event, field, reason, value)) in (1..).step_by(2).zip(bad) {
        let answer = post(&server, &batch(vec![beat(seq), event, beat(seq + 1)])).await.ok();
        assert_eq!(answer["stored"], 2, "{field}: {answer}");
        let refused = &answer["rejected"][0];
        let found = (&refused["index"], &refused["field"], &refused["reason"], &refused["value"]);
        assert_eq!(found, (&1.into(), &field.into(), &reason.into(), &value.into()));
        assert!(!refused["allowed"].as_str().unwrap().is_empty(), "{field}");
    }
    server.stop().await;
}

#[tokio::test]
async fn text_that_is_almost_json_costs_only_the_event_that_breaks_it() {
    let server = Server::start().await;
    let good = batch(vec![beat(1), json!("BAD"), beat(2)]).to_string();
    for (bad, field) in [
        (&br#"{"kind":"BEAT","seq":9,"rate":NaN}"#[..], "events[1].rate"),
        (br#"{"kind":"BEAT","seq":9,"position_ms":-Infinity}"#, "events[1].position_ms"),
        (br#"{"kind":"BEAT","seq":9,"position_ms":1e999}"#, "events[1].position_ms"),
        (b"{\"kind\":\"ERROR\",\"seq\":9,\"error_code\":\"\xff\xfe\"}", "events[1].error_code"),
        (b"{\"kind\":\"BE\xc3\x28T\",\"seq\":9}", "events[1].kind"),
    ] {
        let (before, after) = good.split_once("\"BAD\"").unwrap();
        let body = [before.as_bytes(), bad, after.as_bytes()].concat();
        let answer = server.post_json("/v1/events", body).await.ok();
        let taken = answer["stored"].as_u64().unwrap() + answer["duplicate"].as_u64().unwrap();
        assert_eq!((taken, names(&answer["rejected"])), (2, vec![field]), "{answer}");
        assert_eq!(answer["rejected"][0]["seq"], 9, "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_batch_of_which_nothing_was_taken_is_an_error() {
    let server = Server::start().await;
    let answer = post(&server, &batch(vec![json!({ "seq": 1 }), json!({ "kind": "BEAT" })])).await;
    let error = answer.error(400);
    assert_eq!((&error["code"], &error["reason"]), (&"INVALID_ARGUMENT".into(), &"UNKNOWN_KIND".into()));
    assert_eq!(error["field"], "events[0].kind");
    assert_eq!(names(&answer.json()["outcome"]["rejected"]), ["events[0].kind", "events[1].seq"]);

    let change = |path: &str, value: Value| {
        let mut body = batch(vec![beat(1)]);
        match path.split_once('.') {
            Some((outer, inner)) => body[outer][inner] = value,
            None => body[path] = value,
        }
        body
    };
    for (body, status, reason, field) in [
        (change("session.session_id", json!("")), 400, "BAD_TEXT", "session.session_id"),
        (change("session.session_id", json!("a\nb")), 400, "BAD_TEXT", "session.session_id"),
        (change("session.session_id", json!(5)), 400, "MALFORMED", "session.session_id"),
        (change("session.item_id", json!("x".repeat(129))), 400, "BAD_TEXT", "session.item_id"),
        (change("session.item_kind", json!("PODCAST")), 400, "UNKNOWN_ITEM_KIND", "session.item_kind"),
        (change("session.duration_ms", json!(-1)), 400, "DURATION_OUT_OF_RANGE", "session.duration_ms"),
        (change("session.itemid", json!("m")), 400, "MALFORMED", "session.itemid"),
        (change("session", json!("s")), 400, "MALFORMED", "session"),
        (change("user_id", json!("")), 400, "BAD_TEXT", "user_id"),
        (change("evnts", json!([])), 400, "MALFORMED", "evnts"),
        (change("events", json!([])), 400, "MALFORMED", "events"),
        (change("events", json!({})), 400, "MALFORMED", "events"),
        (change("sent_at_ms", json!(-5)), 400, "TIME_OUT_OF_RANGE", "sent_at_ms"),
        (json!([]), 400, "MALFORMED", ""),
        (json!("hello"), 400, "MALFORMED", ""),
    ] {
        let error = post(&server, &body).await.error(status);
        assert_eq!((&error["reason"], &error["field"]), (&reason.into(), &field.into()), "{body}");
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
        assert!(!error["allowed"].as_str().unwrap().is_empty(), "{error}");
    }
    let too_many: Vec<Value> = (1..=1_001).map(beat).collect();
    assert_eq!(post(&server, &batch(too_many)).await.error(400)["reason"], "BATCH_TOO_LARGE");
    let far_too_many = format!(r#"{{"events":[{}{{}}]}}"#, "{},".repeat(20_000));
    let error = server.post_json("/v1/events", far_too_many).await.error(400);
    assert_eq!((&error["reason"], &error["value"]), (&"BATCH_TOO_LARGE".into(), &"20001".into()));
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_says_why() {
    let limits = Limits { message_bytes_max: 2_048, ..Limits::default() };
    let server = Server::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    for path in ["/v1/events", "/v1/publish"] {
        let error = server.post_json(path, "{\"session\":").await.error(400);
        assert_eq!((&error["code"], &error["reason"]), (&"INVALID_ARGUMENT".into(), &"MALFORMED".into()));
        assert!(error["message"].as_str().unwrap().contains("no JSON"), "{error}");
        assert!(server.post_json(path, "").await.error(400)["message"].as_str().unwrap().contains("empty"));
        let error = server.post_json(path, "x".repeat(2_049)).await.error(413);
        assert_eq!(
            (&error["reason"], &error["allowed"]),
            (&"BODY_TOO_LARGE".into(), &"1 to 2048 bytes".into())
        );
        let error = server.send(Method::POST, path, &[("content-type", "text/csv")], "a,b").await.error(415);
        assert_eq!((&error["field"], &error["value"]), (&"content-type".into(), &"text/csv".into()));
        let error = server.send(Method::POST, path, &[], "{}").await.error(415);
        assert_eq!(error["reason"], "UNSUPPORTED_CONTENT_TYPE");
        assert_eq!(server.get(path).await.error(405)["code"], "UNIMPLEMENTED");
    }
    assert_eq!(server.get("/v1/nothing").await.error(404)["code"], "NOT_FOUND");
    let headers = [("content-type", "application/json"), ("playhead-user", "a\tb")];
    let error =
        server.send(Method::POST, "/v1/events", &headers, batch(vec![beat(1)]).to_string()).await.error(401);
    assert_eq!(error["code"], "UNAUTHENTICATED");
    server.stop().await;
}

#[tokio::test]
async fn protobuf_is_read_and_answered_in_kind() {
    let server = Server::start().await;
    let event = |seq| proto::Event {
        kind: proto::EventKind::Beat.into(),
        seq,
        at_ms: NOW_MS,
        position_ms: Some(61_000),
        ..proto::Event::default()
    };
    let session = proto::Session { session_id: "s".into(), item_id: "m".into(), ..proto::Session::default() };
    let batch = |events| proto::SessionEvents {
        session: Some(session.clone()),
        user_id: "ann".into(),
        events,
        ..proto::SessionEvents::default()
    };
    let headers = [("content-type", "application/x-protobuf")];
    let body = batch(vec![event(1), event(0), event(2)]).encode_to_vec();
    let answer = server.send(Method::POST, "/v1/events", &headers, body).await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (StatusCode::OK, &"application/x-protobuf".parse().unwrap())
    );
    let outcome = proto::SessionOutcome::decode(answer.body).unwrap();
    assert_eq!(
        (outcome.stored, outcome.acked_through_seq, &*outcome.rejected[0].field),
        (2, 2, "events[1].seq")
    );

    let request = proto::PublishRequest { sessions: vec![batch(vec![event(3)]), batch(vec![])] };
    let answer = server.send(Method::POST, "/v1/publish", &headers, request.encode_to_vec()).await;
    let response = proto::PublishResponse::decode(answer.body).unwrap();
    assert_eq!((response.sessions[0].stored, &*response.sessions[1].rejected[0].field), (1, "events"));

    let error =
        server.send(Method::POST, "/v1/events", &headers, Bytes::from_static(b"\xff\xff")).await.error(400);
    assert_eq!(error["reason"], "MALFORMED");
    server.stop().await;
}

#[tokio::test]
async fn batches_of_one_request_stand_alone() {
    let server = Server::start().await;
    let named = |session: &str, user: &str| {
        let mut batch = batch(vec![beat(1)]);
        batch["session"]["session_id"] = session.into();
        batch["user_id"] = user.into();
        batch
    };
    let sessions = json!([named("a", "ann"), named("", "ann"), named("b", "bob"), 5, named("c", "cid")]);
    let body = json!({ "sessions": sessions }).to_string();
    let answer = server.post_json("/v1/publish", body.clone()).await.ok();
    let stored: Vec<_> = answer["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| outcome["stored"].as_u64().unwrap())
        .collect();
    assert_eq!(stored, [1, 0, 1, 0, 1]);
    assert_eq!(answer["sessions"][1]["rejected"][0]["field"], "session.session_id");

    // A viewer's own credential: others' batches are refused, its own are taken.
    let headers = [("content-type", "application/json"), ("authorization", "Bearer bob")];
    let answer = server.send(Method::POST, "/v1/publish", &headers, body).await.ok();
    let reason = |index: usize| answer["sessions"][index]["rejected"][0]["reason"].as_str();
    assert_eq!((reason(0), reason(4)), (Some("NOT_ALLOWED"), Some("NOT_ALLOWED")));
    let error =
        server.send(Method::POST, "/v1/events", &headers, named("a", "ann").to_string()).await.error(403);
    assert_eq!((&error["code"], &error["field"]), (&"PERMISSION_DENIED".into(), &"user_id".into()));
    let mut unnamed = named("d", "");
    unnamed["device_id"] = "".into();
    server.send(Method::POST, "/v1/events", &headers, unnamed.to_string()).await.ok();
    server.get("/v1/users/bob/sessions/d").await.ok();

    let error = server.post_json("/v1/publish", r#"{"session":[]}"#).await.error(400);
    assert_eq!(error["field"], "session");
    assert_eq!(server.post_json("/v1/publish", r#"{"sessions":[]}"#).await.error(400)["field"], "sessions");
    server.stop().await;
}

#[tokio::test]
async fn a_full_server_says_when_to_come_again() {
    let limits = Limits { sessions_max: 1, retry_after_ms: 1_500, ..Limits::default() };
    let server = Server::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    post(&server, &batch(vec![beat(1)])).await.ok();
    let mut other = batch(vec![beat(1)]);
    other["session"]["session_id"] = "other".into();
    let answer = post(&server, &other).await;
    let error = answer.error(503);
    assert_eq!(answer.headers["retry-after"], "2");
    assert_eq!(
        (&error["code"], &error["reason"], &error["retry_after_ms"]),
        (&"UNAVAILABLE".into(), &"BUSY".into(), &1_500.into())
    );
    let both = json!({ "sessions": [batch(vec![beat(2)]), other] }).to_string();
    let answer = server.post_json("/v1/publish", both).await.ok();
    assert_eq!(answer["sessions"][0]["stored"], 1);
    assert_eq!(answer["sessions"][1]["busy"], json!({ "retry_after_ms": 1_500, "from_seq": 1 }));
    let count = server.stop().await;
    assert_eq!((count.stored, count.busy), (2, 2));
}

#[tokio::test]
async fn bodies_beyond_the_room_for_all_are_busy() {
    let options = Options { body_bytes_max: 4 << 10, ..Options::default() };
    let server = Server::with(Settings::default(), options).await;
    let answer = server.post_json("/v1/events", " ".repeat(8 << 10)).await;
    assert_eq!(answer.error(503)["reason"], "BUSY");
    post(&server, &batch(vec![beat(1)])).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_any_origin_may_call_and_read() {
    let server = Server::start().await;
    let origin = ("origin", "https://app.example");
    let events = "GET, POST, OPTIONS";
    let users = "GET, POST, OPTIONS, PUT, DELETE";
    for (path, methods) in [
        ("/v1/events", events),
        ("/v1/publish", events),
        ("/v1/cmcd/ann", events),
        ("/v1/beacon/ann", events),
        ("/v1/users/ann", users),
        ("/v1/users/ann/positions/m", users),
        ("/v1/users/ann/sessions", users),
    ] {
        let preflight = server
            .send(Method::OPTIONS, path, &[origin, ("access-control-request-method", "POST")], "")
            .await;
        assert_eq!((preflight.status, preflight.body.len()), (StatusCode::NO_CONTENT, 0), "{path}");
        let headers = "content-type, authorization, if-none-match, cmcd-request, cmcd-object, cmcd-status, cmcd-session";
        assert_eq!(preflight.headers["access-control-allow-methods"], methods, "{path}");
        assert_eq!(preflight.headers["access-control-allow-headers"], headers, "{path}");
        assert_eq!(preflight.headers["access-control-max-age"], "7200", "{path}");
        let plain = server.send(Method::OPTIONS, path, &[], "").await;
        assert_eq!(plain.status, 204, "{path}");
        assert!(!plain.headers.contains_key("access-control-allow-origin"), "{path}");
        for answer in [preflight, server.send(Method::PATCH, path, &[origin], "").await] {
            assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example", "{path}");
            assert_eq!(answer.headers["access-control-allow-credentials"], "true", "{path}");
            assert_eq!(answer.headers["vary"], "origin", "{path}");
            assert!(!answer.headers.contains_key("set-cookie"), "{path}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn positions_are_set_marked_and_forgotten() {
    let server = Server::start().await;
    let json_type = [("content-type", "application/json")];
    let put = |path: &'static str, body: &'static str| server.send(Method::PUT, path, &json_type, body);
    let set = put("/v1/users/ann/positions/movie%2F1", r#"{"position_ms":61000}"#).await.ok();
    assert_eq!(
        (&set["position"]["item_id"], &set["position"]["position_ms"]),
        (&"movie/1".into(), &61_000.into())
    );
    put("/v1/users/ann/positions/b", r#"{"position_ms":5}"#).await.ok();
    let found = server.get("/v1/users/ann/positions?item=b&item=nothing&item=movie%2F1").await.ok();
    let items: Vec<_> =
        found["positions"].as_array().unwrap().iter().map(|position| position["item_id"].clone()).collect();
    assert_eq!(items, ["b", "movie/1"]);

    server.now_ms.fetch_add(1_000, Ordering::Relaxed);
    let watched = "/v1/users/ann/items/movie%2F1/watched";
    server.post_json(watched, r#"{"watched":true}"#).await.ok();
    let position = server.get("/v1/users/ann/positions/movie%2F1").await.ok()["position"].clone();
    assert_eq!((&position["watched"], &position["watched_at_ms"]), (&true.into(), &(NOW_MS + 1_000).into()));
    let watching = server.get("/v1/users/ann/continue-watching").await.ok();
    assert_eq!(watching["positions"].as_array().unwrap().len(), 1, "{watching}");

    server.send(Method::DELETE, "/v1/users/ann/positions/b", &[], "").await.ok();
    server.get("/v1/users/ann/positions/b").await.error(404);
    for (body, field) in
        [(r#"{"position_ms":-1}"#, "position_ms"), (r#"{"positionms":1}"#, "positionms"), ("x", "")]
    {
        let error = put("/v1/users/ann/positions/b", body).await.error(400);
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
    }
    server.get("/v1/users/ann/positions").await.error(400);
    server.get("/v1/users/ann/positions?item=").await.error(400);
    server.get("/v1/users/ann/positions/%ff").await.error(400);
    server.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let server = Server::start().await;
    for minute in 1..=5 {
        server.now_ms.fetch_add(60_000, Ordering::Relaxed);
        let mut batch = batch(vec![json!({ "kind": "BEAT", "seq": 1, "position_ms": 60_000 })]);
        batch["session"]["session_id"] = format!("s{minute}").into();
        batch["session"]["item_id"] = format!("m{}", minute % 3).into();
        batch["sent_at_ms"] = 0.into();
        post(&server, &batch).await.ok();
    }
    let list = async |path: &str, of: &str, id: &str| {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = server.get(&format!("{path}page_size=2&page_token={token}")).await.ok();
            let entries = page[of].as_array().unwrap();
            assert!(entries.len() <= 2 && found.len() <= 5, "{found:?}");
            found.extend(entries.iter().map(|entry| entry[id].as_str().unwrap().to_owned()));
            token = page["next_page_token"].as_str().unwrap().to_owned();
            if token.is_empty() {
                return found;
            }
        }
    };
    assert_eq!(
        list("/v1/users/ann/sessions?", "sessions", "session_id").await,
        ["s5", "s4", "s3", "s2", "s1"]
    );
    assert_eq!(list("/v1/users/ann/sessions?item=m1&", "sessions", "session_id").await, ["s4", "s1"]);
    assert_eq!(list("/v1/users/ann/continue-watching?", "positions", "item_id").await, ["m2", "m1", "m0"]);
    for (query, field) in
        [("page_size=101", "page_size"), ("page_size=x", "page_size"), ("page_token=zz", "page_token")]
    {
        let error = server.get(&format!("/v1/users/ann/sessions?{query}")).await.error(400);
        assert_eq!(error["field"], field, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn few_sessions_are_read_as_a_whole_at_once() {
    let server = Server::start().await;
    post(&server, &batch(vec![beat(1)])).await.ok();
    let (user, session) = (UserId::new("ann").unwrap(), SessionId::new("s").unwrap());
    let (key, doors) = (SessionKey { user, session }, server.doors());
    let read = async || doors.playback.session(&key).await.unwrap().unwrap();
    let mut held = vec![read().await, read().await, read().await, read().await];
    let mut one_more = Box::pin(server.get("/v1/users/ann/sessions/s"));
    tokio::time::timeout(PATIENCE / 50, &mut one_more).await.expect_err("there is no room for one more");
    held.pop();
    assert_eq!(one_more.await.ok()["session"]["event_count"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_viewer_touches_only_their_own_data() {
    let server = Server::start().await;
    post(&server, &batch(vec![beat(1)])).await.ok();
    let bob = [("authorization", "Bearer bob"), ("content-type", "application/json")];
    for (method, path, body) in [
        (Method::GET, "/v1/users/ann/positions/movie%2F1", ""),
        (Method::GET, "/v1/users/ann/positions?item=movie%2F1", ""),
        (Method::GET, "/v1/users/ann/continue-watching", ""),
        (Method::GET, "/v1/users/ann/sessions", ""),
        (Method::GET, "/v1/users/ann/sessions/s", ""),
        (Method::PUT, "/v1/users/ann/positions/movie%2F1", r#"{"position_ms":1}"#),
        (Method::POST, "/v1/users/ann/items/movie%2F1/watched", r#"{"watched":true}"#),
        (Method::DELETE, "/v1/users/ann/positions/movie%2F1", ""),
        (Method::DELETE, "/v1/users/ann", ""),
    ] {
        server.send(method.clone(), path, &bob, body).await.error(404);
        let own = path.replace("/ann", "/bob");
        let answer = server.send(method, &own, &bob, body).await;
        assert!(
            answer.status == 200 || answer.error(404)["message"].as_str().unwrap().contains("no such"),
            "{own}"
        );
    }
    let position = server.get("/v1/users/ann/positions/movie%2F1").await.ok();
    assert_eq!(position["position"]["position_ms"], 60_001, "untouched");

    server.now_ms.fetch_add(1_000, Ordering::Relaxed);
    let erased = server.send(Method::DELETE, "/v1/users/ann", &[("playhead-user", "ann")], "").await.ok();
    assert_eq!(erased["erased_through_ms"], NOW_MS + 1_000);
    server.get("/v1/users/ann/sessions/s").await.error(404);
    server.get("/v1/users/ann/positions/movie%2F1").await.error(404);
    server.stop().await;
}

#[tokio::test]
async fn a_number_that_readers_would_round_is_a_string() {
    let server = Server::start().await;
    let seq = i64::MAX.to_string();
    let answer = post(&server, &batch(vec![json!({ "kind": "BEAT", "seq": seq })])).await.ok();
    assert_eq!(answer["acked_through_seq"], seq);
    assert_eq!(server.get("/v1/users/ann/sessions/s").await.ok()["events"][0]["seq"], seq);
    server.stop().await;
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port() {
    let server = Server::start().await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let headers = [("content-type", "application/json")];
    let body = batch(vec![beat(1)]).to_string();
    let answer = server.send_with(&client, Method::POST, "/v1/events", &headers, body).await.ok();
    assert_eq!(answer["stored"], 1);
    server.get("/v1/users/ann/sessions/s").await.ok();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_answers_what_is_under_way() {
    let mut server = Server::start().await;
    let body = batch(vec![beat(1)]).to_string();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _idle = TcpStream::connect(server.address).unwrap();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    // Answered on another connection, so that the server has seen the one before.
    server.get("/v1/nothing").await.error(404);
    server.begin_stop();
    let answer = tokio::task::spawn_blocking(move || {
        stream.write_all(&body.as_bytes()[10..]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"stored\":1"), "{answer}");
    let count = server.stop().await;
    assert_eq!(count.stored, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_never_finishes_does_not_hold_the_stop() {
    let options = Options { drain_ms_max: 50, ..Options::default() };
    let server = Server::with(Settings::default(), options).await;
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .write_all(
            b"POST /v1/events HTTP/1.1\r\nhost: x\r\n\
              content-type: application/json\r\ncontent-length: 9\r\n\r\n{",
        )
        .unwrap();
    server.get("/v1/nothing").await.error(404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beacon_counts_although_its_page_is_gone() {
    let server = Server::start().await;
    let body = format!("cid=\"m\",e=ps,pt=61000,sid=\"s\",sn=1,sta=q,ts={NOW_MS},v=2");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!("POST /v1/beacon/ann HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    server.settled().await;
    let session = server.get("/v1/users/ann/sessions/s").await.ok();
    assert_eq!(session["session"]["end_reason"], "STOPPED");
    assert_eq!(server.get("/v1/users/ann/positions/m").await.ok()["position"]["position_ms"], 61_000);
    server.stop().await;
}
