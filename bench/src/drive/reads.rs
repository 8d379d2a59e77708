//! GetPosition calls.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use playhead_proto::playback::v1::{GetPositionRequest, GetPositionResponse};

use super::unary::{self, Call, Pace, Seen};
use crate::sample;

/// Asks where the viewers of so many sessions are, in turn.
///
/// # Errors
/// When a call fails: every viewer asked for must have been somewhere.
pub async fn read(
    address: SocketAddr,
    sessions: usize,
    calls_per_s: u32,
    lasting: Duration,
) -> io::Result<Seen> {
    unary::paced(address, &KNOWN, (0..sessions).cycle(), Pace { calls_per_s, lasting }).await
}

/// Where the viewer of session number `index` is, ms, if anywhere.
///
/// # Errors
/// When the call fails.
pub async fn position(client: &SendRequest<Bytes>, index: usize) -> io::Result<Option<i64>> {
    let answer = ANY.make(client, index).await?;
    Ok(answer.position.map(|position| position.position_ms))
}

static KNOWN: GetPosition = get_position(|answer| answer.position.is_some());
static ANY: GetPosition = get_position(|_| true);

type GetPosition = Call<GetPositionRequest, GetPositionResponse>;

const fn get_position(is_good: fn(&GetPositionResponse) -> bool) -> GetPosition {
    Call {
        method: "/playhead.playback.v1.PlaybackService/GetPosition",
        bearer: |index| Some(sample::bearer(index)),
        request: |index| GetPositionRequest {
            user_id: sample::user(index).as_str().to_owned(),
            item_id: sample::item(index).as_str().to_owned(),
        },
        is_good,
    }
}
