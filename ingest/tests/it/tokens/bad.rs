//! Tokens that must be refused, each with the word that its holder is told.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use playhead_ingest::identity::{keys::Algorithm, signer::Signer};
use serde_json::{Value, json};

use super::issuer::{Issuer, LEEWAY_S, NOW_S, claims, jwk};

pub struct Bad {
    pub name: String,
    pub token: String,
    /// The word.
    pub reason: &'static str,
}

const INVALID: &str = "TOKEN_INVALID";
const CLAIMS: &str = "TOKEN_CLAIMS";
const EXPIRED: &str = "TOKEN_EXPIRED";
const NOT_YET: &str = "TOKEN_NOT_YET_VALID";

/// All of them, but those that no header could carry.
pub fn all(issuer: &Issuer) -> Vec<Bad> {
    [
        unsigned(issuer),
        signed_with_public_keys(issuer),
        other_algorithms(issuer),
        signatures(issuer),
        shapes(issuer),
        headers(issuer),
        kids(issuer),
        claims_of_other_types(issuer),
        claims_said_twice(issuer),
        claims_not_for_us(issuer),
        times(issuer),
    ]
    .concat()
    .into_iter()
    .map(|(name, token, reason)| Bad { name, token, reason })
    .collect()
}

type Case = (String, String, &'static str);

fn invalid(name: impl Into<String>, token: impl Into<String>) -> Case {
    (name.into(), token.into(), INVALID)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn good(issuer: &Issuer) -> String {
    issuer.viewer("ann")
}

fn body() -> Vec<u8> {
    claims("ann", &json!({})).to_string().into_bytes()
}

/// `alg: none` in all spellings, without a signature and with one.
fn unsigned(issuer: &Issuer) -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "none ", "\u{0}none", ""] {
        let header = json!({ "alg": alg, "kid": "ed", "typ": "JWT" }).to_string();
        let signed = format!("{}.{}", encode(&header), encode(body()));
        cases.push(invalid(format!("alg {alg:?}, no signature"), format!("{signed}.")));
        cases.push(invalid(format!("alg {alg:?}, two parts"), signed));
        let token = issuer.ed.token_of(header.as_bytes(), &body()).unwrap();
        cases.push(invalid(format!("alg {alg:?}, signed all the same"), token));
    }
    cases
}

/// HS256 with what everybody knows as the secret.
fn signed_with_public_keys(issuer: &Issuer) -> Vec<Case> {
    let ed_der = [&hex("302a300506032b6570032100")[..], &Issuer::public(&issuer.ed, "x")].concat();
    let point = [&[4][..], &Issuer::public(&issuer.es, "x"), &Issuer::public(&issuer.es, "y")].concat();
    let es_der = [&hex("3059301306072a8648ce3d020106082a8648ce3d030107034200")[..], &point].concat();
    let forms = [
        ("ed", "raw", Issuer::public(&issuer.ed, "x")),
        ("ed", "DER", ed_der.clone()),
        ("ed", "PEM", pem(&ed_der).into_bytes()),
        ("ed", "PEM without the last line end", pem(&ed_der).trim_end().as_bytes().to_vec()),
        ("ed", "JWK", jwk(&issuer.ed).to_string().into_bytes()),
        ("es", "raw", point),
        ("es", "DER", es_der.clone()),
        ("es", "PEM", pem(&es_der).into_bytes()),
        ("rs", "modulus", Issuer::public(&issuer.rs, "n")),
        ("rs", "JWK", jwk(&issuer.rs).to_string().into_bytes()),
        ("ed", "no bytes", Vec::new()),
    ];
    let case = |(kid, form, secret): (&str, &str, Vec<u8>)| {
        let token = Signer::from_secret(kid, &secret).token(&claims("ann", &json!({}))).unwrap();
        invalid(format!("HS256 with the {form} of {kid}"), token)
    };
    forms.map(case).into()
}

