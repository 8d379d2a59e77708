use super::*;
use playhead_catalog::urls::Opens;
use playhead_ingest::settings::SpillSettings;

fn layers(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Layers, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playhead.toml");
    std::fs::write(&path, file).unwrap();
    let set = set.iter().map(|&setting| setting.to_owned()).collect();
    let flags = Flags { file: Some(path), set, named: Vec::new() };
    Layers::gather(&flags, environment.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())))
}

fn load_from(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Loaded, ConfigError> {
    check(layers(file, environment, set)?)
}

/// The error's text, with the temporary folder cut off.
fn refusal(file: &str, environment: &[(&str, &str)], set: &[&str]) -> String {
    let text = load_from(file, environment, set).unwrap_err().to_string();
    text.split_once("playhead.toml").map_or(text.clone(), |(_, rest)| format!("playhead.toml{rest}"))
}

#[test]
fn the_defaults_are_right() {
    let loaded = defaults().unwrap();
    assert_eq!(loaded.config.listen.grpc.to_string(), "127.0.0.1:7450");
    assert_eq!(loaded.config.data_dir, PathBuf::from("./playhead-data"));
    assert!(loaded.effective.iter().all(|read| read.source == Source::Default));
}

#[test]
fn every_wrong_value_names_key_value_range_and_source() {
    let address = "an IP address and a port, such as 127.0.0.1:7450 or [::1]:7450";
    let or_off = "off, or an IP address and a port, such as 127.0.0.1:7443 or [::1]:7443";
    for (setting, allowed) in [
        ("serve.role=both", "all or ingest or catalog"),
        ("catalog.cache_mb=0", "1 to 65536"),
        ("catalog.cache_ttl_ms=3600001", "0 to 3600000"),
        ("catalog.store_ms_max=9", "10 to 60000"),
        ("catalog.complete_by=time", "position or watched"),
        ("catalog.search_refresh_s=0", "1 to 86400"),
        ("catalog.session_token_s=59", "60 to 86400"),
        ("catalog.url_key_file=/nowhere", "a file that can be read: No such file or directory (os error 2)"),
        ("auth.session_key_file=/nowhere", "a file that can be read: No such file or directory (os error 2)"),
        ("catalog.url_key_name=a b", "1 to 64 letters, digits, - and _"),
        ("catalog.url_key_name=", "1 to 64 letters, digits, - and _"),
        ("catalog.url_s=604801", "60 to 604800"),
        ("catalog.url_opens=all", "file or folder"),
        ("catalog.country_header=X-Country", "at most 64 of a-z, 0-9 and -, not ending in -bin"),
        ("catalog.country_header=country-bin", "at most 64 of a-z, 0-9 and -, not ending in -bin"),
        ("listen.grpc=localhost", address),
        ("listen.http=127.0.0.1", address),
        ("listen.admin=:7490", address),
        ("listen.http=127.0.0.1:7450", "an address that listen.grpc does not have"),
        ("listen.quic=127.0.0.1", or_off),
        ("listen.insecure_non_loopback=yes", "true or false"),
        ("data.dir=", "the path of a folder"),
        ("engine.shards=0", "1 to 1024"),
        ("engine.shards=1025", "1 to 1024"),
        ("engine.shards=many", "1 to 1024"),
        ("engine.batch_events_max=0", "1 to 10000"),
        ("engine.shard_events_max=999", "1000 to 1000000"),
        ("engine.publish_sessions_max=-1", "1 to 10000"),
        ("engine.session_events_max=10000001", "1 to 10000000"),
        ("engine.sessions_max=0", "1 to 10000000"),
        ("engine.streams_per_user_max=0", "1 to 1000000"),
        ("engine.streams_per_device_max=0", "1 to 1000000"),
        ("engine.retry_after_ms=60001", "1 to 60000"),
        ("engine.open_ms_max=1001", "1 to 1000"),
        ("engine.next_beat_ms=999", "1000 to 600000"),
        ("engine.message_bytes_max=1023", "1024 to 67108864"),
        ("engine.flush_age_ms=60001", "0 to 60000"),
        ("engine.flush_events_max=1.5", "1 to 100000"),
        ("engine.commit_events_max=0", "1 to 100000"),
        ("engine.commit_distance_ms=101", "0 to 100"),
        ("engine.backlog_events_max=999", "1000 to 100000000"),
        ("engine.hot_ms_max=0", "1 to 1000"),
        ("engine.trim_every_ms=9", "10 to 3600000"),
        ("engine.session_idle_ms=999", "1000 to 86400000"),
        ("engine.memory_mb_max=15", "16 to 1048576"),
        ("journal.segment_mb=0", "1 to 1024"),
        (
            "journal.segment_mb=1",
            "25 or more: one commit has to fit (engine.commit_events_max, shard_events_max)",
        ),
        ("journal.segment_age_ms=99", "100 to 86400000"),
        ("journal.mode=away", "on or off"),
        ("journal.mode=off", "on, unless durable.backend is scylla"),
        ("journal.backlog_events_max=100000001", "0 to 100000000"),
        ("journal.backlog_mb_max=1", "2 to 1048576"),
        ("journal.backlog_mb_max=127", "128 or more: two segments (journal.segment_mb)"),
        ("journal.backlog_age_s_max=0", "1 to 2592000"),
        ("journal.catch_up_events_s_max=10000001", "0 to 10000000"),
        ("durable.backend=redis", "embedded or scylla"),
        ("durable.contact_points=127.0.0.1", POINTS),
        ("durable.contact_points=a:1,", POINTS),
        ("durable.keyspace=Play", "a small letter, then small letters, digits and _, at most 48"),
        ("durable.datacenter=", "the name of a datacenter of the cluster"),
        ("durable.replication=3", COPIES),
        ("durable.username=x", "nothing, unless there is durable.password_file"),
        ("durable.password_file=f", "nothing, unless there is durable.username"),
        ("durable.tls=on", "true or false"),
        ("durable.tls_ca_file=f", "nothing, unless durable.tls is true"),
        ("durable.retention_days=3651", "0 to 3650"),
        ("durable.requests_max=0", "1 to 4096"),
        ("durable.request_ms_max=99", "100 to 60000"),
        ("durable.settles_in_ms=-1", "0 to 3600000"),
        ("store.cache_mb=0", "1 to 65536"),
        ("store.write_buffer_mb=x", "1 to 65536"),
        ("store.session_cache_mb=0", "1 to 65536"),
        ("store.retention_days=36501", "0 to 36500"),
        ("rules.opening_ms=600001", "0 to 600000"),
        ("rules.watched_percent=0", "1 to 100"),
        ("rules.lesson.watched_percent=101", "1 to 100"),
        ("grpc.reflection=1", "true or false"),
        ("tls.certificate=chain.pem", "a PEM file, since there is tls.certificate"),
        ("tls.key=key.pem", "a PEM file, since there is tls.key"),
        ("tls.development=on", "true or false"),
        ("tls.development_names=a b", "DNS names or IP addresses, with commas between"),
        ("tls.reload_s=0", "1 to 86400"),
        ("edge.handshake_ms_max=99", "100 to 600000"),
        ("edge.headers_ms_max=0", "100 to 600000"),
        ("edge.write_ms_max=600001", "100 to 600000"),
        ("edge.call_ms_max=-1", "100 to 600000"),
        ("edge.body_ms_max=1", "100 to 600000"),
        ("edge.connections_max=0", "1 to 1000000"),
        ("edge.connections_per_address_max=0", "1 to 1000000"),
        ("edge.grpc_streams_max=201", "1 to 200"),
        ("auth.mode=none", "development or token"),
        ("auth.mode=Token", "development or token"),
        ("auth.keys_file=keys.json", UNLESS_TOKEN),
        ("auth.keys_url=https://id.example/keys", UNLESS_TOKEN),
        ("auth.keys_ca_file=ca.pem", UNLESS_TOKEN),
        ("auth.issuer=https://id.example", UNLESS_TOKEN),
        ("auth.audience=playhead", UNLESS_TOKEN),
        ("auth.hs256_secret_file=secret", UNLESS_TOKEN),
        ("auth.hs256_development=1", "true or false"),
        ("auth.hs256_development=true", "false, unless auth.mode is token"),
        ("auth.leeway_s=301", "0 to 300"),
        ("auth.keys_refresh_s=9", "10 to 86400"),
        ("edge.quic_streams_max=0", "1 to 200"),
        ("leases.streams_max=1001", "0 to 1000"),
        ("leases.at_limit=DENY", "DENY_NEWEST or EVICT_OLDEST"),
        ("leases.devices_max=-1", "0 to 1000"),
        ("leases.dry_run=1", "true or false"),
        ("leases.unanswered=open", "admit or deny"),
        ("leases.playing_beats=1", "2 to 100"),
        ("leases.paused_s=0", "1 to 86400"),
        ("leases.stuck_s=86401", "1 to 86400"),
        ("hot.backend=memcached", "embedded or redis"),
        ("hot.urls=http://a", playhead_store::hot::redis::URL_ALLOWED),
        ("hot.cluster=perhaps", "true or false"),
        ("hot.user=me", UNLESS_REDIS),
        ("hot.password=hunter2", UNLESS_REDIS),
        ("hot.password_file=/nowhere", "a file that can be read: No such file or directory (os error 2)"),
        ("hot.tls_ca_file=c", "nothing, unless hot.urls are rediss://"),
        ("hot.prefix={x}", "letters, digits, and any of - _ . : /, one at least"),
        ("hot.call_ms_max=9", "10 to 10000"),
        ("hot.connect_ms_max=49", "50 to 30000"),
        ("hot.calls_max=63", "64 to 1048576"),
        ("log.level=loud", LEVELS_ALLOWED),
        ("log.level=info,playhead=loud", LEVELS_ALLOWED),
        ("log.format=xml", "text or json"),
    ] {
        let (key, value) = setting.split_once('=').unwrap();
        let refused = refusal("", &[], &[setting]);
        // Half of a pair is blamed on the half that is missing.
        let (key, value, said_by) = match key {
            "tls.certificate" => ("tls.key", "", "default".to_owned()),
            "tls.key" => ("tls.certificate", "", "default".to_owned()),
            "hot.password" => (key, "(hidden)", format!("--set {key}")),
            _ => (key, value, format!("--set {key}")),
        };
        assert_eq!(refused, format!("{said_by}: {key} is {value:?}; allowed is {allowed}"));
    }
}

const POINTS: &str = "host:port, with commas between, such as 10.0.0.1:9042,10.0.0.2:9042";
const COPIES: &str = "datacenter:copies, with commas between, such as datacenter1:3; copies are 1 to 9";
const UNLESS_REDIS: &str = "nothing, unless hot.backend is redis";
const UNLESS_TOKEN: &str = "nothing, unless auth.mode is token";

#[test]
fn tokens_need_an_issuer_an_audience_and_one_place_for_their_keys() {
    let base = "[auth]\nmode = \"token\"\nissuer = \"i\"\naudience = \"a\"\n";
    let refused = |key: &str, value: &str, more: &[&str]| {
        let refused = refusal(base, &[], more);
        assert!(refused.contains(&format!("auth.{key} is {value:?}; allowed is ")), "{refused}");
    };
    refused("issuer", "", &["auth.issuer="]);
    refused("audience", "", &["auth.audience="]);
    refused("keys_file", "", &[]);
    refused("keys_file", "f", &["auth.keys_file=f", "auth.keys_url=https://id.example/keys"]);
    refused(
        "keys_file",
        "f",
        &["auth.keys_file=f", "auth.hs256_secret_file=s", "auth.hs256_development=true"],
    );
    refused("keys_ca_file", "c", &["auth.keys_file=f", "auth.keys_ca_file=c"]);
    refused("hs256_secret_file", "s", &["auth.hs256_secret_file=s"]);
    for url in [
        "http://id.example/keys",
        "ftp://id.example/keys",
        "id.example",
        "https:///keys",
        "http://10.0.0.1/k",
    ] {
        refused("keys_url", url, &[&format!("auth.keys_url={url}")]);
    }
    for url in
        ["https://id.example/keys", "http://127.0.0.1:8000/keys", "http://[::1]/keys", "http://localhost/k"]
    {
        let loaded = load_from(base, &[], &[&format!("auth.keys_url={url}")]).unwrap();
        let AuthSettings::Token(settings) = loaded.config.auth else { panic!() };
        assert_eq!(settings.keys, KeysAt::Url { url: url.parse().unwrap(), ca_file: None });
        assert_eq!((settings.rules.leeway_s, settings.keys_refresh_s), (30, 300));
    }
    load_from(base, &[], &["auth.hs256_secret_file=s", "auth.hs256_development=true"]).unwrap();
}

#[test]
fn beyond_loopback_an_edge_needs_tokens_and_encryption() {
    let tokens = ["auth.mode=token", "auth.issuer=i", "auth.audience=a"];
    let (file, tls) = (["auth.keys_file=f"], ["tls.certificate=c", "tls.key=k"]);
    let secret = ["auth.hs256_secret_file=s", "auth.hs256_development=true"];
    for listener in ["grpc", "http"] {
        let open = format!("listen.{listener}=0.0.0.0:9000");
        let with = |parts: &[&[&str]]| {
            let set: Vec<&str> = parts.concat().into_iter().chain([open.as_str()]).collect();
            load_from("", &[], &set).map(|_| ()).map_err(|error| error.to_string())
        };
        with(&[&tokens, &file, &tls]).unwrap();
        assert!(with(&[&tokens, &file]).unwrap_err().contains("nothing is encrypted"));
        assert!(with(&[&tls]).unwrap_err().contains("believes every caller"));
        assert!(with(&[&tokens, &secret, &tls]).unwrap_err().contains("HS256"));
        with(&[&tokens, &file, &["listen.insecure_non_loopback=true"]]).unwrap();
    }
    let all: Vec<&str> = [&tokens[..], &file, &tls, &["listen.admin=0.0.0.0:9000"]].concat();
    assert!(refusal("", &[], &all).contains("the admin port asks nobody"));
}

#[test]
fn every_key_was_tried_with_a_wrong_value() {
    let source = include_str!("tests.rs");
    for read in defaults().unwrap().effective.iter().filter(|read| !read.key.starts_with("rules.")) {
        assert!(source.contains(&format!("(\"{}=", read.key)), "{} has no case above", read.key);
    }
}

#[test]
fn a_listener_beyond_loopback_must_be_asked_for_by_name() {
    for listener in ["grpc", "http", "quic", "admin"] {
        let open = format!("listen.{listener}=0.0.0.0:9000");
        let refused = refusal("", &[], &[&open]);
        assert!(refused.contains(&format!("listen.{listener} is \"0.0.0.0:9000\"")), "{refused}");
        assert!(refused.contains("listen.insecure_non_loopback = true"), "{refused}");
        let asked = [&*open, "listen.insecure_non_loopback=true", "tls.development=true"];
        let allowed = load_from("", &[], &asked).unwrap();
        assert!(allowed.config.listen.insecure_non_loopback);
    }
    load_from("", &[], &["listen.http=[::1]:9000"]).unwrap();
}

#[test]
fn quic_is_on_can_be_off_and_leaves_the_machine_with_a_certificate_only() {
    assert_eq!(defaults().unwrap().config.listen.quic, Some(([127, 0, 0, 1], 7443).into()));
    assert_eq!(load_from("", &[], &["listen.quic=off"]).unwrap().config.listen.quic, None);
    let refused = refusal("", &[], &["listen.quic=0.0.0.0:7443", "listen.insecure_non_loopback=true"]);
    let allowed =
        "a loopback address or off, unless there are tls.certificate and tls.key, or tls.development";
    let expect = format!("--set listen.quic: listen.quic is \"0.0.0.0:7443\"; allowed is {allowed}");
    assert_eq!(refused, expect);
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let file = "[engine]\nshards = 2\nhot_ms_max = 20\nopen_ms_max = 20\n";
    let environment = [("PLAYHEAD_ENGINE_SHARDS", "3"), ("PLAYHEAD_ENGINE_HOT_MS_MAX", "30")];
    let loaded = load_from(file, &environment, &["engine.shards=4"]).unwrap();
    let engine = &loaded.config.engine;
    assert_eq!((engine.limits.shards, engine.hot_ms_max, engine.limits.open_ms_max), (4, 30, 20));
    assert_eq!(engine.trim_every_ms, Settings::default().trim_every_ms);
    let source = |key: &str| loaded.effective.iter().find(|read| read.key == key).unwrap().source.to_string();
    assert_eq!(source("engine.shards"), "--set engine.shards");
    assert_eq!(source("engine.hot_ms_max"), "environment PLAYHEAD_ENGINE_HOT_MS_MAX");
    assert!(source("engine.open_ms_max").ends_with("playhead.toml:4"), "{}", source("engine.open_ms_max"));
    assert_eq!(source("engine.trim_every_ms"), "default");
}

#[test]
fn a_named_flag_says_its_own_name() {
    let flags = Flags { named: vec![("--grpc", "listen.grpc", "nowhere".into())], ..Flags::default() };
    let refused = check(Layers::gather(&flags, std::iter::empty()).unwrap()).unwrap_err().to_string();
    assert!(refused.starts_with("--grpc: listen.grpc is \"nowhere\""), "{refused}");
}

#[test]
fn file_and_environment_name_their_place() {
    let refused = refusal("# a comment\n\n[engine]\nshards = 0\n", &[], &[]);
    assert_eq!(refused, "playhead.toml:4: engine.shards is \"0\"; allowed is 1 to 1024");
    let refused = refusal("", &[("PLAYHEAD_GRPC_REFLECTION", "on")], &[]);
    assert_eq!(
        refused,
        "environment PLAYHEAD_GRPC_REFLECTION: grpc.reflection is \"on\"; allowed is true or false"
    );
    let refused = refusal("[listen]\nhttp = [1]\n", &[], &[]);
    assert_eq!(
        refused,
        "playhead.toml:2: listen.http is \"[1]\"; allowed is a text, a whole number, true or false"
    );
    let refused = refusal("[engine\n", &[], &[]);
    assert!(refused.starts_with("playhead.toml:1: not TOML: "), "{refused}");
}

#[test]
fn an_unknown_key_is_refused_with_the_keys_that_there_are() {
    let refused = refusal("[journal]\nsegment_kb = 4\n", &[], &[]);
    let allowed = "allowed is in [journal] mode, segment_mb, segment_age_ms, backlog_events_max, backlog_mb_max, \
                   backlog_age_s_max, catch_up_events_s_max";
    assert_eq!(refused, format!("playhead.toml:2: there is no key \"journal.segment_kb\"; {allowed}"));
    let refused = refusal("[engin]\nshards = 4\n", &[], &[]);
    assert!(
        refused.contains("\"engin.shards\"; allowed is a key of [serve][listen][data][engine]"),
        "{refused}"
    );
    let refused = refusal("", &[("PLAYHEAD_GRPC_REFLEXION", "true")], &[]);
    assert_eq!(
        refused,
        "environment PLAYHEAD_GRPC_REFLEXION: there is no key \"PLAYHEAD_GRPC_REFLEXION\"; allowed is in [grpc] reflection"
    );
    let refused = refusal("", &[], &["engine.shard=1"]);
    assert!(refused.starts_with("--set engine.shard: there is no key"), "{refused}");
    let refused = refusal("", &[], &["engine.shards"]);
    assert!(refused.contains("section.key=value"), "{refused}");
}

#[test]
fn variables_that_a_cluster_sets_are_none_of_ours() {
    let cluster = [
        ("PLAYHEAD_GRPC_SERVICE_HOST", "10.0.0.1"),
        ("PLAYHEAD_GRPC_SERVICE_PORT", "7450"),
        ("PLAYHEAD_GRPC_PORT", "tcp://10.0.0.1:7450"),
        ("PLAYHEAD_GRPC_PORT_7450_TCP_ADDR", "10.0.0.1"),
        ("PLAYHEAD_PORT", "tcp://10.0.0.1:7450"),
        ("PLAYHEAD_HOME", "anywhere"),
    ];
    load_from("", &cluster, &[]).unwrap();
}

#[test]
fn a_named_file_must_be_there() {
    let flags = Flags { file: Some("nowhere/playhead.toml".into()), ..Flags::default() };
    let refused = Layers::gather(&flags, std::iter::empty()).unwrap_err().to_string();
    assert!(refused.starts_with("nowhere/playhead.toml: cannot be read"), "{refused}");
    let environment = [("PLAYHEAD_CONFIG".to_owned(), "elsewhere.toml".to_owned())];
    let refused = Layers::gather(&Flags::default(), environment.into_iter()).unwrap_err().to_string();
    assert!(refused.starts_with("elsewhere.toml: cannot be read"), "{refused}");
}

#[test]
fn bounds_beyond_the_memory_are_refused_with_the_largest_consumers() {
    let refused = refusal("", &[], &["engine.sessions_max=2000000"]);
    assert!(refused.contains("engine.memory_mb_max is 1088, but the bounds add up to"), "{refused}");
    assert!(
        refused.contains("(live sessions (sessions_max) 4151 MB, backlog (backlog_events_max)"),
        "{refused}"
    );
    load_from("", &[], &["engine.sessions_max=2000000", "engine.memory_mb_max=8000"]).unwrap();
}

#[test]
fn what_may_wait_in_the_journal_alone_waits_for_a_cluster_only() {
    let said = ["journal.backlog_events_max=7", "journal.backlog_mb_max=200", "journal.backlog_age_s_max=60"];
    let near = load_from("", &[], &said).unwrap().config;
    assert_eq!(near.engine.spill, SpillSettings::NONE);
    let far = load_from("", &[], &[&said[..], &["durable.backend=scylla"]].concat()).unwrap().config;
    let SpillSettings { events_max, journal_bytes_max, age_s_max, .. } = far.engine.spill;
    assert_eq!((events_max, journal_bytes_max, age_s_max), (7, 200 << 20, 60));
}

#[test]
fn without_a_journal_nothing_waits_for_a_flush() {
    let cluster = ["durable.backend=scylla", "journal.mode=off"];
    let config = load_from("", &[], &cluster).unwrap().config;
    assert_eq!((config.journal, config.engine.flush_age_ms), (None, 0));
    let refused = refusal("", &[], &[&cluster[..], &["engine.flush_age_ms=100"]].concat());
    assert_eq!(
        refused,
        "--set engine.flush_age_ms: engine.flush_age_ms is \"100\"; allowed is 0, unless journal.mode is on"
    );
    load_from("", &[], &[&cluster[..], &["engine.flush_age_ms=0"]].concat()).unwrap();
}

#[test]
fn every_backend_fits_into_the_memory_by_default() {
    for backends in [&["durable.backend=scylla"][..], &["durable.backend=scylla", "hot.backend=redis"]] {
        load_from("", &[], backends).unwrap();
    }
}

#[test]
fn rules_of_a_kind_begin_with_the_general_ones() {
    let file = "[rules]\nwatched_percent = 90\n[rules.lesson]\nwatched_percent = 80\nopening_ms = 0\n";
    let rules = load_from(file, &[], &[]).unwrap().config.engine.rules;
    let of = |kind| (rules.of(kind).opening_ms, rules.of(kind).watched_percent);
    assert_eq!(of(ItemKind::Lesson), (0, 80));
    assert_eq!(of(ItemKind::Movie), (10_000, 90));
    assert_eq!(of(ItemKind::Unknown), (10_000, 90));
}

#[test]
fn what_is_shown_can_be_read_again() {
    let loaded =
        load_from("", &[], &["engine.shards=4", "log.level=debug", "rules.live.opening_ms=0"]).unwrap();
    let shown = effective(&loaded.effective);
    assert!(shown.contains("shards = 4  # --set engine.shards\n"), "{shown}");
    let values = |loaded: &Loaded| -> Vec<(String, String)> {
        loaded.effective.iter().map(|read| (read.key.clone(), read.value.clone())).collect()
    };
    assert_eq!(values(&load_from(&shown, &[], &[]).unwrap()), values(&loaded));
    let uncommented: String = commented(&defaults().unwrap().effective)
        .lines()
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    assert_eq!(values(&load_from(&uncommented, &[], &[]).unwrap()), values(&defaults().unwrap()));
}

#[test]
fn redis_is_chosen_with_all_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let password = path("password", "hunter2\r\n");
    let pem = path("ca.pem", &certificate_pem());
    let file = format!(
        "[hot]\nbackend = \"redis\"\nurls = \"rediss://a:1, rediss://b:2/3\"\ncluster = true\nuser = \"me\"\n\
         password_file = \"{password}\"\ntls_ca_file = \"{pem}\"\nprefix = \"tenant/1\"\ncall_ms_max = 100\n"
    );
    let loaded = load_from(&file, &[], &[]).unwrap();
    let HotSettings::Redis(hot) = &loaded.config.hot else { panic!("{:?}", loaded.config.hot) };
    assert_eq!(hot.urls, ["rediss://a:1", "rediss://b:2/3"]);
    assert_eq!(hot.password, Some(playhead_store::hot::redis::Secret::new("hunter2".to_owned())));
    assert_eq!(
        (hot.is_cluster, hot.user.as_deref(), &*hot.prefix, hot.call_ms_max),
        (true, Some("me"), "tenant/1", 100)
    );
    assert!(hot.ca_pem.is_some());
}

