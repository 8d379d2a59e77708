//! `playhead token` and a server that believes signed tokens only.

mod keys_server;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use hyper::StatusCode;
use serde_json::Value;

use self::keys_server::KeysServer;
use crate::{
    client::ask_as,
    process::{Serve, playhead, run, stderr, stdout},
};

const WHO: [&str; 2] = ["--issuer=https://id.example", "--audience=playhead"];
const EVENTS: &str = r#"{"session":{"session_id":"s-1","item_id":"movie-1"},
    "events":[{"kind":"BEAT","seq":1,"position_ms":7000}]}"#;
const POSITION: &str = "/v1/users/alice/positions/movie-1";

/// Makes a key by this name in a set of keys, and says what the command said.
fn keygen(folder: &Path, name: &str, alg: &str) -> Value {
    let key = format!("--private-key={name}.pem");
    let made = run(&["token", "keygen", "--alg", alg, &key, "--jwks=keys.json", "--output=json"], folder);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    serde_json::from_str(&stdout(&made)).unwrap()
}

fn mint(folder: &Path, name: &str, flags: &[&str]) -> String {
    let key = format!("--key={name}.pem");
    let minted = run(&[&["token", "mint", &key][..], &WHO, flags].concat(), folder);
    assert_eq!(minted.status.code(), Some(0), "{}", stderr(&minted));
    stdout(&minted).trim().to_owned()
}

fn settings(keys: &str) -> Vec<String> {
    ["auth.mode=token", "auth.issuer=https://id.example", "auth.audience=playhead", keys]
        .into_iter()
        .flat_map(|setting| ["--set".to_owned(), setting.to_owned()])
        .collect()
}

fn serve(folder: &Path, settings: &[String]) -> Serve {
    let flags: Vec<&str> = settings.iter().map(String::as_str).collect();
    Serve::start_flags(folder, &flags)
}

