//! What may be written of an item. What passes is in range and needs no second look.

use std::{borrow::Cow, collections::HashSet, hash::Hash};

use super::{Asset, Category, ExternalId, Item, Kind, Policy, Text, Variant, Window};

/// A field whose value is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value:?}; allowed is {allowed}")]
pub struct Fault {
    /// The field, as the wire names it, such as `texts[1].title`.
    pub field: String,
    /// The value found, at most [`VALUE_CHARS_MAX`] characters of it.
    pub value: String,
    /// What would have been taken.
    pub allowed: Cow<'static, str>,
}

impl Fault {
    /// A fault of a field.
    pub fn new(
        field: impl Into<String>,
        value: impl std::fmt::Display,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Self {
        let value = value.to_string().chars().take(VALUE_CHARS_MAX).collect();
        Self { field: field.into(), value, allowed: allowed.into() }
    }

    /// The same fault, of a field within another.
    #[must_use]
    pub fn within(mut self, outer: impl std::fmt::Display) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// How much of a bad value is told.
pub const VALUE_CHARS_MAX: usize = 64;
/// The greatest length and place, ms: 2^53 - 1, what every JSON reader holds exactly.
pub const MEDIA_MS_MAX: i64 = (1 << 53) - 1;
/// The greatest age, years.
pub const MATURITY_AGE_MAX: u8 = 21;
/// The longest URL, bytes.
pub const URL_BYTES_MAX: usize = 2_048;

impl Item {
    /// Checks all that can be seen of an item by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        check_texts(&self.texts)?;
        count("category_ids", self.categories.len(), 32)?;
        each_once("category_ids", &self.categories, |id| id)?;
        self.check_numbers()?;
        self.check_tags()?;
        self.check_assets()?;
        self.access.iter().try_for_each(check_policy)?;
        count("windows", self.windows.len(), 64)?;
        indexed("windows", &self.windows, check_window)?;
        check_external_ids(&self.external_ids)?;
        self.check_attributes()?;
        self.check_version()?;
        self.share_token.iter().try_for_each(|token| check_share_token(token))
    }

    fn check_numbers(&self) -> Result<(), Fault> {
        for (field, value) in [("duration_ms", self.duration_ms), ("credits_ms", self.credits_ms)] {
            media(field, value)?;
        }
        match self.maturity_age {
            Some(age) if age > MATURITY_AGE_MAX => Err(Fault::new("maturity_age", age, "0 to 21")),
            _ => Ok(()),
        }
    }

    fn check_tags(&self) -> Result<(), Fault> {
        count("tags", self.tags.len(), 64)?;
        each_once("tags", &self.tags, |tag| tag)?;
        indexed("tags", &self.tags, |tag| {
            length("group", &tag.group, 0, 64)?;
            length("name", &tag.name, 1, 64)
        })
    }

    fn check_assets(&self) -> Result<(), Fault> {
        count("assets", self.assets.len(), 32)?;
        each_once("assets", &self.assets, |asset| &asset.id)?;
        indexed("assets", &self.assets, check_asset)
    }

    fn check_attributes(&self) -> Result<(), Fault> {
        count("attributes", self.attributes.len(), 64)?;
        for (key, value) in &self.attributes {
            length("attributes", key, 1, 64)?;
            bytes(&format!("attributes[{key}]"), value, 0, 4_096)?;
        }
        Ok(())
    }

    fn check_version(&self) -> Result<(), Fault> {
        match (&self.version, self.kind) {
            (None, Kind::Version) => Err(Fault::new("version", "", "a number, since kind is VERSION")),
            (None, _) => Ok(()),
            (Some(version), Kind::Version) => {
                bytes("version.changelog", &version.changelog, 0, 16_384)?;
                match version.number {
                    0 => Err(Fault::new("version.number", 0, "1 to 4294967295")),
                    _ => Ok(()),
                }
            }
            (Some(version), kind) => {
                let allowed = format!("nothing, since kind is {}", kind.name());
                Err(Fault::new("version", version.number, allowed))
            }
        }
    }
}

impl Category {
    /// Checks all that can be seen of a category by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        check_texts(&self.texts)?;
        length("slug", &self.slug, 0, 128)?;
        check_external_ids(&self.external_ids)
    }
}

/// Checks what something is called.
///
/// # Errors
/// The first [`Fault`].
pub fn check_texts(texts: &[Text]) -> Result<(), Fault> {
    count("texts", texts.len(), 64)?;
    each_once("texts", texts, |text| &text.language)?;
    indexed("texts", texts, |text| {
        length("title", &text.title, 1, 1_024)?;
        length("subtitle", &text.subtitle, 0, 1_024)?;
        bytes("description", &text.description, 0, 16_384)?;
        length("image_url", &text.image_url, 0, URL_BYTES_MAX)
    })
}

/// Checks what something is called in other systems.
///
/// # Errors
/// The first [`Fault`].
pub fn check_external_ids(ids: &[ExternalId]) -> Result<(), Fault> {
    count("external_ids", ids.len(), 16)?;
    each_once("external_ids", ids, |id| &id.system)?;
    indexed("external_ids", ids, |id| {
        length("system", &id.system, 1, 64)?;
        length("id", &id.id, 1, 128)
    })
}

