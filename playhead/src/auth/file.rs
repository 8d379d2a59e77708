//! Keys and secrets in files.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use playhead_ingest::identity::{
    keyring::{KeySource, KeysUnavailable},
    keys::JWKS_BYTES_MAX,
};

use super::AuthError;

/// A JWK Set in a file.
pub(super) struct KeysFile(PathBuf);

impl KeysFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

#[async_trait]
impl KeySource for KeysFile {
    async fn read(&self) -> Result<Vec<u8>, KeysUnavailable> {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || up_to(&path, JWKS_BYTES_MAX + 1)).await;
        read.map_err(KeysUnavailable::new)?.map_err(KeysUnavailable::new)
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}

/// Reads the secret of HS256. A line end at its end is an editor's, not the secret's.
pub(crate) fn secret(key: &'static str, path: &Path) -> Result<Vec<u8>, AuthError> {
    let read = up_to(path, SECRET_BYTES_MAX + 1).and_then(|mut secret| {
        while secret.last().is_some_and(|&byte| byte == b'\n' || byte == b'\r') {
            secret.pop();
        }
        match secret.len() {
            SECRET_BYTES_MIN..=SECRET_BYTES_MAX => Ok(secret),
            bytes => Err(io::Error::other(format!("it has {bytes} bytes"))),
        }
    });
    read.map_err(|error| AuthError::Secret { key, path: path.to_owned(), error })
}

/// Reads the beginning of a file.
pub(crate) fn up_to(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The name of the secret in tokens that it signs.
pub(crate) const SECRET_KID: &str = "development";
/// RFC 7518, section 3.2: as long as what it makes.
const SECRET_BYTES_MIN: usize = 32;
const SECRET_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            secret("auth.hs256_secret_file", &path).map_err(|error| error.to_string())
        };
        assert_eq!(read(&[&[b'x'; 32][..], b"\r\n"].concat()), Ok(vec![b'x'; 32]));
        assert_eq!(read(&[b'x'; 4_096]), Ok(vec![b'x'; 4_096]));
        for wrong in [&[b'x'; 31][..], b"", &[b'x'; 4_097], &[&[b'x'; 31][..], b"\n"].concat()] {
            let refused = read(wrong).unwrap_err();
            assert!(refused.contains("allowed is a file of 32 to 4096 bytes"), "{refused}");
        }
    }
}
