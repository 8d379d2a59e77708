//! Servers that somebody starts for a while and may kill, freeze and start again, each in a home of its own. They are
//! written down as all services are, so that a [`super::Guard`] of their folder stops what its owner leaves behind.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Folder, Trouble, cql, jars, ports, process::Process, recipe, recipe::Recipe, redis_server, state::State,
};

/// Some servers. Dropping it kills them, by the ids of their processes.
pub(crate) struct Own {
    root: PathBuf,
    /// For their logs, and the note of what runs.
    folder: Folder,
    homes: Folder,
    state: State,
    servers: Vec<(Recipe, Option<Process>)>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server(usize);

impl Own {
    /// None yet. Their logs will be in this folder, which is made, and their homes in memory, where the machine has such a
    /// place: on a real network they would not share their clients' disk.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) fn new(root: &Path, folder: PathBuf) -> Result<Self, Trouble> {
        let made = fs::create_dir_all(&folder);
        made.map_err(|error| Trouble::Failed(format!("{}: {error}", folder.display())))?;
        let name: String =
            folder.display().to_string().chars().map(|c| if c == '/' { '-' } else { c }).collect();
        let in_memory = Path::new(MEMORY).join(format!("playhead{name}"));
        let homes = if fs::create_dir_all(&in_memory).is_ok() { in_memory } else { folder.join("homes") };
        Ok(Self {
            root: root.to_path_buf(),
            folder: Folder(folder),
            homes: Folder(homes),
            state: State::default(),
            servers: Vec::new(),
        })
    }

    /// Starts a Redis that keeps what it has on disk, as a replica of the server on that port if there is one, and says on
    /// which port it is.
    ///
    /// # Errors
    /// What the machine lacks, or what did not work; so for all others.
    pub(crate) fn redis(&mut self, name: &str, master: Option<u16>) -> Result<(Server, u16), Trouble> {
        redis_server::available()?;
        let [port] = ports::free::<1>(1)?;
        let of = master.map(|port| port.to_string());
        // A replica gets its copy at once.
        let mut more = vec!["--appendonly", "yes", "--repl-diskless-sync-delay", "0"];
        more.extend(of.iter().flat_map(|port| ["--replicaof", "127.0.0.1", port]));
        let recipe = redis_server::recipe(&self.homes, name, port, &more)?;
        let server = self.add(recipe);
        self.start(server)?;
        Ok((server, port))
    }

    /// Gives a Redis a command, and returns the first line of its answer.
    ///
    /// # Errors
    /// Its error, or that it did not answer.
    pub(crate) fn ask_redis(&self, port: u16, command: &str) -> Result<String, Trouble> {
        redis_server::ask(port, command).map_err(|error| Trouble::Failed(format!("redis on {port}: {error}")))
    }

    /// Starts a CQL cluster of so many nodes, out of their clients' way, and says where they are.
    ///
    /// # Errors
    /// As for Redis.
    pub(crate) fn cql(&mut self, count: u8) -> Result<(Vec<Server>, Vec<String>), Trouble> {
        let jars = jars::cassandra(&Folder::of(&self.root))?;
        let (nodes, points) = cql::nodes(&self.homes, &jars, count, cql::SMALL)?;
        let mut servers = Vec::new();
        for mut node in nodes {
            node.command = recipe::aside(&node.command);
            servers.push(self.add(node));
        }
        for (index, &server) in servers.iter().enumerate() {
            self.spawn(server)?;
            // The others look for the first one.
            if index == 0 {
                self.ready(server)?;
            }
        }
        servers.iter().try_for_each(|&server| self.ready(server))?;
        Ok((servers, points))
    }

    /// Ends it as `kill -9` does. Its home stays.
    ///
    /// # Errors
    /// Where it cannot be ended.
    pub(crate) fn kill(&mut self, server: Server) -> Result<(), Trouble> {
        let Some((_, process)) = self.servers.get_mut(server.0) else { return Ok(()) };
        process.take().map_or(Ok(()), |process| process.kill()).map_err(Trouble::Failed)
    }

