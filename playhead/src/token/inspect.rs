//! `playhead token inspect`: what a token says, and whether a server would believe it.

use std::{
    io::{self, Read},
    process::ExitCode,
    sync::Arc,
};

use playhead_ingest::identity::{
    Identity, Refusal, TokenRules,
    keys::KeySet,
    token::{Parts, TOKEN_BYTES_MAX, claims::TokenClaims, verify},
};
use serde_json::{Value, json};

use super::{TokenError, configured, file_error, now_s};
use crate::{
    CommandError,
    auth::{self, SECRET_KID, secret},
    block_on,
    cli::{Inspect, Output},
    config::TokenSettings,
    print,
};

/// What came of it.
enum Verdict {
    /// It counts, until then, Unix s.
    Good { identity: Box<Identity>, expires_s: i64 },
    /// It does not.
    Refused(Refusal),
    /// There are no keys to check it by.
    Unchecked,
}

pub(super) fn run(asked: &Inspect) -> Result<ExitCode, CommandError> {
    let token = token(&asked.token).map_err(TokenError::Stdin)?;
    let settings = configured(&asked.expect)?;
    let verdict = match keys(asked, settings.as_ref())? {
        Some(keys) => judge(&token, asked, settings.as_ref(), &keys),
        None => Verdict::Unchecked,
    };
    let (header, claims) = said(&token);
    print::text(&match asked.output {
        Output::Text => as_text(&header, &claims, &verdict),
        Output::Json => format!("{:#}\n", as_json(&header, &claims, &verdict)),
    })?;
    Ok(if matches!(verdict, Verdict::Refused(_)) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn token(named: &str) -> io::Result<String> {
    let mut token = named.to_owned();
    if named == "-" {
        token.clear();
        // More than a token may be long shows as that.
        io::stdin().take(2 * TOKEN_BYTES_MAX as u64).read_to_string(&mut token)?;
    }
    Ok(token.trim().to_owned())
}

fn keys(asked: &Inspect, settings: Option<&TokenSettings>) -> Result<Option<Arc<KeySet>>, CommandError> {
    if let Some(path) = &asked.hs256_secret {
        let secret = secret("--hs256-secret", path).map_err(TokenError::Auth)?;
        return Ok(Some(Arc::new(KeySet::default().with_secret(SECRET_KID, &secret))));
    }
    if let Some(path) = &asked.jwks {
        let text = std::fs::read(path).map_err(file_error(path))?;
        let read = KeySet::from_jwks(&text);
        let no_jwks = |problem| TokenError::NoJwks { path: path.clone(), problem };
        let (keys, _) = read.map_err(|error| no_jwks(error.to_string()))?;
        return Ok(Some(Arc::new(keys)));
    }
    let Some(settings) = settings else { return Ok(None) };
    let keyring = block_on(async { Ok(auth::keyring(settings).await.map_err(TokenError::Auth)?) })?;
    Ok(Some(keyring.current()))
}

fn judge(token: &str, asked: &Inspect, settings: Option<&TokenSettings>, keys: &KeySet) -> Verdict {
    let rules = rules(token, asked, settings);
    match verify(token, keys, &rules, asked.at.unwrap_or_else(now_s)) {
        Ok((identity, expires_s)) => Verdict::Good { identity: Box::new(identity), expires_s },
        Err(refusal) => Verdict::Refused(refusal),
    }
}

/// What the token is held to; issuer and audience that nobody names are taken as the token says them.
fn rules(token: &str, asked: &Inspect, settings: Option<&TokenSettings>) -> TokenRules {
    let own = Parts::of(token).and_then(|parts| TokenClaims::read(&parts.claims()?)).unwrap_or_default();
    let configured = settings.map(|settings| settings.rules.clone());
    let configured = configured.as_ref();
    let issuer = asked.expect.issuer.clone().or_else(|| configured.map(|rules| rules.issuer.clone()));
    let audience = asked.expect.audience.clone().or_else(|| configured.map(|rules| rules.audience.clone()));
    TokenRules {
        issuer: issuer.unwrap_or(own.iss),
        audience: audience.or_else(|| own.aud.first().map(str::to_owned)).unwrap_or_default(),
        leeway_s: asked.leeway_s.or(configured.map(|rules| rules.leeway_s)).unwrap_or(LEEWAY_S),
    }
}

/// Header and claims as JSON where they are, else as text.
fn said(token: &str) -> (Value, Value) {
    let show = |bytes: Vec<u8>| {
        serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()))
    };
    match Parts::of(token) {
        Ok(parts) => {
            let claims = parts.claims().map_or(Value::Null, show);
            (show(parts.header), claims)
        }
        Err(_) => (Value::Null, Value::Null),
    }
}

fn as_text(header: &Value, claims: &Value, verdict: &Verdict) -> String {
    let verdict = match verdict {
        Verdict::Good { identity, expires_s } => format!("counts until {expires_s}, as {}", name(identity)),
        Verdict::Refused(refusal) => format!("does not count ({}): {refusal}", refusal.reason()),
        Verdict::Unchecked => "not checked: there are no keys; --jwks or --config names them".to_owned(),
    };
    format!("header {header:#}\nclaims {claims:#}\n{verdict}\n")
}

fn as_json(header: &Value, claims: &Value, verdict: &Verdict) -> Value {
    let verdict = match verdict {
        Verdict::Good { identity, expires_s } => {
            json!({ "counts": true, "as": name(identity), "expires_at_s": expires_s })
        }
        Verdict::Refused(refusal) => {
            let why = refusal.to_string();
            json!({ "counts": false, "reason": refusal.reason(), "cause": refusal.cause(), "why": why })
        }
        Verdict::Unchecked => json!({ "counts": null }),
    };
    json!({ "header": header, "claims": claims, "verdict": verdict })
}

fn name(identity: &Identity) -> String {
    match identity {
        Identity::Viewer(viewer) => match &viewer.pass {
            Some(pass) => format!("viewer {} in session {} of {}", viewer.user, pass.session, pass.item),
            None => format!("viewer {}", viewer.user),
        },
        Identity::Service { .. } => "service".to_owned(),
        Identity::Admin => "admin".to_owned(),
    }
}

/// As `auth.leeway_s`.
const LEEWAY_S: i64 = 30;
