//! `playhead import` as its users meet it.

use std::{fs, path::Path};

use playhead_proto::catalog::v1::{GetItemRequest, catalog_service_client::CatalogServiceClient};
use tonic::transport::Endpoint;

use crate::process::{Serve, run, stderr, stdout};

const MAPPING: &str = r#"
system = "films"
dialect = "mysql"
language = "ko"
[[items]]
table = "films"
id = "film-{id}"
kind = "MOVIE"
texts = [{ title = "{title}" }]
duration_ms = { from = "{minutes}", unit = "min" }
"#;

/// Runs an import of these rows: its exit code, what it printed and what it said.
fn import(folder: &Path, rows: &str, flags: &[&str]) -> (Option<i32>, String, String) {
    fs::write(folder.join("films.toml"), MAPPING).unwrap();
    let dump =
        format!("CREATE TABLE films (id int, title text, minutes int);\nINSERT INTO films VALUES {rows};\n");
    fs::write(folder.join("films.sql"), dump).unwrap();
    let arguments = [&["import", "--mapping", "films.toml"], flags, &["films.sql"]].concat();
    let output = run(&arguments, folder);
    (output.status.code(), stdout(&output), stderr(&output))
}

const GOOD: &str = "(1,'기생충',132),(2,'It\\'s Okay',95)";
const BAD: &str = "(1,'기생충',132),(2,'b',-1)";

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_comes_in_and_a_second_time_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let to = format!("http://{}", server.grpc);
    let flags = ["--to", &to, "--output", "json", "--resume", "auto"];
    let counts =
        |told: &str| serde_json::from_str::<serde_json::Value>(told).unwrap()["counts"]["items"].clone();
    let (code, told, said) = import(data.path(), GOOD, &flags);
    assert_eq!((code, &counts(&told)["created"]), (Some(0), &2.into()), "{said}");
    let (code, told, _) = import(data.path(), GOOD, &flags);
    assert_eq!(
        (code, &counts(&told)["created"], &counts(&told)["unchanged"]),
        (Some(0), &0.into(), &2.into())
    );
    assert!(!data.path().join("films.sql.import-state").exists());
    let channel = Endpoint::from_shared(to.clone()).unwrap().connect().await.unwrap();
    let request = GetItemRequest { id: "film-2".into(), ..GetItemRequest::default() };
    let item = CatalogServiceClient::new(channel).get_item(request).await.unwrap().into_inner().item.unwrap();
    assert_eq!(item.texts[0].title, "It's Okay");

    let (code, told, said) = import(data.path(), BAD, &["--to", &to]);
    assert_eq!(code, Some(65));
    assert!(
        said.contains("films.sql:2: table films, row 2: column minutes is \"-1\"; allowed is a length"),
        "{said}"
    );
    assert!(told.contains("created   changed unchanged"), "{told}");
    assert_eq!(server.terminate().0, Some(0));
    // Nobody is there any more.
    let (code, _, said) = import(data.path(), BAD, &["--to", &to, "--errors-max", "0"]);
    assert_eq!(code, Some(65), "it ends before it asks: {said}");
}

#[test]
fn a_dry_run_needs_no_server_and_a_wrong_mapping_is_told() {
    let data = tempfile::tempdir().unwrap();
    let (code, _, said) = import(data.path(), GOOD, &["--dry-run", "--to", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("dry run: nothing was written"), "{said}");
    let (code, _, said) = import(data.path(), GOOD, &["--to", "ftp://here"]);
    assert!(code == Some(1) && said.contains("--to is \"ftp://here\"; allowed is"), "{said}");
    fs::write(data.path().join("wrong.toml"), MAPPING.replace("kind", "kinds")).unwrap();
    let output = run(&["import", "--mapping", "wrong.toml", "films.sql"], data.path());
    assert_eq!(output.status.code(), Some(78));
    assert!(
        stderr(&output).contains("items[0].kinds: there is no such key; allowed is id, kind"),
        "{}",
        stderr(&output)
    );
    fs::write(data.path().join("films.sql"), "INSERT INTO films (id, title) VALUES (1, 'a');").unwrap();
    let output = run(&["import", "--mapping", "films.toml", "--dry-run", "films.sql"], data.path());
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("films.sql: table films has no column minutes"), "{}", stderr(&output));
}

#[test]
fn a_server_behind_https_is_trusted_by_its_certificate() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start_set(data.path(), "tls.development=true");
    let to = format!("https://localhost:{}", server.grpc.port());
    let (code, _, said) = import(data.path(), GOOD, &["--to", &to, "--ca-file", "tls/certificate.pem"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(server.terminate().0, Some(0));
}
