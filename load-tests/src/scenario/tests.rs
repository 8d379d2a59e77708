//! What scenarios may say.

use super::*;

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, &Overrides::default()).map_err(|error| error.to_string())
}

#[test]
fn nothing_said_is_a_small_load_on_loopback() {
    let scenario = parse("").unwrap();
    assert_eq!(scenario.target.grpc, "http://127.0.0.1:7450");
    assert_eq!(scenario.loads.len(), 1);
    assert_eq!(scenario.loads[0].edge, Edge::GrpcConnect);
    assert_eq!(scenario.limits, []);
    assert_eq!((&*scenario.target.quic, scenario.target.quic_trust), ("127.0.0.1:7443", None));
}

#[test]
fn a_load_over_quic_has_to_say_whom_it_trusts() {
    let load = "[[load]]\nedge = \"quic-datagram\"\n[target]\n";
    let trust = |said: &str| parse(&format!("{load}{said}")).unwrap().target.quic_trust.unwrap();
    assert_eq!(trust("quic_insecure_loopback = true"), Trust::AnyoneOnLoopback);
    let pinned = format!("quic_fingerprint = \"{}\"", vec!["0B"; 32].join(":"));
    assert_eq!(trust(&pinned), Trust::Fingerprint([0x0b; 32]));
    let both = parse(&format!("{load}{pinned}\nquic_insecure_loopback = true")).unwrap_err();
    assert!(both.contains("target.quic_insecure_loopback is true; allowed is false"), "{both}");
}

#[test]
fn a_wrong_value_is_named_with_what_is_allowed() {
    for (text, expect) in [
        ("duration_s = 0", "duration_s is 0; allowed is a whole number from 1 to 86400"),
        (
            "[load]\nedge = \"quik\"",
            "load.edge is \"quik\"; allowed is grpc-connect, grpc-publish, http-json",
        ),
        ("[load]\nconnections = \"many\"", "load.connections is \"many\"; allowed is a whole number from 1"),
        ("[load]\nevents_per_s = [[5, 10]]", "load.events_per_s is [[5, 10]]; allowed is a rate from 0"),
        ("[load]\nsessions_per_message = 2", "load.sessions_per_message is 2; allowed is 1, except"),
        ("[viewers]\nzipf = -1", "viewers.zipf is -1; allowed is a number from 0 to 10"),
        ("[target]\ngrpc = \"7450\"", "target.grpc is \"7450\"; allowed is a URL such as"),
        (
            "[target]\nquic = \"7443\"",
            "target.quic is \"7443\"; allowed is HOST:PORT, such as 127.0.0.1:7443",
        ),
        (
            "[target]\nquic_fingerprint = \"ab\"",
            "target.quic_fingerprint is \"ab\"; allowed is 64 hexadecimal",
        ),
        ("[load]\nedge = \"quic-stream\"", "target.quic_fingerprint is \"\"; allowed is the SHA-256 of"),
        ("load = 3", "load is 3; allowed is a table [load], or tables [[load]]"),
        ("[limits]\nack_ms = 3", "there is no key \"limits.ack_ms\"; allowed is ack_p50_ms"),
        ("durations = 3", "there is no key \"durations\"; allowed is name, seed"),
    ] {
        let said = parse(text).unwrap_err();
        assert!(said.starts_with(expect), "{text}: {said}");
    }
}

#[test]
fn several_loads_steps_and_overrides() {
    let text =
        "[[load]]\nevents_per_s = [[0, 100], [10, 300]]\n[[load]]\nedge = \"cmcd\"\nevents_per_s = 100\n";
    let overrides = Overrides {
        events_per_s: Some(800),
        admin: Some(String::new()),
        duration_s: Some(7),
        ..Overrides::default()
    };
    let scenario = Scenario::parse(text, &overrides).unwrap();
    let rates: Vec<Vec<f64>> =
        scenario.loads.iter().map(|load| load.steps.iter().map(|step| step.events_per_s).collect()).collect();
    assert_eq!(rates, [vec![200.0, 600.0], vec![200.0]], "proportions stay");
    assert_eq!((scenario.target.admin, scenario.duration), (None, Duration::from_secs(7)));
}

#[test]
fn the_scenarios_that_we_ship_can_be_played() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::read(&path, &Overrides::default()).unwrap();
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), scenario.name);
        names.push(scenario.name);
    }
    names.sort();
    assert_eq!(names, ["average", "overload", "quic", "smoke", "spike"]);
}
