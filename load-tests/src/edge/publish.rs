//! Publish: calls that carry events of several sessions, several of them on their way at a time.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use playhead_proto::ingest::v1::{
    PublishRequest, SessionEvents, SessionOutcome, ingest_service_client::IngestServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use super::{
    connect::{reason, reject_reason},
    queue::{Answer, Call, Outcome, Part, Queue},
};
use crate::{play::Session, wire};

/// Sends a connection's calls until there is nothing left.
pub(crate) async fn run(queue: Rc<Queue>, channel: Channel) {
    let mut on_their_way = FuturesUnordered::new();
    let mut is_over = false;
    while !is_over || !on_their_way.is_empty() {
        tokio::select! {
            call = queue.next(), if !is_over && on_their_way.len() < CALLS_MAX => match call {
                Some(call) => on_their_way.push(one(&queue, &channel, call)),
                None => is_over = true,
            },
            Some(()) = on_their_way.next() => {}
        }
    }
}

async fn one(queue: &Queue, channel: &Channel, call: Call) {
    let sent = Instant::now();
    let now_ms = queue.stage.clock.unix_ms(sent);
    let sessions = call.parts.iter().map(|part| session_events(part, now_ms)).collect();
    let answer = IngestServiceClient::new(channel.clone()).publish(PublishRequest { sessions }).await;
    let answer = match answer {
        Ok(response) => Answer::Outcomes(response.into_inner().sessions.iter().map(outcome).collect()),
        Err(status) => refusal(&status),
    };
    queue.settle(call, sent, answer);
}

/// A part as a message that names its viewer.
pub(crate) fn session_events(part: &Part, now_ms: i64) -> SessionEvents {
    let Session { id, item, user, device, duration_ms, .. } = &*part.session;
    SessionEvents {
        session: Some(wire::session(id, item, *duration_ms)),
        user_id: user.clone(),
        account_id: String::new(),
        device_id: (*device).to_owned(),
        sent_at_ms: now_ms,
        events: part.events.clone(),
    }
}

/// What a message says of a part.
pub(crate) fn outcome(outcome: &SessionOutcome) -> Outcome {
    let rejected = outcome.rejected.iter();
    Outcome {
        duplicate: outcome.duplicate.into(),
        rejected: rejected.map(|it| (it.seq, reject_reason(it.reason).to_owned())).collect(),
        busy: outcome.busy.as_ref().map(|busy| Duration::from_millis(busy.retry_after_ms.into())),
    }
}

fn refusal(status: &Status) -> Answer {
    let reason = reason(status);
    match (reason.as_str(), status.code()) {
        ("BUSY", _) => {
            let said = status.get_details_retry_info().and_then(|info| info.retry_delay);
            Answer::Busy(said.unwrap_or(Duration::from_millis(250)))
        }
        (_, Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated) => {
            Answer::Rejected(reason)
        }
        _ => Answer::Failed(reason),
    }
}

/// Calls of one connection that are on their way at a time; the others wait, and their time counts.
const CALLS_MAX: usize = 64;
