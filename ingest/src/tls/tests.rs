use std::{fs, path::Path, time::SystemTime};

use super::{Reloaded, Source, Tls, TlsError, pair::PairError};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn development(folder: &Path) -> Source {
    Source::Development { folder: folder.to_path_buf(), names: vec!["player.test".to_owned()] }
}

fn files(folder: &Path) -> Source {
    Source::Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

#[test]
fn a_development_pair_lasts_over_restarts_and_is_renewed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let now = now_ms();
    let first = Tls::open(development(folder.path()), now).unwrap();
    let again = Tls::open(development(folder.path()), now + 5 * DAY_MS).unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.reload(now + 5 * DAY_MS).unwrap(), Reloaded::Unchanged);
    assert_eq!(first.reload(now + 7 * DAY_MS).unwrap(), Reloaded::Changed);
    assert_ne!(first.fingerprint(), again.fingerprint());
}

#[test]
fn half_a_development_pair_is_made_anew() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Tls::open(development(other.path()), now_ms()).unwrap();
    let stranger = other.path().join("key.pem");
    let before = Tls::open(development(folder.path()), now_ms()).unwrap().fingerprint();
    for (file, left) in [("certificate.pem", None), ("key.pem", None), ("key.pem", Some(stranger))] {
        let file = folder.path().join(file);
        // What a crash leaves of a file that was not synced; or the key of another pair.
        fs::write(&file, left.map_or(Vec::new(), |left| fs::read(left).unwrap())).unwrap();
        let whole = Tls::open(development(folder.path()), now_ms()).unwrap();
        assert_ne!(whole.fingerprint(), before, "{file:?}");
        assert_eq!(Tls::open(files(folder.path()), now_ms()).unwrap().fingerprint(), whole.fingerprint());
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_a_development_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    Tls::open(development(folder.path()), now_ms()).unwrap();
    let mode = fs::metadata(folder.path().join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_bad_reload_leaves_the_pair_in_use() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Tls::open(development(folder.path()), now_ms()).unwrap();
    let stranger = Tls::open(development(other.path()), now_ms()).unwrap();
    let tls = Tls::open(files(folder.path()), now_ms()).unwrap();
    let before = tls.fingerprint();

    fs::copy(other.path().join("certificate.pem"), folder.path().join("certificate.pem")).unwrap();
    let half = tls.reload(now_ms());
    assert!(matches!(half, Err(TlsError::Pair(PairError::Strangers { .. }))), "{half:?}");
    assert_eq!(tls.fingerprint(), before, "half of a pair is none");

    fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    assert_eq!(tls.reload(now_ms()).unwrap(), Reloaded::Changed);
    assert_eq!(tls.fingerprint(), stranger.fingerprint());
}

#[test]
fn what_is_no_pair_is_named() {
    let folder = tempfile::tempdir().unwrap();
    Tls::open(development(folder.path()), now_ms()).unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let complaint = |source| Tls::open(source, now_ms()).unwrap_err().to_string();

    let swapped = complaint(Source::Files { certificate: key.clone(), key: certificate.clone() });
    assert!(swapped.contains("key.pem") && swapped.contains("no certificate in it"), "{swapped}");
    let absent = complaint(Source::Files { certificate: folder.path().join("none.pem"), key: key.clone() });
    assert!(absent.contains("none.pem"), "{absent}");
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let garbage = complaint(Source::Files { certificate: certificate.clone(), key: key.clone() });
    assert!(
        garbage.contains("key.pem") && garbage.contains("allowed is PEM with one private key"),
        "{garbage}"
    );
    fs::write(&key, vec![b'a'; 2 << 20]).unwrap();
    let large = complaint(Source::Files { certificate, key });
    assert!(large.contains("2097152 bytes; allowed are 1048576"), "{large}");
}

#[test]
fn protocols_are_what_was_asked_for_and_early_data_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::open(development(folder.path()), now_ms()).unwrap();
    let config = tls.tcp(&[b"h2", b"http/1.1"]).unwrap();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!((config.max_early_data_size, tls.quic(&[b"h3"]).unwrap().max_early_data_size), (0, 0));
}