    /// Starts it (again), with what its home holds, and waits until it is ready.
    ///
    /// # Errors
    /// That it does not start.
    pub(crate) fn start(&mut self, server: Server) -> Result<(), Trouble> {
        self.spawn(server)?;
        self.ready(server)
    }

    /// Stops it where it stands: its connections stay, and nobody is answered.
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn freeze(&self, server: Server) -> Result<(), Trouble> {
        self.process(server)?.freeze().map_err(Trouble::Failed)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn thaw(&self, server: Server) -> Result<(), Trouble> {
        self.process(server)?.thaw().map_err(Trouble::Failed)
    }

    fn add(&mut self, mut recipe: Recipe) -> Server {
        recipe.log = self.folder.0.join(format!("{}.log", recipe.name));
        self.servers.push((recipe, None));
        Server(self.servers.len() - 1)
    }

    fn spawn(&mut self, server: Server) -> Result<(), Trouble> {
        let Some((recipe, process)) = self.servers.get_mut(server.0) else { return Ok(()) };
        let started = recipe.start()?;
        *process = Some(started.clone());
        self.state.add(&self.folder, started)
    }

    fn ready(&self, server: Server) -> Result<(), Trouble> {
        let process = self.process(server)?;
        self.servers.get(server.0).map_or(Ok(()), |(recipe, _)| recipe.ready(process))
    }

    fn process(&self, server: Server) -> Result<&Process, Trouble> {
        let process = self.servers.get(server.0).and_then(|(_, process)| process.as_ref());
        process.ok_or_else(|| Trouble::Failed("a server that was killed is asked for something".into()))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let killed: Vec<_> = self.state.processes.iter().rev().map(Process::kill).collect();
        for trouble in killed.into_iter().filter_map(Result::err) {
            println!("{trouble}");
        }
        let _ = fs::remove_dir_all(&self.homes.0);
        // All of them are gone: that leaves nothing for a guard. What could not be killed stays written down.
        let _ = self.state.stop(&self.folder);
    }
}

/// Files in memory.
const MEMORY: &str = "/dev/shm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_killed_frozen_and_back_with_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let mut own = Own::new(Path::new("."), folder.path().join("servers")).unwrap();
        let (redis, port) = match own.redis("one", None) {
            Err(Trouble::Missing(what)) => return println!("NOT CHECKED: {what}"),
            started => started.unwrap(),
        };
        assert_eq!(own.ask_redis(port, "SET here still").unwrap(), "+OK");
        // It writes its file once a second unless told otherwise.
        assert_eq!(own.ask_redis(port, "CONFIG SET appendfsync always").unwrap(), "+OK");
        assert_eq!(own.ask_redis(port, "SET there still").unwrap(), "+OK");
        own.freeze(redis).unwrap();
        assert!(own.ask_redis(port, "PING").is_err(), "frozen");
        own.thaw(redis).unwrap();
        assert_eq!(own.ask_redis(port, "PING").unwrap(), "+PONG");
        own.kill(redis).unwrap();
        assert!(own.ask_redis(port, "PING").is_err() && own.freeze(redis).is_err(), "killed");
        own.start(redis).unwrap();
        assert_eq!(own.ask_redis(port, "STRLEN there").unwrap(), ":5");
        let (_, replica) = own.redis("two", Some(port)).unwrap();
        assert!(own.ask_redis(replica, "REPLICAOF NO ONE").unwrap().starts_with("+OK"));
        let processes = own.state.processes.clone();
        assert_eq!(processes.len(), 3, "each start is written down");
        let homes = own.homes.0.clone();
        assert!(homes.exists());
        drop(own);
        assert!(!homes.exists());
        assert!(!processes.iter().any(Process::is_running), "nothing is left");
    }
}
