//! Who may know whom: DESIGN.md section 3 as a table. A name is looked for in every path that the code mentions, made
//! whole first (see [`path`]); tests may reach further than what they test, so they are not held.

use super::Finding;
use crate::source::{Source, path};

mod seam;

use seam::{NONE, Seam};

const SEAMS: &[Seam] = &[
    // The edges.
    Seam {
        rule: "an-edge-knows-intake",
        reason: "an edge turns bytes into types and offers them to the intake; what lies behind is none of its business",
        within: &["ingest/src/edge"],
        names: &["crate::*"],
        // What is offered, and what the answers are made of.
        but: &[
            "crate::admission",
            "crate::leases",
            "crate::live::OpenStream",
            "crate::live::Opening",
            "crate::live::Playing",
            "crate::live::Session",
            "crate::settings::Limits",
            "crate::edge",
            "crate::identity",
            "crate::intake",
            "crate::page",
            "crate::playback",
            "crate::tally",
            "crate::ticket",
            "crate::tls",
        ],
        ..NONE
    },
    Seam {
        rule: "an-edge-knows-no-store",
        reason: "an edge uses the store's nouns, never its seams: reads go through `playback`, writes through `intake`",
        within: &["ingest/src/edge"],
        names: &["playhead_store::durable", "playhead_store::hot"],
        but: &["playhead_store::hot::Verdict"],
        ..NONE
    },
    Seam {
        rule: "grpc-knows-no-other-edge",
        reason: "edges share `edge::wire` and nothing else",
        within: &["ingest/src/edge/grpc"],
        names: &["crate::edge::http*", "crate::edge::quic*"],
        ..NONE
    },
    Seam {
        rule: "http-knows-no-other-edge",
        reason: "edges share `edge::wire` and nothing else",
        within: &["ingest/src/edge/http"],
        names: &["crate::edge::grpc*", "crate::edge::quic*"],
        ..NONE
    },
    Seam {
        rule: "quic-knows-no-other-edge",
        reason: "edges share `edge::wire` and nothing else",
        within: &["ingest/src/edge/quic"],
        names: &["crate::edge::grpc*", "crate::edge::http*"],
        ..NONE
    },
    // Network crates, each in its edge, in the binary that wires them up, and in the client that plays the viewers.
    Seam {
        rule: "tonic-in-grpc",
        reason: "only the gRPC edge and the gRPC files of the catalog speak gRPC",
        names: &["tonic", "tonic_*"],
        only_in: &[
            "ingest/src/edge/grpc",
            "catalog/src/grpc",
            "catalog/src/edge/grpc",
            // Generates the service that reads its messages in place.
            "ingest/build.rs",
            "catalog/build.rs",
            "proto/",
            "client/src/transport/grpc",
            "import/src/send/grpc",
            "playhead/",
            "bench/",
            "load-tests/",
        ],
        ..NONE
    },
    Seam {
        rule: "quinn-in-quic",
        reason: "only the QUIC edge speaks QUIC, and WebTransport is a part of it",
        names: &["quinn", "quinn_*", "web_transport_*"],
        only_in: &["ingest/src/edge/quic", "playhead/", "bench/", "client/src/transport/quic", "load-tests/"],
        ..NONE
    },
    Seam {
        rule: "hyper-in-http",
        reason: "only the HTTP edge speaks HTTP, and the binary's admin pages",
        names: &["axum", "axum_*", "hyper", "hyper_util", "tower_http"],
        // The gRPC edge answers browsers too.
        but: &["tower_http::cors"],
        only_in: &["ingest/src/edge/http", "client/src/transport/grpc", "playhead/", "bench/", "load-tests/"],
        ..NONE
    },
    // The wire.
    Seam {
        rule: "generated-types-in-wire",
        reason: "generated types stop at the wire files, so that a change of the wire touches no rule",
        names: &["playhead_proto"],
        only_in: &[
            "ingest/src/edge/wire",
            "ingest/src/edge/grpc",
            "catalog/src/wire",
            "catalog/src/grpc",
            // Reads the names of the rpcs.
            "catalog/build.rs",
            "client/",
            // Makes them of rows, and sends them.
            "import/src/row",
            "import/src/noun",
            "import/src/send/grpc",
            "playhead/src/demo",
            "bench/",
            "load-tests/",
        ],
        ..NONE
    },
    Seam {
        rule: "proto-knows-no-one",
        reason: "the proto crate is generated code and nothing else",
        within: &["proto/"],
        names: &["playhead_*"],
        ..NONE
    },
    // The journal.
    Seam {
        rule: "the-journal-knows-bytes",
        reason: "the journal knows records and files, nothing of what they mean",
        within: &["ingest/src/journal"],
        names: &["crate::*", "playhead_store", "playhead_proto", "prost", "serde", "serde_json"],
        but: &["crate::journal"],
        ..NONE
    },
    Seam {
        rule: "the-journal-is-plain-code",
        reason: "the journal's callers choose the thread and read the clock",
        within: &["ingest/src/journal"],
        names: &["tokio", "futures_util", "async_trait"],
        ..NONE
    },
    Seam {
        rule: "files-behind-the-disk",
        reason: "the journal touches files through `Disk` alone, so that a simulated disk can fail in every way",
        within: &["ingest/"],
        names: &["std::fs", "std::os", "tokio::fs", "rustix"],
        // A certificate and its key are files of the operator's.
        only_in: &["ingest/src/journal/disk", "ingest/src/tls"],
        ..NONE
    },
    // The catalog.
    Seam {
        rule: "the-catalog-knows-who-is-asking",
        reason: "the catalog asks who is asking, what time it is, and for a slot and a place; and is served as the engine is",
        within: &["catalog/"],
        names: &["playhead_ingest"],
        but: &["playhead_ingest::identity", "playhead_ingest::edge", "playhead_ingest::button"],
        ..NONE
    },
    // The client.
    Seam {
        rule: "the-clients-rules-are-plain",
        reason: "what a session holds, sends and repeats is decided without clock, network or files; its task has those",
        within: &["client/src/window", "client/src/beats", "client/src/frames", "client/src/session/core"],
        names: &["tokio", "quinn", "tonic", "std::fs", "std::net", "rand"],
        ..NONE
    },
    // The stores.
    Seam {
        rule: "the-store-knows-no-one",
        reason: "nouns, rules and backends are the ground that all else stands on",
        within: &["store/"],
        names: &["playhead_ingest", "playhead_proto", "playhead_catalog", "prost", "tonic"],
        ..NONE
    },
    Seam {
        rule: "fjall-in-embedded",
        reason: "one file family knows each backend",
        names: &["fjall", "lsm_tree"],
        // Benches hold the backend against what lies under it.
        only_in: &["store/src/durable/embedded", "bench/"],
        ..NONE
    },
    Seam {
        rule: "scylla-in-its-backend",
        reason: "one file family knows each backend",
        names: &["scylla", "scylla_*"],
        // And what it is held against.
        only_in: &["store/src/durable/scylla", "bench/limits/src/cql_loop"],
        ..NONE
    },
    Seam {
        rule: "redis-in-its-backend",
        reason: "one file family knows each backend",
        names: &["redis"],
        only_in: &["store/src/hot/redis"],
        ..NONE
    },
    Seam {
        rule: "embedded-knows-no-sibling",
        reason: "sibling backends never import each other: what they share belongs to the seam above them",
        within: &["store/src/durable/embedded", "store/src/hot/embedded"],
        names: &["crate::durable::scylla*", "crate::hot::redis*"],
        ..NONE
    },
    Seam {
        rule: "scylla-knows-no-sibling",
        reason: "sibling backends never import each other: what they share belongs to the seam above them",
        within: &["store/src/durable/scylla"],
        names: &["crate::durable::embedded*", "crate::hot::*"],
        ..NONE
    },
    Seam {
        rule: "redis-knows-no-sibling",
        reason: "sibling backends never import each other: what they share belongs to the seam above them",
        within: &["store/src/hot/redis"],
        names: &["crate::hot::embedded*", "crate::durable::*"],
        ..NONE
    },
    Seam {
        rule: "backends-are-chosen-once",
        reason: "the binary chooses the backends; the engine has `Arc<dyn ...>` and never asks which",
        within: &["ingest/", "catalog/"],
        names: &[
            "playhead_store::durable::embedded*",
            "playhead_store::durable::scylla*",
            "playhead_store::hot::embedded*",
            "playhead_store::hot::redis*",
        ],
        ..NONE
    },
    // What the world lends us.
    Seam {
        rule: "config-reads-the-environment",
        reason: "a setting has one door, where it is checked and named",
        names: &["std::env::var*", "std::env::set_var", "std::env::remove_var"],
        only_in: &["playhead/src/config", "proto/build.rs", "xtask/"],
        ..NONE
    },
    Seam {
        rule: "edges-and-loops-read-the-clock",
        reason: "rules take `now` as an argument, so that a replay gives the same values",
        names: &["std::time::Instant::now", "std::time::SystemTime::now", "tokio::time::Instant::now"],
        only_in: &[
            "ingest/src/edge",
            "ingest/src/commit",
            "ingest/src/flush",
            "ingest/src/catch_up.rs",
            // The flush before the first commit.
            "ingest/src/recovery.rs",
            "ingest/src/engine.rs",
            // Many writes cost one commit of the index.
            "catalog/src/search.rs",
            "client/src/session.rs",
            "client/src/session/drive",
            "playhead/",
            "bench/",
            "load-tests/",
            "xtask/",
        ],
        ..NONE
    },
    Seam {
        rule: "rules-throw-no-dice",
        reason: "chance comes in as an argument, so that a seed repeats a run",
        within: &["store/", "ingest/"],
        names: &["rand::rng", "rand::random*", "rand::thread_rng"],
        only_in: &["ingest/src/edge", "ingest/src/commit", "ingest/src/flush"],
        ..NONE
    },
];

