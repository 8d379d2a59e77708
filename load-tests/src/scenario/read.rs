//! The keys of a scenario, their defaults and their ranges.

use std::time::Duration;

use toml::{Table, Value};

use super::{
    Edge, Limit, Load, Overrides, Port, Scenario, ScenarioError, Step, Target, Trust, Viewers,
    keys::{Keys, number_of},
};

pub(super) fn scenario(table: Table, overrides: &Overrides) -> Result<Scenario, ScenarioError> {
    let mut keys = Keys::new("", overridden(table, overrides));
    let scenario = Scenario {
        name: keys.text("name", "unnamed")?,
        seed: keys.whole("seed", 1, &(0..=i64::MAX))?.unsigned_abs(),
        duration: seconds(keys.whole("duration_s", 60, &(1..=86_400))?),
        warmup: seconds(keys.whole("warmup_s", 0, &(0..=3_600))?),
        lag_p99_ms_max: keys.whole("lag_p99_ms_max", LAG_P99_MS_MAX, &(1..=60_000))?.into(),
        workers: keys.whole("workers", workers_by_default(), &(1..=64))?,
        target: target(&mut keys)?,
        loads: loads(&mut keys, overrides)?,
        viewers: viewers(&mut keys)?,
        reads_per_s: reads(&mut keys)?,
        limits: limits(&mut keys)?,
    };
    if scenario.goes_to(Port::Quic) && scenario.target.quic_trust.is_none() {
        return Err(keys.wrong("target.quic_fingerprint", &"\"\"", QUIC_TRUST));
    }
    keys.finish()?;
    Ok(scenario)
}

/// A run that lags more than this at its 99th percentile measures the generator, ms. The largest that leaves a figure
/// of 100 ms with one digit to trust.
const LAG_P99_MS_MAX: u32 = 20;
/// What all loads together may ask for, events per second.
const EVENTS_PER_S_MAX: f64 = 10_000_000.0;

/// Half of the cores: the other half is the server's.
fn workers_by_default() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores / 2).unwrap_or(1).clamp(1, 8)
}

fn overridden(mut table: Table, overrides: &Overrides) -> Table {
    let whole = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let top = [("seed", overrides.seed.map(whole)), ("duration_s", overrides.duration_s.map(whole))];
    for (key, value) in top {
        table.extend(value.map(|value| (key.to_owned(), value)));
    }
    let said = [
        ("grpc", &overrides.grpc),
        ("http", &overrides.http),
        ("admin", &overrides.admin),
        ("quic", &overrides.quic),
        ("quic_fingerprint", &overrides.quic_fingerprint),
    ];
    let target = table.entry("target").or_insert_with(|| Value::Table(Table::new()));
    if let Some(target) = target.as_table_mut() {
        for (key, url) in said {
            target.extend(url.clone().map(|url| (key.to_owned(), Value::String(url))));
        }
    }
    table
}

fn target(keys: &mut Keys) -> Result<Target, ScenarioError> {
    let mut keys = keys.table("target")?;
    let mut url = |key, default| {
        let url = keys.text(key, default)?;
        let is_url = url.strip_prefix("http://").is_some_and(|rest| !rest.trim_matches('/').is_empty());
        match is_url || (key == "admin" && url.is_empty()) {
            true => Ok(url.trim_end_matches('/').to_owned()),
            false => Err(keys.wrong(key, &format!("{url:?}"), "a URL such as http://127.0.0.1:7450")),
        }
    };
    let (grpc, http) = (url("grpc", "http://127.0.0.1:7450")?, url("http", "http://127.0.0.1:7480")?);
    let admin = Some(url("admin", "http://127.0.0.1:7490")?).filter(|admin| !admin.is_empty());
    let quic = keys.text("quic", "127.0.0.1:7443")?;
    if !quic.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return Err(keys.wrong("quic", &format!("{quic:?}"), "HOST:PORT, such as 127.0.0.1:7443"));
    }
    let quic_trust = quic_trust(&mut keys)?;
    keys.finish()?;
    Ok(Target { grpc, http, admin, quic, quic_trust })
}

fn quic_trust(keys: &mut Keys) -> Result<Option<Trust>, ScenarioError> {
    let fingerprint = keys.text("quic_fingerprint", "")?;
    let is_insecure = keys.switch("quic_insecure_loopback", false)?;
    match (&*fingerprint, is_insecure) {
        ("", false) => Ok(None),
        ("", true) => Ok(Some(Trust::AnyoneOnLoopback)),
        (text, false) => Trust::fingerprint(text)
            .map(Some)
            .map_err(|_| keys.wrong("quic_fingerprint", &format!("{text:?}"), "64 hexadecimal digits")),
        (_, true) => Err(keys.wrong("quic_insecure_loopback", &true, "false beside quic_fingerprint")),
    }
}

/// What has to be said before anything is sent over QUIC.
const QUIC_TRUST: &str =
    "the SHA-256 of the certificate, as the server's log shows it, or target.quic_insecure_loopback = true";

