//! Items as they are told.

use std::{ptr, sync::Arc};

use playhead_proto::catalog::v1 as proto;
use playhead_store::catalog::{
    self, Asset, Category, GrantNeed, Item, Language, Policy, SubscriptionNeed, Variant, Way, Window,
};
use prost_types::FieldMask;

use super::{encoded::ItemAnswer, mask, text, told_external_ids};
use crate::{
    items::{known::Known, walk::Node},
    records::Stored,
};

/// How items are shown to a caller.
#[derive(Debug)]
pub(crate) struct Showing {
    /// The languages that are wanted; none: all.
    pub(crate) languages: Vec<Language>,
    /// The fields that are wanted; none: all.
    pub(crate) mask: FieldMask,
    /// True for whoever keeps the catalog. Viewers are not shown where things are before they may play them.
    pub(crate) sees_all: bool,
}

impl Showing {
    /// An item as this caller sees it.
    pub(crate) fn item(&self, stored: &Stored<Item>) -> proto::Item {
        let item = &stored.value;
        let mut told = seen_by_viewers(stored);
        match self.languages.is_empty() {
            true => told.texts.extend(item.texts.iter().map(text)),
            false => told.texts.extend(item.text(&self.languages).map(text)),
        }
        if self.sees_all {
            told.assets.extend(item.assets.iter().map(asset));
            told.external_ids = told_external_ids(&item.external_ids);
            told.share_token = item.share_token.clone().unwrap_or_default();
        }
        mask::keep(told, &self.mask)
    }

    /// An item that is remembered, likewise, as an answer.
    pub(crate) fn answer(&self, known: Arc<Known>) -> ItemAnswer {
        if self.sees_all || !mask::is_whole(&self.mask) {
            return ItemAnswer::Made(Box::new(self.item(&known.stored)));
        }
        let item = &known.stored.value;
        let texts = match self.languages.is_empty() {
            true => 0..item.texts.len(),
            false => {
                let wanted = item.text(&self.languages);
                let at =
                    item.texts.iter().position(|text| wanted.is_some_and(|wanted| ptr::eq(text, wanted)));
                at.map_or(0..0, |at| at..at + 1)
            }
        };
        ItemAnswer::Sent(known, texts)
    }

    /// A tree as this caller sees it.
    pub(crate) fn node(&self, node: &Node) -> proto::TreeNode {
        let children = node.children.iter().map(|child| self.node(child)).collect();
        proto::TreeNode { item: Some(self.item(&node.item)), children }
    }

    /// A category.
    pub(crate) fn category(&self, stored: &Stored<Category>) -> proto::Category {
        let category = &stored.value;
        let texts = match self.languages.is_empty() {
            true => category.texts.iter().map(text).collect(),
            false => category.text(&self.languages).map(text).into_iter().collect(),
        };
        proto::Category {
            id: category.id.to_string(),
            parent_id: category.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
            order: category.order,
            default_language: category.default_language.as_ref().map(ToString::to_string).unwrap_or_default(),
            texts,
            slug: category.slug.clone(),
            external_ids: told_external_ids(&category.external_ids),
            etag: stored.etag(),
        }
    }
}

/// An item without its texts, and without what only its keepers see.
pub(super) fn seen_by_viewers(stored: &Stored<Item>) -> proto::Item {
    let item = &stored.value;
    proto::Item {
        id: item.id.to_string(),
        kind: item.kind.number().into(),
        parent_id: item.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
        order: item.order,
        status: item.status.number().into(),
        default_language: item.default_language.as_ref().map(ToString::to_string).unwrap_or_default(),
        duration_ms: item.duration_ms,
        credits_ms: item.credits_ms,
        maturity_age: item.maturity_age.map(Into::into),
        category_ids: item.categories.iter().map(ToString::to_string).collect(),
        tags: item.tags.iter().map(tag).collect(),
        access: item.access.as_ref().map(policy),
        windows: item.windows.iter().map(window).collect(),
        attributes: item.attributes.clone().into_iter().collect(),
        version: item
            .version
            .as_ref()
            .map(|version| proto::Version { number: version.number, changelog: version.changelog.clone() }),
        created_at_ms: item.created_at_ms,
        updated_at_ms: item.updated_at_ms,
        deletion: item
            .deletion
            .as_ref()
            .map(|deletion| proto::Deletion { at_ms: deletion.at_ms, root_id: deletion.root.to_string() }),
        etag: stored.etag(),
        ..proto::Item::default()
    }
}

fn tag(tag: &catalog::Tag) -> proto::Tag {
    proto::Tag { group: tag.group.clone(), name: tag.name.clone() }
}

/// An asset.
pub(super) fn asset(asset: &Asset) -> proto::Asset {
    proto::Asset {
        id: asset.id.clone(),
        kind: asset.kind.number().into(),
        url: asset.url.clone(),
        mime_type: asset.mime_type.clone(),
        language: asset.language.as_ref().map(ToString::to_string).unwrap_or_default(),
        duration_ms: asset.duration_ms,
        size_bytes: asset.size_bytes,
        encryption: asset.encryption.as_ref().map(|encryption| proto::Encryption {
            method: encryption.method.clone(),
            key_url: encryption.key_url.clone(),
        }),
        ready: asset.ready,
        variants: asset.variants.iter().map(variant).collect(),
    }
}

fn variant(variant: &Variant) -> proto::Variant {
    let Variant { id, width, height, bitrate_kbps, playlist_url, codecs } = variant.clone();
    proto::Variant { id, width, height, bitrate_kbps, playlist_url, codecs }
}

fn policy(policy: &Policy) -> proto::AccessPolicy {
    proto::AccessPolicy { ways: policy.ways.iter().map(way).collect() }
}

fn way(way: &Way) -> proto::AccessWay {
    let subscription = way.subscription.as_ref().map(|SubscriptionNeed { tier_min, feature, plans }| {
        proto::SubscriptionNeed {
            tier_min: *tier_min,
            feature: feature.clone().unwrap_or_default(),
            plan_ids: plans.iter().map(ToString::to_string).collect(),
        }
    });
    let grant = way.grant.as_ref().map(|GrantNeed { kind, role }| proto::GrantNeed {
        kind: kind.number().into(),
        role: role.clone().unwrap_or_default(),
    });
    proto::AccessWay { everybody: way.everybody, subscription, grant, share_link: way.share_link }
}

fn window(window: &Window) -> proto::AvailabilityWindow {
    proto::AvailabilityWindow {
        starts_at_ms: window.starts_at_ms,
        ends_at_ms: window.ends_at_ms,
        countries: window.countries.iter().map(ToString::to_string).collect(),
        except_countries: window.except_countries.iter().map(ToString::to_string).collect(),
    }
}
