//! What a server in this process costs, when all of the client runs on the main thread.

use std::{fs, time::Duration};

/// The CPU time that all threads but the main one have taken so far.
///
/// Threads that have ended are not counted, so a server keeps its own until it is done.
///
/// # Panics
/// Where the system does not say: it is Linux that does, in `/proc`.
#[must_use]
pub fn beside_main() -> Duration {
    let main = std::process::id().to_string();
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists its threads");
    let names = tasks.map(|task| task.expect("a thread has a name").file_name());
    let others = names.filter(|name| name.to_str() != Some(main.as_str()));
    others.map(|name| of_thread(&name.to_string_lossy())).sum()
}

/// A thread that ended meanwhile has taken nothing.
fn of_thread(id: &str) -> Duration {
    let said = fs::read_to_string(format!("/proc/self/task/{id}/schedstat")).unwrap_or_default();
    let on_cpu_ns = said.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(on_cpu_ns.unwrap_or_default())
}
