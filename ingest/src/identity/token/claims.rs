//! The claims of a token: their names, units and ranges, and what they prove. docs/tokens.md is this file in prose.

mod streams;

use std::sync::Arc;

use playhead_store::{
    AccountId, DeviceId, IdError, ItemId, ItemKind, SessionId, UserId, catalog::Country, lease::Terms,
};
use serde::{Deserialize, Serialize};

pub use self::streams::StreamClaims;
use self::streams::{device_type, item_kind};
use super::{
    TokenRules,
    strict::{inner_object, object, present},
};
use crate::{
    admission::MEDIA_MS_MAX,
    identity::{
        Identity, Scopes, UNKNOWN_DEVICE, Viewer,
        pass::Pass,
        refusal::{Fault, Refusal},
    },
};

/// The claims as they stand in a token. Names of RFC 7519 and RFC 8693 where there are any; all others are ours, since
/// the registered `sid` and `roles` mean something else. Unknown names are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is meant for.
    pub aud: Audience,
    /// The user of a viewer's token, the name of a service or of an administrator: 1 to 128 bytes.
    pub sub: String,
    /// From when on it counts no more, Unix s, 0 to [`TIME_S_MAX`].
    pub exp: u64,
    /// Before when it does not count, Unix s, in the same range.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// When it was issued, Unix s, in the same range; not in the future.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// `viewer` (also when absent), `service` or `admin`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What a service may do, between spaces.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Who pays, 1 to 128 bytes; absent means the user's own account.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where, 1 to 128 bytes; absent means `unknown`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What kind of device: see [`DeviceType`](crate::identity::pass::DeviceType).
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// The only session that may be told of, 1 to 128 bytes; it comes with `item`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The only item that may be played in it, 1 to 128 bytes.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// `MOVIE`, `EPISODE`, `LESSON`, `RECORDING` or `LIVE`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub item_kind: Option<String>,
    /// The item's length, ms, 0 to 2^53 - 1.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms, 0 to 2^53 - 1.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub credits_ms: Option<i64>,
    /// The country, ISO 3166-1 alpha-2.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// How many streams the account may run at once.
    #[serde(default, deserialize_with = "inner_object", skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamClaims>,
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Audience {
    /// The only one, or the first.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        match self {
            Self::One(only) => Some(only),
            Self::Several(all) => all.first().map(String::as_str),
        }
    }

    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(only) => only == audience,
            Self::Several(all) => all.iter().any(|one| one == audience),
        }
    }
}

