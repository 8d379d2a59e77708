//! What the operating system says of this process.

use std::fs;

/// What the operating system says of this process. What it does not say is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// Memory that is resident, bytes.
    pub(super) resident_bytes: Option<u64>,
    /// File descriptors that are open.
    pub(super) open_fds: Option<u64>,
}

impl Process {
    /// As it is now.
    pub(super) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").ok();
        let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        // Reading the folder takes one descriptor itself.
        let open_fds = open.map(|open| open.saturating_sub(1));
        Self { resident_bytes: status.as_deref().and_then(resident_bytes), open_fds }
    }
}

/// `VmRSS:     1234 kB` of /proc/self/status.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\nThreads:\t3\n"), Some(1_234 * 1_024));
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\n"), None);
    }
}
