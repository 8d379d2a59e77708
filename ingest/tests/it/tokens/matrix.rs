//! The token matrix: one table of bad tokens, through every way in.

use std::collections::HashSet;

use playhead_ingest::identity::{Credential, Verifier};
use playhead_proto::{ingest::v1 as proto, playback::v1 as reads};
use serde_json::json;

use super::{
    bad::{self, Bad},
    edges::{Edges, Told, batch, beat, json_batch},
    issuer::{Issuer, LEEWAY_S, NOW_S},
};

const GET_POSITION: &str = "/playhead.playback.v1.PlaybackService/GetPosition";
const PUBLISH: &str = "/playhead.ingest.v1.IngestService/Publish";
const POSITION: &str = "/v1/users/ann/positions/m-1";

fn get_position() -> reads::GetPositionRequest {
    reads::GetPositionRequest { user_id: "ann".into(), item_id: "m-1".into() }
}

fn publish() -> proto::PublishRequest {
    proto::PublishRequest { sessions: vec![batch("ann", "s-1", "m-1")] }
}

/// What every way in says to a token that is good; a refusal is an error.
async fn offered(edges: &Edges, token: &str) -> Vec<(&'static str, Result<(), Told>)> {
    let http = async |method, path: &str, body: &str| {
        let answer = edges.http(method, path, Some(token), body).await;
        match answer.status {
            401 => {
                assert!(
                    answer.challenge.as_ref().unwrap().starts_with("Bearer realm="),
                    "{:?}",
                    answer.challenge
                );
                Err(answer.told())
            }
            200 | 404 => Ok(()),
            other => panic!("{other}: {}", answer.body),
        }
    };
    let unary = edges.call::<reads::GetPositionResponse>(token, GET_POSITION, &get_position()).await;
    vec![
        ("Connect", edges.connect(token, "s-1", "m-1", vec![beat(1)]).await.map(|_| ())),
        ("Publish", edges.call::<proto::PublishResponse>(token, PUBLISH, &publish()).await.map(|_| ())),
        (
            "GetPosition",
            match unary {
                Err(told) if told.code == "NOT_FOUND" => Ok(()),
                other => other.map(|_| ()),
            },
        ),
        ("HTTP read", http("GET", POSITION, "").await),
        ("HTTP write", http("POST", "/v1/events", &json_batch("ann", "s-1", "m-1")).await),
        ("HTTP publish", {
            let body = format!(r#"{{"sessions":[{}]}}"#, json_batch("ann", "s-1", "m-1"));
            http("POST", "/v1/publish", &body).await
        }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_token_is_refused_on_every_way_in_with_the_same_words() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let table = bad::all(&issuer);
    let names: HashSet<_> = table.iter().map(|bad| bad.name.clone()).collect();
    assert_eq!(names.len(), table.len(), "each case once");
    assert!(table.len() >= 60, "{}", table.len());
    println!("{} bad tokens", table.len());
    for Bad { name, token, reason } in &table {
        let mut words = HashSet::new();
        for (way, told) in offered(&edges, token).await {
            let Err(told) = told else { panic!("{name}: taken by {way}: {token}") };
            assert_eq!(
                (told.code.as_str(), told.reason.as_str()),
                ("UNAUTHENTICATED", *reason),
                "{name} by {way}"
            );
            words.insert(told.message);
        }
        assert_eq!(words.len(), 1, "{name}: {words:?}");
    }
    let count = edges.host.engine.tally().count();
    assert_eq!(count.offered, 0, "none of their events came in: {count:?}");
    // The same table holds what is good: the same token with nothing wrong is taken everywhere.
    for token in [issuer.viewer("ann"), issuer.es.token(&super::issuer::claims("ann", &json!({}))).unwrap()] {
        for (way, told) in offered(&edges, &token).await {
            assert_eq!(told, Ok(()), "{way}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fronts_that_can_say_nothing_count_what_bad_tokens_bring() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let encoded = |token: &str| token.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let line = "sid=\"s-1\",cid=\"m-1\",e=t,ts=1800000000000,pt=60000";
    let mut sent = 0;
    for Bad { name, token, .. } in &bad::all(&issuer) {
        let token = encoded(token);
        let query = encoded(line);
        for (method, path) in [
            ("POST", format!("/v1/cmcd/{token}")),
            ("GET", format!("/v1/cmcd/{token}?CMCD={query}")),
            ("POST", format!("/v1/beacon/{token}")),
        ] {
            let answer = edges.http(method, &path, None, if method == "POST" { line } else { "" }).await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{name} {method}");
            sent += 1;
        }
    }
    let count = edges.host.engine.tally().count();
    assert_eq!((count.offered, count.rejected()), (sent, sent), "{count:?}");
    let token = issuer.viewer("ann");
    assert_eq!(edges.http("POST", &format!("/v1/cmcd/{token}"), None, line).await.status, 204);
    assert_eq!(edges.host.engine.tally().count().rejected(), sent, "a good one is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_64_kib_is_refused_everywhere() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let long = format!("{}.{}", "A".repeat(64 << 10), issuer.viewer("ann"));
    let answer = edges.http("GET", POSITION, Some(&long), "").await;
    // The HTTP library's own bound may come first.
    assert!([401, 431].contains(&answer.status), "{} {}", answer.status, answer.body);
    if answer.status == 401 {
        assert_eq!(answer.told().reason, "TOKEN_INVALID");
    }
    // Over HTTP/2 such a header is beyond what the connection allows.
    let path = GET_POSITION;
    let refused = crate::grpc::call_raw::<()>(&edges.channel, &long, path, Vec::new()).await;
    assert!(refused.is_err());
    let verified = issuer.verifier().verify(Credential::token(&long)).unwrap_err();
    assert_eq!(verified.reason(), "TOKEN_INVALID");
    for (way, told) in offered(&edges, &issuer.viewer("ann")).await {
        assert_eq!(told, Ok(()), "{way} goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_there_is_nothing_whatever_else_is_said() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    let answer = edges.http("GET", POSITION, None, "").await;
    assert_eq!((answer.status, answer.told().reason.as_str()), (401, "TOKEN_MISSING"));
    assert_eq!(answer.challenge.as_deref(), Some("Bearer realm=\"playhead\""));
    let told = edges.call::<()>("", GET_POSITION, &get_position()).await.unwrap_err();
    assert_eq!(told, answer.told());
    let told = edges.connect("", "s-1", "m-1", vec![beat(1)]).await.unwrap_err();
    assert_eq!(told, answer.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_edges_of_its_time_a_token_still_counts() {
    let issuer = Issuer::new();
    let edges = Edges::start(issuer.verifier()).await;
    for changes in [
        json!({ "exp": NOW_S - LEEWAY_S + 1 }),
        json!({ "nbf": NOW_S + LEEWAY_S }),
        json!({ "iat": NOW_S + LEEWAY_S }),
        json!({ "nbf": null, "iat": null }),
        json!({ "aud": ["another", "playhead"] }),
        json!({ "jti": "7", "unknown": { "deep": [1] } }),
    ] {
        for (way, told) in offered(&edges, &issuer.token("ann", &changes)).await {
            assert_eq!(told, Ok(()), "{way} {changes}");
        }
    }
}
