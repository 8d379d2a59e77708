//! What a caller shows of itself, and how it stands in the headers of a request: the same for every edge that has
//! headers.

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};

use super::IdentityError;

/// What a caller shows of itself. Edges fill in what their protocol carries.
#[derive(Clone, Copy, Default)]
pub struct Credential<'a> {
    /// A bearer token: from `authorization`, a Hello, or the path of a front whose players cannot send headers.
    pub token: Option<&'a str>,
    /// `playhead-user`, for development.
    pub user: Option<&'a str>,
    /// `playhead-account`, for development.
    pub account: Option<&'a str>,
    /// `playhead-device`, for development.
    pub device: Option<&'a str>,
}

/// A token is a secret: logs learn whether there is one.
impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { token, user, account, device } = self;
        let token = token.map(|token| format!("({} bytes)", token.len()));
        write!(f, "Credential {{ {token:?}, {user:?}, {account:?}, {device:?} }}")
    }
}

impl<'a> Credential<'a> {
    /// Only a token.
    #[must_use]
    pub fn token(token: &'a str) -> Self {
        Self { token: Some(token), ..Self::default() }
    }

    /// What the headers of a request show.
    ///
    /// # Errors
    /// [`IdentityError::NotBearer`] when there is an `authorization`, but not exactly one `Bearer TOKEN`.
    pub fn from_headers(headers: &'a HeaderMap) -> Result<Self, IdentityError> {
        let text =
            |name: HeaderName| headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        Ok(Self {
            token: bearer_token(headers)?,
            user: text(USER),
            account: text(ACCOUNT),
            device: text(DEVICE),
        })
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, IdentityError> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    match (shown.next(), shown.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => {
            let text = std::str::from_utf8(only.as_bytes()).ok();
            text.and_then(bearer).map(Some).ok_or(IdentityError::NotBearer)
        }
        // Whoever is in between may have looked at the other one.
        (Some(_), Some(_)) => Err(IdentityError::NotBearer),
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

const USER: HeaderName = HeaderName::from_static("playhead-user");
const ACCOUNT: HeaderName = HeaderName::from_static("playhead-account");
const DEVICE: HeaderName = HeaderName::from_static("playhead-device");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&'static str]) -> Result<Option<String>, IdentityError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        Credential::from_headers(&headers).map(|credential| credential.token.map(str::to_owned))
    }

    #[test]
    fn a_bearer_token_is_read_and_nothing_else() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["Bearer ann"]), Ok(Some("ann".into())));
        assert_eq!(of(&["bearer  ann:family"]), Ok(Some("ann:family".into())));
        assert_eq!(of(&["Bearer "]), Ok(Some(String::new())));
        for wrong in [&["Basic ann"][..], &["ann"], &["Bearer"], &["Bearer a", "Bearer b"], &["", "Bearer b"]]
        {
            assert_eq!(of(wrong), Err(IdentityError::NotBearer), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_does_not_show_in_a_log() {
        let shown = format!("{:?}", Credential::token("secret"));
        assert!(shown.contains("(6 bytes)") && !shown.contains("secret"), "{shown}");
    }
}
