//! An open loop of GetPosition calls. A latency counts from the moment when its call was due.

use std::{io, net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use playhead_proto::playback::v1::{GetPositionRequest, GetPositionResponse};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{grpc, grpc::Answers};
use crate::sample;

/// Asks where the viewers of so many sessions are, in turn, over a few connections; says how long each answer took.
///
/// # Errors
/// When a call fails: every viewer asked for must have been somewhere.
pub async fn read(
    address: SocketAddr,
    sessions: usize,
    calls_per_s: u32,
    lasting: Duration,
) -> io::Result<Vec<Duration>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(grpc::connection(address).await?);
    }
    let every = Duration::from_secs(1) / calls_per_s;
    let mut due = Instant::now();
    let until = due + lasting;
    let mut calls = JoinSet::new();
    for (index, client) in (0..sessions).cycle().zip(clients.iter().cycle()) {
        if due >= until {
            break;
        }
        sleep_until(due).await;
        calls.spawn(call(client.clone(), index, due));
        due += every;
    }
    calls.join_all().await.into_iter().collect()
}

async fn call(client: SendRequest<Bytes>, index: usize, due: Instant) -> io::Result<Duration> {
    match position(client, index).await? {
        Some(_) => Ok(due.elapsed()),
        None => Err(io::Error::other("an answer without a position")),
    }
}

/// Where the viewer of session number `index` is, ms.
///
/// # Errors
/// When the call fails.
pub async fn position(client: SendRequest<Bytes>, index: usize) -> io::Result<Option<i64>> {
    let (mut send, response) = grpc::call(&client, METHOD, Some(&sample::bearer(index))).await?;
    let mut out = BytesMut::new();
    let request = GetPositionRequest {
        user_id: sample::user(index).as_str().to_owned(),
        item_id: sample::item(index).as_str().to_owned(),
    };
    grpc::put(&mut out, &request);
    send.send_data(out.freeze(), true).map_err(io::Error::other)?;
    let mut answers = Answers::of(response).await?;
    while answers.more().await? {}
    let answer = answers.ready::<GetPositionResponse>()?;
    Ok(answer.and_then(|answer| answer.position).map(|position| position.position_ms))
}

const METHOD: &str = "/playhead.playback.v1.PlaybackService/GetPosition";
const CONNECTIONS: usize = 4;