async fn posts(server: &Serve, token: &str) -> StatusCode {
    ask_as(Some(token), "POST", server.http, "/v1/events", EVENTS).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_minted_is_believed_and_nothing_else_and_keys_rotate_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    keygen(at, "first", "EdDSA");
    let mut server = serve(at, &settings("auth.keys_file=keys.json"));
    let banner = server.wait_for("TOKEN=$(playhead token mint --user alice");
    assert!(banner.contains("--issuer 'https://id.example' --audience 'playhead'"), "{banner}");
    let alice = mint(at, "first", &["--user=alice"]);
    assert_eq!(posts(&server, &alice).await, StatusCode::OK);
    for (token, reason) in [
        (None, "TOKEN_MISSING"),
        (Some("alice"), "TOKEN_INVALID"),
        (Some(&*format!("{alice}x")), "TOKEN_INVALID"),
    ] {
        let (status, said) = ask_as(token, "GET", server.http, POSITION, "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(said.contains(reason), "{said}");
    }
    let ben = mint(at, "first", &["--user=ben"]);
    assert_eq!(ask_as(Some(&ben), "GET", server.http, POSITION, "").await.0, StatusCode::NOT_FOUND);
    let reader = mint(at, "first", &["--service=reports", "--scope=playback:read"]);
    assert_eq!(ask_as(Some(&reader), "GET", server.http, POSITION, "").await.0, StatusCode::OK);
    assert_eq!(posts(&server, &reader).await, StatusCode::FORBIDDEN);

    // A key that is published is known as soon as a token names it.
    for (name, alg) in [("second", "ES256"), ("third", "RS256")] {
        keygen(at, name, alg);
        assert_eq!(posts(&server, &mint(at, name, &["--user=alice"])).await, StatusCode::OK, "{alg}");
    }
    assert_eq!(posts(&server, &alice).await, StatusCode::OK, "the first goes on");
    let (_, metrics) = ask_as(None, "GET", server.admin, "/metrics", "").await;
    assert!(metrics.contains("playhead_tokens_refused_total{cause=\"NOT_COMPACT\"} 1"), "{metrics}");
    assert!(metrics.contains("playhead_tokens_verified_total "), "{metrics}");
    assert_eq!(server.terminate().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_a_url_and_outlast_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    keygen(at, "first", "EdDSA");
    let mut keys = KeysServer::start(at.join("keys.json"), None).await;
    let server = serve(at, &settings(&format!("auth.keys_url=http://{}/jwks.json", keys.address)));
    assert_eq!(posts(&server, &mint(at, "first", &["--user=alice"])).await, StatusCode::OK);
    keygen(at, "second", "EdDSA");
    assert_eq!(posts(&server, &mint(at, "second", &["--user=alice"])).await, StatusCode::OK, "rotated");
    keys.stop().await;
    for name in ["first", "second"] {
        assert_eq!(
            posts(&server, &mint(at, name, &["--user=alice"])).await,
            StatusCode::OK,
            "{name}, from memory"
        );
    }
    assert_eq!(server.terminate().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_asked_over_tls_and_only_of_whom_the_roots_trust() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    keygen(at, "first", "EdDSA");
    let keys = KeysServer::start(at.join("keys.json"), Some(at)).await;
    let url = format!("auth.keys_url=https://localhost:{}/jwks.json", keys.address.port());
    let mut trusting = settings(&url);
    trusting.extend(["--set".to_owned(), "auth.keys_ca_file=certificate.pem".to_owned()]);
    let server = serve(at, &trusting);
    let alice = mint(at, "first", &["--user=alice"]);
    assert_eq!(posts(&server, &alice).await, StatusCode::OK);
    assert_eq!(server.terminate().0, Some(0));
    // Another root: the server starts, and believes nobody.
    let other = tempfile::tempdir().unwrap();
    KeysServer::start(at.join("keys.json"), Some(other.path())).await;
    fs::copy(other.path().join("certificate.pem"), at.join("certificate.pem")).unwrap();
    let server = serve(at, &trusting);
    let (status, said) = ask_as(Some("a.b.c"), "GET", server.http, POSITION, "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{said}");
    let (_, metrics) = ask_as(None, "GET", server.admin, "/metrics", "").await;
    assert!(!metrics.contains("playhead_token_keys_failed_total 0"), "{metrics}");
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn a_private_key_is_for_its_owner_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let made = keygen(at, "key", "EdDSA");
    let mode = fs::metadata(at.join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::metadata(at.join("keys.json")).unwrap().permissions().mode() & 0o777, 0o644);
    let private = fs::read_to_string(at.join("key.pem")).unwrap();
    assert!(private.starts_with("-----BEGIN PRIVATE KEY-----"), "{private}");
    let jwks: Value = serde_json::from_slice(&fs::read(at.join("keys.json")).unwrap()).unwrap();
    assert_eq!(jwks["keys"][0]["kid"], made["kid"]);
    assert!(jwks["keys"][0].get("d").is_none(), "{jwks}");
    let again = run(&["token", "keygen", "--private-key=key.pem", "--jwks=keys.json"], at);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("key.pem"), "{}", stderr(&again));
    assert_eq!(fs::read_to_string(at.join("key.pem")).unwrap(), private);
    let jwks: Value = serde_json::from_slice(&fs::read(at.join("keys.json")).unwrap()).unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1, "no key is published that nobody has");
}

#[test]
fn a_token_is_looked_into_and_what_is_wrong_with_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    keygen(at, "key", "ES256");
    let flags = [
        "--user=alice",
        "--session=s-1",
        "--item=m-1",
        "--item-kind=MOVIE",
        "--duration-ms=60000",
        "--streams-max=2",
        "--streams-of=mobile=1",
        "--device-type=tv",
        "--expires-in-s=60",
    ];
    let token = mint(at, "key", &flags);
    let inspect = |more: &[&str]| {
        let arguments = [&["token", "inspect", &*token, "--output=json"][..], more].concat();
        let seen = run(&arguments, at);
        let told: Value =
            serde_json::from_str(&stdout(&seen)).unwrap_or_else(|_| panic!("{}", stderr(&seen)));
        (seen.status.code(), told)
    };
    let (code, told) = inspect(&[]);
    assert_eq!((code, &told["verdict"]["counts"]), (Some(0), &Value::Null), "{told}");
    assert_eq!((&told["header"]["alg"], &told["claims"]["streams"]["max"]), (&"ES256".into(), &2.into()));
    let (code, told) = inspect(&["--jwks=keys.json", "--issuer=https://id.example", "--audience=playhead"]);
    assert_eq!(
        (code, &told["verdict"]["as"]),
        (Some(0), &"viewer alice in session s-1 of m-1".into()),
        "{told}"
    );
    for (more, cause) in
        [(["--audience=other"], "CLAIMS"), (["--at=4000000000"], "EXPIRED"), (["--at=1000"], "NOT_YET_VALID")]
    {
        let (code, told) = inspect(&[&["--jwks=keys.json"][..], &more].concat());
        assert_eq!((code, &told["verdict"]["cause"]), (Some(1), &cause.into()), "{told}");
    }
    // Without a list of processes that shows it.
    fs::write(at.join("token"), &token).unwrap();
    let piped = playhead(&["token", "inspect", "-", "--jwks=keys.json"], at)
        .stdin(fs::File::open(at.join("token")).unwrap())
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(0));
    assert!(stdout(&piped).contains("as viewer alice in session s-1 of m-1"), "{}", stdout(&piped));
}

