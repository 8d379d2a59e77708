//! Where the tests' catalogs rest: in embedded stores; or, where `PLAYHEAD_TEST_STORES` is `servers`, in a keyspace of the
//! CQL server in `PLAYHEAD_TEST_CQL` and behind a prefix of the Redis in `PLAYHEAD_TEST_REDIS`. The tests are the same.

use std::{
    env,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use playhead_catalog::Settings;
use playhead_ingest::settings::{Settings as EngineSettings, SpillSettings};
use playhead_store::{
    durable::{
        Durable,
        documents::Documents,
        embedded::{EmbeddedDurable, EmbeddedSettings},
        scylla::{ScyllaDurable, ScyllaSettings, migrate},
    },
    hot::{
        Hot,
        embedded::EmbeddedHot,
        redis::{RedisHot, RedisHotSettings},
    },
};
use scylla::client::session_builder::SessionBuilder;
use tempfile::TempDir;

/// The stores of one test, with nothing in them.
pub struct Stores {
    pub durable: Arc<dyn Durable>,
    /// The same one's.
    pub documents: Arc<dyn Documents>,
    pub hot: Arc<dyn Hot>,
    place: Place,
}

enum Place {
    Folder { _kept: TempDir },
    Servers(RedisHotSettings),
}

impl Stores {
    pub async fn fresh() -> Self {
        if are_servers() { Self::on_servers().await } else { Self::embedded() }
    }

    fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(EmbeddedDurable::open(folder.path(), EmbeddedSettings::default()).unwrap());
        let hot = Arc::new(EmbeddedHot::default());
        Self { durable: store.clone(), documents: store, hot, place: Place::Folder { _kept: folder } }
    }

    async fn on_servers() -> Self {
        let store = Keyspace::lend().await;
        store.connect().await.unwrap();
        let number = PREFIXES.fetch_add(1, Ordering::Relaxed);
        let redis = RedisHotSettings {
            urls: vec![server("PLAYHEAD_TEST_REDIS")],
            prefix: format!("catalog-tests-{}-{number}", std::process::id()),
            call_ms_max: 2_000,
            ..RedisHotSettings::default()
        };
        let hot = connected(&redis).await;
        Self { durable: store.clone(), documents: store, hot, place: Place::Servers(redis) }
    }

    /// The hot store as another node has it: where it is a server, by a connection of that node's own.
    pub async fn hot_of_another_node(&self) -> Arc<dyn Hot> {
        match &self.place {
            Place::Folder { .. } => Arc::clone(&self.hot),
            Place::Servers(redis) => connected(redis).await,
        }
    }
}

/// The settings of a catalog on them.
pub fn settings() -> Settings {
    let default = Settings::default();
    Settings { store_ms_max: patience_ms(default.store_ms_max), ..default }
}

/// The settings of an engine on them.
pub fn engine_settings() -> EngineSettings {
    let mut settings = EngineSettings::default();
    if are_servers() {
        settings.spill = SpillSettings::REMOTE;
        // As much as is allowed: whoever is not answered in time goes on without.
        (settings.hot_ms_max, settings.limits.open_ms_max) = (1_000, 1_000);
    }
    settings
}

/// How long something may take that is this fast on a store nearby: servers share a small machine with the tests.
pub fn patience(near: Duration) -> Duration {
    if are_servers() { near * SLOWER_AT_MOST } else { near }
}

/// The same, ms.
pub fn patience_ms(near_ms: u64) -> u64 {
    if are_servers() { near_ms * u64::from(SLOWER_AT_MOST) } else { near_ms }
}

fn are_servers() -> bool {
    match env::var("PLAYHEAD_TEST_STORES") {
        Ok(chosen) => {
            assert_eq!(chosen, "servers", "PLAYHEAD_TEST_STORES: allowed is servers, or nothing");
            true
        }
        Err(_) => false,
    }
}

fn server(variable: &str) -> String {
    let given = env::var(variable).unwrap_or_else(|_| {
        panic!("PLAYHEAD_TEST_STORES is servers, and {variable} is not set (cargo xtask services up)")
    });
    given.split(',').next().unwrap().trim().to_owned()
}

async fn connected(settings: &RedisHotSettings) -> Arc<RedisHot> {
    let hot = RedisHot::open(settings).unwrap();
    tokio::time::timeout(CONNECTED_WITHIN, hot.connected()).await.expect("a Redis that takes connections");
    Arc::new(hot)
}

/// A keyspace that one test has, and another one later: making one takes seconds.
struct Keyspace {
    name: String,
    /// Who has it. Whoever is still at work when a test is over keeps it.
    user: Weak<ScyllaDurable>,
}

impl Keyspace {
    /// A store on one that nobody has, with nothing in it.
    async fn lend() -> Arc<ScyllaDurable> {
        let contact_points = vec![server("PLAYHEAD_TEST_CQL")];
        let settings = |keyspace: &Self| ScyllaSettings {
            contact_points,
            keyspace: keyspace.name.clone(),
            request_ms_max: 20_000,
            ..ScyllaSettings::default()
        };
        let (store, settings, is_new) = {
            let mut keyspaces = KEYSPACES.lock().unwrap();
            let free = keyspaces.iter().position(|keyspace| keyspace.user.strong_count() == 0);
            let place = free.unwrap_or_else(|| {
                let name = format!("catalog_tests_{}_{}", std::process::id(), keyspaces.len());
                keyspaces.push(Self { name, user: Weak::new() });
                keyspaces.len() - 1
            });
            let settings = settings(&keyspaces[place]);
            let store = Arc::new(ScyllaDurable::new(settings.clone()));
            keyspaces[place].user = Arc::downgrade(&store);
            (store, settings, free.is_none())
        };
        if is_new {
            migrate(&settings, &"datacenter1:1".parse().unwrap(), false).await.unwrap();
        }
        // What an earlier process of the same number left in a new one, too.
        clear(&settings).await;
        store
    }
}

/// Empties all tables but the one that says which there are.
async fn clear(settings: &ScyllaSettings) {
    let builder = SessionBuilder::new().known_nodes(&settings.contact_points);
    let session = builder.keyspaces_to_fetch([&settings.keyspace]).build().await.unwrap();
    let tables = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let answer = session.query_unpaged(tables, (&settings.keyspace,)).await.unwrap();
    let tables = answer.into_rows_result().unwrap();
    let names = tables.rows::<(String,)>().unwrap().map(|row| row.unwrap().0);
    let truncated = names.filter(|name| name != "migrations").map(|name| {
        let text = format!("TRUNCATE {}.{name}", settings.keyspace);
        let session = &session;
        async move { session.query_unpaged(text, ()).await.unwrap() }
    });
    let truncated = join_all(truncated).await;
    assert!(!truncated.is_empty(), "a keyspace without tables");
}

static KEYSPACES: Mutex<Vec<Keyspace>> = Mutex::new(Vec::new());
static PREFIXES: AtomicU32 = AtomicU32::new(0);
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);
const SLOWER_AT_MOST: u32 = 5;
