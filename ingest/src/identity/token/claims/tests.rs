use serde_json::{Value, json};

use super::*;
use crate::identity::pass::{AtLimit, DeviceType, StreamRules};

const NOW_S: i64 = 1_800_000_000;

fn rules() -> TokenRules {
    TokenRules { issuer: "https://id.example".into(), audience: "playhead".into(), leeway_s: 30 }
}

/// Good claims with these changes; `null` takes a claim away.
fn with(changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "playhead", "sub": "ann", "exp": NOW_S + 60, "account": "family",
        "device": "tv",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims.to_string()
}

fn prove(changes: &Value) -> Result<Identity, Refusal> {
    let claims = TokenClaims::read(with(changes).as_bytes())?;
    claims.check(&rules(), NOW_S)?;
    claims.identity()
}

fn viewer(pass: Option<Pass>) -> Identity {
    Identity::Viewer(Viewer {
        user: UserId::new("ann").unwrap(),
        account: AccountId::new("family").unwrap(),
        device: DeviceId::new("tv").unwrap(),
        pass: pass.map(Into::into),
        terms: Terms::unlimited(),
        country: None,
    })
}

#[test]
fn a_viewer_is_who_the_claims_say() {
    assert_eq!(prove(&json!({})), Ok(viewer(None)));
    assert_eq!(prove(&json!({ "role": "viewer", "scope": "ingest:write", "x": {} })), Ok(viewer(None)));
    assert_eq!(prove(&json!({ "aud": ["a", "playhead"], "nbf": NOW_S, "iat": NOW_S })), Ok(viewer(None)));
    let Ok(Identity::Viewer(alone)) = prove(&json!({ "account": null, "device": null })) else { panic!() };
    assert_eq!((alone.account.as_str(), alone.device.as_str()), ("ann", "unknown"));
}

#[test]
fn a_session_token_says_what_may_be_played() {
    let kind = |word| DeviceType::new(word).unwrap();
    let pass = Pass {
        session: SessionId::new("s-1").unwrap(),
        item: ItemId::new("m-1").unwrap(),
        item_kind: ItemKind::Movie,
        duration_ms: Some(5_400_000),
        credits_ms: Some(5_100_000),
    };
    let rules = StreamRules {
        per_device_type: vec![(kind("mobile"), 2), (kind("tv"), 0)],
        per_item_kind: vec![(ItemKind::Live, 1)],
        devices_max: Some(2),
        ..StreamRules::streams(3, AtLimit::EvictOldest)
    };
    let terms = Arc::new(Terms { device_type: Some(kind("tv")), rules: Some(rules) });
    let claims = json!({
        "session": "s-1", "item": "m-1", "item_kind": "MOVIE", "duration_ms": 5_400_000, "credits_ms": 5_100_000,
        "device_type": "tv",
        "streams": {
            "max": 3, "at_limit": "EVICT_OLDEST", "per_device_type": { "tv": 0, "mobile": 2 },
            "per_item_kind": { "LIVE": 1 }, "devices": 2,
        },
    });
    let Identity::Viewer(plain) = viewer(Some(pass)) else { panic!() };
    assert_eq!(prove(&claims), Ok(Identity::Viewer(Viewer { terms: Arc::clone(&terms), ..plain.clone() })));
    let mut without = claims.clone();
    for name in ["session", "item"] {
        without.as_object_mut().unwrap().remove(name);
    }
    let expect = Identity::Viewer(Viewer { terms, pass: None, ..plain });
    assert_eq!(prove(&without), Ok(expect), "an account's rules need no session");
    let read = TokenClaims::read(with(&claims).as_bytes()).unwrap();
    let written = serde_json::to_vec(&read).unwrap();
    assert_eq!(TokenClaims::read(&written).unwrap(), read, "what is written can be read");
}

#[test]
fn a_token_says_where_its_viewer_is() {
    let Ok(Identity::Viewer(viewer)) = prove(&json!({ "country": "kr" })) else { panic!() };
    assert_eq!(viewer.country, Country::new("KR"));
}

#[test]
fn services_have_scopes_and_administrators_need_none() {
    let scopes = Scopes::of_claim("ingest:write");
    let service = json!({ "role": "service", "sub": "relay", "scope": "ingest:write openid" });
    assert_eq!(prove(&service), Ok(Identity::Service { scopes }));
    assert_eq!(prove(&json!({ "role": "service" })), Ok(Identity::Service { scopes: Scopes::default() }));
    assert_eq!(prove(&json!({ "role": "admin" })), Ok(Identity::Admin));
}

