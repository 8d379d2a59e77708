//! Who calls, from a call's metadata.

use tonic::{Status, metadata::MetadataMap};

use super::status;
use crate::{
    edge::Doors,
    identity::{Credential, Identity},
};

/// Says who calls.
///
/// # Errors
/// UNAUTHENTICATED.
pub(super) fn identify(doors: &Doors, metadata: &MetadataMap) -> Result<Identity, Status> {
    let text = |name| metadata.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let token = match metadata.contains_key("authorization") {
        true => Some(text("authorization").and_then(bearer).ok_or_else(status::no_bearer)?),
        false => None,
    };
    let credential = Credential {
        token,
        user: text("playhead-user"),
        account: text("playhead-account"),
        device: text("playhead-device"),
    };
    doors.verifier.verify(credential).map_err(|error| status::unauthenticated(&error))
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_and_nothing_else() {
        assert_eq!(bearer("Bearer ann"), Some("ann"));
        assert_eq!(bearer("bearer ann:family"), Some("ann:family"));
        assert_eq!(bearer("Basic ann"), None);
        assert_eq!(bearer("ann"), None);
    }
}