impl TokenClaims {
    /// Reads decoded claims.
    ///
    /// # Errors
    /// [`Refusal::Claims`].
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let shape = "the claims of docs/tokens.md, each once and of its type";
        object(bytes).map_err(|problem| Refusal::Claims(Fault::new("it", problem, shape)))
    }

    /// Checks whom it is by and for, and that it counts at `now_s`.
    ///
    /// # Errors
    /// [`Refusal::Claims`], [`Refusal::NotYetValid`], [`Refusal::Expired`].
    pub fn check(&self, rules: &TokenRules, now_s: i64) -> Result<(), Refusal> {
        if self.iss != rules.issuer {
            return Err(Refusal::Claims(Fault::value("iss", &self.iss, "the issuer of this server")));
        }
        if !self.aud.names(&rules.audience) {
            let problem = "does not name this server";
            return Err(Refusal::Claims(Fault::new("aud", problem, "its audience, or a list with it")));
        }
        for (claim, at_s) in [("nbf", self.nbf), ("iat", self.iat)] {
            let Some(at_s) = at_s else { continue };
            let at_s = time(claim, at_s)?;
            let in_s = at_s - rules.leeway_s - now_s;
            if in_s > 0 {
                return Err(Refusal::NotYetValid { claim, at_s, in_s });
            }
        }
        is_current(time("exp", self.exp)?, rules, now_s)
    }

    /// From when on it counts no more, Unix s.
    #[must_use]
    pub fn expires_s(&self) -> i64 {
        i64::try_from(self.exp).unwrap_or(i64::MAX)
    }

    /// Whom it proves.
    ///
    /// # Errors
    /// [`Refusal::Claims`].
    pub fn identity(&self) -> Result<Identity, Refusal> {
        let identity = match self.role.as_deref() {
            None | Some("viewer") => self.viewer().map(Identity::Viewer),
            Some(role @ ("service" | "admin")) => {
                let scopes = Scopes::of_claim(self.scope.as_deref().unwrap_or_default());
                let identity = if role == "admin" { Identity::Admin } else { Identity::Service { scopes } };
                id("sub", &self.sub, UserId::new).map(|_| identity)
            }
            Some(other) => Err(Fault::value("role", other, "viewer, service or admin")),
        };
        identity.map_err(Refusal::Claims)
    }

    fn viewer(&self) -> Result<Viewer, Fault> {
        let account = self.account.as_deref().unwrap_or(&self.sub);
        let device = self.device.as_deref().unwrap_or(UNKNOWN_DEVICE);
        Ok(Viewer {
            user: id("sub", &self.sub, UserId::new)?,
            account: id("account", account, AccountId::new)?,
            device: id("device", device, DeviceId::new)?,
            pass: self.pass()?.map(Into::into),
            terms: self.terms()?,
            country: self.country.as_deref().map(country).transpose()?,
        })
    }

    fn pass(&self) -> Result<Option<Pass>, Fault> {
        let (session, item) = match (&self.session, &self.item) {
            (None, None) => return Ok(None),
            (Some(session), Some(item)) => (session, item),
            (Some(_), None) => return Err(Fault::new("item", "is missing", "one, where there is a session")),
            (None, Some(_)) => {
                return Err(Fault::new("session", "is missing", "one, where there is an item"));
            }
        };
        Ok(Some(Pass {
            session: id("session", session, SessionId::new)?,
            item: id("item", item, ItemId::new)?,
            item_kind: self
                .item_kind
                .as_deref()
                .map_or(Ok(ItemKind::Unknown), |word| item_kind("item_kind", word))?,
            duration_ms: media("duration_ms", self.duration_ms)?,
            credits_ms: media("credits_ms", self.credits_ms)?,
        }))
    }

    fn terms(&self) -> Result<Arc<Terms>, Fault> {
        let device_type =
            self.device_type.as_deref().map(|word| device_type("device_type", word)).transpose()?;
        let rules = self.streams.as_ref().map(StreamClaims::rules).transpose()?;
        Ok(match (&device_type, &rules) {
            (None, None) => Terms::unlimited(),
            _ => Arc::new(Terms { device_type, rules }),
        })
    }
}

/// Says whether a token that expires at `exp_s` still counts. A token that counts until a second does not count in it
/// (RFC 7519, section 4.1.4).
pub(in crate::identity) fn is_current(exp_s: i64, rules: &TokenRules, now_s: i64) -> Result<(), Refusal> {
    let ago_s = now_s - rules.leeway_s - exp_s;
    if ago_s < 0 { Ok(()) } else { Err(Refusal::Expired { exp_s, ago_s }) }
}

fn time(name: &'static str, at_s: u64) -> Result<i64, Refusal> {
    let in_range = i64::try_from(at_s).ok().filter(|at_s| *at_s <= TIME_S_MAX);
    let allowed = "0 to 253402300799, seconds (not ms) since 1970";
    in_range.ok_or_else(|| Refusal::Claims(Fault::new(name, format!("is {at_s}"), allowed)))
}

fn id<T>(
    name: &'static str,
    text: &str,
    checked: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<T, Fault> {
    checked(text)
        .map_err(|problem| Fault::new(name, problem.to_string(), "1 to 128 bytes without control characters"))
}

fn country(code: &str) -> Result<Country, Fault> {
    Country::new(code).ok_or_else(|| Fault::value("country", code, "two letters, ISO 3166-1, such as KR"))
}

fn media(name: &'static str, value_ms: Option<i64>) -> Result<Option<i64>, Fault> {
    match value_ms {
        None | Some(0..=MEDIA_MS_MAX) => Ok(value_ms),
        Some(wrong_ms) => Err(Fault::new(name, format!("is {wrong_ms}"), "0 to 9007199254740991 (ms)")),
    }
}

/// The end of the year 9999, Unix s: a greater number is a mistake, such as milliseconds.
pub const TIME_S_MAX: i64 = 253_402_300_799;

#[cfg(test)]
mod tests;
