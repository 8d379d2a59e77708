//! Where figures are measured: servers as processes of their own, pinned to one core, the client on another, data on a
//! disk.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
    thread,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub use server::{Server, idle, own_cpu};

mod server;

/// Binaries, a folder, cores, and how often everything is run.
#[derive(Debug)]
pub struct Workbench {
    /// Where the binaries are.
    binaries: PathBuf,
    /// A folder on a disk.
    folder: TempDir,
    cores: usize,
    /// Whether client and servers have a core each.
    pub is_pinned: bool,
    /// How often each contestant runs.
    pub runs: usize,
    /// The stores of a cluster.
    pub cluster: Cluster,
    /// The data of a server whose catalog was stocked, once there is one.
    pub stocked: OnceLock<Arc<TempDir>>,
}

/// A cluster's stores, where they run.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// A CQL server, `host:port`.
    pub cql: Option<String>,
    /// Its process, to be frozen for a while.
    pub cql_pid: Option<i32>,
    /// A Redis, `redis://host:port`.
    pub redis: Option<String>,
}

impl Cluster {
    /// The CQL server.
    ///
    /// # Errors
    /// When none was named.
    pub fn cql(&self) -> io::Result<&str> {
        self.cql
            .as_deref()
            .ok_or_else(|| io::Error::other("this figure needs --cql; `cargo xtask services up` starts one"))
    }

    /// The CQL server's process.
    ///
    /// # Errors
    /// When none was named.
    pub fn cql_pid(&self) -> io::Result<i32> {
        self.cql_pid.ok_or_else(|| {
            io::Error::other("this figure needs --cql-pid, the process to be frozen for a while")
        })
    }

    /// The Redis.
    ///
    /// # Errors
    /// When none was named.
    pub fn redis(&self) -> io::Result<&str> {
        self.redis.as_deref().ok_or_else(|| {
            io::Error::other("this figure needs --redis; `cargo xtask services up` starts one")
        })
    }
}

impl Workbench {
    /// Finds the binaries beside this one, makes a folder there, and takes a core.
    ///
    /// # Errors
    /// When a binary is missing, or the folder would be in memory.
    pub fn new(runs: usize, cluster: Cluster) -> io::Result<Self> {
        let own = env::current_exe()?;
        let binaries = own.parent().unwrap_or(Path::new(".")).to_path_buf();
        for name in ["playhead", "limit", "allocations"] {
            if !binaries.join(name).exists() {
                return Err(io::Error::other(format!("{name} is not in {}", binaries.display())));
            }
        }
        let folder = tempfile::Builder::new().prefix("figures-").tempdir_in(&binaries)?;
        if rustix::fs::statfs(folder.path())?.f_type == TMPFS {
            return Err(io::Error::other("the build's folder is in memory, where no fsync costs anything"));
        }
        let cores = thread::available_parallelism()?.get();
        let is_pinned = cores > 1 && pin_client();
        Ok(Self { binaries, folder, cores, is_pinned, runs, cluster, stocked: OnceLock::new() })
    }

    /// The whole engine with its embedded stores and its default settings, in a fresh folder.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn playhead(&self) -> io::Result<Server> {
        self.playhead_with(&[])
    }

    /// The same with these settings.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn playhead_with(&self, settings: &[String]) -> io::Result<Server> {
        self.playhead_in(Arc::new(self.fresh_folder()?), settings)
    }

    /// The same on what this folder holds.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn playhead_in(&self, folder: Arc<TempDir>, settings: &[String]) -> io::Result<Server> {
        Server::playhead(self.pinned("playhead", SERVER_CORE), folder, settings)
    }

    /// The same, on what this folder holds, on every core.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn playhead_on_all_cores(&self, folder: TempDir) -> io::Result<Server> {
        let cores = format!("0-{}", self.cores.saturating_sub(1));
        Server::playhead(self.pinned("playhead", &cores), Arc::new(folder), &[])
    }

    /// What one of our binaries says on stdout.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&self, name: &str, argument: &str) -> io::Result<String> {
        let said = Command::new(self.binaries.join(name)).arg(argument).stderr(Stdio::inherit()).output()?;
        match said.status.success() {
            true => Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned()),
            false => Err(io::Error::other(format!("{name} ended with {}", said.status))),
        }
    }

    /// Imports dumps into a server through a mapping, all of them.
    ///
    /// # Errors
    /// When a row is left out, or nothing comes in at all.
    pub fn import(&self, server: &Server, mapping: &Path, dumps: &[PathBuf]) -> io::Result<()> {
        let mut import = self.pinned("playhead", CLIENT_CORE);
        import.arg("import").arg("--mapping").arg(mapping);
        import.args(["--calls-max", "256", "--errors-max", "0", "--to", &format!("http://{}", server.grpc)]);
        let ended = import.args(dumps).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        match ended.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("the import ended with {ended}"))),
        }
    }

    /// A limit of this name.
    ///
    /// # Errors
    /// When it does not start.
    pub fn limit(&self, name: &str) -> io::Result<Server> {
        self.limit_answering(name, b"")
    }

    /// A limit of this name that answers this message.
    ///
    /// # Errors
    /// When it does not start.
    pub fn limit_answering(&self, name: &str, message: &[u8]) -> io::Result<Server> {
        let mut command = self.pinned("limit", SERVER_CORE);
        command.args([name, &BASE64_STANDARD.encode(message)]);
        Server::limit(command)
    }

    /// A folder on a disk that goes when it is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn fresh_folder(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(self.folder.path())
    }

    /// One of our binaries, on these cores, as taskset(1) names them.
    fn pinned(&self, name: &str, cores: &str) -> Command {
        let binary = self.binaries.join(name);
        if !self.is_pinned {
            return Command::new(binary);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(binary);
        command
    }
}

/// A client's runtime: one thread, like its core.
///
/// # Errors
/// When the system has no resources for it.
pub fn client() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The load average of the last minute.
#[must_use]
pub fn load_average() -> String {
    let average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    average.split(' ').next().unwrap_or("unknown").to_owned()
}

fn pin_client() -> bool {
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-c", "-p", CLIENT_CORE, &std::process::id().to_string()]);
    taskset.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

const SERVER_CORE: &str = "0";
const CLIENT_CORE: &str = "1";
/// A file system in memory, as statfs(2) names it.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
