//! The catalog's tests once more, with its stores on the servers: what embedded stores pass, these have to pass, too.

use std::process::Command;

use serde_json::Value;

use super::{Failure, Workshop, command, servers::Servers};

/// Runs them, and reads each line of their output; where a server is lacking it says so.
pub(super) fn catalog(workshop: &Workshop, servers: &Servers, read: impl FnMut(&str)) -> Result<(), Failure> {
    if let Some(lacking) = NEEDED.iter().find(|needed| !servers.has(needed)) {
        println!("\nSKIPPED, THE CATALOG'S TESTS ON SERVERS: no {lacking} (cargo xtask services up)\n");
        return Ok(());
    }
    println!("\nthe catalog's tests on servers");
    let mut tests = built(workshop)?;
    // Each has a keyspace of its own: many at a time are too much for a small server.
    tests.args(["--test-threads", "2"]).envs(servers.variables()).env("PLAYHEAD_TEST_STORES", "servers");
    command::run_and_read(&mut tests, read)
}

/// The tests as they were built for the whole workspace. By `-p` they have fewer features, and most of what they need would
/// be built again.
fn built(workshop: &Workshop) -> Result<Command, Failure> {
    let mut build = workshop.cargo(&["test", "--locked", "--workspace", "--test", "it", "--no-run"]);
    let said = command::ask(build.args(["--message-format", "json"]));
    let path = said.iter().flat_map(|said| said.lines()).find_map(executable);
    let path = path.ok_or_else(|| Failure("the catalog's tests are not built".into()))?;
    let mut tests = workshop.program(path.as_ref());
    // As cargo does.
    tests.current_dir(workshop.root.join("catalog"));
    Ok(tests)
}

/// Where the catalog's tests are, in a line of cargo's that says so.
fn executable(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    let manifest = message.get("manifest_path")?.as_str()?;
    let path = message.get("executable")?.as_str()?;
    manifest.ends_with("catalog/Cargo.toml").then(|| path.to_owned())
}

const NEEDED: [&str; 2] = ["PLAYHEAD_TEST_CQL", "PLAYHEAD_TEST_REDIS"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogs_executable_is_found_among_others() {
        let line = |manifest: &str, executable: &str| {
            let executable = serde_json::to_string(executable).unwrap();
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/p/{manifest}","executable":{executable}}}"#
            )
        };
        let found = executable(&line("catalog/Cargo.toml", "/p/target/debug/deps/it-1"));
        assert_eq!(found.as_deref(), Some("/p/target/debug/deps/it-1"));
        assert_eq!(executable(&line("store/Cargo.toml", "/p/target/debug/deps/it-2")), None);
        let library = r#"{"manifest_path":"/p/catalog/Cargo.toml","executable":null}"#;
        assert_eq!((executable(library), executable("not JSON")), (None, None));
    }
}