fn loads(keys: &mut Keys, overrides: &Overrides) -> Result<Vec<Load>, ScenarioError> {
    let tables = match keys.take("load") {
        None => vec![Table::new()],
        Some(Value::Table(table)) => vec![table],
        Some(Value::Array(list)) if list.iter().all(Value::is_table) && !list.is_empty() => {
            list.into_iter().filter_map(|load| load.try_into().ok()).collect()
        }
        Some(other) => return Err(keys.wrong("load", &other, "a table [load], or tables [[load]]")),
    };
    let mut loads = tables.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let highest = |load: &Load| load.steps.iter().map(|step| step.events_per_s).fold(0.0, f64::max);
    let sum: f64 = loads.iter().map(highest).sum();
    if sum > EVENTS_PER_S_MAX {
        return Err(keys.wrong("load.events_per_s", &sum, format!("at most {EVENTS_PER_S_MAX} in all")));
    }
    if let Some(asked) = overrides.events_per_s.filter(|_| sum > 0.0) {
        #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
        let factor = asked as f64 / sum;
        loads.iter_mut().flat_map(|load| &mut load.steps).for_each(|step| step.events_per_s *= factor);
    }
    Ok(loads)
}

fn load(table: Table) -> Result<Load, ScenarioError> {
    let mut keys = Keys::new("load.", table);
    let load = Load {
        edge: edge(&mut keys)?,
        connections: keys.whole("connections", 10, &(1..=100_000))?,
        sessions_per_connection: keys.whole("sessions_per_connection", 1, &(1..=100_000))?,
        steps: steps(&mut keys)?,
        events_per_message: keys.whole("events_per_message", 1, &(1..=1_000))?,
        sessions_per_message: keys.whole("sessions_per_message", 1, &(1..=1_000))?,
        reconnect: keys.switch("reconnect", true)?,
        resend: keys.switch("resend", true)?,
        settle: seconds(keys.whole("settle_s", 10, &(0..=3_600))?),
    };
    let (events, sessions) = (load.events_per_message, load.sessions_per_message);
    if load.edge != Edge::GrpcPublish && sessions != 1 {
        return Err(keys.wrong("sessions_per_message", &sessions, "1, except on grpc-publish"));
    }
    if sessions > events || sessions > load.sessions_per_connection {
        let allowed = format!(
            "1 to {}: no more than events_per_message and sessions_per_connection",
            events.min(load.sessions_per_connection)
        );
        return Err(keys.wrong("sessions_per_message", &sessions, allowed));
    }
    keys.finish()?;
    Ok(load)
}

fn edge(keys: &mut Keys) -> Result<Edge, ScenarioError> {
    let text = keys.text("edge", Edge::GrpcConnect.name())?;
    let known = Edge::ALL.into_iter().find(|edge| edge.name() == text);
    known.ok_or_else(|| keys.wrong("edge", &format!("{text:?}"), Edge::ALL.map(Edge::name).join(", ")))
}

fn steps(keys: &mut Keys) -> Result<Vec<Step>, ScenarioError> {
    let allowed = format!(
        "a rate from 0 to {EVENTS_PER_S_MAX}, or steps [[at_s, rate], ...] with the first at 0 and rising times"
    );
    let Some(value) = keys.take("events_per_s") else {
        return Ok(vec![Step { at_s: 0.0, events_per_s: 1_000.0 }]);
    };
    let steps: Option<Vec<Step>> = match &value {
        Value::Array(list) => list.iter().map(step).collect(),
        rate => number_of(rate).map(|events_per_s| vec![Step { at_s: 0.0, events_per_s }]),
    };
    let is_allowed = |steps: &Vec<Step>| {
        steps.first().is_some_and(|first| first.at_s == 0.0)
            && steps.iter().all(|step| (0.0..=EVENTS_PER_S_MAX).contains(&step.events_per_s))
            && steps.iter().zip(steps.iter().skip(1)).all(|(one, next)| one.at_s < next.at_s)
    };
    steps.filter(is_allowed).ok_or_else(|| keys.wrong("events_per_s", &value, allowed))
}

fn step(value: &Value) -> Option<Step> {
    match value.as_array()?.as_slice() {
        [at_s, rate] => Some(Step { at_s: number_of(at_s)?, events_per_s: number_of(rate)? }),
        _ => None,
    }
}

fn viewers(keys: &mut Keys) -> Result<Viewers, ScenarioError> {
    let mut keys = keys.table("viewers")?;
    let viewers = Viewers {
        items: keys.whole("items", 10_000, &(1..=10_000_000))?,
        zipf: keys.number("zipf", &(0.0..=10.0))?.unwrap_or(1.0),
        users: keys.whole("users", 100_000, &(1..=100_000_000))?,
        session_events: keys.whole("session_events", 300, &(2..=40_000))?,
    };
    keys.finish()?;
    Ok(viewers)
}

fn reads(keys: &mut Keys) -> Result<u32, ScenarioError> {
    let mut keys = keys.table("reads")?;
    let per_s = keys.whole("per_s", 0, &(0..=100_000))?;
    keys.finish()?;
    Ok(per_s)
}

/// Every limit that there is.
const LIMITS: [&str; 14] = [
    "ack_p50_ms",
    "ack_p99_ms",
    "ack_p999_ms",
    "busy_p99_ms",
    "read_p50_ms",
    "read_p99_ms",
    "acked_per_s_min",
    "missing_max",
    "unacked_max",
    "rejected_max",
    "failed_max",
    "rss_mb_max",
    "cpu_us_per_event_max",
    "lost_max",
];

fn limits(keys: &mut Keys) -> Result<Vec<Limit>, ScenarioError> {
    let mut keys = keys.table("limits")?;
    let mut limits = Vec::new();
    for name in LIMITS {
        let bound = keys.number(name, &(0.0..=1e12))?;
        limits.extend(bound.map(|bound| Limit { name: name.to_owned(), bound }));
    }
    keys.finish()?;
    Ok(limits)
}

fn seconds(whole: u32) -> Duration {
    Duration::from_secs(whole.into())
}
