//! The header of a token: which algorithm and which key. Nothing else in it may matter, so whatever would, is refused.

use serde::{Deserialize, de::IgnoredAny};

use super::strict::{object, present};
use crate::identity::{
    keys::{ALGORITHMS, Algorithm, KID_ALLOWED, is_kid},
    refusal::{Fault, Refusal},
};

/// What a header says that counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// The algorithm that it claims; the key's own counts.
    pub algorithm: Algorithm,
    /// Which key.
    pub kid: String,
}

impl Header {
    /// Reads a decoded header.
    ///
    /// # Errors
    /// [`Refusal::Header`].
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let raw: Raw = object(bytes)
            .map_err(|problem| Fault::new("it", problem, "alg, kid and typ, each once"))
            .map_err(Refusal::Header)?;
        raw.check().map_err(Refusal::Header)
    }
}

/// All names that matter, of which those from `crit` on must not be there.
#[derive(Deserialize)]
struct Raw {
    alg: String,
    kid: String,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    cty: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    jku: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    jwk: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    x5u: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    x5c: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    enc: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<IgnoredAny>,
}

impl Raw {
    fn check(self) -> Result<Header, Fault> {
        if let Some(name) = self.forbidden() {
            return Err(Fault::new(name, "is there", "that it is not"));
        }
        if let Some(typ) = self.typ.filter(|typ| !is_jwt(typ)) {
            return Err(Fault::value("typ", &typ, "JWT or at+jwt, or none"));
        }
        let algorithm = Algorithm::from_name(&self.alg);
        let algorithm = algorithm.ok_or_else(|| Fault::value("alg", &self.alg, ALGORITHMS))?;
        match is_kid(&self.kid) {
            true => Ok(Header { algorithm, kid: self.kid }),
            false => Err(Fault::value("kid", &self.kid, KID_ALLOWED)),
        }
    }

    /// What would bring a key from elsewhere, another reading of the rest, or rules that we do not know.
    fn forbidden(&self) -> Option<&'static str> {
        [
            ("crit", &self.crit),
            ("cty", &self.cty),
            ("jku", &self.jku),
            ("jwk", &self.jwk),
            ("x5u", &self.x5u),
            ("x5c", &self.x5c),
            ("b64", &self.b64),
            ("enc", &self.enc),
            ("zip", &self.zip),
        ]
        .into_iter()
        .find_map(|(name, found)| found.is_some().then_some(name))
    }
}

/// A JWT (RFC 7519, section 5.1) or an OAuth access token (RFC 9068, section 2.1), with or without `application/`.
fn is_jwt(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    let typ = typ.strip_prefix("application/").unwrap_or(&typ);
    typ == "jwt" || typ == "at+jwt"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Header, Refusal> {
        Header::read(header.as_bytes())
    }

    #[test]
    fn a_header_chooses_a_key() {
        let expect = |algorithm, kid: &str| Ok(Header { algorithm, kid: kid.to_owned() });
        assert_eq!(read(r#"{"alg":"EdDSA","kid":"a-1"}"#), expect(Algorithm::EdDsa, "a-1"));
        let full = r#"{"typ":"jwt","alg":"ES256","kid":"A/b+c=","x5t":"abc","more":{"jku":1}}"#;
        assert_eq!(read(full), expect(Algorithm::Es256, "A/b+c="));
        let access = r#"{"typ":"application/at+jwt","alg":"RS256","kid":"1"}"#;
        assert_eq!(read(access), expect(Algorithm::Rs256, "1"));
    }

    #[test]
    fn whatever_could_matter_besides_is_refused() {
        for name in ["crit", "cty", "jku", "jwk", "x5u", "x5c", "b64", "enc", "zip"] {
            for value in ["\"a\"", "[]", "null", "false"] {
                let refused = read(&format!(r#"{{"alg":"EdDSA","kid":"a","{name}":{value}}}"#)).unwrap_err();
                assert_eq!(
                    refused.to_string(),
                    format!("header: {name} is there; allowed is that it is not")
                );
            }
        }
        for wrong in [
            r#"{"kid":"a"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"eddsa","kid":"a"}"#,
            r#"{"alg":"RS512","kid":"a"}"#,
            r#"{"alg":["EdDSA"],"kid":"a"}"#,
            r#"{"alg":"EdDSA","kid":""}"#,
            r#"{"alg":"EdDSA","kid":1}"#,
            r#"{"alg":"EdDSA","kid":"a\u0000"}"#,
            r#"{"alg":"EdDSA","kid":"' OR 1=1 --"}"#,
            r#"{"alg":"EdDSA","kid":"a","typ":"secevent+jwt"}"#,
            r#"{"alg":"EdDSA","kid":"a","typ":null}"#,
            r#"["EdDSA","a"]"#,
        ] {
            assert!(matches!(read(wrong), Err(Refusal::Header(_))), "{wrong}");
        }
    }
}