fn other_algorithms(issuer: &Issuer) -> Vec<Case> {
    let with = |signer: &Signer, alg: Value, kid: &str| {
        let header = json!({ "alg": alg, "kid": kid }).to_string();
        signer.token_of(header.as_bytes(), &body()).unwrap()
    };
    let stranger = Signer::generate(Algorithm::EdDsa).unwrap().0.named("ed").unwrap();
    vec![
        invalid("RS256 by the Ed25519 key", with(&issuer.ed, json!("RS256"), "ed")),
        invalid("EdDSA by the P-256 key", with(&issuer.es, json!("EdDSA"), "es")),
        invalid("the RSA key's signature, the Ed25519 key's name", with(&issuer.rs, json!("RS256"), "ed")),
        invalid("the P-256 key's signature under EdDSA", with(&issuer.es, json!("EdDSA"), "ed")),
        invalid("RS512", with(&issuer.rs, json!("RS512"), "rs")),
        invalid("PS256", with(&issuer.rs, json!("PS256"), "rs")),
        invalid("ES384", with(&issuer.es, json!("ES384"), "es")),
        invalid("HS512", with(&issuer.ed, json!("HS512"), "ed")),
        invalid("alg in lower case", with(&issuer.ed, json!("eddsa"), "ed")),
        invalid("alg as a list", with(&issuer.ed, json!(["EdDSA"]), "ed")),
        invalid("alg as a number", with(&issuer.ed, json!(1), "ed")),
        invalid("alg null", with(&issuer.ed, Value::Null, "ed")),
        invalid("another key of the same name", stranger.token(&claims("ann", &json!({}))).unwrap()),
    ]
}

fn signatures(issuer: &Issuer) -> Vec<Case> {
    let (token, es) = (good(issuer), issuer.es.token(&claims("ann", &json!({}))).unwrap());
    let signed = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
    let with = |token: &str, signature: &[u8]| format!("{}.{}", signed(token), encode(signature));
    let raw = URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap();
    let es_raw = URL_SAFE_NO_PAD.decode(es.rsplit_once('.').unwrap().1).unwrap();
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let one = [&[0; 31][..], &[1]].concat();
    let other = issuer.viewer("ben");
    vec![
        invalid("a zero ES256 signature", with(&es, &[0; 64])),
        invalid("an ES256 signature of the group's order", with(&es, &[&order[..], &order].concat())),
        invalid("an ES256 signature of ones", with(&es, &[&one[..], &one].concat())),
        invalid("an ES256 signature in DER", with(&es, &der(&es_raw))),
        invalid("an ES256 signature of 72 bytes", with(&es, &[&es_raw[..], &[0; 8]].concat())),
        invalid("a zero EdDSA signature", with(&token, &[0; 64])),
        invalid("an EdDSA signature without its last byte", with(&token, &raw[..63])),
        invalid("half an EdDSA signature", with(&token, &raw[..32])),
        invalid("an EdDSA signature and a byte", with(&token, &[&raw[..], &[0]].concat())),
        invalid("a token without its last character", &token[..token.len() - 1]),
        invalid("a token and a character", format!("{token}A")),
        invalid("a signature with padding", format!("{token}==")),
        invalid(
            "a signature in base64 proper",
            format!("{}.{}", signed(&token), STANDARD.encode([0xff; 64])),
        ),
        invalid(
            "another token's signature",
            with(&token, &URL_SAFE_NO_PAD.decode(other.rsplit_once('.').unwrap().1).unwrap()),
        ),
        invalid("another token's claims", {
            let parts: Vec<&str> = token.split('.').collect();
            format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2])
        }),
    ]
}

