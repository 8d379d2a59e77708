//! The live sessions of an account: what holds its stream slots, and how to stop it.

use playhead_proto::playback::v1 as proto;
use playhead_store::{
    AccountId, SessionId, SessionKey, UserId,
    lease::{StopCode, StopTarget},
};
use tonic::{Request, Response, Status, metadata::MetadataMap};

use super::{caller, status};
use crate::{
    admission::{RejectReason, Rejection},
    edge::{Doors, publish, wire},
    identity::{Denied, Identity, Scope},
    playback::PlaybackError,
};

pub(super) async fn list(
    doors: &Doors,
    request: Request<proto::ListLiveSessionsRequest>,
) -> Result<Response<proto::ListLiveSessionsResponse>, Status> {
    let named = &request.get_ref().account_id;
    let (account, identity) =
        account(doors, request.metadata(), Scope::PlaybackRead, named, "account").await?;
    let leases = doors.leases.live(&account, (doors.now)()).await;
    let leases = leases.map_err(|error| status::playback(&PlaybackError::from(error)))?;
    let sessions = leases.iter().map(|lease| wire::live_session(lease, identity.sees(&lease.key.user)));
    Ok(Response::new(proto::ListLiveSessionsResponse { sessions: sessions.collect() }))
}

pub(super) async fn stop(
    doors: &Doors,
    request: Request<proto::StopSessionRequest>,
) -> Result<Response<proto::StopSessionResponse>, Status> {
    let asked = request.get_ref();
    let (account, identity) =
        account(doors, request.metadata(), Scope::PlaybackWrite, &asked.account_id, "session").await?;
    let target = target(asked, &identity)?;
    let stopped = doors.leases.stop(&account, &target, identity.device(), (doors.now)()).await;
    let stopped = stopped.map_err(|error| status::playback(&PlaybackError::from(error)))?;
    let lease = stopped.ok_or_else(|| status::not_found("session"))?;
    let session = Some(wire::live_session(&lease, identity.sees(&lease.key.user)));
    Ok(Response::new(proto::StopSessionResponse { session }))
}

/// The account that a request names, or a viewer's own when it names none. Another one looks as if there were no `what`.
async fn account(
    doors: &Doors,
    metadata: &MetadataMap,
    scope: Scope,
    named: &str,
    what: &str,
) -> Result<(AccountId, Identity), Status> {
    let identity = caller::identify(doors, metadata).await?;
    let account = match &identity {
        Identity::Viewer(viewer) if named.is_empty() => viewer.account.clone(),
        _ => refused(publish::id("account_id", named, AccountId::new))?,
    };
    match identity.may_of_account(scope, &account) {
        Ok(()) => Ok((account, identity)),
        Err(Denied::Absent) => Err(status::not_found(what)),
        Err(Denied::Scope(scope)) => Err(status::scope_required(scope)),
    }
}

/// Which session to stop. One of another user is named by its code only.
fn target(asked: &proto::StopSessionRequest, identity: &Identity) -> Result<StopTarget, Status> {
    let refuse = |field, value: &str, allowed: &'static str| {
        Err(status::refused(&Rejection::new(RejectReason::BadText, field, value, allowed)))
    };
    match (asked.stop_code.as_str(), asked.session_id.as_str()) {
        ("", "") => refuse("stop_code", "", "a stop code, or session_id instead"),
        ("", session) => {
            let user = match identity {
                Identity::Viewer(viewer) if asked.user_id.is_empty() => viewer.user.clone(),
                _ => refused(publish::id("user_id", &asked.user_id, UserId::new))?,
            };
            let session = refused(publish::id("session_id", session, SessionId::new))?;
            match identity.sees(&user) {
                true => Ok(StopTarget::Session(SessionKey { user, session })),
                false => Err(status::not_found("session")),
            }
        }
        (code, "") => match StopCode::parse(code) {
            Some(code) => Ok(StopTarget::Code(code)),
            None => refuse("stop_code", code, "16 hexadecimal digits, as ListLiveSessions has them"),
        },
        (code, _) => refuse("stop_code", code, "nothing beside session_id"),
    }
}

fn refused<T>(checked: Result<T, Rejection>) -> Result<T, Status> {
    checked.map_err(|rejection| status::refused(&rejection))
}
