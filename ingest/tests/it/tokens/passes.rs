//! Session tokens: one session of one item, whatever the frames say.

use playhead_proto::ingest::v1 as proto;
use serde_json::{Value, json};

use super::{
    edges::{Edges, batch, beat, json_batch},
    issuer::Issuer,
};

const PUBLISH: &str = "/playhead.ingest.v1.IngestService/Publish";

fn pass(issuer: &Issuer) -> String {
    issuer.token(
        "ann",
        &json!({
            "session": "s-1", "item": "m-1", "item_kind": "MOVIE", "duration_ms": 100_000, "credits_ms": 90_000,
            "device_type": "tv", "streams": { "max": 2, "at_limit": "EVICT_OLDEST" },
        }),
    )
}

async fn session(edges: &Edges, token: &str) -> Value {
    let answer = edges.http("GET", "/v1/users/ann/sessions/s-1", Some(token), "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_frame_leaves_out_comes_from_the_token() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let token = pass(&issuer);
    let ack = edges.connect(&token, "", "", vec![beat(1)]).await.unwrap();
    assert_eq!(ack.acked_through_seq, 1);
    let request = proto::PublishRequest { sessions: vec![batch("", "", "")] };
    let answer: proto::PublishResponse = edges.call(&token, PUBLISH, &request).await.unwrap();
    assert_eq!((answer.sessions[0].duplicate, answer.sessions[0].session_id.as_str()), (1, ""), "as sent");
    let answer = edges.http("POST", "/v1/events", Some(&token), &json_batch("ann", "s-1", "m-1")).await;
    assert!(answer.body.contains("\"duplicate\":1"), "{}", answer.body);
    // A player that reports by CMCD and names nothing.
    let line = "e=t,ts=1800000000000,pt=61000,sta=p";
    assert_eq!(edges.http("POST", &format!("/v1/cmcd/{token}"), None, line).await.status, 204);

    let found = session(&edges, &token).await;
    let told = &found["session"];
    assert_eq!(
        (&told["item_id"], &told["item_kind"], &told["account_id"], &told["device_id"], &told["duration_ms"]),
        (&"m-1".into(), &"MOVIE".into(), &"family".into(), &"tv".into(), &100_000.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_knows_better_than_the_frame_what_is_played() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let token = pass(&issuer);
    let body = json!({
        "session": { "session_id": "s-1", "item_id": "m-1", "item_kind": "LIVE", "duration_ms": 7, "credits_ms": 5 },
        "events": [{ "kind": "BEAT", "seq": 1, "position_ms": 60_000 }],
    });
    let answer = edges.http("POST", "/v1/events", Some(&token), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let found = session(&edges, &token).await;
    assert_eq!(
        (&found["session"]["item_kind"], &found["session"]["duration_ms"]),
        (&"MOVIE".into(), &100_000.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_session_or_item_is_not_allowed() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let token = pass(&issuer);
    for (session, item, field) in [
        ("s-2", "m-1", "session.session_id"),
        ("s-1", "m-2", "session.item_id"),
        ("S-1", "", "session.session_id"),
        ("", "m-10", "session.item_id"),
    ] {
        let told = edges.connect(&token, session, item, vec![beat(1)]).await.unwrap_err();
        assert_eq!(told.reason, "NOT_ALLOWED", "{told:?}");
        assert!(told.message.starts_with(&format!("hello.{field} is")), "{told:?}");
        let request = proto::PublishRequest { sessions: vec![batch("", session, item)] };
        let answer: proto::PublishResponse = edges.call(&token, PUBLISH, &request).await.unwrap();
        let rejected = &answer.sessions[0].rejected[0];
        assert_eq!((rejected.reason(), rejected.field.as_str()), (proto::RejectReason::NotAllowed, field));
        let answer = edges.http("POST", "/v1/events", Some(&token), &json_batch("", session, item)).await;
        assert_eq!((answer.status, answer.told().reason.as_str()), (403, "NOT_ALLOWED"), "{}", answer.body);
    }
    let before = edges.host.engine.tally().count().rejected();
    let lines = "sid=\"s-2\",cid=\"m-1\",e=t,ts=1\nsid=\"s-1\",cid=\"m-2\",e=t,ts=2\nsid=\"s-1\",cid=\"m-1\",e=t,ts=3";
    for front in ["cmcd", "beacon"] {
        assert_eq!(edges.http("POST", &format!("/v1/{front}/{token}"), None, lines).await.status, 204);
    }
    assert_eq!(edges.host.engine.tally().count().rejected(), before + 4);
    let elsewhere = edges.http("GET", "/v1/users/ann/sessions/s-2", Some(&issuer.viewer("ann")), "").await;
    assert_eq!(elsewhere.status, 404, "{}", elsewhere.body);
}
