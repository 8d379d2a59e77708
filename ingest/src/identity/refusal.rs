//! Why a credential was not accepted: what its holder is told, and what operators see.
//!
//! A caller whose token's signature does not verify may be anybody, so it learns one word, `TOKEN_INVALID`, and nothing
//! of the cause. Behind a good signature stands the issuer, and its holder is told what to do: get a new token, look at
//! a clock, or have the claims mended. `playhead token inspect` tells the cause to whoever has the keys.

use std::borrow::Cow;

use playhead_store::IdError;

/// Why a credential was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// There is none.
    #[error("no token: send `authorization: Bearer TOKEN`")]
    Missing,
    /// An `authorization` that is no bearer token, or more than one.
    #[error("authorization is not one `Bearer TOKEN`")]
    NotBearer,
    /// A part of a development credential is no id.
    #[error("{part} {problem}; 1 to 128 bytes without control characters are allowed")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        problem: IdError,
    },
    /// A token that does not prove what it says.
    #[error("{}", .0.told())]
    Token(Refusal),
}

impl IdentityError {
    /// The word for callers, as `ErrorInfo.reason` and in JSON.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "TOKEN_MISSING",
            Self::NotBearer | Self::Malformed { .. } => INVALID,
            Self::Token(refusal) => refusal.reason(),
        }
    }

    /// Whether newer keys could change it.
    #[must_use]
    pub fn may_change(&self) -> bool {
        matches!(self, Self::Token(Refusal::UnknownKey { .. }))
    }
}

/// Why a token was refused, in full: for operators, logs and `playhead token inspect`, not for callers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is longer than a token may be.
    #[error("the token is {bytes} bytes long; allowed is 1 to {}", super::token::TOKEN_BYTES_MAX)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It is not a JWS in compact form.
    #[error("{part}: {problem}; allowed is HEADER.CLAIMS.SIGNATURE, each base64url without padding")]
    NotCompact {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        problem: Cow<'static, str>,
    },
    /// Its header is not one that is taken.
    #[error("header: {0}")]
    Header(Fault),
    /// No key has its `kid`.
    #[error("header: kid is {kid:?}; allowed is the kid of a key that the server has")]
    UnknownKey {
        /// The key that it names.
        kid: String,
    },
    /// It names another algorithm than its key's.
    #[error("header: alg is {found}; allowed is {allowed}, which its key is for")]
    Algorithm {
        /// The algorithm that it names.
        found: &'static str,
        /// The key's.
        allowed: &'static str,
    },
    /// Its signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// Its claims are not what they should be.
    #[error("claims: {0}")]
    Claims(Fault),
    /// It is not valid any more.
    #[error("claims: exp is {exp_s}, which with the leeway was {ago_s} s ago")]
    Expired {
        /// Its `exp`, Unix s.
        exp_s: i64,
        /// How long ago that was, with the leeway, s.
        ago_s: i64,
    },
    /// It is not valid yet.
    #[error("claims: {claim} is {at_s}, which with the leeway is in {in_s} s")]
    NotYetValid {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// Its value, Unix s.
        at_s: i64,
        /// In how long, s.
        in_s: i64,
    },
}

impl Refusal {
    /// The word for callers.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong { .. }
            | Self::NotCompact { .. }
            | Self::Header(_)
            | Self::UnknownKey { .. }
            | Self::Algorithm { .. }
            | Self::Signature => INVALID,
            Self::Claims(_) => "TOKEN_CLAIMS",
            Self::Expired { .. } => "TOKEN_EXPIRED",
            Self::NotYetValid { .. } => "TOKEN_NOT_YET_VALID",
        }
    }

    /// The cause in one word, for metrics and logs.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "TOO_LONG",
            Self::NotCompact { .. } => "NOT_COMPACT",
            Self::Header(_) => "HEADER",
            Self::UnknownKey { .. } => "UNKNOWN_KEY",
            Self::Algorithm { .. } => "ALGORITHM",
            Self::Signature => "SIGNATURE",
            Self::Claims(_) => "CLAIMS",
            Self::Expired { .. } => "EXPIRED",
            Self::NotYetValid { .. } => "NOT_YET_VALID",
        }
    }

    /// What the caller is told.
    fn told(&self) -> Cow<'static, str> {
        match self {
            Self::Claims(fault) => format!("the token is genuine, but {fault}").into(),
            Self::Expired { .. } => "the token has expired: get a new one".into(),
            Self::NotYetValid { .. } => {
                "the token is not valid yet: compare the clocks of its issuer and this server".into()
            }
            _ => "the token is not one that this server accepts".into(),
        }
    }
}

/// A name in a header or in claims whose value is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}; allowed is {allowed}")]
pub struct Fault {
    /// The name, or what stands for the whole.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: Cow<'static, str>,
    /// What would have been taken.
    pub allowed: Cow<'static, str>,
}

impl Fault {
    /// A fault of a name. A long problem is cut.
    pub fn new(
        name: &'static str,
        problem: impl Into<Cow<'static, str>>,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Self {
        let problem = match problem.into() {
            Cow::Owned(long) if long.len() > PROBLEM_CHARS_MAX => {
                long.chars().take(PROBLEM_CHARS_MAX).collect::<String>().into()
            }
            problem => problem,
        };
        Self { name, problem, allowed: allowed.into() }
    }

    /// A fault of a name's value, which is told.
    pub fn value(name: &'static str, value: &str, allowed: impl Into<Cow<'static, str>>) -> Self {
        let shown: String = value.chars().take(VALUE_CHARS_MAX).collect();
        Self::new(name, format!("is {shown:?}"), allowed)
    }
}

const INVALID: &str = "TOKEN_INVALID";
/// How much of a problem is told.
const PROBLEM_CHARS_MAX: usize = 200;
/// How much of a bad value is told.
const VALUE_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_signature_all_causes_are_told_alike() {
        let fault = || Fault::value("alg", "none", "EdDSA");
        let hidden = [
            Refusal::TooLong { bytes: 9_000 },
            Refusal::NotCompact { part: "header", problem: "no base64".into() },
            Refusal::Header(fault()),
            Refusal::UnknownKey { kid: "a".into() },
            Refusal::Algorithm { found: "HS256", allowed: "EdDSA" },
            Refusal::Signature,
        ];
        let told = |refusal: Refusal| {
            let error = IdentityError::Token(refusal);
            (error.reason(), error.to_string())
        };
        let alike: std::collections::HashSet<_> = hidden.map(told).into_iter().collect();
        assert_eq!(alike.len(), 1, "{alike:?}");
        let (reason, message) = told(Refusal::Claims(fault()));
        assert_eq!((reason, message.contains("alg is \"none\"")), ("TOKEN_CLAIMS", true), "{message}");
    }

    #[test]
    fn a_long_value_is_cut() {
        let fault = Fault::value("kid", &"k".repeat(9_000), "less");
        assert!(fault.to_string().len() < 120, "{fault}");
        assert!(Fault::new("kid", "é".repeat(999), "").problem.len() <= 2 * PROBLEM_CHARS_MAX);
    }
}
