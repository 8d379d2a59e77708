//! A viewer's events split over two nodes at random, each batch some of them twice, beside a twin whose events all go to one:
//! both have the same sessions and positions in the end.

use std::time::Duration;

use serde_json::{Value, json};

use super::seconds::At;
use crate::prove::{
    http,
    server::Ports,
    stage::Stage,
    stop::{Step, Stop, failed},
};

/// Lets so many viewers and their twins play, and says of how many events. `claim_same` compares them later.
pub(super) fn play(stage: &mut Stage<'_>, nodes: [Ports; 2], viewers: u32) -> Step<u64> {
    let mut events = 0;
    for viewer in 0..viewers {
        let batches = batches(stage);
        let mut twice: Vec<&Value> = batches.iter().collect();
        for batch in &batches {
            if stage.throw(0..=3) == 0 {
                twice.push(batch);
            }
        }
        for at in 0..twice.len() {
            let other = stage.throw(0..=twice.len() - 1);
            twice.swap(at, other);
        }
        // The first frame fixes the clock of a session on all nodes.
        for batch in batches.iter().take(1).chain(twice) {
            let node = nodes.get(stage.throw(0..=1)).copied().unwrap_or(nodes[0]);
            post(node, &name(SPLIT, viewer), batch)?;
        }
        for batch in &batches {
            events += batch.get("events").and_then(Value::as_array).map_or(0, Vec::len) as u64;
            post(nodes[0], &name(TWIN, viewer), batch)?;
        }
    }
    Ok(events)
}

/// Claims that each viewer has what the twin has, as this node reads it.
pub(super) fn claim_same(stage: &mut Stage<'_>, reader: Ports, viewers: u32) -> Step {
    for viewer in 0..viewers {
        for page in ["sessions/the-session", "positions/title-1", "sessions"] {
            let of = |kind| read(reader, &name(kind, viewer), page);
            let (split, twin) = (of(SPLIT)?, of(TWIN)?);
            stage.claim(split == twin, format!("{page} of viewer {viewer} is {split}, of the twin {twin}"));
        }
    }
    Ok(())
}

/// A session of some dozen events, in batches of a few.
fn batches(stage: &mut Stage<'_>) -> Vec<Value> {
    let events = stage.throw(20..=80_u64);
    let begun_ms = At::now().unix_ms().saturating_sub(events * BEAT_MS);
    let (mut position_ms, mut all) = (0, Vec::new());
    for seq in 1..=events {
        let kind = match stage.throw(0..=11) {
            _ if seq == 1 => "START",
            0 => "SEEK",
            1 => "PAUSE",
            2 => "RESUME",
            _ => "BEAT",
        };
        position_ms = if kind == "SEEK" { stage.throw(0..=5_000_000) } else { position_ms + BEAT_MS };
        let at_ms = begun_ms + seq * BEAT_MS;
        all.push(json!({ "kind": kind, "seq": seq, "at_ms": at_ms, "position_ms": position_ms }));
    }
    let mut batches = Vec::new();
    while !all.is_empty() {
        let some = stage.throw(1..=5).min(all.len());
        let events: Vec<Value> = all.drain(..some).collect();
        let session = json!({ "session_id": "the-session", "item_id": "title-1", "duration_ms": 6_000_000 });
        batches.push(json!({ "session": session, "events": events }));
    }
    batches
}

fn post(node: Ports, user: &str, batch: &Value) -> Step {
    let body = batch.to_string();
    let answer = http::post(node.http, "/v1/events", &format!("{user}:{user}:tv"), &body, PATIENCE);
    match answer.map_err(failed("a viewer's events"))? {
        answer if answer.status == 200 => Ok(()),
        answer => Err(Stop::Failed(format!("a viewer's events: {} {}", answer.status, answer.body))),
    }
}

/// A page of a user, with the user's name left out.
fn read(node: Ports, user: &str, page: &str) -> Step<String> {
    let path = format!("/v1/users/{user}/{page}");
    let answer = http::get_as(node.http, &path, user, PATIENCE).map_err(failed(&path))?;
    match answer.status {
        200 => Ok(answer.body.replace(user, "")),
        status => Err(Stop::Failed(format!("{path}: {status} {}", answer.body))),
    }
}

fn name(kind: &str, viewer: u32) -> String {
    format!("{kind}-{viewer}")
}

const SPLIT: &str = "split";
const TWIN: &str = "twin";
const BEAT_MS: u64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(5);
