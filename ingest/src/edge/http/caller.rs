//! Who calls: the credential of a request, and what its holder may touch.

use axum::http::HeaderMap;
use playhead_store::{AccountId, UserId};

use super::{Front, error::Failure};
use crate::{
    edge::publish,
    identity::{self, Credential, Denied, Identity, Scope, Viewer},
};

/// Who a request is from, by its headers. May wait for newer keys.
///
/// # Errors
/// UNAUTHENTICATED, when they prove nobody.
pub(super) async fn identity(front: &Front, headers: &HeaderMap) -> Result<Identity, Failure> {
    Ok(identity::identify(&*front.doors.verifier, Credential::from_headers(headers)?).await?)
}

/// Which viewer a token in a path proves, on fronts whose players can send no headers and take no answer.
pub(super) async fn viewer(front: &Front, token: &str) -> Option<Viewer> {
    match identity::identify(&*front.doors.verifier, Credential::token(token)).await {
        Ok(Identity::Viewer(viewer)) => Some(viewer),
        Ok(Identity::Service { .. } | Identity::Admin) | Err(_) => None,
    }
}

/// The user that a path names, if the caller may do this with what is theirs. Whoever shows nothing is, for a verifier
/// that believes names, the user in the path.
///
/// # Errors
/// Among others NOT_FOUND for another viewer's data, in the words of a `what` that is not there.
pub(super) async fn user(
    front: &Front,
    headers: &HeaderMap,
    scope: Scope,
    named: &str,
    what: &str,
) -> Result<UserId, Failure> {
    let shown = Credential::from_headers(headers)?;
    let is_nothing = shown.token.is_none() && shown.user.is_none();
    let credential = if is_nothing { Credential { user: Some(named), ..shown } } else { shown };
    let identity = identity::identify(&*front.doors.verifier, credential).await?;
    let user =
        publish::id("user_id", named, UserId::new).map_err(|rejection| Failure::rejected(&rejection))?;
    match identity.may(scope, &user) {
        Ok(()) => Ok(user),
        Err(Denied::Absent) => Err(Failure::absent(what)),
        Err(Denied::Scope(scope)) => Err(Failure::scope_required(scope)),
    }
}

/// The account that a path names, if the caller may do this with its live sessions, and who calls. Whoever shows nothing
/// is, for a verifier that believes names, a viewer of the account.
///
/// # Errors
/// Among others NOT_FOUND for an account that is not the viewer's own, in the words of an account that is not there.
pub(super) async fn account(
    front: &Front,
    headers: &HeaderMap,
    scope: Scope,
    named: &str,
    what: &str,
) -> Result<(AccountId, Identity), Failure> {
    let shown = Credential::from_headers(headers)?;
    let is_nothing = shown.token.is_none() && shown.user.is_none();
    let credential = if is_nothing { Credential { user: Some(named), ..shown } } else { shown };
    let identity = identity::identify(&*front.doors.verifier, credential).await?;
    let account = publish::id("account_id", named, AccountId::new)
        .map_err(|rejection| Failure::rejected(&rejection))?;
    match identity.may_of_account(scope, &account) {
        Ok(()) => Ok((account, identity)),
        Err(Denied::Absent) => Err(Failure::absent(what)),
        Err(Denied::Scope(scope)) => Err(Failure::scope_required(scope)),
    }
}
