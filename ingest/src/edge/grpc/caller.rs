//! Who calls, from a call's metadata, and what they may touch.

use playhead_store::UserId;
use tonic::{Status, metadata::MetadataMap};

use super::status;
use crate::{
    edge::Doors,
    identity::{self, Credential, Denied, Identity, Scope},
};

/// Says who calls. May wait for newer keys.
///
/// # Errors
/// UNAUTHENTICATED.
pub(super) async fn identify(doors: &Doors, metadata: &MetadataMap) -> Result<Identity, Status> {
    let credential =
        Credential::from_headers(metadata.as_ref()).map_err(|error| status::unauthenticated(&error))?;
    let identity = identity::identify(&*doors.verifier, credential).await;
    identity.map_err(|error| status::unauthenticated(&error))
}

/// Checks that the caller may do this with a user's data. Another viewer's looks as if there were no `what`.
///
/// # Errors
/// NOT_FOUND, PERMISSION_DENIED.
pub(super) fn allow(identity: &Identity, scope: Scope, user: &UserId, what: &str) -> Result<(), Status> {
    identity.may(scope, user).map_err(|denied| match denied {
        Denied::Absent => status::not_found(what),
        Denied::Scope(scope) => status::scope_required(scope),
    })
}
