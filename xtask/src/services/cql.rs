//! The CQL server: Apache Cassandra, a small node or three of them.

use std::{fmt::Write, fs, net::Ipv4Addr, path::Path, process::Command, time::Duration};

use super::{
    Folder, Options, Trouble, certificate, jars,
    ports::{self, address},
    recipe::Recipe,
    state::State,
};

/// Starts its nodes and waits until they answer.
pub(super) fn start(folder: &Folder, options: Options, state: &mut State) -> Result<(), Trouble> {
    let room = if options.cql_roomy { ROOMY } else { SMALL };
    let (mut nodes, points) = nodes(folder, &jars::cassandra(folder)?, options.cql_nodes, room)?;
    let mut started = Vec::new();
    for node in &mut nodes {
        let process = node.start()?;
        state.add(folder, process.clone())?;
        // The others look for the first one.
        if started.is_empty() {
            node.ready(&process)?;
        }
        started.push(process);
    }
    nodes.iter().zip(&started).try_for_each(|(node, process)| node.ready(process))?;
    state.export(folder, "PLAYHEAD_TEST_CQL", points.join(","))?;
    if options.cql_secure { start_secure(folder, state) } else { Ok(()) }
}

/// Starts one more that wants a password and speaks TLS alone, with a certificate of its own making.
fn start_secure(folder: &Folder, state: &mut State) -> Result<(), Trouble> {
    let [cql, storage] = ports::free::<2>(1)?;
    let place = Place { number: 1, of: 1, cql, storage };
    let mut node = node(folder, &jars::cassandra(folder)?, SECURE, place, SMALL, secured)?;
    let certificate = certificate::make(&folder.0.join(SECURE))?;
    let process = node.start()?;
    state.add(folder, process.clone())?;
    node.ready(&process)?;
    state.export(folder, "PLAYHEAD_TEST_CQL_SECURE", format!("{}:{cql}", address(1)))?;
    state.export(folder, "PLAYHEAD_TEST_CQL_CA", certificate.display().to_string())
}

/// So many nodes that are to be one cluster, each with an empty home, and where they will be.
pub(super) fn nodes(
    folder: &Folder,
    jars: &Path,
    count: u8,
    room: Room,
) -> Result<(Vec<Recipe>, Vec<String>), Trouble> {
    let [cql, storage] = ports::free::<2>(count)?;
    let mut nodes = Vec::new();
    for number in 1..=count {
        let place = Place { number, of: count, cql, storage };
        nodes.push(node(folder, jars, &format!("cql-{number}"), place, room, |_| String::new())?);
    }
    Ok((nodes, (1..=count).map(|node| format!("{}:{cql}", address(node))).collect()))
}

/// A node's place in its cluster, and its ports.
#[derive(Debug, Clone, Copy)]
struct Place {
    number: u8,
    of: u8,
    cql: u16,
    storage: u16,
}

/// How much a node may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// What its machine is told.
    java: &'static str,
    /// What its configuration says of it.
    yaml: &'static str,
}

/// A node with an empty home.
fn node(
    folder: &Folder,
    jars: &Path,
    name: &str,
    place: Place,
    room: Room,
    more: fn(&Path) -> String,
) -> Result<Recipe, Trouble> {
    let home = folder.fresh(name)?;
    let written = fs::write(home.join("cassandra.yaml"), yaml(&home, place) + room.yaml + &more(&home));
    let written = written.and_then(|()| fs::write(home.join("logback.xml"), LOGBACK));
    written.map_err(|error| Trouble::Failed(format!("{}: {error}", home.display())))?;
    let command = java(jars, &home, place.of, room);
    Ok(Recipe { name: name.to_owned(), command, log: home.join("log"), ready: READY, patience: PATIENCE })
}

fn java(jars: &Path, home: &Path, nodes: u8, room: Room) -> Command {
    let mut java = Command::new("java");
    java.args(room.java.split_whitespace()).arg("-Djdk.attach.allowAttachSelf=true");
    for (kind, list) in [("exports", EXPORTS), ("opens", OPENS)] {
        java.args(list.split_whitespace().map(|package| format!("--add-{kind}={package}=ALL-UNNAMED")));
    }
    // Several nodes tell each other of themselves before they go on.
    let ring_delay_ms = if nodes == 1 { 0 } else { 2_000 };
    let at = |file: &str| home.join(file).display().to_string();
    java.arg(format!("-Dcassandra.config=file://{}", at("cassandra.yaml")));
    java.arg(format!("-Dlogback.configurationFile={}", at("logback.xml")));
    java.arg(format!("-Dcassandra.storagedir={}", home.display()));
    java.arg(format!("-Dcassandra.ring_delay_ms={ring_delay_ms}"));
    java.args(["-Dcassandra-foreground=yes", "-Dcassandra.superuser_setup_delay_ms=0"]);
    java.args(["-Dcassandra.skip_wait_for_gossip_to_settle=0", "-Dcassandra.consistent.rangemovement=false"]);
    java.arg("-cp").arg(format!("{}/*", jars.display())).arg("org.apache.cassandra.service.CassandraDaemon");
    java
}

