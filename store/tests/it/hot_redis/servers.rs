//! Redis servers of a test's own: on free ports, in a folder that goes with them, gone when the test is over.

use playhead_store::hot::redis::{RedisHot, RedisHotSettings};
use redis::{FromRedisValue, RedisResult};
use std::{
    collections::HashSet,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A server, and the folder that it lives in.
pub(super) struct Server {
    process: Child,
    pub(super) dir: TempDir,
    pub(super) port: u16,
    arguments: Vec<String>,
}

impl Server {
    /// Starts one, or says loudly that there is none to start.
    pub(super) async fn start(arguments: &[&str]) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut server = Self { process: spawn(&dir, port, &arguments), dir, port, arguments };
        server.answers().await;
        Some(server)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Asks it something, by a connection of its own.
    pub(super) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut call = redis::cmd(words[0]);
        call.arg(&words[1..]);
        call.query_async(&mut connection).await
    }

    /// Tells it something that must succeed.
    pub(super) async fn tell(&self, words: &[&str]) {
        let _: redis::Value = self.ask(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again where it was, with whatever its folder holds.
    pub(super) async fn start_again(&mut self) {
        self.process = spawn(&self.dir, self.port, &self.arguments);
        self.answers().await;
    }

    /// Stops it in its tracks, or lets it go on.
    pub(super) fn freeze(&self, is_frozen: bool) {
        let signal = if is_frozen { "-STOP" } else { "-CONT" };
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    async fn answers(&mut self) {
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "a server that does not listen on {}", self.port);
            assert_eq!(self.process.try_wait().unwrap(), None, "a server that ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Three masters that share the slots.
pub(super) async fn cluster() -> Option<Vec<Server>> {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(member().await?);
    }
    for (index, (server, _)) in servers.iter().enumerate() {
        let from = (index * 5_462).to_string();
        let to = (index * 5_462 + 5_461).min(16_383).to_string();
        server.tell(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]).await;
        let epoch = (index + 1).to_string();
        server.tell(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
        for (other, bus) in &servers[..index] {
            server.tell(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), bus]).await;
        }
    }
    let servers: Vec<Server> = servers.into_iter().map(|(server, _)| server).collect();
    for server in &servers {
        until("the cluster is whole", async || {
            let info: String = server.ask(&["CLUSTER", "INFO"]).await.unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
        .await;
    }
    Some(servers)
}

/// A server that may become a part of a cluster, and its port for the others.
async fn member() -> Option<(Server, String)> {
    let bus = free_port().to_string();
    let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000"];
    Some((Server::start(&arguments).await?, bus))
}

/// A replica of a cluster's master that is in step with it, and would take its place.
pub(super) async fn replica_of(master: &Server) -> Server {
    let (replica, bus) = member().await.expect("a server as there are others");
    master.tell(&["CLUSTER", "MEET", "127.0.0.1", &replica.port.to_string(), &bus]).await;
    let id: String = master.ask(&["CLUSTER", "MYID"]).await.unwrap();
    until("the replica knows its master", async || {
        replica.ask::<redis::Value>(&["CLUSTER", "REPLICATE", &id]).await.is_ok()
    })
    .await;
    until("the replica follows", async || {
        let info: String = replica.ask(&["INFO", "replication"]).await.unwrap();
        info.contains("master_link_status:up")
    })
    .await;
    replica
}

/// Settings for these servers.
pub(super) fn settings(urls: Vec<String>) -> RedisHotSettings {
    let prefix = format!("test-{}", std::process::id());
    RedisHotSettings { urls, prefix, call_ms_max: 2_000, ..RedisHotSettings::default() }
}

/// A store that is connected.
pub(super) async fn connected(settings: &RedisHotSettings) -> Arc<RedisHot> {
    let hot = RedisHot::open(settings).unwrap();
    tokio::time::timeout(PATIENCE, hot.connected()).await.expect("a server that takes connections");
    Arc::new(hot)
}

/// Waits until this is so.
pub(super) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what they did not do")]
fn is_installed() -> bool {
    let version = Command::new("redis-server").arg("--version").output();
    let is_installed = version.is_ok_and(|version| version.status.success());
    if !is_installed {
        eprintln!("SKIPPED: no Redis server, set PLAYHEAD_TEST_REDIS or install redis-server");
        let required = std::env::var("PLAYHEAD_TEST_SERVICES").is_ok_and(|value| value == "required");
        assert!(!required, "PLAYHEAD_TEST_SERVICES is required, and there is no redis-server");
    }
    is_installed
}

fn spawn(dir: &TempDir, port: u16, arguments: &Vec<String>) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
        .args(arguments)
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A port that no other test was given, nor the system gives to a connection: a server that is to listen on it later, or
/// again, still can.
pub(super) fn free_port() -> u16 {
    // Two checkouts that test at once should not look at the same ports first.
    static NEXT: LazyLock<AtomicU16> =
        LazyLock::new(|| AtomicU16::new((std::process::id() % 500) as u16 * 12));
    let ports = std::iter::repeat_with(|| FIRST_PORT + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.take(PORTS.into()).find(is_free).expect("a free port")
}

#[test]
fn a_port_is_given_once_and_never_by_the_system() {
    let ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
    assert!(ports.iter().all(|port| (FIRST_PORT..SYSTEM_PORTS).contains(port)), "{ports:?}");
    assert_eq!(ports.iter().collect::<HashSet<_>>().len(), ports.len(), "{ports:?}");
}

/// Behind those of `cargo xtask services`.
const FIRST_PORT: u16 = 26_000;
/// Where Linux begins to give ports to connections.
const SYSTEM_PORTS: u16 = 32_768;
const PORTS: u16 = SYSTEM_PORTS - FIRST_PORT;

/// How long anything may take that does happen in the end.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
