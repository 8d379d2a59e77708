//! One stream: a session's frames in, its answers out.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::timeout;
use web_transport_quinn::{RecvStream, SendStream};

use super::{
    House,
    datagrams::Datagrams,
    frames::{Ended, StreamFrames},
    meters::OneMore,
};
use crate::edge::{
    talk::{Caller, talk},
    wire::{self, ServerFrame},
};

/// Answers a stream until it ends. A client that does not take its answers is cut.
pub(super) async fn answer(
    house: Arc<House>,
    mut send: SendStream,
    receive: RecvStream,
    datagrams: Arc<Datagrams>,
) {
    let _open = OneMore::of(&house.meters.streams);
    let message_bytes_max = house.doors.intake.limits().message_bytes_max;
    let frames = StreamFrames::new(receive, datagrams, message_bytes_max);
    let mut answers = pin!(talk(house.doors.clone(), Caller::InHello, frames, house.stopping.clone()));
    let patience = Duration::from_millis(house.options.answer_ms_max);
    let mut bytes = Vec::new();
    loop {
        let next = gather(answers.as_mut(), &mut bytes).await;
        match timeout(patience, send.write_all(&bytes)).await {
            Ok(Ok(())) if next == Next::More => bytes.clear(),
            Ok(Ok(())) => break,
            Ok(Err(_)) => return,
            Err(_) => {
                house.meters.unread.inc();
                // The last answers are not worth more patience; the client finds what is acknowledged when it is back.
                let _ = send.reset(0);
                return;
            }
        }
    }
    let _ = send.finish();
    // The connection must not be closed before the client has the last answer.
    let _ = timeout(patience, send.stopped()).await;
}

/// Whether more answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    More,
    End,
}

/// Waits for an answer, and gathers those that are ready with it.
async fn gather(
    mut answers: Pin<&mut (impl Stream<Item = Result<ServerFrame, Ended>> + Send)>,
    bytes: &mut Vec<u8>,
) -> Next {
    let mut answer = answers.next().await;
    loop {
        match answer {
            Some(Ok(frame)) => wire::delimited(&frame, bytes),
            Some(Err(Ended::Failed(failure))) => {
                wire::delimited(&wire::failure(&failure), bytes);
                return Next::End;
            }
            Some(Err(Ended::Gone)) | None => return Next::End,
        }
        if bytes.len() >= BURST_BYTES {
            return Next::More;
        }
        match answers.next().now_or_never() {
            Some(next) => answer = next,
            None => return Next::More,
        }
    }
}

/// Ready answers are sent together up to so many bytes.
const BURST_BYTES: usize = 16 << 10;