fn check_policy(policy: &Policy) -> Result<(), Fault> {
    count("access.ways", policy.ways.len(), 16)?;
    indexed("access.ways", &policy.ways, |way| {
        if !way.leads_somewhere() {
            return Err(Fault::new("way", "", "everybody, subscription, grant, share_link, or some of them"));
        }
        if let Some(need) = &way.subscription {
            count("subscription.plan_ids", need.plans.len(), 32)?;
            number("subscription.tier_min", need.tier_min, TIER_MAX)?;
            need.feature.iter().try_for_each(|feature| length("subscription.feature", feature, 1, 64))?;
        }
        let role = way.grant.as_ref().and_then(|need| need.role.as_ref());
        role.into_iter().try_for_each(|role| length("grant.role", role, 1, 64))
    })
}

fn check_window(window: &Window) -> Result<(), Fault> {
    count("countries", window.countries.len(), COUNTRIES_MAX)?;
    count("except_countries", window.except_countries.len(), COUNTRIES_MAX)?;
    span(window.starts_at_ms, window.ends_at_ms)
}

/// Checks that a span of time ends after its start.
///
/// # Errors
/// The [`Fault`] of `ends_at_ms`.
pub fn span(starts_at_ms: Option<i64>, ends_at_ms: Option<i64>) -> Result<(), Fault> {
    match (starts_at_ms, ends_at_ms) {
        (Some(start), Some(end)) if end <= start => {
            Err(Fault::new("ends_at_ms", end, format!("more than starts_at_ms, which is {start}")))
        }
        _ => Ok(()),
    }
}

fn check_asset(asset: &Asset) -> Result<(), Fault> {
    length("id", &asset.id, 1, 128)?;
    length("url", &asset.url, 0, URL_BYTES_MAX)?;
    length("mime_type", &asset.mime_type, 0, 128)?;
    media("duration_ms", asset.duration_ms)?;
    media("size_bytes", asset.size_bytes)?;
    if let Some(encryption) = &asset.encryption {
        length("encryption.method", &encryption.method, 1, 32)?;
        length("encryption.key_url", &encryption.key_url, 0, URL_BYTES_MAX)?;
    }
    count("variants", asset.variants.len(), 32)?;
    each_once("variants", &asset.variants, |variant| &variant.id)?;
    indexed("variants", &asset.variants, check_variant)
}

fn check_variant(variant: &Variant) -> Result<(), Fault> {
    length("id", &variant.id, 1, 128)?;
    length("playlist_url", &variant.playlist_url, 0, URL_BYTES_MAX)?;
    length("codecs", &variant.codecs, 0, 128)
}

fn check_share_token(token: &str) -> Result<(), Fault> {
    let is_plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match is_plain && (16..=128).contains(&token.len()) {
        true => Ok(()),
        // It is a secret: what was given is not told.
        false => Err(Fault::new("share_token", "(hidden)", "16 to 128 letters, digits, - and _")),
    }
}

pub(super) fn media(field: &str, value: Option<i64>) -> Result<(), Fault> {
    match value {
        Some(value) if !(0..=MEDIA_MS_MAX).contains(&value) => {
            Err(Fault::new(field, value, "0 to 9007199254740991"))
        }
        _ => Ok(()),
    }
}

/// Checks a number's upper bound.
///
/// # Errors
/// The [`Fault`] of the field.
pub fn number(field: &str, value: u32, max: u32) -> Result<(), Fault> {
    if value > max { Err(Fault::new(field, value, format!("0 to {max}"))) } else { Ok(()) }
}

/// Checks how many there are.
///
/// # Errors
/// The [`Fault`] of the field.
pub fn count(field: &str, found: usize, max: usize) -> Result<(), Fault> {
    if found > max {
        Err(Fault::new(field, format!("{found} of them"), format!("0 to {max}")))
    } else {
        Ok(())
    }
}

/// Checks a line of text: its length, and that no control character is in it.
///
/// # Errors
/// The [`Fault`] of the field.
pub fn length(field: &str, text: &str, min: usize, max: usize) -> Result<(), Fault> {
    if text.chars().any(char::is_control) {
        return Err(Fault::new(field, text, "text without control characters"));
    }
    bytes(field, text, min, max)
}

pub(super) fn bytes(field: &str, text: &str, min: usize, max: usize) -> Result<(), Fault> {
    match (min..=max).contains(&text.len()) {
        true => Ok(()),
        false => Err(Fault::new(field, text, format!("{min} to {max} bytes"))),
    }
}

/// Checks each of several, and says which one is at fault.
///
/// # Errors
/// The first [`Fault`].
pub fn indexed<T>(field: &str, all: &[T], check: impl Fn(&T) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut numbered = all.iter().enumerate();
    numbered.try_for_each(|(at, one)| check(one).map_err(|fault| fault.within(format_args!("{field}[{at}]"))))
}

fn each_once<'a, T, K: Hash + Eq>(field: &str, all: &'a [T], key: impl Fn(&'a T) -> K) -> Result<(), Fault> {
    let mut seen = HashSet::with_capacity(all.len());
    match all.iter().position(|one| !seen.insert(key(one))) {
        None => Ok(()),
        Some(at) => Err(Fault::new(format!("{field}[{at}]"), "the same again", "each of them once")),
    }
}

/// The greatest tier of a plan.
pub const TIER_MAX: u32 = 1_000_000;
/// More countries than there are.
const COUNTRIES_MAX: usize = 260;

#[cfg(test)]
mod tests;