/// Finds what a file mentions and must not.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let seams: Vec<&Seam> = SEAMS.iter().filter(|seam| seam.holds(&source.path)).collect();
    let mut findings = Vec::new();
    for mention in path::mentions(&source.code, &source.module()) {
        if source.is_test(mention.line) {
            continue;
        }
        for seam in seams.iter().filter(|seam| seam.forbids(&mention.path)) {
            let text = format!("`{}`: {}", mention.path, seam.reason);
            findings.push(Finding { path: source.path.clone(), line: mention.line, rule: seam.rule, text });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each seam a file that breaks it, and the code that does.
    const BROKEN: &[(&str, &str, &str)] = &[
        ("an-edge-knows-intake", "ingest/src/edge/http.rs", "use crate::shard::Shard;"),
        (
            "an-edge-knows-no-store",
            "ingest/src/edge/http.rs",
            "use playhead_store::{durable::Durable, event::Event};",
        ),
        ("grpc-knows-no-other-edge", "ingest/src/edge/grpc.rs", "use super::http::body;"),
        ("http-knows-no-other-edge", "ingest/src/edge/http/beacon.rs", "use crate::edge::grpc::x;"),
        ("quic-knows-no-other-edge", "ingest/src/edge/quic.rs", "use crate::edge::{grpc, wire};"),
        ("tonic-in-grpc", "ingest/src/intake.rs", "fn f() -> tonic_types::Status {}"),
        ("quinn-in-quic", "ingest/src/edge/http.rs", "use quinn::Endpoint;"),
        ("hyper-in-http", "ingest/src/edge/grpc.rs", "use axum::Router;"),
        ("generated-types-in-wire", "ingest/src/admission.rs", "use playhead_proto::ingest::v1::Event;"),
        ("proto-knows-no-one", "proto/src/lib.rs", "use playhead_store::Event;"),
        ("the-journal-knows-bytes", "ingest/src/journal/record.rs", "use super::super::shard::Shard;"),
        ("the-journal-is-plain-code", "ingest/src/journal/writer.rs", "use tokio::sync::mpsc;"),
        ("files-behind-the-disk", "ingest/src/journal/writer.rs", "use std::{fs::File, io};"),
        ("the-catalog-knows-who-is-asking", "catalog/src/items.rs", "use playhead_ingest::engine::Engine;"),
        ("the-clients-rules-are-plain", "client/src/window.rs", "use tokio::time::sleep;"),
        ("the-store-knows-no-one", "store/src/event.rs", "use playhead_proto::ingest::v1::Event;"),
        ("fjall-in-embedded", "store/src/codec.rs", "use fjall::Keyspace as K;"),
        ("scylla-in-its-backend", "store/src/durable/embedded.rs", "use scylla::client::Session;"),
        ("redis-in-its-backend", "store/src/durable/scylla.rs", "redis::Client::open(\"\")"),
        ("embedded-knows-no-sibling", "store/src/hot/embedded.rs", "use super::redis::Script;"),
        ("scylla-knows-no-sibling", "store/src/durable/scylla/rows.rs", "use crate::durable::embedded;"),
        ("redis-knows-no-sibling", "store/src/hot/redis.rs", "use super::embedded::Map;"),
        (
            "backends-are-chosen-once",
            "ingest/src/flush.rs",
            "use playhead_store::durable::embedded::Embedded;",
        ),
        (
            "config-reads-the-environment",
            "playhead/src/main.rs",
            "use std::env;\nfn f() { env::var_os(\"A\"); }",
        ),
        (
            "edges-and-loops-read-the-clock",
            "store/src/clock.rs",
            "use std::time::SystemTime as T;\nfn f() { T::now(); }",
        ),
        ("rules-throw-no-dice", "ingest/src/admission.rs", "fn f() { rand::random_range(0..9); }"),
    ];

    fn rules(file: &str, code: &str) -> Vec<&'static str> {
        check(&Source::new(file, code)).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn each_seam_can_be_broken() {
        for (rule, file, code) in BROKEN {
            assert!(rules(file, code).contains(rule), "{rule} does not see {code:?} in {file}");
        }
        for seam in SEAMS {
            assert!(BROKEN.iter().any(|(rule, _, _)| *rule == seam.rule), "no case breaks {}", seam.rule);
        }
    }

    #[test]
    fn what_a_seam_allows_passes() {
        let allowed = [
            ("ingest/src/edge/grpc.rs", "use crate::{edge::wire, intake::Intake};\nuse tonic::Status;"),
            ("ingest/src/edge/wire.rs", "use playhead_proto::ingest::v1::Event;"),
            ("ingest/src/journal/disk.rs", "use std::fs::File;\nuse crate::journal::Settings;"),
            (
                "ingest/src/flush.rs",
                "fn f() { tokio::time::Instant::now(); playhead_store::durable::Durable::write(); }",
            ),
            ("store/src/durable/embedded/keys.rs", "use fjall::Keyspace;"),
            ("playhead/src/config.rs", "fn f() { std::env::var(\"A\"); }"),
            ("playhead/src/main.rs", "fn f() { std::env::args(); }"),
        ];
        for (file, code) in allowed {
            assert_eq!(rules(file, code), Vec::<&str>::new(), "{file}: {code}");
        }
    }

    #[test]
    fn words_that_only_look_alike_pass() {
        let innocent = "// use redis::Client;\nlet redis = \"redis::Client\";\nlet a = crate::hot::redis;\nuse tonics::A;";
        assert_eq!(rules("store/src/codec.rs", innocent), Vec::<&str>::new());
    }

    #[test]
    fn tests_may_reach_further() {
        let code =
            "#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n    fn f() { Instant::now(); }\n}\n";
        assert_eq!(rules("store/src/clock.rs", code), Vec::<&str>::new());
        assert_eq!(rules("ingest/tests/sim.rs", "fn f() { std::time::Instant::now(); }"), Vec::<&str>::new());
    }

    #[test]
    fn a_finding_names_its_line() {
        let found = check(&Source::new("store/src/codec.rs", "\n\nuse fjall::Keyspace;\n"));
        assert_eq!(found.first().map(|finding| finding.line), Some(3));
    }
}
