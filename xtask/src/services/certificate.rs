//! A key and a certificate for 127.0.0.1, made by Java's own keytool.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::Trouble;

/// Makes `node.p12`, which a Java server reads, and `node.pem`, by which clients know it; returns the path of the latter.
pub(super) fn make(home: &Path) -> Result<PathBuf, Trouble> {
    let certificate = home.join("node.pem");
    keytool(home, &["-genkeypair", "-keyalg", "EC", "-dname", "CN=node", "-ext", "san=ip:127.0.0.1"])?;
    keytool(home, &["-exportcert", "-rfc", "-file", "node.pem"])?;
    Ok(certificate)
}

fn keytool(home: &Path, words: &[&str]) -> Result<(), Trouble> {
    let mut keytool = Command::new("keytool");
    keytool.current_dir(home).args(words).args(KEPT).stdin(Stdio::null());
    match keytool.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(Trouble::Failed(format!("keytool: {}", String::from_utf8_lossy(&output.stdout)))),
        Err(error) => Err(Trouble::Missing(format!("keytool does not run (it comes with Java): {error}"))),
    }
}

/// Where the key is kept, and what opens it.
pub(super) const KEYS: &str = "node.p12";
pub(super) const PASSWORD: &str = "playhead";
const KEPT: [&str; 8] = ["-alias", "node", "-storetype", "PKCS12", "-keystore", KEYS, "-storepass", PASSWORD];