#[test]
fn a_password_is_shown_nowhere() {
    let said = [("PLAYHEAD_HOT_PASSWORD", "hunter2")];
    let loaded = load_from("", &said, &["hot.backend=redis"]).unwrap();
    let shown = format!("{}{:?}", effective(&loaded.effective), loaded.config);
    assert!(!shown.contains("hunter2") && shown.contains("password = \"(hidden)\""), "{shown}");
    let refused = refusal("", &said, &[]);
    assert!(refused.contains("hot.password is") && !refused.contains("hunter2"), "{refused}");
    let refused = refusal("", &[], &["hot.backend=redis", "hot.urls=redis://me:hunter2@a:1"]);
    assert!(refused.contains("hot.urls") && !refused.contains("hunter2"), "{refused}");
}

#[test]
fn what_redis_cannot_use_is_named() {
    for (settings, expect) in [
        (&["hot.backend=memcached"][..], "embedded or redis"),
        (&["hot.backend=redis", "hot.urls=http://a"], "redis://host:port"),
        (&["hot.backend=redis", "hot.urls=redis://a,rediss://b"], "all have TLS"),
        (&["hot.backend=redis", "hot.urls="], "redis://host:port"),
        (&["hot.backend=redis", "hot.prefix={x}"], "letters, digits"),
        (&["hot.backend=redis", "hot.call_ms_max=9"], "10 to 10000"),
        (&["hot.backend=redis", "hot.connect_ms_max=0"], "50 to 30000"),
        (&["hot.backend=redis", "hot.calls_max=1"], "64 to 1048576"),
        (&["hot.backend=redis", "hot.password_file=/nowhere"], "a file that can be read"),
        (&["hot.backend=redis", "hot.password=a", "hot.password_file=/nowhere"], "nothing, since there is"),
        (&["hot.backend=redis", "hot.tls_ca_file=/nowhere"], "unless hot.urls are rediss://"),
        (
            &["hot.backend=redis", "hot.urls=rediss://a", "hot.tls_ca_file=/etc/hostname"],
            "with a certificate",
        ),
        (&["hot.urls=redis://a"], "nothing, unless hot.backend is redis"),
        (&["hot.cluster=true"], "nothing, unless hot.backend is redis"),
    ] {
        let refused = refusal("", &[], settings);
        assert!(refused.contains(expect) && refused.contains("--set hot."), "{settings:?}: {refused}");
    }
}

/// A certificate's frame; what is in it, TLS looks at.
fn certificate_pem() -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", [1, 2, 3]))
}

#[test]
fn what_the_play_button_gives_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (secret, key) = (
        format!("catalog.url_key_file={}", file.path().display()),
        format!("auth.session_key_file={}", file.path().display()),
    );
    let given = [
        "catalog.session_token_s=60",
        &*secret,
        &*key,
        "catalog.url_key_name=2027-1",
        "catalog.url_s=120",
        "catalog.url_opens=folder",
        "catalog.country_header=cf-ipcountry",
    ];
    let catalog = load_from("", &[], &given).unwrap().config.catalog;
    let key = catalog.url_key.unwrap();
    assert_eq!((key.name.as_str(), key.valid_ms, key.opens), ("2027-1", 120_000, Opens::Folder));
    assert_eq!((catalog.session_token_ms, catalog.country_header.as_deref()), (60_000, Some("cf-ipcountry")));
    let path = file.path().to_owned();
    assert_eq!((key.file, catalog.session_key), (path.clone(), Some(path)));
    let untouched = defaults().unwrap().config.catalog;
    assert_eq!((untouched.url_key, untouched.country_header, untouched.session_key), (None, None, None));
}
