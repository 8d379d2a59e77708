//! `playhead token mint`: signs a token, after a look at what it would say.

use std::{path::Path, process::ExitCode};

use playhead_ingest::identity::{
    signer::Signer,
    token::claims::{Audience, StreamClaims, TokenClaims},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::json;

use super::{TokenError, configured, file_error, now_s};
use crate::{
    CommandError,
    auth::{SECRET_KID, secret},
    cli::{Mint, Output, Signing, ViewerClaims},
    print,
};

pub(super) fn run(asked: &Mint) -> Result<ExitCode, CommandError> {
    let claims = claims(asked)?;
    // What no server would take is not signed.
    claims.identity().map_err(TokenError::Refused)?;
    let token = signer(&asked.signing)?.token(&claims).map_err(TokenError::Signer)?;
    print::text(&match asked.output {
        Output::Text => format!("{token}\n"),
        Output::Json => {
            format!("{:#}\n", json!({ "token": token, "expires_at_s": claims.exp, "claims": claims }))
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn claims(asked: &Mint) -> Result<TokenClaims, CommandError> {
    let expect = &asked.signing.expect;
    let rules = match (&expect.issuer, &expect.audience) {
        (Some(_), Some(_)) => None,
        _ => configured(expect)?.map(|settings| settings.rules),
    };
    let issuer = expect.issuer.clone().or_else(|| rules.as_ref().map(|rules| rules.issuer.clone()));
    let audience = expect.audience.clone().or_else(|| rules.map(|rules| rules.audience));
    let now_s = now_s().unsigned_abs();
    let (role, sub) = match (&asked.service, &asked.admin) {
        (Some(service), _) => (Some("service"), service),
        (_, Some(admin)) => (Some("admin"), admin),
        // One of the three is required.
        _ => (None, asked.user.as_ref().ok_or(TokenError::Missing("user"))?),
    };
    let claims = TokenClaims {
        iss: issuer.ok_or(TokenError::Missing("issuer"))?,
        aud: Audience::One(audience.ok_or(TokenError::Missing("audience"))?),
        sub: sub.clone(),
        exp: now_s + asked.expires_in_s,
        nbf: asked.not_before_in_s.map(|in_s| now_s + in_s),
        iat: Some(now_s),
        role: role.map(str::to_owned),
        scope: (!asked.scope.is_empty()).then(|| asked.scope.join(" ")),
        ..TokenClaims::default()
    };
    Ok(with_viewer(claims, &asked.viewer))
}

fn with_viewer(claims: TokenClaims, said: &ViewerClaims) -> TokenClaims {
    let streams = said.streams_max.map(|max| StreamClaims {
        max,
        at_limit: said.streams_at_limit.clone(),
        per_device_type: said.streams_of.clone(),
        per_item_kind: said.streams_of_content.clone(),
        devices: said.streams_devices,
    });
    TokenClaims {
        account: said.account.clone(),
        device: said.device.clone(),
        device_type: said.device_type.clone(),
        session: said.session.clone(),
        item: said.item.clone(),
        item_kind: said.item_kind.clone(),
        duration_ms: said.duration_ms,
        credits_ms: said.credits_ms,
        streams,
        ..claims
    }
}

fn signer(signing: &Signing) -> Result<Signer, TokenError> {
    let signer = match &signing.hs256_secret {
        Some(path) => Signer::from_secret(SECRET_KID, &secret("--hs256-secret", path)?),
        None => signer_of(&signing.key)?,
    };
    match &signing.kid {
        Some(kid) => signer.named(kid).ok_or_else(|| TokenError::Kid(kid.clone())),
        None => Ok(signer),
    }
}

fn signer_of(path: &Path) -> Result<Signer, TokenError> {
    let no_key = |problem: String| TokenError::NoKey { path: path.to_owned(), problem };
    let pem = std::fs::read(path).map_err(file_error(path))?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem);
    let der = der.map_err(|error| no_key(format!("is no private key: {error}")))?;
    Signer::from_pkcs8(der.secret_pkcs8_der()).map_err(|error| no_key(error.to_string()))
}
