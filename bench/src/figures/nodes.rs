//! The rows of two servers that share a cluster's stores: what happens on one is seen on the other.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use playhead_proto::{
    ingest::v1::{ServerFrame, server_frame::Frame},
    playback::v1::{StopSessionRequest, StopSessionResponse},
};
use tokio::time::{Instant, timeout};

use super::{
    cluster, paced,
    row::{Goal, Row},
    workbench::{self, Server, Workbench},
};
use crate::{
    drive::{
        grpc::{self, Answers},
        line::{Line, Via},
        reads,
    },
    sample,
};

/// F3.5: from the call that stops a session on one node to the command on its stream on the other.
pub(super) fn kicks(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let p99s = p99s(workbench, async |here, there| {
        let stopper = grpc::connection(there.grpc).await?;
        let mut took = Vec::new();
        for index in 0..KICKS {
            // Streams that are given up one after the other are a flood, on one connection.
            let client = Via::Grpc.connect(here.grpc).await?;
            let mut line = client.open_session(index).await?;
            beat(&mut line, 1).await?;
            let started = Instant::now();
            stop(&stopper, index).await?;
            heard(&mut line, |frame| matches!(frame, Frame::Command(_))).await?;
            took.push(started.elapsed());
        }
        Ok(took)
    })?;
    let what =
        format!("from StopSession on one node to Terminate on a stream of another, ms, p99 of {KICKS}");
    Ok(vec![Row::alone("F3.5", &what, &p99s, Goal::AtMost(1_500.0))])
}

/// F3.6: from an acknowledgement of one node to the read on the other that shows it.
pub(super) fn positions(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let p99s = p99s(workbench, async |here, there| {
        let (client, reader) = (Via::Grpc.connect(here.grpc).await?, grpc::connection(there.grpc).await?);
        let mut line = client.open_session(0).await?;
        let mut took = Vec::new();
        for seq in 1..=BEATS {
            beat(&mut line, seq).await?;
            let (acked, wanted) = (Instant::now(), sample::wire_beat(seq, 0).position_ms);
            while reads::position(&reader, 0).await? != wanted {
                if acked.elapsed() > PATIENCE {
                    return Err(io::Error::other(format!("beat {seq} is not seen on the other node")));
                }
            }
            took.push(acked.elapsed());
        }
        Ok(took)
    })?;
    let what = format!("from an Ack of one node to GetPosition of another that shows it, ms, p99 of {BEATS}");
    Ok(vec![Row::alone("F3.6", &what, &p99s, Goal::AtMost(50.0))])
}

/// The p99 of each run on two fresh servers, ms.
fn p99s(
    workbench: &Workbench,
    measure: impl AsyncFn(&Server, &Server) -> io::Result<Vec<Duration>> + Copy,
) -> io::Result<Vec<f64>> {
    let mut p99s = Vec::new();
    for _ in 0..workbench.runs {
        let shared = cluster::shared(workbench)?;
        let (here, there) = (workbench.playhead_with(&shared)?, workbench.playhead_with(&shared)?);
        let took = workbench::client()?.block_on(async {
            // They reach their stores in the background.
            tokio::time::sleep(CONNECTED_AFTER).await;
            measure(&here, &there).await
        });
        p99s.push(paced::ms(&took?)?);
    }
    Ok(p99s)
}

/// Sends a beat and waits for its acknowledgement.
async fn beat(line: &mut Line, seq: u64) -> io::Result<()> {
    let mut out = BytesMut::new();
    line.put(&mut out, &sample::frame(vec![sample::wire_beat(seq, sample::now_ms())]));
    line.send(out).await?;
    heard(line, |frame| matches!(frame, Frame::Ack(ack) if ack.acked_through_seq >= seq)).await
}

async fn heard(line: &mut Line, is_it: impl Fn(&Frame) -> bool) -> io::Result<()> {
    let hear = async {
        loop {
            match line.ready()? {
                Some(ServerFrame { frame: Some(frame) }) if is_it(&frame) => return Ok(()),
                Some(_) => {}
                None if line.more().await? => {}
                None => return Err(io::Error::other("the stream ended")),
            }
        }
    };
    timeout(PATIENCE, hear).await?
}

async fn stop(client: &SendRequest<Bytes>, index: usize) -> io::Result<()> {
    let (mut send, response) = grpc::call(client, STOP, Some(&sample::bearer(index))).await?;
    let session_id = sample::key(index).session.as_str().to_owned();
    let mut out = BytesMut::new();
    grpc::put(&mut out, &StopSessionRequest { session_id, ..StopSessionRequest::default() });
    send.send_data(out.freeze(), true).map_err(io::Error::other)?;
    let mut answers = Answers::of(response).await?;
    while answers.more().await? {}
    answers.ready::<StopSessionResponse>()?.map(drop).ok_or_else(|| io::Error::other("no answer"))
}

const STOP: &str = "/playhead.playback.v1.PlaybackService/StopSession";
const CONNECTED_AFTER: Duration = Duration::from_secs(2);
const KICKS: usize = 300;
const BEATS: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(5);
