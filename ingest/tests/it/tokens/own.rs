//! Session tokens that the server signs itself, on every way in, beside those of the issuer.

use std::sync::Arc;

use playhead_ingest::{
    edge::{listener::Places, quic::Options},
    identity::{OwnTokens, Pass, TokenRules, Verifier, Viewer, keys::Algorithm, signer::Signer},
    settings::Settings,
};
use playhead_proto::ingest::v1 as proto;
use playhead_store::{AccountId, DeviceId, ItemId, ItemKind, SessionId, UserId, lease::Terms};

use super::{
    edges::{Edges, batch, beat, json_batch},
    issuer::{Issuer, LEEWAY_S, NOW_S},
};
use crate::{
    grpc::hello_of,
    host::Host,
    quic::{Client, Site},
};

const PUBLISH: &str = "/playhead.ingest.v1.IngestService/Publish";

/// A server that signs, and a token of ann's for her session of m-1 that expires then.
fn own(issuer: &Issuer) -> (Arc<dyn Verifier>, impl Fn(i64) -> String) {
    let rules =
        TokenRules { issuer: "https://id.example".into(), audience: "playhead".into(), leeway_s: LEEWAY_S };
    let own = OwnTokens::new(Signer::generate(Algorithm::EdDsa).unwrap().0, rules).unwrap();
    let verifier = own.beside(issuer.verifier(), Arc::new(|| NOW_S * 1_000), None);
    let pass = Pass {
        session: SessionId::new("s-1").unwrap(),
        item: ItemId::new("m-1").unwrap(),
        item_kind: ItemKind::Movie,
        duration_ms: Some(100_000),
        credits_ms: None,
    };
    let ann = Viewer {
        user: UserId::new("ann").unwrap(),
        account: AccountId::new("family").unwrap(),
        device: DeviceId::new("tv").unwrap(),
        pass: None,
        terms: Terms::unlimited(),
        country: None,
    };
    (verifier, move |expires_s| own.sign(&ann, &pass, NOW_S, expires_s).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_takes_them_for_their_time() {
    let issuer = Issuer::new();
    let (verifier, sign) = own(&issuer);
    let (good, late) = (sign(NOW_S + 60), sign(NOW_S - LEEWAY_S));
    let edges = Edges::start(Arc::clone(&verifier)).await;
    assert_eq!(edges.connect(&good, "", "", vec![beat(1)]).await.unwrap().acked_through_seq, 1);
    assert_eq!(edges.connect(&late, "", "", vec![beat(1)]).await.unwrap_err().reason, "TOKEN_EXPIRED");
    let request = proto::PublishRequest { sessions: vec![batch("", "", "")] };
    let answer: proto::PublishResponse = edges.call(&good, PUBLISH, &request).await.unwrap();
    assert_eq!(answer.sessions[0].duplicate, 1);
    let refused = edges.call::<proto::PublishResponse>(&late, PUBLISH, &request).await.unwrap_err();
    assert_eq!(refused.reason, "TOKEN_EXPIRED");
    let body = json_batch("ann", "s-1", "m-1");
    let answer = edges.http("POST", "/v1/events", Some(&good), &body).await;
    assert!(answer.body.contains("\"duplicate\":1"), "{}", answer.body);
    let answer = edges.http("POST", "/v1/events", Some(&late), &body).await;
    assert_eq!((answer.status, answer.told().reason.as_str()), (401, "TOKEN_EXPIRED"));
    // These fronts answer nothing, so the count tells.
    let line = "e=t,ts=1800000000000,pt=61000,sta=p";
    for front in ["cmcd", "beacon"] {
        let rejected = || edges.host.engine.tally().count().rejected();
        let before = rejected();
        edges.http("POST", &format!("/v1/{front}/{good}"), None, line).await;
        assert_eq!(rejected(), before, "{front} takes it");
        edges.http("POST", &format!("/v1/{front}/{late}"), None, line).await;
        assert_eq!(rejected(), before + 1, "{front} refuses it");
    }
    // The issuer's are taken as before.
    let answer = edges.http("POST", "/v1/events", Some(&issuer.viewer("ann")), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let site = Site::before(
        Host::believing(Settings::default(), verifier).await,
        Options::default(),
        Places::unlimited(),
    );
    let site = site.await;
    for client in [Client::native(&site).await, Client::web(&site).await] {
        for (token, expect) in [(&good, None), (&late, Some("TOKEN_EXPIRED".to_owned()))] {
            let mut line = client.open(token, false).await;
            line.hello(proto::Hello { session: None, ..hello_of("") }).await;
            line.finish();
            assert_eq!(line.failure().await.map(|failure| failure.reason), expect);
        }
    }
}
