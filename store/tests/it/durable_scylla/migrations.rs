//! The schema: made once, by several at once, never by a changed file.

use playhead_store::{
    StoreErrorKind,
    durable::{
        Durable,
        scylla::{Outcome, ScyllaDurable, migrate},
    },
};

use super::server::{Server, one_copy};

/// Outcomes of a migration, all of which are the same.
fn all(outcomes: &[(playhead_store::durable::scylla::Migration, Outcome)], expected: Outcome) -> bool {
    !outcomes.is_empty() && outcomes.iter().all(|(_, outcome)| *outcome == expected)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_a_second_run_neither() {
    let Some(server) = Server::empty() else { return };
    let settings = server.settings();
    let run = async |is_dry_run| migrate(&settings, &one_copy(), is_dry_run).await.unwrap();
    assert!(all(&run(true).await, Outcome::Pending));
    let unmade = ScyllaDurable::new(settings.clone()).connect().await.unwrap_err();
    assert_eq!(unmade.kind, StoreErrorKind::Refused);
    assert!(run(false).await.iter().all(|(_, outcome)| *outcome == Outcome::Applied));
    assert!(all(&run(false).await, Outcome::Present));
    assert!(all(&run(true).await, Outcome::Present));
    ScyllaDurable::new(settings.clone()).connect().await.unwrap();
    drop_keyspace(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_one_schema() {
    let Some(server) = Server::empty() else { return };
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let settings = server.settings();
            tokio::spawn(async move { migrate(&settings, &one_copy(), false).await.unwrap() })
        })
        .collect();
    let mut applied = 0;
    for run in runs {
        let outcomes = run.await.unwrap();
        assert!(outcomes.iter().all(|(_, outcome)| *outcome != Outcome::Pending));
        applied += outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Applied).count();
    }
    assert_eq!(applied, 6, "each migration once");
    let store = ScyllaDurable::new(server.settings());
    store.connect().await.unwrap();
    store.persist().await.unwrap();
    drop_keyspace(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_released_migration_is_refused() {
    let Some(server) = Server::empty() else { return };
    migrate(&server.settings(), &one_copy(), false).await.unwrap();
    let session = server.session().await;
    let change = format!("UPDATE {}.migrations SET checksum = 'other' WHERE number = 2", server.keyspace());
    session.query_unpaged(change, ()).await.unwrap();
    for error in [
        migrate(&server.settings(), &one_copy(), true).await.unwrap_err(),
        migrate(&server.settings(), &one_copy(), false).await.unwrap_err(),
        ScyllaDurable::new(server.settings()).connect().await.unwrap_err(),
    ] {
        let cause = error.source.unwrap().to_string();
        assert_eq!(error.kind, StoreErrorKind::Refused);
        assert!(cause.contains("migration 2 (sessions) is not what was applied"), "{cause}");
    }
    let lack = format!("DELETE FROM {}.migrations WHERE number = 2", server.keyspace());
    session.query_unpaged(lack, ()).await.unwrap();
    let error = ScyllaDurable::new(server.settings()).connect().await.unwrap_err();
    assert!(error.source.unwrap().to_string().contains("lacks migration 2 (sessions)"));
    drop_keyspace(&server).await;
}

/// A later version's keyspace is one that this version can use.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyspace_that_has_more_is_enough() {
    let Some(server) = Server::empty() else { return };
    migrate(&server.settings(), &one_copy(), false).await.unwrap();
    let more = format!(
        "INSERT INTO {}.migrations (number, name, checksum) VALUES (999, 'later', 'x')",
        server.keyspace()
    );
    server.session().await.query_unpaged(more, ()).await.unwrap();
    ScyllaDurable::new(server.settings()).connect().await.unwrap();
    drop_keyspace(&server).await;
}

async fn drop_keyspace(server: &Server) {
    let text = format!("DROP KEYSPACE {}", server.keyspace());
    server.session().await.query_unpaged(text, ()).await.unwrap();
}
