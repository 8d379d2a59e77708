//! An attacker as a process.

use std::{
    fmt,
    fs::File,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::prove::{
    server::{Ports, clean},
    stage::Stage,
    stop::{Step, Stop, failed},
};

/// An attack that is going on. Dropping it ends it.
pub(super) struct Attacker {
    child: Child,
    name: String,
    ends_at: Instant,
}

/// What became of an attack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Connections that it opened, or tried to.
    pub(super) opened: u64,
    /// Connections that the server cut.
    pub(super) cut: u64,
    /// Requests that were refused.
    pub(super) answered: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl Attacker {
    /// Attacks a server for so many seconds.
    pub(super) fn start(
        stage: &Stage<'_>,
        python: &Path,
        attack: &str,
        ports: Ports,
        seconds: u64,
    ) -> Step<Self> {
        let name = attack.to_owned();
        let Ports { grpc, http, quic, .. } = ports;
        // Without -B it leaves its bytecode beside the sources.
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(python).arg("-B").arg(stage.root.join(SCRIPT)).arg(attack);
        for (flag, value) in
            [("grpc", grpc.into()), ("http", http.into()), ("quic", quic.into()), ("seconds", seconds)]
        {
            command.arg(format!("--{flag}={value}"));
        }
        let at = |ending: &str| File::create(stage.folder.join(format!("{attack}.{ending}")));
        let (out, err) =
            (at("json").map_err(failed("the attack"))?, at("err").map_err(failed("the attack"))?);
        let child = clean(&mut command, Some(&stage.folder)).stdout(out).stderr(err).spawn();
        let child = child.map_err(failed("the attacker did not start"))?;
        Ok(Self { child, name, ends_at: Instant::now() + Duration::from_secs(seconds) + PATIENCE })
    }

    /// Waits for its end, and says what it saw.
    pub(super) fn finish(mut self, stage: &Stage<'_>) -> Step<Tally> {
        let patience = self.ends_at.saturating_duration_since(Instant::now());
        let ended =
            stage.waiting.until(patience, || self.child.try_wait().map_err(failed("the attacker")))?;
        let path = |ending: &str| stage.folder.join(format!("{}.{ending}", self.name));
        if !ended.is_some_and(|ended| ended.success()) {
            let shown = path("err");
            return Err(Stop::Failed(format!("{} ended with {ended:?}, see {}", self.name, shown.display())));
        }
        let text = std::fs::read_to_string(path("json")).map_err(failed("the attack"))?;
        let json = serde_json::from_str(&text).map_err(failed(format!("what {} said", self.name)))?;
        Ok(Tally::read(&json))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // It has ended already where the scenario went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tally {
    fn read(json: &Value) -> Self {
        let count = |key: &str| json.get(key).and_then(Value::as_u64).unwrap_or(0);
        Self {
            opened: count("opened"),
            cut: count("cut"),
            answered: count("answered"),
            sent_bytes: count("sent_bytes"),
            received_bytes: count("received_bytes"),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opened, cut, answered, .. } = self;
        write!(f, "{opened} opened, {cut} cut, {answered} refused")
    }
}

const SCRIPT: &str = "load-tests/peers/hostile.py";
/// Its last connections have their own patience.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attacker_says_is_read() {
        let said = r#"{"attack": "ping-flood", "opened": 4, "cut": 3, "answered": 0, "sent_bytes": 9, "received_bytes": 7}"#;
        let tally = Tally::read(&serde_json::from_str(said).unwrap());
        assert_eq!(tally, Tally { opened: 4, cut: 3, answered: 0, sent_bytes: 9, received_bytes: 7 });
        assert_eq!(tally.to_string(), "4 opened, 3 cut, 0 refused");
    }
}