#[test]
fn what_no_server_would_take_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    keygen(at, "playhead-key", "EdDSA");
    for (flags, code, said) in [
        (&["--user="][..], 1, "sub is empty"),
        (&["--user=a", "--session=s", "--item=m", "--item-kind=FILM"], 1, "item_kind is \"FILM\""),
        (&["--user=a", "--session=s", "--item=m", "--streams-max=0"], 1, "streams.max is 0"),
        (&["--user=a", "--kid=a b"], 1, "--kid is \"a b\""),
        (&["--user=a", "--key=none.pem"], 1, "none.pem"),
        (&["--user=a", "--session=s"], 2, "--item"),
        (&["--user=a", "--expires-in-s=0"], 2, "1..=31622400"),
        (&["--service=a"], 2, "--scope"),
        (&["--user=a", "--admin=b"], 2, "cannot be used with"),
        (&[], 2, "required"),
    ] {
        let refused = run(&[&["token", "mint"][..], &WHO, flags].concat(), at);
        assert_eq!(refused.status.code(), Some(code), "{flags:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(said), "{flags:?}: {}", stderr(&refused));
        assert_eq!(stdout(&refused), "");
    }
    let refused = run(&["token", "mint", "--user=a"], at);
    assert!(stderr(&refused).contains("--issuer is missing"), "{}", stderr(&refused));
}

#[test]
fn keys_that_cannot_be_read_end_the_start_with_78() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("empty.json"), "{\"keys\":[]}").unwrap();
    fs::write(at.join("short"), "secret").unwrap();
    for (setting, said) in [
        ("auth.keys_file=none.json", "auth.keys_file is \"none.json\": No such file"),
        ("auth.keys_file=empty.json", "auth.keys_file is \"empty.json\": has no key that can be used"),
        ("auth.hs256_secret_file=short", "auth.hs256_secret_file is \"short\": it has 6 bytes"),
    ] {
        let mut settings = settings(setting);
        if setting.contains("hs256") {
            settings.extend(["--set".to_owned(), "auth.hs256_development=true".to_owned()]);
        }
        for command in ["serve", "check"] {
            let mut arguments =
                vec![command, "--grpc=127.0.0.1:0", "--http=127.0.0.1:0", "--admin=127.0.0.1:0"];
            arguments.extend(settings.iter().map(String::as_str));
            let refused = run(&arguments, at);
            assert_eq!(refused.status.code(), Some(78), "{command}: {}", stderr(&refused));
            assert!(stderr(&refused).contains(said), "{command}: {}", stderr(&refused));
        }
    }
}
