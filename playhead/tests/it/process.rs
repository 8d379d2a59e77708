//! The binary as a process.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes on a busy machine; whoever waits so long is stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const FREE_PORTS: [&str; 4] =
    ["--grpc=127.0.0.1:0", "--http=127.0.0.1:0", "--quic=127.0.0.1:0", "--admin=127.0.0.1:0"];

/// The binary with these arguments, in a folder without a configuration of its own and with a clean environment.
pub(crate) fn playhead(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_playhead"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env("NO_COLOR", "1");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLAYHEAD_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command that ends by itself.
pub(crate) fn run(arguments: &[&str], folder: &Path) -> Output {
    playhead(arguments, folder).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running server.
pub(crate) struct Serve {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// What it said so far.
    pub(crate) said: Vec<String>,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) quic: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// From the start of the process to its word that it is ready.
    pub(crate) ready_after: Duration,
}

impl Serve {
    /// Starts a server on free ports.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &FREE_PORTS)
    }

    /// Starts a server on free ports, with a setting.
    pub(crate) fn start_set(data_dir: &Path, setting: &str) -> Self {
        let [grpc, http, quic, admin] = FREE_PORTS;
        Self::start_with(data_dir, &[grpc, http, quic, admin, "--set", setting])
    }

    /// Starts a server on free ports, with these flags.
    pub(crate) fn start_flags(data_dir: &Path, flags: &[&str]) -> Self {
        Self::start_with(data_dir, &[&FREE_PORTS[..], flags].concat())
    }

    /// Starts a server on the addresses of an earlier one.
    pub(crate) fn start_again(data_dir: &Path, before: [SocketAddr; 4]) -> Self {
        let names = ["grpc", "http", "quic", "admin"];
        let flags = names.into_iter().zip(before).map(|(name, address)| format!("--{name}={address}"));
        let flags: Vec<String> = flags.collect();
        Self::start_with(data_dir, &flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(crate) fn addresses(&self) -> [SocketAddr; 4] {
        [self.grpc, self.http, self.quic, self.admin]
    }

    fn start_with(data_dir: &Path, flags: &[&str]) -> Self {
        let begun = Instant::now();
        let data = data_dir.to_str().unwrap();
        let mut arguments = vec!["serve", "--data-dir", data];
        arguments.extend(flags);
        let mut child =
            playhead(&arguments, data_dir).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stderr.take().unwrap());
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            child,
            lines,
            said: Vec::new(),
            grpc: nowhere,
            http: nowhere,
            quic: nowhere,
            admin: nowhere,
            ready_after: Duration::ZERO,
        };
        let is_whole = !server.wait_for("is ready").contains("for the catalog alone");
        server.ready_after = begun.elapsed();
        server.grpc = address(&server.wait_for("gRPC"));
        server.http = address(&server.wait_for("HTTP"));
        if is_whole {
            server.quic = address(&server.wait_for("QUIC"));
        }
        server.admin = address(&server.wait_for("admin"));
        server
    }

    /// Waits until it says this.
    pub(crate) fn wait_for(&mut self, what: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("never said {what:?}: {:#?}", self.said));
            self.said.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
    }

    /// Ends it as a power loss would, as far as the process is concerned.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has: its exit code and how long it took.
    pub(crate) fn terminate(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        let code = self.exit_code();
        (code, begun.elapsed())
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(&self.child, name);
    }

    /// Waits for its end. All that it still says is kept.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        // Its stderr closes when it ends, so this waits for the end and no longer than our patience.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().unwrap().code(),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end: {:#?}", self.said),
            }
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by its name.
pub(crate) fn send_signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// The lines of a pipe, read as they come so that the process never waits for us.
pub(crate) fn lines_of(pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::sync_channel(10_000);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if tx.send(line).is_err() {
                return;
            }
        }
    });
    rx
}

/// The address in a line of the banner.
fn address(line: &str) -> SocketAddr {
    let text = line.split_whitespace().nth(1).unwrap();
    let text = text.trim_start_matches("http://").trim_start_matches("https://").split('/').next().unwrap();
    text.parse().unwrap_or_else(|_| panic!("no address in {line:?}"))
}
