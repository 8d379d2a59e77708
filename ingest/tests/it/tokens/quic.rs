//! Tokens in the Hello of a QUIC stream: the same table, the same words.

use playhead_ingest::{
    edge::{listener::Places, quic::Options},
    identity::{Credential, Verifier},
    settings::Settings,
};
use playhead_proto::ingest::v1 as proto;
use serde_json::json;

use super::{
    bad::{self, Bad},
    issuer::Issuer,
};
use crate::{
    grpc::hello_of,
    host::Host,
    quic::{Client, Site},
};

async fn site(issuer: &Issuer) -> Site {
    let host = Host::believing(Settings::default(), issuer.verifier()).await;
    Site::before(host, Options::default(), Places::unlimited()).await
}

/// What a stream with this token is told after its Hello: nothing when it is taken.
async fn told(client: &Client, token: &str, hello: proto::Hello) -> Option<(u32, String, String)> {
    let mut line = client.open(token, false).await;
    line.hello(hello).await;
    line.finish();
    line.failure().await.map(|failure| (failure.code, failure.reason, failure.message))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_token_is_refused_in_the_same_words() {
    const UNAUTHENTICATED: u32 = 16;
    let issuer = Issuer::new();
    let (site, verifier) = (site(&issuer).await, issuer.verifier());
    let clients = [Client::native(&site).await, Client::web(&site).await];
    let long = format!("{}.{}", "A".repeat(64 << 10), issuer.viewer("ann"));
    let mut table = bad::all(&issuer);
    table.push(Bad { name: "64 KiB".into(), token: long, reason: "TOKEN_INVALID" });
    table.push(Bad { name: "none".into(), token: String::new(), reason: "TOKEN_MISSING" });
    for client in &clients {
        for Bad { name, token, reason } in &table {
            let expect = verifier.verify(Credential::token(token)).unwrap_err();
            assert_eq!(expect.reason(), *reason, "{name}");
            let expect = Some((UNAUTHENTICATED, (*reason).to_owned(), expect.to_string()));
            assert_eq!(told(client, token, hello_of("s-1")).await, expect, "{name}");
        }
        assert_eq!(told(client, &issuer.viewer("ann"), hello_of("s-1")).await, None);
        let service = told(client, &issuer.service("ingest:write"), hello_of("s-1")).await;
        assert_eq!(service.map(|(code, reason, _)| (code, reason)), Some((7, "VIEWER_REQUIRED".into())));
    }
    assert_eq!(site.host.engine.tally().count().offered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_token_is_for_its_session() {
    let issuer = Issuer::new();
    let site = site(&issuer).await;
    let client = Client::native(&site).await;
    let pass = issuer.token("ann", &json!({ "session": "s-1", "item": "movie" }));
    assert_eq!(told(&client, &pass, hello_of("s-1")).await, None);
    assert_eq!(told(&client, &pass, proto::Hello { session: None, ..hello_of("") }).await, None);
    let other = told(&client, &pass, hello_of("s-2")).await;
    assert_eq!(other.map(|(code, reason, _)| (code, reason)), Some((3, "NOT_ALLOWED".into())));
}
