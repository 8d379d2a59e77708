//! A server in a process of its own, and what it costs.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, Timespec, clock_gettime};
use tempfile::TempDir;

use crate::drive::line::Via;

/// A server that is killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it speaks gRPC; a limit speaks one protocol.
    pub grpc: SocketAddr,
    /// Where it speaks HTTP.
    pub http: SocketAddr,
    /// Where it takes QUIC.
    pub quic: SocketAddr,
    /// Where Playhead tells how it is.
    admin: Option<SocketAddr>,
    child: Child,
    /// Its data, which goes after it.
    _folder: Option<Arc<TempDir>>,
}

impl Server {
    /// Starts Playhead with free ports, and waits until it says that it is ready.
    pub(super) fn playhead(
        mut command: Command,
        folder: Arc<TempDir>,
        settings: &[String],
    ) -> io::Result<Self> {
        command
            .args(["serve", "--grpc", ANY_PORT, "--http", ANY_PORT, "--admin", ANY_PORT, "--quic", ANY_PORT]);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        command.arg("--data-dir");
        let mut child = command.arg(folder.path()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(stderr).lines();
        let (mut grpc, mut http, mut quic, mut admin, mut said) = (None, None, None, None, String::new());
        while admin.is_none()
            && let Some(line) = lines.next().transpose()?
        {
            grpc = grpc.or_else(|| address(&line, "gRPC "));
            http = http.or_else(|| address(&line, "HTTP "));
            quic = quic.or_else(|| address(&line, "QUIC "));
            admin = address(&line, "admin ");
            said.push_str(&line);
        }
        let (Some(grpc), Some(http), Some(quic), Some(_)) = (grpc, http, quic, admin) else {
            return Err(io::Error::other(format!("playhead did not become ready: {said}")));
        };
        // Else its log would fill the pipe and stop it.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { grpc, http, quic, admin, child, _folder: Some(folder) })
    }

    /// Starts a limit, which says its address first.
    pub(super) fn limit(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { grpc: address, http: address, quic: address, admin: None, child, _folder: None })
    }

    /// Where it takes sessions this way.
    #[must_use]
    pub fn address(&self, via: Via) -> SocketAddr {
        match via {
            Via::Grpc => self.grpc,
            Via::Quic | Via::Datagrams => self.quic,
        }
    }

    /// The CPU time of all its threads so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu_of_process(self.child.id())
    }

    /// Its memory that is resident, bytes.
    ///
    /// # Errors
    /// When it is gone.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        resident_of(&status).ok_or_else(|| io::Error::other(format!("not what proc(5) says: {status}")))
    }

    /// How many events it has stored by its own count, if it counts.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stored(&self) -> io::Result<Option<u64>> {
        let Some(admin) = self.admin else { return Ok(None) };
        let mut socket = TcpStream::connect(admin)?;
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: playhead\r\nconnection: close\r\n\r\n")?;
        let mut page = String::new();
        socket.read_to_string(&mut page)?;
        stored_of(&page).map(Some).ok_or_else(|| io::Error::other(format!("no count of events: {page}")))
    }

    /// Waits until it has nothing more to do: what it put off belongs to its cost.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn settled(&self) -> io::Result<()> {
        idle(self.child.id(), IDLE_MAX, SETTLE_MAX).await
    }
}

/// Waits, so long at most, until a process takes no more CPU than this while one looks.
///
/// # Errors
/// When it is gone.
pub async fn idle(process: u32, most: Duration, patience: Duration) -> io::Result<()> {
    let until = Instant::now() + patience;
    let mut before = cpu_of_process(process)?;
    while Instant::now() < until {
        tokio::time::sleep(SETTLE_LOOK).await;
        let now = cpu_of_process(process)?;
        if now.saturating_sub(before) <= most {
            break;
        }
        before = now;
    }
    Ok(())
}

fn cpu_of_process(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    cpu_of(&stat).ok_or_else(|| io::Error::other(format!("not what proc(5) says: {stat}")))
}

/// The CPU time of this process so far, to the nanosecond.
#[must_use]
pub fn own_cpu() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    Duration::from_secs(tv_sec.unsigned_abs()) + Duration::from_nanos(tv_nsec.unsigned_abs())
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line of the banner that begins with this label.
fn address(line: &str, label: &str) -> Option<SocketAddr> {
    let said = line.trim().strip_prefix(label)?.trim().trim_start_matches("http://");
    said.split(['/', ' ']).next()?.parse().ok()
}

/// `playhead_events_ended_total{ending="STORED",reason=""} 7`.
fn stored_of(page: &str) -> Option<u64> {
    let line =
        page.lines().find(|line| line.starts_with("playhead_events_ended") && line.contains("\"STORED\""))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// `utime` and `stime`, which lie behind the name, which may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * TICK_MS))
}

/// `VmRSS:     1234 kB`.
fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

const ANY_PORT: &str = "127.0.0.1:0";
/// The unit of /proc on Linux, whatever the kernel's own clock.
const TICK_MS: u64 = 10;
/// Longer than the default age at which events are flushed, 1 s.
const SETTLE_LOOK: Duration = Duration::from_millis(1_300);
/// What a server takes in that time that only waits.
const IDLE_MAX: Duration = Duration::from_millis(20);
const SETTLE_MAX: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 4 0 900 1000 200";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(cpu_of("7 (a) S 1"), None);
    }

    #[test]
    fn addresses_are_read_from_the_banner() {
        let expect = Some("127.0.0.1:74".parse().unwrap());
        assert_eq!(address("  gRPC     127.0.0.1:74", "gRPC "), expect);
        assert_eq!(address("  admin    http://127.0.0.1:74/metrics (also /healthz)", "admin "), expect);
        assert_eq!(address("  admin    http://127.0.0.1:74/metrics", "HTTP "), None);
    }

    #[test]
    fn stored_events_are_read_from_their_line() {
        let line = |ending, events| {
            format!("playhead_events_ended_total{{ending=\"{ending}\",reason=\"\"}} {events}\n")
        };
        assert_eq!(stored_of(&(line("DUPLICATE", 4) + &line("STORED", 7))), Some(7));
        assert_eq!(stored_of("playhead_events_offered 3"), None);
    }

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(resident_of("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n"), Some(1_234 * 1_024));
        assert_eq!(resident_of("VmPeak:\t 9 kB\n"), None);
    }
}
