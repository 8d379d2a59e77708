//! Between our types and the generated ones: the only place that knows both, besides the rpcs themselves.

use playhead_proto::catalog::v1 as proto;
use playhead_store::{
    IdError,
    catalog::{ExternalId, Fault, Language, Text},
};

use crate::records::{Outcome, version_of};

pub(crate) mod check;
pub(crate) mod encoded;
pub(crate) mod item;
pub(crate) mod item_read;
pub(crate) mod mask;
pub(crate) mod opinion;
pub(crate) mod play;
pub(crate) mod right;
pub(crate) mod right_read;
pub(crate) mod screen;

/// What a write came to.
pub(crate) fn outcome(outcome: Outcome) -> proto::WriteOutcome {
    match outcome {
        Outcome::Created => proto::WriteOutcome::Created,
        Outcome::Changed => proto::WriteOutcome::Changed,
        Outcome::Unchanged => proto::WriteOutcome::Unchanged,
    }
}

/// An id that has to be there.
pub(crate) fn id<T>(field: &str, text: &str, new: impl Fn(&str) -> Result<T, IdError>) -> Result<T, Fault> {
    new(text).map_err(|_| Fault::new(field, text, ID_ALLOWED))
}

/// An id that may be empty.
pub(crate) fn id_or_none<T>(
    field: &str,
    text: &str,
    new: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Option<T>, Fault> {
    match text {
        "" => Ok(None),
        text => id(field, text, new).map(Some),
    }
}

/// Several ids.
pub(crate) fn ids<T>(
    field: &str,
    texts: &[String],
    new: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Vec<T>, Fault> {
    texts.iter().enumerate().map(|(at, text)| id(&format!("{field}[{at}]"), text, &new)).collect()
}

/// The version that an etag stands for; `None` for an empty one.
pub(crate) fn version(etag: &str) -> Result<Option<u64>, Fault> {
    match etag {
        "" => Ok(None),
        etag => match version_of(etag) {
            Some(version) => Ok(Some(version)),
            None => Err(Fault::new("etag", etag, "an etag of an earlier answer, as it is")),
        },
    }
}

/// A number that must be one of a list's.
pub(crate) fn number<T>(
    field: &str,
    value: i32,
    found: Option<T>,
    allowed: &'static str,
) -> Result<T, Fault> {
    found.ok_or_else(|| Fault::new(field, value, allowed))
}

/// The languages that a reader wants.
pub(crate) fn languages(tags: &[String]) -> Result<Vec<Language>, Fault> {
    if tags.len() > LANGUAGES_MAX {
        return Err(Fault::new("languages", format!("{} of them", tags.len()), "0 to 16"));
    }
    let numbered = tags.iter().enumerate();
    numbered
        .map(|(at, tag)| Language::new(tag).ok_or_else(|| no_language(format!("languages[{at}]"), tag)))
        .collect()
}

/// A language.
pub(crate) fn language(field: &str, tag: &str) -> Result<Language, Fault> {
    Language::new(tag).ok_or_else(|| no_language(field, tag))
}

fn no_language(field: impl Into<String>, tag: &str) -> Fault {
    Fault::new(field, tag, "a language tag (BCP 47), such as ko or pt-BR")
}

/// A language that may be empty.
pub(crate) fn language_or_none(field: &str, tag: &str) -> Result<Option<Language>, Fault> {
    if tag.is_empty() { Ok(None) } else { language(field, tag).map(Some) }
}

/// What something is called.
pub(crate) fn texts(texts: Vec<proto::Text>) -> Result<Vec<Text>, Fault> {
    let read = |(at, text): (usize, proto::Text)| {
        let proto::Text { language: tag, title, subtitle, description, image_url } = text;
        let language = language(&format!("texts[{at}].language"), &tag)?;
        Ok(Text { language, title, subtitle, description, image_url })
    };
    texts.into_iter().enumerate().map(read).collect()
}

/// What something is called, as it is told.
pub(crate) fn text(text: &Text) -> proto::Text {
    let Text { language, title, subtitle, description, image_url } = text.clone();
    proto::Text { language: language.to_string(), title, subtitle, description, image_url }
}

/// What something is called in other systems.
pub(crate) fn external_ids(ids: Vec<proto::ExternalId>) -> Vec<ExternalId> {
    ids.into_iter().map(|proto::ExternalId { system, id }| ExternalId { system, id }).collect()
}

/// What something is called in other systems, as it is told.
pub(crate) fn told_external_ids(ids: &[ExternalId]) -> Vec<proto::ExternalId> {
    let told = |id: &ExternalId| proto::ExternalId { system: id.system.clone(), id: id.id.clone() };
    ids.iter().map(told).collect()
}

/// Whether nothing old will do.
pub(crate) fn is_fresh(consistency: i32) -> Result<bool, Fault> {
    match proto::Consistency::try_from(consistency) {
        Ok(consistency) => Ok(consistency == proto::Consistency::Fresh),
        Err(_) => Err(Fault::new("consistency", consistency, "CACHED or FRESH")),
    }
}

const ID_ALLOWED: &str = "1 to 128 bytes without control characters";
const LANGUAGES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{records::Stored, wire::item::Showing};

    /// An item that says something in every field.
    pub(crate) fn full() -> proto::Item {
        let named = |name: &str| name.to_owned();
        let grant = proto::GrantNeed { kind: proto::GrantKind::Role.into(), role: named("owner") };
        let plan_ids = vec![named("plan")];
        let subscription = proto::SubscriptionNeed { tier_min: 3, feature: named("vod"), plan_ids };
        let way = proto::AccessWay {
            everybody: true,
            subscription: Some(subscription),
            grant: Some(grant),
            share_link: true,
        };
        let variant = proto::Variant {
            id: named("hd"),
            width: 1_920,
            height: 1_080,
            bitrate_kbps: 5_000,
            playlist_url: named("https://cdn.example/hd.m3u8"),
            codecs: named("avc1.640028"),
        };
        let encryption =
            proto::Encryption { method: named("AES-128"), key_url: named("https://keys.example/1") };
        let asset = proto::Asset {
            id: named("main"),
            kind: proto::AssetKind::Video.into(),
            url: named("https://cdn.example/main.m3u8"),
            mime_type: named("application/vnd.apple.mpegurl"),
            language: named("ko"),
            duration_ms: Some(5),
            size_bytes: Some(6),
            encryption: Some(encryption),
            ready: true,
            variants: vec![variant],
        };
        let text = proto::Text {
            language: named("ko"),
            title: named("영화"),
            subtitle: named("둘째 줄"),
            description: named("설명"),
            image_url: named("https://cdn.example/poster.jpg"),
        };
        let window = proto::AvailabilityWindow {
            starts_at_ms: Some(7),
            ends_at_ms: Some(8),
            countries: vec![named("KR")],
            except_countries: vec![named("US")],
        };
        proto::Item {
            id: named("v-1"),
            kind: proto::Kind::Version.into(),
            parent_id: named("c-1"),
            order: -4,
            status: proto::PublicationStatus::Published.into(),
            default_language: named("ko"),
            texts: vec![text],
            duration_ms: Some(1),
            credits_ms: Some(2),
            maturity_age: Some(12),
            category_ids: vec![named("drama")],
            tags: vec![proto::Tag { group: named("mood"), name: named("rain") }],
            assets: vec![asset],
            access: Some(proto::AccessPolicy { ways: vec![way] }),
            windows: vec![window],
            external_ids: vec![proto::ExternalId { system: named("lms"), id: named("9") }],
            attributes: [(named("color"), named("blue"))].into(),
            version: Some(proto::Version { number: 2, changelog: named("better") }),
            share_token: named("0123456789abcdef"),
            created_at_ms: 10,
            updated_at_ms: 11,
            deletion: Some(proto::Deletion { at_ms: 12, root_id: named("c-1") }),
            etag: named("v7"),
        }
    }

    #[test]
    fn an_item_is_told_as_it_came() {
        let read = item_read::item(full(), None).unwrap();
        let showing =
            Showing { languages: Vec::new(), mask: prost_types::FieldMask::default(), sees_all: true };
        let told = showing.item(&Stored { value: read, version: 7 });
        // What the server sets does not come from callers.
        let expect = proto::Item { created_at_ms: 0, updated_at_ms: 0, deletion: None, ..full() };
        assert_eq!(told, expect);
    }

    #[test]
    fn viewers_are_not_told_where_things_are() {
        let value = item_read::item(full(), None).unwrap();
        let languages = vec![language("", "en").unwrap(), language("", "ko-KR").unwrap()];
        let showing = Showing { languages, mask: prost_types::FieldMask::default(), sees_all: false };
        let told = showing.item(&Stored { value, version: 7 });
        assert_eq!((told.assets.len(), told.external_ids.len(), told.share_token.as_str()), (0, 0, ""));
        assert_eq!(told.texts.iter().map(|text| text.title.as_str()).collect::<Vec<_>>(), ["영화"]);
    }

    #[test]
    fn what_cannot_be_read_names_its_field() {
        let change = |change: fn(&mut proto::Item)| {
            let mut item = full();
            change(&mut item);
            item_read::item(item, None).unwrap_err().field
        };
        assert_eq!(change(|item| item.id = String::new()), "id");
        assert_eq!(change(|item| item.kind = 0), "kind");
        assert_eq!(change(|item| item.kind = 9), "kind");
        assert_eq!(change(|item| item.status = 6), "status");
        assert_eq!(change(|item| item.parent_id = "a\nb".into()), "parent_id");
        assert_eq!(change(|item| item.texts[0].language = "k".into()), "texts[0].language");
        assert_eq!(change(|item| item.maturity_age = Some(256)), "maturity_age");
        assert_eq!(change(|item| item.category_ids.push(String::new())), "category_ids[1]");
        assert_eq!(change(|item| item.assets[0].kind = 0), "assets[0].kind");
        assert_eq!(change(|item| item.windows[0].countries.push("KOR".into())), "windows[0].countries[1]");
        let way =
            |item: &mut proto::Item| item.access.as_mut().unwrap().ways[0].grant.as_mut().unwrap().kind = 0;
        assert_eq!(change(way), "access.ways[0].grant.kind");
    }
}