fn shapes(issuer: &Issuer) -> Vec<Case> {
    let token = good(issuer);
    let [header, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let json_form = json!({ "protected": header, "payload": body, "signature": signature }).to_string();
    let padded = issuer.ed.sign(format!("{header}=.{body}").as_bytes()).unwrap();
    let std_header = STANDARD_NO_PAD.encode(br#"{"alg":"EdDSA","kid":"ed","x":"???>>>"}"#);
    assert!(std_header.contains(['+', '/']));
    let std_signed = issuer.ed.sign(format!("{std_header}.{body}").as_bytes()).unwrap();
    let nested = json!({ "alg": "EdDSA", "kid": "ed", "cty": "JWT" }).to_string();
    vec![
        invalid("one word", "token"),
        invalid("two dots", ".."),
        invalid("a user's id", "ann"),
        invalid("a development token", "ann:family:tv"),
        invalid("two parts", format!("{header}.{body}")),
        invalid("four parts", format!("{token}.{signature}")),
        invalid(
            "five parts, as if encrypted",
            format!("{header}.{signature}.{signature}.{body}.{signature}"),
        ),
        invalid("a leading dot", format!(".{token}")),
        invalid("a trailing dot", format!("{token}.")),
        invalid("no header", format!(".{body}.{signature}")),
        invalid("no claims", format!("{header}..{signature}")),
        invalid("a blank within", token.replacen('.', ". ", 1)),
        invalid("twice", format!("{token},{token}")),
        invalid("JSON instead of the compact form", json_form),
        invalid("9 KiB of token", format!("{header}.{}.{signature}", "A".repeat(9 << 10))),
        invalid("a header with padding", format!("{header}=.{body}.{}", encode(padded))),
        invalid("a header in base64 proper", format!("{std_header}.{body}.{}", encode(std_signed))),
        invalid("claims with padding", {
            let padded = URL_SAFE.encode(br#"{"a":1}"#);
            let signed = format!("{header}.{padded}");
            assert!(padded.ends_with('='));
            format!("{signed}.{}", encode(issuer.ed.sign(signed.as_bytes()).unwrap()))
        }),
        invalid("a token within a token", issuer.ed.token_of(nested.as_bytes(), token.as_bytes()).unwrap()),
    ]
}

fn headers(issuer: &Issuer) -> Vec<Case> {
    let mallory = Signer::generate(Algorithm::EdDsa).unwrap().0.named("ed").unwrap();
    let signed = |header: &[u8]| issuer.ed.token_of(header, &body()).unwrap();
    let with = |name: &str, value: Value| {
        let mut header = json!({ "alg": "EdDSA", "kid": "ed", "typ": "JWT" });
        header[name] = value;
        header.to_string()
    };
    let mut cases = vec![
        invalid(
            "the attacker's own jwk",
            mallory.token_of(with("jwk", jwk(&mallory)).as_bytes(), &body()).unwrap(),
        ),
        invalid("alg twice", signed(br#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#)),
        invalid("kid twice", signed(br#"{"alg":"EdDSA","kid":"rs","kid":"ed"}"#)),
        invalid("kid twice, once escaped", signed(br#"{"alg":"EdDSA","\u006bid":"ed","kid":"ed"}"#)),
        invalid("a header as a list", signed(br#"["EdDSA","ed"]"#)),
        invalid("a header that is no JSON", signed(b"EdDSA")),
        invalid("a header with something behind", signed(br#"{"alg":"EdDSA","kid":"ed"} {}"#)),
        invalid("a header that is not UTF-8", signed(b"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x\":\"\xff\"}")),
        invalid("no alg", signed(br#"{"kid":"ed"}"#)),
    ];
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["urn:example:unknown"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("jku", json!("file:///etc/passwd")),
        ("jwk", jwk(&issuer.ed)),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("typ", json!("JWE")),
        ("typ", json!(7)),
    ] {
        let header = with(name, value.clone());
        cases.push(invalid(format!("header {name} {value}"), signed(header.as_bytes())));
    }
    cases
}

fn kids(issuer: &Issuer) -> Vec<Case> {
    let long = "k".repeat(129);
    let hostile = [
        json!("../../../../etc/passwd"),
        json!("../../../dev/null"),
        json!("file:///dev/null"),
        json!("ed' OR '1'='1"),
        json!("ed'; DROP TABLE keys; --"),
        json!("ed\u{0}"),
        json!("\u{0}"),
        json!("ed\r\nx-injected: 1"),
        json!("$(touch /tmp/x)"),
        json!("{{7*7}}"),
        json!("éd"),
        json!("ED"),
        json!(" ed"),
        json!("stranger"),
        json!(""),
        json!(long),
        json!(0),
        json!(true),
        json!(["ed"]),
        json!({ "ed": 1 }),
        Value::Null,
    ];
    let mut cases = vec![invalid("no kid", issuer.ed.token_of(br#"{"alg":"EdDSA"}"#, &body()).unwrap())];
    for kid in hostile {
        let header = json!({ "alg": "EdDSA", "kid": kid }).to_string();
        cases.push(invalid(format!("kid {kid}"), issuer.ed.token_of(header.as_bytes(), &body()).unwrap()));
    }
    // The secret of an empty file, which a path as a kid would reach.
    let token = Signer::from_secret("../../../dev/null", b"").token(&claims("ann", &json!({}))).unwrap();
    cases.push(invalid("HS256 with the bytes of /dev/null", token));
    cases
}

fn claims_of_other_types(issuer: &Issuer) -> Vec<Case> {
    let long = "x".repeat(129);
    let mut cases = Vec::new();
    for (name, values) in [
        ("iss", vec![Value::Null, json!(1), json!(["https://id.example"]), json!({})]),
        ("aud", vec![Value::Null, json!(1), json!({ "playhead": 1 }), json!(["playhead", 1])]),
        (
            "sub",
            vec![
                Value::Null,
                json!(7),
                json!(""),
                json!(long),
                json!("a\nb"),
                json!("\u{0}"),
                json!(["ann"]),
            ],
        ),
        (
            "exp",
            vec![
                Value::Null,
                json!("1800000060"),
                json!(1_800_000_060.5),
                json!(1e300),
                json!(-1),
                json!(i64::MAX),
                json!(u64::MAX),
                json!((NOW_S + 60) * 1_000),
                json!(true),
                json!([NOW_S + 60]),
            ],
        ),
        ("nbf", vec![json!("0"), json!(0.5), json!(-1), json!(u64::MAX), json!(false)]),
        ("iat", vec![json!("0"), json!(-1.5), json!(u64::MAX)]),
        ("role", vec![json!("root"), json!("ADMIN"), json!(["admin"]), json!(true)]),
        ("scope", vec![json!(["ingest:write"]), json!(1)]),
        ("account", vec![json!(""), json!(1)]),
        ("device", vec![json!(""), json!(long)]),
        ("session", vec![json!("s-1")]),
        ("item", vec![json!("m-1")]),
    ] {
        for value in values {
            let token = issuer.token("ann", &json!({ name: value }));
            cases.push((format!("{name} {value}"), token, CLAIMS));
        }
    }
    for (name, value) in [
        ("item_kind", json!("FILM")),
        ("duration_ms", json!(-1)),
        ("duration_ms", json!("1")),
        ("credits_ms", json!(1_u64 << 53)),
        ("device_type", json!("a b")),
        ("streams", json!({ "max": 0, "at_limit": "DENY_NEWEST" })),
        ("streams", json!({ "max": 1, "at_limit": "deny" })),
    ] {
        let changes = json!({ "session": "s-1", "item": "m-1", name: value });
        cases.push((format!("{name} {value}"), issuer.token("ann", &changes), CLAIMS));
    }
    for (name, text) in [
        ("claims as a list", "[]"),
        ("claims as a text", "\"claims\""),
        ("claims that are no JSON", "claims"),
        ("no claims at all", "{}"),
        ("null as claims", "null"),
    ] {
        let token = issuer.ed.token_of(br#"{"alg":"EdDSA","kid":"ed"}"#, text.as_bytes()).unwrap();
        cases.push((name.into(), token, CLAIMS));
    }
    cases
}

fn claims_said_twice(issuer: &Issuer) -> Vec<Case> {
    let text = String::from_utf8(body()).unwrap();
    let mut cases = Vec::new();
    for name in ["iss", "aud", "sub", "exp", "nbf", "account", "role"] {
        for said in [name.to_owned(), format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..])] {
            let value =
                json!({ "role": "viewer", "iss": "https://id.example", "aud": "playhead", "sub": "ben",
                "exp": NOW_S + 60, "nbf": 0, "account": "family" })[name]
                    .to_string();
            let first = if name == "role" { "\"role\":\"admin\"," } else { "" };
            let twice = format!("{{{first}\"{said}\":{value},{}", &text[1..]);
            let token = issuer.ed.token_of(br#"{"alg":"EdDSA","kid":"ed"}"#, twice.as_bytes()).unwrap();
            cases.push((format!("{said} twice"), token, CLAIMS));
        }
    }
    let behind = format!("{text}{{}}");
    let token = issuer.ed.token_of(br#"{"alg":"EdDSA","kid":"ed"}"#, behind.as_bytes()).unwrap();
    cases.push(("claims with something behind".into(), token, CLAIMS));
    cases
}

fn claims_not_for_us(issuer: &Issuer) -> Vec<Case> {
    [
        ("aud", json!("another")),
        ("aud", json!("PLAYHEAD")),
        ("aud", json!("playhead ")),
        ("aud", json!("")),
        ("aud", json!([])),
        ("aud", json!(["another", "play", "head"])),
        ("iss", json!("https://id.example/")),
        ("iss", json!("https://id.example.attacker.example")),
        ("iss", json!("HTTPS://ID.EXAMPLE")),
        ("iss", json!("")),
    ]
    .into_iter()
    .map(|(name, value)| (format!("{name} {value}"), issuer.token("ann", &json!({ name: value })), CLAIMS))
    .collect()
}

fn times(issuer: &Issuer) -> Vec<Case> {
    [
        ("exp", NOW_S - LEEWAY_S, EXPIRED),
        ("exp", NOW_S - LEEWAY_S - 1, EXPIRED),
        ("exp", NOW_S - 86_400, EXPIRED),
        ("exp", 0, EXPIRED),
        ("nbf", NOW_S + LEEWAY_S + 1, NOT_YET),
        ("nbf", NOW_S + 86_400, NOT_YET),
        ("iat", NOW_S + LEEWAY_S + 1, NOT_YET),
    ]
    .into_iter()
    .map(|(name, at_s, reason)| {
        (format!("{name} {}", at_s - NOW_S), issuer.token("ann", &json!({ name: at_s })), reason)
    })
    .collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// An ECDSA signature in ASN.1, as other protocols want it.
fn der(raw: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| [&[2, 33, 0][..], bytes].concat();
    let both = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()][..], &both].concat()
}
