//! Redis: one server, and beside it three as a cluster or a replica, where they are wanted. None keeps anything on disk.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use super::{Folder, Options, Trouble, ports, process::Process, state::State};

/// Starts them and waits until they answer.
pub(super) fn start(folder: &Folder, options: Options, state: &mut State) -> Result<(), Trouble> {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        let missing = "redis-server is not installed (apt-get install redis-server)";
        return Err(Trouble::Missing(missing.into()));
    }
    let [single, replica, first, second, third] = ports::free::<5>(1)?;
    server(folder, state, "redis", single, &[])?;
    state.export(folder, "PLAYHEAD_TEST_REDIS", url(single))?;
    if options.redis_replica {
        let of = single.to_string();
        server(folder, state, "replica", replica, &["--replicaof", "127.0.0.1", &of])?;
        state.export(folder, "PLAYHEAD_TEST_REDIS_REPLICA", url(replica))?;
    }
    if options.redis_cluster {
        let masters = [first, second, third];
        for (name, port) in ["node-1", "node-2", "node-3"].into_iter().zip(masters) {
            server(
                folder,
                state,
                name,
                port,
                &["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"],
            )?;
        }
        join(&masters)?;
        state.export(folder, "PLAYHEAD_TEST_REDIS_CLUSTER", masters.map(url).join(","))?;
    }
    Ok(())
}

fn server(folder: &Folder, state: &mut State, name: &str, port: u16, more: &[&str]) -> Result<(), Trouble> {
    let home = folder.fresh(&format!("redis-{name}"))?;
    let log = home.join("log");
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
    command.arg("--dir").arg(&home).args(more);
    let process = Process::start(name, &mut command, &log)?;
    state.add(folder, process.clone())?;
    process.says(&log, "Ready to accept connections", PATIENCE)
}

/// Makes the masters one cluster, and waits until each of them says so.
fn join(masters: &[u16; 3]) -> Result<(), Trouble> {
    let mut create = Command::new("redis-cli");
    create.args(["--cluster", "create"]).args(masters.map(|port| format!("127.0.0.1:{port}")));
    let created = create.arg("--cluster-yes").stdin(Stdio::null()).output();
    match created {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            Err(Trouble::Failed(format!("the Redis cluster was not made: {said}")))
        }
        Err(error) => Err(Trouble::Missing(format!("redis-cli does not run: {error}"))),
    }
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

const PATIENCE: Duration = Duration::from_secs(30);
