//! What the operating system says of this process.

use std::fs;

/// What the operating system says of this process. What it does not say is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Process {
    /// Memory that is resident, bytes.
    pub(super) resident_bytes: Option<u64>,
    /// File descriptors that are open.
    pub(super) open_fds: Option<u64>,
    /// CPU time that it has taken, in user and system mode, seconds.
    pub(super) cpu_seconds: Option<f64>,
}

impl Process {
    /// As it is now.
    pub(super) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").ok();
        let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        // Reading the folder takes one descriptor itself.
        let open_fds = open.map(|open| open.saturating_sub(1));
        let stat = fs::read_to_string("/proc/self/stat").ok();
        Self {
            resident_bytes: status.as_deref().and_then(resident_bytes),
            open_fds,
            cpu_seconds: stat.as_deref().and_then(cpu_seconds),
        }
    }
}

/// `VmRSS:     1234 kB` of /proc/self/status.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

/// The fields `utime` and `stime` of /proc/self/stat, the 12th and 13th after the name in parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_S)
}

/// Of the times in /proc, on every architecture that we build for.
const TICKS_PER_S: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\nThreads:\t3\n"), Some(1_234 * 1_024));
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn cpu_time_is_read_behind_a_name_with_anything_in_it() {
        let stat = "7 (a) b 9) S 1 7 7 0 -1 4194560 5000 0 3 0 125 50 0 0 20 0 4 0 100 0 0";
        assert_eq!(cpu_seconds(stat), Some(1.75));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }
}
