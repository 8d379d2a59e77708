//! A network of our own that loses packets: a namespace whose loopback drops some of what arrives, which is every packet
//! of both directions once.
//!
//! The namespace has no name from the moment on at which it is entered, so the kernel removes it, with its rules, when the
//! last process in it has gone: there is nothing to be cleaned up, however this ends.

use std::{
    fs::File,
    os::fd::AsFd,
    process::{self, Command, Stdio},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::stop::{Step, Stop, failed};

/// A network namespace that this thread is in, with all that it starts and connects. Dropping it goes back.
pub(super) struct Network {
    outside: File,
}

/// Says whether namespaces can be made here.
pub(super) fn available() -> Step {
    if !rustix::process::geteuid().is_root() {
        return Err(Stop::Skipped("a network namespace needs root".into()));
    }
    for (program, package) in [("ip", "iproute2"), ("iptables", "iptables")] {
        let version = Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !version.is_ok_and(|status| status.success()) {
            return Err(Stop::Skipped(format!("{program} is not installed (apt-get install {package})")));
        }
    }
    Ok(())
}

impl Network {
    /// Makes a namespace and enters it. Where the system gives none, that is no failure of ours.
    pub(super) fn enter() -> Step<Self> {
        let outside = File::open("/proc/thread-self/ns/net").map_err(failed("the present namespace"))?;
        let name = format!("playhead-lossy-{}", process::id());
        let not_here = |stop| Stop::Skipped(format!("network namespaces do not work here: {stop}"));
        run("ip", &["netns", "add", &name]).map_err(not_here)?;
        let made = File::open(format!("/run/netns/{name}")).map_err(failed("the new namespace"));
        run("ip", &["netns", "del", &name])?;
        move_into(&made?).map_err(not_here)?;
        let network = Self { outside };
        run("ip", &["link", "set", "lo", "up"])?;
        // As on the way to a player: what is longer travels in several packets.
        run("ip", &["link", "set", "lo", "mtu", "1500"])?;
        Ok(network)
    }

    /// Loses this share of all packets to and from a port.
    pub(super) fn lose(&self, share: f64, protocol: &str, port: u16) -> Step {
        let (port, share) = (port.to_string(), share.to_string());
        for end in ["--dport", "--sport"] {
            let rule = ["-A", "INPUT", "-i", "lo", "-p", protocol, end, &port];
            let chance = ["-m", "statistic", "--mode", "random", "--probability", &share, "-j", "DROP"];
            let rule: Vec<&str> = rule.into_iter().chain(chance).collect();
            // A kernel without the module is none of ours either.
            run("iptables", &rule)
                .map_err(|stop| Stop::Skipped(format!("iptables cannot lose packets: {stop}")))?;
        }
        Ok(())
    }

    /// How many packets were lost so far.
    pub(super) fn lost(&self) -> Step<u64> {
        Ok(lost_by(&run("iptables", &["-nvxL", "INPUT"])?))
    }

    /// Loses no more, and forgets what was lost.
    pub(super) fn mend(&self) -> Step {
        run("iptables", &["-F", "INPUT"]).map(|_| ())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // A thread that cannot go back goes on in there, and what comes next says that its ports do not answer.
        let _ = move_into(&self.outside);
    }
}

fn move_into(namespace: &File) -> Step {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).map_err(failed("setns"))
}

/// The sum of the packets that a listing's rules dropped: the first column of their lines.
fn lost_by(listing: &str) -> u64 {
    let dropped = listing.lines().filter(|line| line.split_whitespace().nth(2) == Some("DROP"));
    dropped.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// Runs a command to its end, and gives what it printed.
fn run(program: &str, arguments: &[&str]) -> Step<String> {
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(failed(program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Stop::Failed(format!(
        "{program} {} ended with {}: {}",
        arguments.join(" "),
        output.status,
        said.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_dropped_is_summed_up() {
        let listing = "Chain INPUT (policy ACCEPT 9 packets, 90 bytes)\n    pkts      bytes target     prot opt in\n      \
                       12     1200 DROP       17   --  lo\n       3      300 DROP       17   --  lo\n     5 50 ACCEPT 6 -- lo\n";
        assert_eq!(lost_by(listing), 15);
        assert_eq!(lost_by(""), 0);
    }
}
