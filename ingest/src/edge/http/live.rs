//! `/v1/accounts/{account}/live-sessions`: what an account plays right now, and how to stop it.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use playhead_store::lease::{StopCode, StopTarget};
use serde_json::json;

use super::{
    Front, caller,
    error::Failure,
    json::{LiveJson, reply},
};
use crate::{
    admission::{RejectReason, Rejection},
    identity::Scope,
    playback::PlaybackError,
};

type Answer = Result<Response, Failure>;

/// `GET live-sessions`.
pub(super) async fn get_live_sessions(
    State(front): State<Arc<Front>>,
    named: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Answer {
    let Path(named) = named.map_err(Failure::malformed)?;
    let (account, identity) =
        caller::account(&front, &headers, Scope::PlaybackRead, &named, "account").await?;
    let leases = front.doors.leases.live(&account, (front.doors.now)()).await.map_err(PlaybackError::from)?;
    let sessions: Vec<_> =
        leases.iter().map(|lease| LiveJson::new(lease, identity.sees(&lease.key.user))).collect();
    Ok(reply(StatusCode::OK, &json!({ "sessions": sessions })))
}

/// `DELETE live-sessions/{code}`.
pub(super) async fn delete_live_session(
    State(front): State<Arc<Front>>,
    named: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Answer {
    let Path((named, code)) = named.map_err(Failure::malformed)?;
    let (account, identity) =
        caller::account(&front, &headers, Scope::PlaybackWrite, &named, "session").await?;
    let Some(target) = StopCode::parse(&code).map(StopTarget::Code) else {
        let allowed = "16 hexadecimal digits, as live-sessions has them";
        return Err(Failure::rejected(&Rejection::new(RejectReason::BadText, "stop_code", &code, allowed)));
    };
    let stopped = front.doors.leases.stop(&account, &target, identity.device(), (front.doors.now)()).await;
    match stopped.map_err(PlaybackError::from)? {
        Some(lease) => {
            let session = LiveJson::new(&lease, identity.sees(&lease.key.user));
            Ok(reply(StatusCode::OK, &json!({ "session": session })))
        }
        None => Err(Failure::absent("session")),
    }
}
