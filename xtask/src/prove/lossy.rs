//! `lossy`: through a network that loses one packet in twenty, in both directions, everything that is offered ends
//! acknowledged, and is there once: over gRPC, QUIC streams and QUIC datagrams.

use std::path::Path;

use super::{
    ledger,
    load::{self, Report},
    network::{self, Network},
    server::{Plan, Ports},
    stage::Stage,
    stop::Step,
};

/// The share of packets that is lost.
const LOSS: f64 = 0.05;
/// The ways in, each with what it travels by.
const EDGES: [(&str, &str); 3] = [("grpc-connect", "tcp"), ("quic-stream", "udp"), ("quic-datagram", "udp")];
const EVENTS_PER_S: u32 = 500;

/// Plays it.
pub(super) fn play(stage: &mut Stage<'_>) -> Step {
    network::available()?;
    let network = Network::enter()?;
    let plan = stage.server_in(stage.folder.join("data"))?;
    let mut found = Vec::new();
    for (edge, protocol) in EDGES {
        found.push(through(stage, &network, &plan, edge, protocol)?);
    }
    stage.sum_up(format!("through {} % loss both ways: {}", LOSS * 100.0, found.join("; ")));
    Ok(())
}

/// Plays over one edge, and says what came of it.
fn through(
    stage: &mut Stage<'_>,
    network: &Network,
    plan: &Plan,
    edge: &'static str,
    protocol: &str,
) -> Step<String> {
    let server = plan.start(stage.waiting)?;
    let Ports { grpc, quic, .. } = plan.ports;
    network.lose(LOSS, protocol, if protocol == "udp" { quic } else { grpc })?;
    let duration_s = stage.form(8, 60);
    let players = load::Plan { edge, settle_s: 60, ..load::Plan::players(EVENTS_PER_S, duration_s) };
    let (report, ledger) = players.run(stage, plan.ports, edge)?;
    let lost = network.lost()?;
    network.mend()?;
    judge(stage, edge, &report, lost);
    let acked = all_there(stage, &ledger, plan.ports, edge)?;
    server.kill()?;
    let text = format!("{edge} {acked} acked, {lost} packets lost, p99 {:.0} ms", report.ack_p99_ms);
    stage.say(&text);
    Ok(text)
}

fn judge(stage: &mut Stage<'_>, edge: &str, report: &Report, lost: u64) {
    let Report { offered, acked, .. } = report;
    stage.claim(lost > 0, format!("{edge}: packets were lost"));
    stage.claim(acked == offered, format!("{edge}: {acked} of {offered} ended acknowledged"));
}

fn all_there(stage: &mut Stage<'_>, ledger: &Path, ports: Ports, edge: &str) -> Step<u64> {
    ledger::claim_all_there(stage, ledger, ports, &format!("{edge}, through a lossy network"))
}
