//! Provides the tools that a Rust toolchain does not bring, below target/tools, once.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Failure, Workshop, command};

/// Raise it together with deny.toml, whose keys change with it.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// Raise it together with the workspace's gungraun: the two speak to each other.
const GUNGRAUN_VERSION: &str = "0.20.0";

/// Where the tools are put, from the root.
const TOOLS: &str = "target/tools";

/// What buf is installed from, in proto/.
const BUF_MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Whether buf can be used.
pub(super) enum Buf {
    /// Here.
    Ready(PathBuf),
    /// It cannot be had on this machine; why, and what would help.
    Missing(String),
}

/// Finds cargo-deny, or builds it: a minute or two, once.
pub(super) fn cargo_deny(workshop: &Workshop) -> Result<PathBuf, Failure> {
    crate_binary(workshop, "cargo-deny", CARGO_DENY_VERSION)
}

/// Finds the runner of the instruction counts, or builds it: a minute or two, once.
pub(super) fn gungraun_runner(workshop: &Workshop) -> Result<PathBuf, Failure> {
    crate_binary(workshop, "gungraun-runner", GUNGRAUN_VERSION)
}

/// Whether valgrind is installed.
pub(super) fn has_valgrind(workshop: &Workshop) -> bool {
    answers(workshop, Path::new("valgrind"))
}

fn crate_binary(workshop: &Workshop, name: &str, version: &str) -> Result<PathBuf, Failure> {
    let path = workshop.root.join(TOOLS).join("bin").join(name);
    let wanted = format!("{name} {version}");
    if command::ask(workshop.program(&path).arg("--version")).as_deref() == Some(&wanted) {
        return Ok(path);
    }
    println!("installing {wanted} into {TOOLS}");
    // Without optimisation it builds in half the time and checks in three seconds.
    let mut install = workshop.cargo(&["install", "--locked", "--debug", "--root", TOOLS]);
    command::run(install.args(["--version", version, name]))?;
    Ok(path)
}

/// Finds buf, or installs the npm package that carries its binary.
pub(super) fn buf(workshop: &Workshop) -> Result<Buf, Failure> {
    let folder = workshop.root.join(TOOLS).join("buf");
    let path = folder.join("node_modules/.bin/buf");
    if is_current(workshop, &folder) && answers(workshop, &path) {
        return Ok(Buf::Ready(path));
    }
    for program in ["node", "npm"] {
        if !answers(workshop, Path::new(program)) {
            return Ok(Buf::Missing(format!("{program} is not installed, and buf comes as an npm package")));
        }
    }
    println!("installing buf into {TOOLS}");
    copy_manifests(workshop, &folder)
        .map_err(|error| Failure(format!("{TOOLS}/buf cannot be written: {error}")))?;
    // Not `npm ci`, which refuses a lock file that does not name the binary of every platform.
    let mut install = workshop.program(Path::new("npm"));
    command::run(install.current_dir(&folder).args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))?;
    match answers(workshop, &path) {
        true => Ok(Buf::Ready(path)),
        false => Ok(Buf::Missing("the npm package has no buf binary for this platform".into())),
    }
}

fn answers(workshop: &Workshop, program: &Path) -> bool {
    command::ask(workshop.program(program).arg("--version")).is_some()
}

/// Says whether what is installed was installed from today's manifest.
fn is_current(workshop: &Workshop, folder: &Path) -> bool {
    let manifest = fs::read(workshop.root.join("proto/package.json"));
    matches!((manifest, fs::read(folder.join("package.json"))), (Ok(ours), Ok(theirs)) if ours == theirs)
}

fn copy_manifests(workshop: &Workshop, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in BUF_MANIFESTS {
        fs::copy(workshop.root.join("proto").join(name), folder.join(name))?;
    }
    Ok(())
}
