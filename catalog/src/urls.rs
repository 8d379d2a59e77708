//! Signed URLs: whoever may play gets URLs that a CDN can check offline, and that count for a while.
//!
//! What is signed is three lines: the key's name, the time from which on the URL counts no more (Unix s), and the path that
//! it opens, the file's own or its folder's. docs/catalog.md says how they are checked.

use playhead_ingest::identity::signer::{Signer, SignerError};
use playhead_store::catalog::{Asset, Segment};

/// Signs URLs, or leaves them as they are.
#[derive(Default)]
pub struct Urls(Option<Signing>);

struct Signing {
    key: Signer,
    valid_ms: i64,
    opens: Opens,
}

/// What a signed URL opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// The file that it names.
    File,
    /// All that lies in that file's folder or below, so that a playlist's signature opens its segments.
    Folder,
}

impl Urls {
    /// Signs by a shared secret of this name: 1 to 64 letters, digits, `-` and `_`.
    #[must_use]
    pub fn signed(key: &str, secret: &[u8], valid_ms: i64, opens: Opens) -> Self {
        Self(Some(Signing { key: Signer::from_secret(key, secret), valid_ms, opens }))
    }

    /// From when on what is signed now counts no more, Unix s; never later than `until_ms`. `None`: nothing is signed.
    #[must_use]
    pub fn expires_s(&self, now_ms: i64, until_ms: Option<i64>) -> Option<i64> {
        let ends_ms = now_ms.saturating_add(self.0.as_ref()?.valid_ms);
        Some(until_ms.map_or(ends_ms, |until_ms| until_ms.min(ends_ms)).div_euclid(1_000))
    }

    /// An asset with its URLs signed.
    ///
    /// # Errors
    /// [`SignerError`], when the cryptographic library refuses.
    pub fn sign_asset(&self, asset: &mut Asset, expires_s: Option<i64>) -> Result<(), SignerError> {
        let playlists = asset.variants.iter_mut().map(|variant| &mut variant.playlist_url);
        let keys = asset.encryption.iter_mut().map(|encryption| &mut encryption.key_url);
        let mut urls = playlists.chain(keys).chain([&mut asset.url]);
        urls.try_for_each(|url| self.sign(url, expires_s))
    }

    /// A segment with its URL signed.
    ///
    /// # Errors
    /// [`SignerError`], when the cryptographic library refuses.
    pub fn sign_segment(&self, segment: &mut Segment, expires_s: Option<i64>) -> Result<(), SignerError> {
        self.sign(&mut segment.url, expires_s)
    }

    fn sign(&self, url: &mut String, expires_s: Option<i64>) -> Result<(), SignerError> {
        let (Some(signing), Some(expires_s)) = (&self.0, expires_s) else { return Ok(()) };
        let Some(path) = path(url) else { return Ok(()) };
        let opened = match signing.opens {
            Opens::File => path,
            Opens::Folder => {
                path.rsplit_once('/').map_or("/", |(folder, _)| path.get(..=folder.len()).unwrap_or(path))
            }
        };
        let name = signing.key.kid();
        let signature = signing.key.sign(format!("{name}\n{expires_s}\n{opened}").as_bytes())?;
        let query = format!(
            "playhead-key={name}&playhead-expires={expires_s}&playhead-path={}&playhead-signature={}",
            encoded(opened),
            hex(&signature)
        );
        let end = url.find('#').unwrap_or(url.len());
        let joint = if url.get(..end).is_some_and(|url| url.contains('?')) { '&' } else { '?' };
        url.insert_str(end, &format!("{joint}{query}"));
        Ok(())
    }
}

/// The path of a URL as it stands there; `None` for what no CDN serves.
fn path(url: &str) -> Option<&str> {
    let whole = url.find(['?', '#']).and_then(|end| url.get(..end)).unwrap_or(url);
    let behind = |scheme: &str| {
        let is_it = whole.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        is_it.then(|| whole.get(scheme.len()..)).flatten()
    };
    match behind("https://").or_else(|| behind("http://")) {
        Some(rest) => Some(rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/")),
        None => Some(whole).filter(|whole| whole.starts_with('/') && !whole.starts_with("//")),
    }
}

/// A path as a query's value (RFC 3986, section 3.4).
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(byte.into())
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(url: &str, opens: Opens) -> String {
        let mut url = url.to_owned();
        let urls = Urls::signed("k1", &[7; 32], 60_000, opens);
        urls.sign(&mut url, urls.expires_s(1_000_999, None)).unwrap();
        url
    }

    /// Of a signed URL: what the signature opens.
    fn opened(url: &str) -> String {
        url.split_once("playhead-path=").unwrap().1.split('&').next().unwrap().to_owned()
    }

    #[test]
    fn a_url_says_its_key_its_end_and_what_it_opens() {
        let url = signed("https://cdn.example/a/b.m3u8", Opens::File);
        let (start, signature) = url.rsplit_once("&playhead-signature=").unwrap();
        assert_eq!(
            start,
            "https://cdn.example/a/b.m3u8?playhead-key=k1&playhead-expires=1060&playhead-path=/a/b.m3u8"
        );
        // HMAC-SHA-256 of these three lines by the key, reckoned elsewhere.
        assert_eq!(signature, "bc37295e2dacbc28d47ef96fa3a328cfa14a2f42ea0c604bdb5f8409417671c4");
    }

    #[test]
    fn a_folder_opens_what_lies_in_it() {
        for (url, file, folder) in [
            ("https://cdn.example/a/b.m3u8", "/a/b.m3u8", "/a/"),
            ("HTTP://cdn.example/b.m3u8", "/b.m3u8", "/"),
            ("https://cdn.example", "/", "/"),
            ("/a/%ED%95%9C.ts", "/a/%25ED%2595%259C.ts", "/a/"),
            ("/a/b/", "/a/b/", "/a/b/"),
        ] {
            assert_eq!(opened(&signed(url, Opens::File)), file, "{url}");
            assert_eq!(opened(&signed(url, Opens::Folder)), folder, "{url}");
        }
    }

    #[test]
    fn a_query_and_a_fragment_stay() {
        let url = signed("/a.mp4?v=1#t=10", Opens::File);
        assert!(url.starts_with("/a.mp4?v=1&playhead-key=k1&") && url.ends_with("#t=10"), "{url}");
        assert_eq!(opened(&url), "/a.mp4");
    }

    #[test]
    fn what_no_cdn_serves_and_without_a_key_everything_stays_as_it_is() {
        for url in ["", "urn:a:b", "data:text/plain,a", "s3://bucket/a", "//cdn.example/a", "a/b"] {
            assert_eq!(signed(url, Opens::File), url);
        }
        let mut url = "https://cdn.example/a".to_owned();
        assert_eq!(Urls::default().expires_s(0, None), None);
        Urls::default().sign(&mut url, Some(9)).unwrap();
        assert_eq!(url, "https://cdn.example/a");
    }

    #[test]
    fn no_url_outlives_the_right() {
        let urls = Urls::signed("k1", &[7; 32], 60_000, Opens::File);
        assert_eq!(urls.expires_s(1_000_000, None), Some(1_060));
        assert_eq!(urls.expires_s(1_000_000, Some(1_030_999)), Some(1_030));
        assert_eq!(urls.expires_s(1_000_000, Some(9_000_000)), Some(1_060));
    }
}
