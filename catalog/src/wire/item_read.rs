//! Items as they come.

use playhead_proto::catalog::v1 as proto;
use playhead_store::{
    CategoryId, ItemId, PlanId,
    catalog::{
        Asset, AssetKind, Category, Country, Encryption, Fault, GrantKind, GrantNeed, Item, Kind, Policy,
        Status, SubscriptionNeed, Tag, Variant, Version, Way, Window,
    },
};

use super::{external_ids, id, id_or_none, ids, language_or_none, number, texts};

/// An item, of the kind of the present one where none is said.
pub(crate) fn item(item: proto::Item, present: Option<&Item>) -> Result<Item, Fault> {
    let kind = match (item.kind, present) {
        (0, Some(present)) => present.kind,
        (value, _) => kind("kind", value)?,
    };
    Ok(Item {
        parent: id_or_none("parent_id", &item.parent_id, ItemId::new)?,
        order: item.order,
        status: status(item.status)?.unwrap_or(Status::Draft),
        default_language: language_or_none("default_language", &item.default_language)?,
        texts: texts(item.texts)?,
        duration_ms: item.duration_ms,
        credits_ms: item.credits_ms,
        maturity_age: item.maturity_age.map(age).transpose()?,
        categories: ids("category_ids", &item.category_ids, CategoryId::new)?,
        tags: item.tags.into_iter().map(tag).collect(),
        assets: each("assets", item.assets, asset)?,
        access: item.access.map(policy).transpose()?,
        windows: each("windows", item.windows, window)?,
        external_ids: external_ids(item.external_ids),
        attributes: item.attributes.into_iter().collect(),
        version: item.version.map(|version| Version { number: version.number, changelog: version.changelog }),
        share_token: Some(item.share_token).filter(|token| !token.is_empty()),
        ..Item::new(id("id", &item.id, ItemId::new)?, kind)
    })
}

/// A category.
pub(crate) fn category(category: proto::Category) -> Result<Category, Fault> {
    Ok(Category {
        id: id("id", &category.id, CategoryId::new)?,
        parent: id_or_none("parent_id", &category.parent_id, CategoryId::new)?,
        order: category.order,
        default_language: language_or_none("default_language", &category.default_language)?,
        texts: texts(category.texts)?,
        slug: category.slug,
        external_ids: external_ids(category.external_ids),
    })
}

/// A kind that has to be one.
pub(crate) fn kind(field: &str, value: i32) -> Result<Kind, Fault> {
    number(field, value, Kind::from_number(value), "a number of Kind, such as 1 (MOVIE) or 18 (COURSE)")
}

/// How far something is published; `None` where that is not said.
pub(crate) fn status(value: i32) -> Result<Option<Status>, Fault> {
    match value {
        0 => Ok(None),
        value => {
            number("status", value, Status::from_number(value), "a number of PublicationStatus").map(Some)
        }
    }
}

/// A tag.
pub(crate) fn tag(tag: proto::Tag) -> Tag {
    Tag { group: tag.group, name: tag.name }
}

/// An age. Those out of range are told apart later, as far as they fit.
pub(crate) fn age(years: u32) -> Result<u8, Fault> {
    u8::try_from(years).map_err(|_| Fault::new("maturity_age", years, "0 to 21"))
}

/// A country.
pub(crate) fn country(field: &str, code: &str) -> Result<Country, Fault> {
    Country::new(code).ok_or_else(|| Fault::new(field, code, "a country, ISO 3166-1 alpha-2, such as KR"))
}

/// A kind of grant that has to be one.
pub(crate) fn grant_kind(field: &str, value: i32) -> Result<GrantKind, Fault> {
    let allowed = "ENROLLMENT (1), TICKET (2), PURCHASE (3) or ROLE (4)";
    number(field, value, GrantKind::from_number(value), allowed)
}

fn asset(asset: proto::Asset) -> Result<Asset, Fault> {
    let allowed = "VIDEO (1), AUDIO (2), SUBTITLES (3), IMAGE (4) or DOCUMENT (5)";
    Ok(Asset {
        kind: number("kind", asset.kind, AssetKind::from_number(asset.kind), allowed)?,
        id: asset.id,
        url: asset.url,
        mime_type: asset.mime_type,
        language: language_or_none("language", &asset.language)?,
        duration_ms: asset.duration_ms,
        size_bytes: asset.size_bytes,
        encryption: asset
            .encryption
            .map(|encryption| Encryption { method: encryption.method, key_url: encryption.key_url }),
        ready: asset.ready,
        variants: asset.variants.into_iter().map(variant).collect(),
    })
}

fn variant(variant: proto::Variant) -> Variant {
    let proto::Variant { id, width, height, bitrate_kbps, playlist_url, codecs } = variant;
    Variant { id, width, height, bitrate_kbps, playlist_url, codecs }
}

fn policy(policy: proto::AccessPolicy) -> Result<Policy, Fault> {
    Ok(Policy { ways: each("access.ways", policy.ways, way)? })
}

fn way(way: proto::AccessWay) -> Result<Way, Fault> {
    let subscription = way.subscription.map(|need| {
        Ok(SubscriptionNeed {
            tier_min: need.tier_min,
            feature: Some(need.feature).filter(|feature| !feature.is_empty()),
            plans: ids("subscription.plan_ids", &need.plan_ids, PlanId::new)?,
        })
    });
    let grant = way.grant.map(|need| {
        let role = Some(need.role).filter(|role| !role.is_empty());
        Ok(GrantNeed { kind: grant_kind("grant.kind", need.kind)?, role })
    });
    Ok(Way {
        everybody: way.everybody,
        subscription: subscription.transpose()?,
        grant: grant.transpose()?,
        share_link: way.share_link,
    })
}

fn window(window: proto::AvailabilityWindow) -> Result<Window, Fault> {
    let countries = |field: &str, codes: Vec<String>| {
        let numbered = codes.iter().enumerate();
        numbered.map(|(at, code)| country(&format!("{field}[{at}]"), code)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Window {
        starts_at_ms: window.starts_at_ms,
        ends_at_ms: window.ends_at_ms,
        countries: countries("countries", window.countries)?,
        except_countries: countries("except_countries", window.except_countries)?,
    })
}

fn each<A, B>(field: &str, all: Vec<A>, read: impl Fn(A) -> Result<B, Fault>) -> Result<Vec<B>, Fault> {
    let numbered = all.into_iter().enumerate();
    numbered.map(|(at, one)| read(one).map_err(|fault| fault.within(format_args!("{field}[{at}]")))).collect()
}
