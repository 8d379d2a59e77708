//! `playhead check` and usage errors: exit codes and where the words go.

use std::fs;

use crate::process::{Serve, playhead, run, stderr, stdout};

#[test]
fn a_right_configuration_is_printed_with_its_sources() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("playhead.toml"), "[engine]\nshards = 4\n").unwrap();
    let checked = playhead(&["check", "--http=127.0.0.1:8080"], folder.path())
        .env("PLAYHEAD_ENGINE_HOT_MS_MAX", "20")
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let shown = stdout(&checked);
    for line in [
        "shards = 4  # playhead.toml:2",
        "hot_ms_max = 20  # environment PLAYHEAD_ENGINE_HOT_MS_MAX",
        "http = \"127.0.0.1:8080\"  # --http",
        "trim_every_ms = 5000",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no {line:?} in\n{shown}");
    }
    assert!(!folder.path().join("playhead-data").exists(), "check leaves nothing behind");
}

#[test]
fn what_the_compose_file_sets_is_a_configuration() {
    let compose = include_str!("../../../compose.yaml");
    let set: Vec<_> = compose
        .lines()
        .filter_map(|line| line.trim().split_once(": ").filter(|(key, _)| key.starts_with("PLAYHEAD_")))
        .map(|(key, value)| (key, value.trim_matches('"')))
        .collect();
    assert!(set.len() > 5, "{set:?}");
    let folder = tempfile::tempdir().unwrap();
    let checked = playhead(&["check"], folder.path()).envs(set.iter().copied()).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let shown = stdout(&checked);
    for (key, _) in set {
        assert!(shown.contains(&format!("# environment {key}")), "no {key} in\n{shown}");
    }
}

#[test]
fn a_wrong_configuration_exits_with_78_and_says_why_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["check", "serve", "verify"] {
        let refused = run(&[command, "--set", "engine.shards=0"], folder.path());
        assert_eq!(refused.status.code(), Some(78), "{command}");
        let said = stderr(&refused);
        assert_eq!(
            said, "error: --set engine.shards: engine.shards is \"0\"; allowed is 1 to 1024\n",
            "{command}"
        );
        assert_eq!(stdout(&refused), "");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["srve"][..], &["serve", "--grcp=x"], &["demo", "--viewers", "0"], &[]] {
        let refused = run(arguments, folder.path());
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&refused), "", "{arguments:?}");
    }
}

#[test]
fn json_is_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let checked = run(&["check", "--output", "json"], folder.path());
    let shown: serde_json::Value = serde_json::from_str(&stdout(&checked)).unwrap();
    assert_eq!(shown["engine.shards"]["value"], 16);
    assert_eq!(shown["listen.grpc"]["value"], "127.0.0.1:7450");
    assert_eq!(shown["listen.grpc"]["source"], "default");
}

#[test]
fn the_commented_defaults_are_a_file_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let defaults = stdout(&run(&["check", "--defaults"], folder.path()));
    assert!(defaults.contains("# flush_age_ms = 1000"), "{defaults}");
    fs::write(folder.path().join("playhead.toml"), &defaults).unwrap();
    assert_eq!(run(&["check"], folder.path()).status.code(), Some(0));
}

#[test]
fn a_folder_that_a_server_uses_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Serve::start(data.path());
    let flags = ["check", "--data-dir", data.path().to_str().unwrap()];
    let refused = run(&flags, data.path());
    assert_eq!(refused.status.code(), Some(78));
    assert!(stderr(&refused).contains("which another process uses"), "{}", stderr(&refused));
    server.terminate();
    assert_eq!(run(&flags, data.path()).status.code(), Some(0));
}

#[test]
fn completions_and_help_are_results() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&run(&["completions", shell], folder.path())).contains("verify"), "{shell}");
    }
    let help = run(&["serve", "--help"], folder.path());
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("Examples:"), "{}", stdout(&help));
}
