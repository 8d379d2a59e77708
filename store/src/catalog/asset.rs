//! What of an item can be played or opened.

use serde::{Deserialize, Serialize};

use super::{
    Fault, Language,
    check::{self, URL_BYTES_MAX},
    item::numbered,
};

/// Something of an item that can be played or opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Names it within its item.
    pub id: String,
    /// What it is.
    pub kind: AssetKind,
    /// Where its playlist or file is; empty where only its variants have one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Its media type; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mime_type: String,
    /// The language spoken or written in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Its length, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// Its size, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// How it is encrypted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// False while it is still being made.
    pub ready: bool,
    /// The same in several qualities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

numbered! {
    /// What an asset is.
    AssetKind {
        /// Moving pictures.
        Video = 1 "VIDEO",
        /// Sound alone.
        Audio = 2 "AUDIO",
        /// Subtitles or captions.
        Subtitles = 3 "SUBTITLES",
        /// A picture.
        Image = 4 "IMAGE",
        /// Something to read.
        Document = 5 "DOCUMENT",
    }
}

/// How an asset is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// The method, such as `AES-128`.
    pub method: String,
    /// Where its key is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_url: String,
}

/// An asset in one quality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Names it within its asset.
    pub id: String,
    /// Width, pixels; 0 when unknown.
    #[serde(default)]
    pub width: u32,
    /// Height, pixels; 0 when unknown.
    #[serde(default)]
    pub height: u32,
    /// Mean bitrate, kbit/s; 0 when unknown.
    #[serde(default)]
    pub bitrate_kbps: u32,
    /// Where its playlist is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub playlist_url: String,
    /// Its codecs, as in RFC 6381.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub codecs: String,
}

/// A piece of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its number in the variant.
    pub number: u32,
    /// Where it is.
    pub url: String,
    /// Where it begins in the item, ms.
    pub start_ms: i64,
    /// Its length, ms.
    pub duration_ms: i64,
    /// Its size, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
}

impl Segment {
    /// Checks all that can be seen of a segment by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        check::length("url", &self.url, 1, URL_BYTES_MAX)?;
        check::media("start_ms", Some(self.start_ms))?;
        check::media("duration_ms", Some(self.duration_ms))?;
        check::media("size_bytes", self.size_bytes)
    }
}

/// Segments joined into others: those of a number that is there replace it, the rest come in between, by number.
pub fn join_segments(present: &mut Vec<Segment>, new: &[Segment]) {
    present.retain(|segment| new.iter().all(|other| other.number != segment.number));
    present.extend_from_slice(new);
    present.sort_by_key(|segment| segment.number);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u32, url: &str) -> Segment {
        Segment {
            number,
            url: url.into(),
            start_ms: i64::from(number) * 6_000,
            duration_ms: 6_000,
            size_bytes: None,
        }
    }

    #[test]
    fn segments_join_by_their_numbers() {
        let mut present = vec![segment(1, "a"), segment(3, "b")];
        let new = [segment(3, "c"), segment(2, "d")];
        for _ in 0..2 {
            join_segments(&mut present, &new);
            assert_eq!(present, [segment(1, "a"), segment(2, "d"), segment(3, "c")]);
        }
    }

    #[test]
    fn a_wrong_segment_names_its_field() {
        let fault = |segment: Segment| segment.check().unwrap_err().field;
        assert_eq!(segment(1, "a").check(), Ok(()));
        assert_eq!(fault(segment(1, "")), "url");
        assert_eq!(fault(Segment { start_ms: -1, ..segment(1, "a") }), "start_ms");
        assert_eq!(fault(Segment { duration_ms: 1 << 53, ..segment(1, "a") }), "duration_ms");
        assert_eq!(fault(Segment { size_bytes: Some(-1), ..segment(1, "a") }), "size_bytes");
    }
}
