//! `playhead token keygen`: a private key in a file of its own, and the public one in a JWK Set.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
    process::ExitCode,
};

use playhead_ingest::identity::signer::{Signer, SignerError};
use serde_json::{Value, json};

use super::{TokenError, file_error};
use crate::{
    CommandError,
    cli::{Keygen, Output},
    print,
};

pub(super) fn run(asked: &Keygen) -> Result<ExitCode, CommandError> {
    let mut jwks = existing(&asked.jwks)?;
    let (signer, pkcs8) = Signer::generate(asked.alg.algorithm()).map_err(TokenError::Signer)?;
    let signer = match &asked.kid {
        Some(kid) => signer.named(kid).ok_or_else(|| TokenError::Kid(kid.clone()))?,
        None => signer,
    };
    add(&mut jwks, &signer, &asked.jwks)?;
    write_private(&asked.private_key, &pkcs8).map_err(file_error(&asked.private_key))?;
    replace(&asked.jwks, &format!("{jwks:#}\n")).map_err(file_error(&asked.jwks))?;
    let (kid, alg) = (signer.kid(), signer.algorithm().name());
    let (private_key, jwks) = (asked.private_key.display(), asked.jwks.display());
    print::text(&match asked.output {
        Output::Text => format!(
            "kid          {kid}\nalg          {alg}\nprivate key  {private_key}\nJWK Set      {jwks}\n"
        ),
        Output::Json => {
            let told = json!({ "kid": kid, "alg": alg, "private_key": private_key.to_string(), "jwks": jwks.to_string() });
            format!("{told:#}\n")
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The set that is there, or an empty one.
fn existing(path: &Path) -> Result<Value, TokenError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(json!({ "keys": [] })),
        Err(error) => return Err(file_error(path)(error)),
    };
    let jwks: Result<Value, _> = serde_json::from_slice(&text);
    jwks.ok()
        .filter(|jwks| jwks["keys"].is_array())
        .ok_or_else(|| TokenError::NoJwks { path: path.to_owned(), problem: "has no keys".to_owned() })
}

fn add(jwks: &mut Value, signer: &Signer, path: &Path) -> Result<(), TokenError> {
    let Some(keys) = jwks["keys"].as_array_mut() else { return Ok(()) };
    if keys.iter().any(|key| key["kid"] == signer.kid()) {
        let problem = format!("has a key of the name {:?} already", signer.kid());
        return Err(TokenError::NoJwks { path: path.to_owned(), problem });
    }
    let jwk = serde_json::to_value(signer.jwk()?).map_err(SignerError::Claims)?;
    keys.push(jwk);
    Ok(())
}

/// A file that only its owner reads, and that was not there before.
fn write_private(path: &Path, pkcs8: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(pem::encode(&pem::Pem::new("PRIVATE KEY", pkcs8)).as_bytes())?;
    file.sync_all()
}

/// Replaces a file as a whole: a server that reads it meanwhile sees the old one or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let everybody_reads = Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new().permissions(everybody_reads).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
