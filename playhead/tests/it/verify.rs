//! `playhead verify`: finds damage, and only damage.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    client::{beat, get},
    process::{Serve, run, stderr, stdout},
};

/// Past the segment's header and the first record's own.
const INSIDE_THE_FIRST_RECORD: usize = 100;

async fn some_data(data: &Path) {
    let server = Serve::start(data);
    for seq in 1..=20 {
        beat(server.http, "s-1", seq, 600_000).await;
    }
    // Killed, so that the journal keeps what an orderly end would trim.
    server.kill();
}

fn verify(data: &Path) -> (Option<i32>, Value) {
    let verified = run(&["verify", "--data-dir", data.to_str().unwrap(), "--output", "json"], data);
    (verified.status.code(), serde_json::from_str(&stdout(&verified)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_folder_is_sound_and_a_flipped_bit_is_found_and_survived() {
    let data = tempfile::tempdir().unwrap();
    some_data(data.path()).await;
    let (code, report) = verify(data.path());
    assert_eq!((code, &report["sound"]), (Some(0), &true.into()), "{report:#}");
    assert_eq!(report["journal"]["records"], 20, "{report:#}");

    let entries = fs::read_dir(data.path().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let segment = entries.filter(|path| path.file_name().unwrap() != "LOCK").max().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[INSIDE_THE_FIRST_RECORD] ^= 1;
    fs::write(&segment, bytes).unwrap();

    let (code, report) = verify(data.path());
    assert_eq!((code, &report["sound"]), (Some(1), &false.into()), "{report:#}");
    assert_eq!(report["journal"]["damaged_places"], 1, "{report:#}");
    assert_eq!(report["journal"]["records"], 19, "{report:#}");
    let told = run(&["verify", "--data-dir", data.path().to_str().unwrap()], data.path());
    assert!(stdout(&told).ends_with("DAMAGED\n"), "{}", stdout(&told));

    let server = Serve::start(data.path());
    let (_, session) = get(server.http, "/v1/users/alice/sessions/s-1").await;
    let session: Value = serde_json::from_str(&session).unwrap();
    assert!(session["events"].as_array().unwrap().len() >= 19, "the rest is served: {session:#}");
    let (_, page) = get(server.admin, "/metrics").await;
    assert!(page.contains("playhead_recovered_damaged_places 1\n"), "{page}");
}

#[test]
fn no_data_folder_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(&["verify", "--data-dir", "nowhere"], folder.path());
    assert_eq!(refused.status.code(), Some(78));
    assert!(
        stderr(&refused).contains("data.dir is \"nowhere\", and there is no such folder"),
        "{}",
        stderr(&refused)
    );
}