fn yaml(home: &Path, place: Place) -> String {
    let Place { number, of, cql, storage } = place;
    let mut yaml = FIXED.to_owned();
    let own: Ipv4Addr = address(number);
    for (key, folder) in FOLDERS {
        let _ = writeln!(yaml, "{key}: {}", home.join(folder).display());
    }
    let _ = writeln!(yaml, "data_file_directories: [{}]", home.join("data").display());
    let _ = writeln!(yaml, "listen_address: {own}\nrpc_address: {own}");
    let _ = writeln!(yaml, "native_transport_port: {cql}\nstorage_port: {storage}");
    let _ = writeln!(yaml, "initial_token: {}", token(number, of));
    yaml
}

/// What a server says besides that wants a password and speaks TLS alone.
fn secured(home: &Path) -> String {
    let keys = home.join(certificate::KEYS);
    format!(
        "authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\nclient_encryption_options: \
         {{enabled: true, optional: false, keystore: {}, keystore_password: {}, store_type: PKCS12}}\n",
        keys.display(),
        certificate::PASSWORD,
    )
}

/// Where a node's part of the ring begins: all parts are equal.
fn token(node: u8, nodes: u8) -> i128 {
    i128::from(i64::MIN) + (i128::from(node) - 1) * (1 << 64) / i128::from(nodes)
}

/// What a node says when it takes CQL.
const READY: &str = "Startup complete";
/// 7 s as a rule; a busy machine takes longer, one with two other nodes that write some minutes.
const PATIENCE: Duration = Duration::from_secs(300);

const FOLDERS: [(&str, &str); 4] = [
    ("commitlog_directory", "commitlog"),
    ("saved_caches_directory", "saved_caches"),
    ("hints_directory", "hints"),
    ("cdc_raw_directory", "cdc_raw"),
];

/// As little as a test needs.
pub(super) const SMALL: Room = Room {
    java: "-Xms512m -Xmx512m -XX:+UseSerialGC",
    yaml: "memtable_heap_space: 64MiB\nmemtable_offheap_space: 64MiB\nkey_cache_size: 8MiB\n",
};
/// A small server's, with a million accounts in it: transactions as new clusters are advised to make them, and no more
/// threads than two cores feed, where as many as a large machine's spend their time on handing over.
const ROOMY: Room = Room {
    java: "-Xms4g -Xmx4g -XX:+UseParallelGC -XX:ParallelGCThreads=2",
    yaml: "memtable_heap_space: 1GiB\nmemtable_offheap_space: 1GiB\nmemtable_allocation_type: offheap_objects\n\
           key_cache_size: 128MiB\nconcurrent_compactors: 1\ncompaction_throughput: 32MiB/s\n\
           paxos_variant: v2\nnative_transport_max_threads: 16\nconcurrent_reads: 8\nconcurrent_writes: 8\n",
};

const FIXED: &str = "\
cluster_name: playhead
num_tokens: 1
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
commitlog_sync: periodic
commitlog_sync_period: 1000ms
auto_snapshot: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: 127.0.0.1
";

const SECURE: &str = "cql-secure";

const LOGBACK: &str = "\
<configuration>
  <appender name=\"OUT\" class=\"ch.qos.logback.core.ConsoleAppender\">
    <encoder><pattern>%date %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level=\"INFO\"><appender-ref ref=\"OUT\"/></root>
</configuration>
";

// What Cassandra's own options for Java 17 open to it.
const EXPORTS: &str = "java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch \
    java.base/java.lang.ref java.base/java.lang.reflect java.management.rmi/com.sun.jmx.remote.internal.rmi \
    java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.sql/java.sql jdk.unsupported/sun.misc";
const OPENS: &str = "java.base/java.lang java.base/java.lang.module java.base/java.lang.reflect java.base/java.io \
    java.base/java.net java.base/java.nio java.base/java.util java.base/java.util.concurrent \
    java.base/java.util.concurrent.atomic java.base/java.math java.base/sun.nio.ch java.base/jdk.internal.loader \
    java.base/jdk.internal.ref java.base/jdk.internal.reflect java.base/jdk.internal.math \
    java.base/jdk.internal.module java.base/jdk.internal.util.jar jdk.management/com.sun.management.internal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_shared_equally() {
        assert_eq!(token(1, 1), i128::from(i64::MIN));
        let parts = [1, 2, 3].map(|node| token(node, 3));
        assert_eq!(
            parts,
            [-9_223_372_036_854_775_808, -3_074_457_345_618_258_603, 3_074_457_345_618_258_602]
        );
    }
}
