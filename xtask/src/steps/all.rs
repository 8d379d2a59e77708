//! The steps. Cheap ones first; each prints what its tool prints, so that a failure explains itself.

use super::{
    Ending, Failure, Step, Workshop,
    command::{self, TestTally},
    gates, landed, on_servers, peers, servers, tools,
};
use crate::{prove, tidy};

/// All steps in order.
pub(super) const STEPS: [Step; 12] = [
    Step { name: "tidy", what: "seams, leftovers, sizes, changelog, manifests", run: tidy },
    Step { name: "format", what: "cargo fmt --all --check", run: format },
    Step { name: "buf", what: "the .proto files: lint, and nothing broken since they last landed", run: buf },
    Step { name: "deny", what: "bans, licences and sources of the dependencies", run: deny },
    Step { name: "clippy", what: "all targets, warnings denied", run: clippy },
    Step { name: "docs", what: "cargo doc, warnings denied", run: docs },
    Step {
        name: "tests",
        what: "cargo test --workspace, with a CQL server and Redis; the catalog's again, on these",
        run: tests,
    },
    Step { name: "benches", what: "benches compile", run: benches },
    Step { name: "gates", what: "instruction counts, at most 5 % above what is recorded", run: gates::check },
    Step { name: "demo", what: "the README's first command, for ten seconds", run: demo },
    Step {
        name: "peers",
        what: "clients from PyPI play: gRPC, QUIC, WebTransport, HTTP/2",
        run: peers::play,
    },
    Step { name: "prove", what: "faults, the short form of each: nothing acknowledged is lost", run: prove },
];

/// How long the demo plays, s: long enough for beats, seeks and a few hundred commits.
const DEMO_DURATION_S: &str = "10";

/// What cargo-deny checks without a network.
const DENY_OFFLINE: [&str; 6] =
    ["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];

fn tidy(workshop: &Workshop) -> Result<Ending, Failure> {
    if tidy::report(&workshop.root) { done("") } else { Err(Failure("see the findings above".into())) }
}

fn format(workshop: &Workshop) -> Result<Ending, Failure> {
    command::run(&mut workshop.cargo(&["fmt", "--all", "--check"]))?;
    done("")
}

fn buf(workshop: &Workshop) -> Result<Ending, Failure> {
    let buf = match tools::buf(workshop)? {
        tools::Buf::Ready(path) => path,
        tools::Buf::Missing(reason) => return Ok(Ending::Skipped(reason)),
    };
    command::run(workshop.program(&buf).args(["lint", "proto"]))?;
    let states = match landed::find(workshop) {
        Ok(states) => states,
        Err(reason) => return done(&format!("lint only, THE BREAKING CHECK DID NOT RUN: {reason}")),
    };
    for state in &states {
        let against = format!(".git#ref={},subdir=proto", state.commit);
        command::run(workshop.program(&buf).args(["breaking", "proto", "--against", &against]))?;
    }
    let compared: Vec<_> = states.iter().map(|state| state.which).collect();
    done(&format!("compared with {}", compared.join(" and ")))
}

fn deny(workshop: &Workshop) -> Result<Ending, Failure> {
    command::run(workshop.program(&tools::cargo_deny(workshop)?).args(DENY_OFFLINE))?;
    done("")
}

/// The advisory check of [`super::run_advisories`].
pub(super) fn advisories(workshop: &Workshop) -> Result<Ending, Failure> {
    command::run(workshop.program(&tools::cargo_deny(workshop)?).args(["check", "advisories"]))?;
    done("")
}

fn clippy(workshop: &Workshop) -> Result<Ending, Failure> {
    command::run(&mut workshop.cargo(&[
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    done("")
}

fn docs(workshop: &Workshop) -> Result<Ending, Failure> {
    // RUSTDOCFLAGS, since RUSTFLAGS would build every dependency a second time.
    let mut doc = workshop.cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    command::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    done("")
}

fn tests(workshop: &Workshop) -> Result<Ending, Failure> {
    let servers = servers::start(workshop)?;
    let mut tally = TestTally::default();
    let mut test = workshop.cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    test.envs(servers.variables());
    let near = command::run_and_read(&mut test, |line| tally.read(line));
    let ended = near.and(on_servers::catalog(workshop, &servers, |line| tally.read(line)));
    println!("tests: {} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored);
    ended?;
    if tally.passed == 0 {
        return Err(Failure("cargo test ended well, but ran no test".into()));
    }
    done(&format!("{} passed{}", tally.passed, servers.lacking()))
}

fn benches(workshop: &Workshop) -> Result<Ending, Failure> {
    // In the test profile, whose dependencies are built already; the figures need `cargo bench`.
    command::run(&mut workshop.cargo(&["test", "--locked", "--workspace", "--benches", "--no-run"]))?;
    done("")
}

fn demo(workshop: &Workshop) -> Result<Ending, Failure> {
    command::run(&mut workshop.cargo(&[
        "run",
        "--locked",
        "--release",
        "--",
        "demo",
        "--duration-s",
        DEMO_DURATION_S,
    ]))?;
    done("")
}

fn prove(workshop: &Workshop) -> Result<Ending, Failure> {
    let short = prove::Options::parse(&[], &[]).map_err(Failure)?;
    done(&prove::run(&workshop.root, &short).map_err(Failure)?)
}

fn done(note: &str) -> Result<Ending, Failure> {
    Ok(Ending::Passed(note.to_owned()))
}
