//! Who calls: the credential of a request, and what its holder may touch.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use playhead_store::UserId;

use super::{Front, error::Failure};
use crate::{
    edge::publish,
    identity::{Credential, Identity},
};

/// Who a request is from, by its headers.
///
/// # Errors
/// UNAUTHENTICATED, when they prove nobody.
pub(super) fn identity(front: &Front, headers: &HeaderMap) -> Result<Identity, Failure> {
    Ok(front.doors.verifier.verify(credential(headers))?)
}

/// The user that a path names, if the caller may touch what is theirs. Whoever shows nothing is, for a verifier that
/// believes names, the user in the path.
///
/// # Errors
/// Among others NOT_FOUND for another viewer's data: denied looks like absent.
pub(super) fn user(front: &Front, headers: &HeaderMap, named: &str) -> Result<UserId, Failure> {
    let user =
        publish::id("user_id", named, UserId::new).map_err(|rejection| Failure::rejected(&rejection))?;
    let shown = credential(headers);
    let is_nothing = shown.token.is_none() && shown.user.is_none();
    let credential = if is_nothing { Credential { user: Some(named), ..shown } } else { shown };
    match front.doors.verifier.verify(credential)? {
        Identity::Viewer(viewer) if viewer.user != user => {
            Err(Failure::not_found(format!("there is no user {named:?}, or it is not yours to see")))
        }
        Identity::Viewer(_) | Identity::Service => Ok(user),
    }
}

fn credential(headers: &HeaderMap) -> Credential<'_> {
    let text = |name: &str| headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let token = text(AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    Credential {
        token,
        user: text("playhead-user"),
        account: text("playhead-account"),
        device: text("playhead-device"),
    }
}