#[test]
fn a_wrong_claim_is_named() {
    let long = "x".repeat(129);
    let streams = |streams: Value| json!({ "session": "s", "item": "m", "streams": streams });
    let pass = |claim: &str, value: Value| json!({ "session": "s", "item": "m", claim: value });
    let kinds: serde_json::Map<_, _> = (0..17).map(|kind| (format!("k{kind}"), 1.into())).collect();
    for (changes, name) in [
        (json!({ "iss": "https://id.example/" }), "iss"),
        (json!({ "iss": "" }), "iss"),
        (json!({ "aud": "Playhead" }), "aud"),
        (json!({ "aud": [] }), "aud"),
        (json!({ "aud": ["a"] }), "aud"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": long }), "sub"),
        (json!({ "sub": "a\nb", "role": "admin" }), "sub"),
        (json!({ "role": "Admin" }), "role"),
        (json!({ "role": "root" }), "role"),
        (json!({ "account": "" }), "account"),
        (json!({ "device": "\u{0}" }), "device"),
        (json!({ "session": "s" }), "item"),
        (json!({ "item": "m" }), "session"),
        (json!({ "session": "", "item": "m" }), "session"),
        (json!({ "session": "s", "item": long }), "item"),
        (pass("item_kind", json!("UNSPECIFIED")), "item_kind"),
        (pass("item_kind", json!("movie")), "item_kind"),
        (pass("duration_ms", json!(-1)), "duration_ms"),
        (pass("credits_ms", json!(MEDIA_MS_MAX + 1)), "credits_ms"),
        (pass("device_type", json!("")), "device_type"),
        (json!({ "country": "" }), "country"),
        (json!({ "country": "KOR" }), "country"),
        (json!({ "country": "K1" }), "country"),
        (streams(json!({ "max": 0, "at_limit": "DENY_NEWEST" })), "streams.max"),
        (streams(json!({ "max": 1_001, "at_limit": "DENY_NEWEST" })), "streams.max"),
        (streams(json!({ "max": 1, "at_limit": "DENY" })), "streams.at_limit"),
        (
            streams(json!({ "max": 1, "at_limit": "DENY_NEWEST", "per_device_type": kinds })),
            "streams.per_device_type",
        ),
        (
            streams(json!({ "max": 1, "at_limit": "DENY_NEWEST", "per_device_type": { "a b": 1 } })),
            "streams.per_device_type",
        ),
        (
            streams(json!({ "max": 1, "at_limit": "DENY_NEWEST", "per_device_type": { "tv": 1_001 } })),
            "streams.per_device_type",
        ),
    ] {
        match prove(&changes) {
            Err(Refusal::Claims(fault)) => assert_eq!(fault.name, name, "{changes}: {fault}"),
            other => panic!("{changes}: {other:?}"),
        }
    }
    let twice =
        with(&streams(json!({ "max": 1, "at_limit": "DENY_NEWEST", "per_device_type": { "tv": 1 } })))
            .replace(r#""tv":1"#, r#""tv":1,"tv":2"#);
    let claims = TokenClaims::read(twice.as_bytes()).unwrap();
    let Err(Refusal::Claims(fault)) = claims.identity() else { panic!("{twice}") };
    assert_eq!(fault.name, "streams.per_device_type");
}

#[test]
fn a_claim_of_another_type_is_not_read() {
    for changes in [
        json!({ "iss": null }),
        json!({ "iss": ["https://id.example"] }),
        json!({ "aud": null }),
        json!({ "aud": 1 }),
        json!({ "aud": ["playhead", 1] }),
        json!({ "aud": { "playhead": true } }),
        json!({ "sub": null }),
        json!({ "sub": 7 }),
        json!({ "exp": null }),
        json!({ "exp": "1800000060" }),
        json!({ "exp": 1_800_000_060.0 }),
        json!({ "exp": -1 }),
        json!({ "exp": true }),
        json!({ "nbf": "0" }),
        json!({ "iat": -1 }),
        json!({ "role": ["admin"] }),
        json!({ "scope": ["ingest:write"] }),
        json!({ "streams": [1, "DENY_NEWEST"] }),
        json!({ "streams": { "max": 1.5, "at_limit": "DENY_NEWEST" } }),
    ] {
        let read = TokenClaims::read(with(&changes).as_bytes());
        assert!(matches!(&read, Err(Refusal::Claims(fault)) if fault.name == "it"), "{changes}: {read:?}");
    }
}

#[test]
fn a_token_counts_from_its_beginning_to_its_end_and_a_leeway_around() {
    let leeway_s = rules().leeway_s;
    for (name, at_s, expect) in [
        ("exp", NOW_S - leeway_s + 1, Ok(())),
        ("exp", NOW_S - leeway_s, Err("EXPIRED")),
        ("exp", NOW_S - leeway_s - 1, Err("EXPIRED")),
        ("exp", 0, Err("EXPIRED")),
        ("exp", TIME_S_MAX, Ok(())),
        ("exp", TIME_S_MAX + 1, Err("CLAIMS")),
        ("exp", i64::MAX, Err("CLAIMS")),
        ("exp", NOW_S * 1_000, Err("CLAIMS")),
        ("nbf", NOW_S + leeway_s, Ok(())),
        ("nbf", NOW_S + leeway_s + 1, Err("NOT_YET_VALID")),
        ("nbf", i64::MAX, Err("CLAIMS")),
        ("iat", NOW_S + leeway_s, Ok(())),
        ("iat", NOW_S + leeway_s + 1, Err("NOT_YET_VALID")),
    ] {
        let found = prove(&json!({ name: at_s })).map(|_| ()).map_err(|refusal| refusal.cause());
        assert_eq!(found, expect, "{name} {at_s}");
    }
}
