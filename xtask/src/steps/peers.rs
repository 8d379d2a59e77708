//! Second implementations as honest clients: Python's gRPC, QUIC, WebTransport and HTTP/2 play against the release binary,
//! from an environment of their own below target/peers.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Ending, Failure, Workshop, command};

/// What they are, and which versions of what they need.
const FOLDER: &str = "load-tests/peers";
const ENVIRONMENT: &str = "target/peers";

/// Lets each of them play, where Python and PyPI can be had.
pub(super) fn play(workshop: &Workshop) -> Result<Ending, Failure> {
    let python = match environment(workshop)? {
        Ok(python) => python,
        Err(missing) => return Ok(Ending::Skipped(missing)),
    };
    command::run(&mut workshop.cargo(&["build", "--locked", "--release", "-p", "playhead"]))?;
    let binary = workshop.target().join("release/playhead");
    // Without -B it leaves its bytecode beside the sources.
    let mut play = workshop.program(&python);
    play.args(["-B", &format!("{FOLDER}/play.py")]).arg(binary).arg("proto/proto");
    command::run(&mut play)?;
    Ok(Ending::Passed(String::new()))
}

/// The Python of an environment that has what the peers need, or what is missing for one.
pub(super) fn environment(workshop: &Workshop) -> Result<Result<PathBuf, String>, Failure> {
    let folder = workshop.root.join(ENVIRONMENT);
    let python = folder.join("bin/python");
    let (wanted, stamp) =
        (workshop.root.join(FOLDER).join("requirements.txt"), folder.join("requirements.txt"));
    let is_current =
        matches!((fs::read(&wanted), fs::read(&stamp)), (Ok(ours), Ok(theirs)) if ours == theirs);
    if is_current && command::ask(workshop.program(&python).arg("--version")).is_some() {
        return Ok(Ok(python));
    }
    if command::ask(workshop.program(Path::new("python3")).arg("--version")).is_none() {
        return Ok(Err("python3 is not installed".into()));
    }
    println!("installing the peers' packages into {ENVIRONMENT}");
    let mut venv = workshop.program(Path::new("python3"));
    if command::run(venv.args(["-m", "venv", "--clear", ENVIRONMENT])).is_err() {
        return Ok(Err("python3 makes no environments (apt-get install python3-venv)".into()));
    }
    let mut install = workshop.program(&python);
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    if command::run(install.args(quiet).arg(&wanted)).is_err() {
        return Ok(Err("PyPI does not give the peers' packages".into()));
    }
    let noted: io::Result<u64> = fs::copy(&wanted, &stamp);
    noted.map_err(|error| Failure(format!("{ENVIRONMENT} cannot be written: {error}")))?;
    Ok(Ok(python))
}
