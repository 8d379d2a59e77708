//! Redis: one server, and beside it three as a cluster or a replica, where they are wanted. None keeps anything on disk.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use super::{Folder, Options, Trouble, ports, recipe::Recipe, state::State};

/// Starts them and waits until they answer.
pub(super) fn start(folder: &Folder, options: Options, state: &mut State) -> Result<(), Trouble> {
    available()?;
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
    let more = [&["--appendonly", "no"], more].concat();
    let mut recipe = recipe(folder, name, port, &more)?;
    let process = recipe.start()?;
    state.add(folder, process.clone())?;
    recipe.ready(&process)
}

/// Whether there is a Redis on this machine.
pub(super) fn available() -> Result<(), Trouble> {
    let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    match version.is_ok_and(|status| status.success()) {
        true => Ok(()),
        false => Err(Trouble::Missing("redis-server is not installed (apt-get install redis-server)".into())),
    }
}

/// A server with an empty home.
pub(super) fn recipe(folder: &Folder, name: &str, port: u16, more: &[&str]) -> Result<Recipe, Trouble> {
    let home = folder.fresh(&format!("redis-{name}"))?;
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
    command.arg("--dir").arg(&home).args(more);
    Ok(Recipe { name: name.to_owned(), command, log: home.join("log"), ready: READY, patience: PATIENCE })
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

/// Gives a server a command without blanks in its words, and returns its answer, the first line of it.
pub(super) fn ask(port: u16, command: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    match line.trim_end() {
        error if error.starts_with('-') => Err(io::Error::other(format!("{command}: {error}"))),
        answer => Ok(answer.to_owned()),
    }
}

/// How clients name it.
pub(super) fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}")
}

const READY: &str = "Ready to accept connections";
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
