//! Field masks: which fields of an item are wanted, and which are written. Paths are names of an item's own fields.

use playhead_proto::catalog::v1 as proto;
use playhead_store::catalog::{Fault, Item};
use prost_types::FieldMask;

/// Checks a mask.
///
/// # Errors
/// The first path that names no field.
pub(crate) fn check(field: &str, mask: Option<FieldMask>) -> Result<FieldMask, Fault> {
    let mask = mask.unwrap_or_default();
    match mask.paths.iter().position(|path| path != "*" && !FIELDS.contains(&path.as_str())) {
        None => Ok(mask),
        Some(at) => {
            let path = mask.paths.get(at).map_or("", String::as_str);
            Err(Fault::new(format!("{field}.paths[{at}]"), path, format!("*, {}", FIELDS.join(", "))))
        }
    }
}

/// True where all fields are wanted.
pub(crate) fn is_whole(mask: &FieldMask) -> bool {
    mask.paths.is_empty() || mask.paths.iter().any(|path| path == "*")
}

/// The wanted fields of an item, the others empty.
pub(crate) fn keep(from: proto::Item, mask: &FieldMask) -> proto::Item {
    if is_whole(mask) {
        return from;
    }
    let mut kept = proto::Item::default();
    for path in &mask.paths {
        match path.as_str() {
            "id" => kept.id.clone_from(&from.id),
            "kind" => kept.kind = from.kind,
            "parent_id" => kept.parent_id.clone_from(&from.parent_id),
            "order" => kept.order = from.order,
            "status" => kept.status = from.status,
            "default_language" => kept.default_language.clone_from(&from.default_language),
            "texts" => kept.texts.clone_from(&from.texts),
            "duration_ms" => kept.duration_ms = from.duration_ms,
            "credits_ms" => kept.credits_ms = from.credits_ms,
            "maturity_age" => kept.maturity_age = from.maturity_age,
            "category_ids" => kept.category_ids.clone_from(&from.category_ids),
            "tags" => kept.tags.clone_from(&from.tags),
            "assets" => kept.assets.clone_from(&from.assets),
            "access" => kept.access.clone_from(&from.access),
            "windows" => kept.windows.clone_from(&from.windows),
            "external_ids" => kept.external_ids.clone_from(&from.external_ids),
            "attributes" => kept.attributes.clone_from(&from.attributes),
            "version" => kept.version.clone_from(&from.version),
            "share_token" => kept.share_token.clone_from(&from.share_token),
            "created_at_ms" => kept.created_at_ms = from.created_at_ms,
            "updated_at_ms" => kept.updated_at_ms = from.updated_at_ms,
            "deletion" => kept.deletion.clone_from(&from.deletion),
            _ => kept.etag.clone_from(&from.etag),
        }
    }
    kept
}

/// The present item with the named fields of another; all of that, where there is none or no field is named. What the
/// server sets is left alone.
pub(crate) fn merge(present: Option<&Item>, from: Item, mask: &FieldMask) -> Item {
    let Some(present) = present.filter(|_| !is_whole(mask)) else {
        return from;
    };
    let mut merged = present.clone();
    for path in &mask.paths {
        match path.as_str() {
            "kind" => merged.kind = from.kind,
            "parent_id" => merged.parent.clone_from(&from.parent),
            "order" => merged.order = from.order,
            "status" => merged.status = from.status,
            "default_language" => merged.default_language.clone_from(&from.default_language),
            "texts" => merged.texts.clone_from(&from.texts),
            "duration_ms" => merged.duration_ms = from.duration_ms,
            "credits_ms" => merged.credits_ms = from.credits_ms,
            "maturity_age" => merged.maturity_age = from.maturity_age,
            "category_ids" => merged.categories.clone_from(&from.categories),
            "tags" => merged.tags.clone_from(&from.tags),
            "assets" => merged.assets.clone_from(&from.assets),
            "access" => merged.access.clone_from(&from.access),
            "windows" => merged.windows.clone_from(&from.windows),
            "external_ids" => merged.external_ids.clone_from(&from.external_ids),
            "attributes" => merged.attributes.clone_from(&from.attributes),
            "version" => merged.version.clone_from(&from.version),
            "share_token" => merged.share_token.clone_from(&from.share_token),
            _ => {}
        }
    }
    merged
}

/// The fields of an item.
const FIELDS: [&str; 23] = [
    "id",
    "kind",
    "parent_id",
    "order",
    "status",
    "default_language",
    "texts",
    "duration_ms",
    "credits_ms",
    "maturity_age",
    "category_ids",
    "tags",
    "assets",
    "access",
    "windows",
    "external_ids",
    "attributes",
    "version",
    "share_token",
    "created_at_ms",
    "updated_at_ms",
    "deletion",
    "etag",
];

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    fn mask(path: &str) -> FieldMask {
        FieldMask { paths: vec![path.to_owned()] }
    }

    #[test]
    fn the_fields_are_those_of_the_proto_file() {
        let set = FileDescriptorSet::decode(playhead_proto::DESCRIPTORS).unwrap();
        let file = set.file.iter().find(|file| file.package() == "playhead.catalog.v1").unwrap();
        let item = file.message_type.iter().find(|message| message.name() == "Item").unwrap();
        let names: Vec<_> = item.field.iter().map(|field| field.name()).collect();
        assert_eq!(names, FIELDS);
    }

    /// Of an item that says something in each field, a mask of one field keeps that field and no other.
    #[test]
    fn each_field_is_kept_by_its_name_and_alone() {
        let full = crate::wire::tests::full();
        let empty = proto::Item::default();
        for field in FIELDS {
            let kept = keep(full.clone(), &mask(field));
            assert_ne!(kept, empty, "{field} is not kept");
            for other in FIELDS.into_iter().filter(|other| *other != field) {
                assert_eq!(keep(kept.clone(), &mask(other)), empty, "{field} keeps {other}");
            }
        }
        assert_eq!(keep(full.clone(), &mask("*")), full);
        let fault = check("read_mask", Some(mask("titles"))).unwrap_err().to_string();
        assert!(fault.starts_with("read_mask.paths[0] is \"titles\"; allowed is *, id, kind,"), "{fault}");
    }

    /// What a mask names is written, and nothing else.
    #[test]
    fn each_field_is_written_by_its_name_and_alone() {
        let full = crate::wire::item_read::item(crate::wire::tests::full(), None).unwrap();
        let bare = Item::new(full.id.clone(), playhead_store::catalog::Kind::Movie);
        let shown = |item: Item| {
            let showing = crate::wire::item::Showing {
                languages: Vec::new(),
                mask: FieldMask::default(),
                sees_all: true,
            };
            showing.item(&crate::records::Stored { value: item, version: 1 })
        };
        for field in FIELDS {
            let merged = shown(merge(Some(&bare), full.clone(), &mask(field)));
            let is_set_by_server =
                matches!(field, "id" | "created_at_ms" | "updated_at_ms" | "deletion" | "etag");
            let expect = if is_set_by_server { &bare } else { &full };
            assert_eq!(
                keep(merged.clone(), &mask(field)),
                keep(shown(expect.clone()), &mask(field)),
                "{field}"
            );
            for other in FIELDS.into_iter().filter(|other| *other != field) {
                assert_eq!(
                    keep(merged.clone(), &mask(other)),
                    keep(shown(bare.clone()), &mask(other)),
                    "{field} writes {other}"
                );
            }
        }
    }
}
