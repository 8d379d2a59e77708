//! A CQL cluster and Redis, started by the first scenario that needs them and handed on to the next.

use std::{fs, path::PathBuf};

use crate::{
    prove::{
        server::run,
        stage::Stage,
        stop::{Step, Stop, failed},
    },
    services::{Guard, Own, Server, Trouble},
};

/// The servers. Dropping them kills them.
pub(crate) struct Servers {
    own: Own,
    folder: PathBuf,
    nodes: Vec<Server>,
    points: String,
    redis: Server,
    redis_port: u16,
    /// For the case that this program is killed itself.
    _guard: Guard,
}

impl Servers {
    /// Those of the scenario before, if there are some with so many CQL nodes; else new ones, with all tables.
    pub(super) fn of(stage: &mut Stage<'_>, nodes: u8) -> Step<Self> {
        match stage.servers.take() {
            Some(servers) if servers.nodes.len() == usize::from(nodes) => Ok(servers),
            others => {
                // Both would be too much for the machine.
                others.map(Self::remove).transpose()?;
                Self::start(stage, nodes)
            }
        }
    }

    fn start(stage: &Stage<'_>, nodes: u8) -> Step<Self> {
        // Beside the scenarios' folders, since it outlives them.
        let folder = stage.folder.with_file_name(format!("servers-{nodes}"));
        match fs::remove_dir_all(&folder) {
            Err(error) if folder.exists() => return Err(failed("the servers' folder")(error)),
            _ => {}
        }
        let mut own = Own::new(&stage.root, folder.clone()).map_err(stopped)?;
        let guard = Guard::of(&folder).map_err(failed("the servers' guard"))?;
        let (redis, redis_port) = own.redis("main", None).map_err(stopped)?;
        let (nodes, points) = own.cql(nodes).map_err(stopped)?;
        let points = points.join(",");
        let servers = Self { own, folder, nodes, points, redis, redis_port, _guard: guard };
        servers.migrate(stage)?;
        stage.say(format!("{} CQL servers and Redis are up", servers.nodes.len()));
        Ok(servers)
    }

    fn migrate(&self, stage: &Stage<'_>) -> Step {
        let replication = format!("durable.replication=datacenter1:{}", self.nodes.len());
        let settings = self.durable();
        let mut words = vec!["migrate", "--set", &replication];
        words.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        let (code, said) = run(&stage.binary, &stage.folder, &words)?;
        match code {
            Some(0) => Ok(()),
            _ => Err(Stop::Failed(format!("playhead migrate ended with {code:?}: {said}"))),
        }
    }

    fn durable(&self) -> Vec<String> {
        vec!["durable.backend=scylla".into(), format!("durable.contact_points={}", self.points)]
    }

    /// What a node is told of them.
    pub(super) fn settings(&self) -> Vec<String> {
        let mut settings = self.durable();
        settings.extend(["durable.settles_in_ms=2000".into(), "hot.backend=redis".into()]);
        settings.push(format!("hot.urls=redis://127.0.0.1:{}", self.redis_port));
        settings
    }

    /// Kills a CQL node, the first is 0.
    pub(super) fn kill_cql(&mut self, node: usize) -> Step {
        let node = self.node(node)?;
        self.own.kill(node).map_err(stopped)
    }

    /// Starts a CQL node again.
    pub(super) fn start_cql(&mut self, node: usize) -> Step {
        let node = self.node(node)?;
        self.own.start(node).map_err(stopped)
    }

    /// Stops the only CQL node where it stands.
    pub(super) fn freeze_cql(&self) -> Step {
        self.own.freeze(self.node(0)?).map_err(stopped)
    }

    /// Lets it go on.
    pub(super) fn thaw_cql(&self) -> Step {
        self.own.thaw(self.node(0)?).map_err(stopped)
    }

    fn node(&self, node: usize) -> Step<Server> {
        self.nodes.get(node).copied().ok_or_else(|| Stop::Failed(format!("there is no CQL node {node}")))
    }

    /// The Redis that is there from the beginning.
    pub(super) fn redis(&self) -> (Server, u16) {
        (self.redis, self.redis_port)
    }

    /// A Redis that copies all that the main one has and gets.
    pub(super) fn replica(&mut self) -> Step<(Server, u16)> {
        let replica = self.own.redis("replica", Some(self.redis_port)).map_err(stopped)?;
        // How many replicas are there, once there is one.
        match self.ask_redis(self.redis_port, LINKED)?.as_str() {
            ":0" => Err(Stop::Failed("the replica has no link to its master".into())),
            _ => Ok(replica),
        }
    }

    /// Gives a Redis a command.
    pub(super) fn ask_redis(&self, port: u16, command: &str) -> Step<String> {
        self.own.ask_redis(port, command).map_err(stopped)
    }

    /// Their processes.
    pub(super) fn own(&mut self) -> &mut Own {
        &mut self.own
    }

    /// Stops them, and removes what they leave.
    pub(crate) fn remove(self) -> Step {
        let folder = self.folder.clone();
        drop(self);
        fs::remove_dir_all(folder).map_err(failed("the servers' folder"))
    }
}

/// What the machine lacks skips the scenario, everything else fails it.
pub(super) fn stopped(trouble: Trouble) -> Stop {
    match trouble {
        Trouble::Missing(what) => Stop::Skipped(what),
        Trouble::Failed(why) => Stop::Failed(why),
    }
}

/// Waits for one replica, 4 s at most.
const LINKED: &str = "WAIT 1 4000";
