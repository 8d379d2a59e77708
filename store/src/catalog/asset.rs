//! What of an item can be played or opened.

use serde::{Deserialize, Serialize};

use super::{Language, item::numbered};

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
