//! The CQL server that the tests are given, and what they write to it.

use std::{
    env,
    ops::RangeInclusive,
    sync::atomic::{AtomicU32, Ordering},
};

use playhead_store::{
    Clock, Event, EventKind, SessionKey,
    contract::Dice,
    durable::{
        SessionWrite, WriteBatch,
        scylla::{Replication, ScyllaSettings, migrate},
    },
};
use tokio::sync::OnceCell;

/// A server, and a keyspace on it.
pub(super) struct Server {
    contact_points: Vec<String>,
    keyspace: String,
}

impl Server {
    /// With the keyspace that the tests share, made once and kept: all names in it are of one test.
    pub(super) async fn shared() -> Option<Self> {
        let server = Self { contact_points: contact_points()?, keyspace: "playhead_tests".to_owned() };
        MADE.get_or_init(|| async { drop(migrate(&server.settings(), &one_copy(), false).await.unwrap()) })
            .await;
        Some(server)
    }

    /// With a keyspace of its own that is not there yet.
    pub(super) fn empty() -> Option<Self> {
        let number = KEYSPACES.fetch_add(1, Ordering::Relaxed);
        let keyspace = format!("playhead_tests_{}_{number}", std::process::id());
        Some(Self { contact_points: contact_points()?, keyspace })
    }

    pub(super) fn settings(&self) -> ScyllaSettings {
        ScyllaSettings {
            contact_points: self.contact_points.clone(),
            keyspace: self.keyspace.clone(),
            // A shared machine stalls now and then.
            request_ms_max: 20_000,
            ..ScyllaSettings::default()
        }
    }

    /// The driver itself, to look behind the store.
    pub(super) async fn session(&self) -> scylla::client::session::Session {
        let builder = scylla::client::session_builder::SessionBuilder::new();
        builder.known_nodes(&self.contact_points).build().await.unwrap()
    }

    pub(super) fn keyspace(&self) -> &str {
        &self.keyspace
    }

    pub(super) fn contact_point(&self) -> &str {
        &self.contact_points[0]
    }
}

pub(super) fn one_copy() -> Replication {
    "datacenter1:1".parse().unwrap()
}

/// A session's beats, ten seconds apart.
pub(super) fn beats(dice: &mut Dice, key: &SessionKey, seqs: RangeInclusive<u64>) -> WriteBatch {
    let events: Vec<_> =
        seqs.map(|seq| Event::new(EventKind::Beat, seq, seq.cast_signed() * 10_000)).collect();
    let description = dice.description(events.last().unwrap().at_ms);
    let clock = Clock { fixed_at_ms: 5, offset_ms: 0 };
    let session = SessionWrite { key: key.clone(), clock, description, events: events.into() };
    WriteBatch { sessions: vec![session], positions: Vec::new() }
}

fn contact_points() -> Option<Vec<String>> {
    match env::var("PLAYHEAD_TEST_CQL") {
        Ok(points) => Some(points.split(',').map(|point| point.trim().to_owned()).collect()),
        Err(_) => {
            is_skipped("CQL server", "PLAYHEAD_TEST_CQL");
            None
        }
    }
}

/// Says what was not tried, and fails where it has to be.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tried")]
pub(super) fn is_skipped(what: &str, variable: &str) {
    let is_required = env::var("PLAYHEAD_TEST_SERVICES").is_ok_and(|services| services == "required");
    assert!(!is_required, "PLAYHEAD_TEST_SERVICES is required, and {variable} is not set");
    eprintln!("SKIPPED: no {what}, set {variable} (cargo xtask services up)");
}

static MADE: OnceCell<()> = OnceCell::const_new();
static KEYSPACES: AtomicU32 = AtomicU32::new(0);
