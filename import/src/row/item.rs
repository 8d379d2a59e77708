//! Items, categories and what collections hold, as rows tell of them.

use playhead_proto::catalog::v1 as proto;

use super::{Reading, Wrong};

/// An item, or a part of one.
pub(crate) fn item(row: &Reading<'_>, table: &str) -> Result<proto::Item, Wrong> {
    let number = row.number("version_number")?;
    let changelog = row.text("version_changelog")?;
    Ok(proto::Item {
        id: row.name("id")?,
        kind: row.word("kind", "KIND_", proto::Kind::from_str_name)?.map_or(0, i32::from),
        parent_id: row.text("parent_id")?,
        order: row.number("order")?.unwrap_or_default(),
        status: row
            .word("status", "PUBLICATION_STATUS_", proto::PublicationStatus::from_str_name)?
            .map_or(0, i32::from),
        default_language: row.text("default_language")?,
        texts: texts(row)?,
        duration_ms: row.span("duration_ms")?,
        credits_ms: row.span("credits_ms")?,
        maturity_age: row.number("maturity_age")?,
        category_ids: row.texts("category_ids")?,
        tags: row.things("tags", tag)?,
        assets: row.things("assets", asset)?,
        access: policy(row)?,
        windows: row.things("windows", window)?,
        external_ids: external_ids(row, table)?,
        attributes: row.named("attributes")?.into_iter().collect(),
        version: number.map(|number| proto::Version { number, changelog }),
        share_token: row.text("share_token")?,
        ..proto::Item::default()
    })
}

/// A category, or a part of one.
pub(crate) fn category(row: &Reading<'_>, table: &str) -> Result<proto::Category, Wrong> {
    Ok(proto::Category {
        id: row.name("id")?,
        parent_id: row.text("parent_id")?,
        order: row.number("order")?.unwrap_or_default(),
        default_language: row.text("default_language")?,
        texts: texts(row)?,
        slug: row.text("slug")?,
        external_ids: external_ids(row, table)?,
        etag: String::new(),
    })
}

/// One thing that a collection holds, and where in its order.
pub(crate) fn held(row: &Reading<'_>) -> Result<(proto::SetCollectionItemsRequest, i64), Wrong> {
    let item_ids = vec![row.name("item_id")?];
    let held = proto::SetCollectionItemsRequest {
        collection_id: row.name("collection_id")?,
        item_ids,
        etag: String::new(),
    };
    Ok((held, row.number("order")?.unwrap_or_default()))
}

/// A segment of a variant, and its number.
pub(crate) fn segment(row: &Reading<'_>) -> Result<(proto::UpsertSegmentsRequest, i64), Wrong> {
    let number: u32 = row.needed_number("number")?;
    let segment = proto::Segment {
        number,
        url: row.name("url")?,
        start_ms: row.needed_span("start_ms")?,
        duration_ms: row.needed_span("duration_ms")?,
        size_bytes: row.number("size_bytes")?,
    };
    let segments = proto::UpsertSegmentsRequest {
        item_id: row.name("item_id")?,
        asset_id: row.name("asset_id")?,
        variant_id: row.name("variant_id")?,
        segments: vec![segment],
    };
    Ok((segments, number.into()))
}

/// What something is called. A text without a title is left out.
pub(crate) fn texts(row: &Reading<'_>) -> Result<Vec<proto::Text>, Wrong> {
    row.things("texts", |row| {
        let text = proto::Text {
            language: row.maybe_text("language")?.unwrap_or_else(|| row.mapping.language.clone()),
            title: one_line(&row.text("title")?),
            subtitle: one_line(&row.text("subtitle")?),
            description: row.text("description")?,
            image_url: row.text("image_url")?,
        };
        Ok((!text.title.is_empty() || !row.says("title")).then_some(text))
    })
}

/// A text without line breaks and the like, which titles do not have here: a blank for each run of them.
pub(super) fn one_line(text: &str) -> String {
    let pieces = text.split(char::is_control).map(str::trim).filter(|piece| !piece.is_empty());
    pieces.collect::<Vec<_>>().join(" ")
}

/// What it is called in the other system.
pub(crate) fn external_ids(row: &Reading<'_>, table: &str) -> Result<Vec<proto::ExternalId>, Wrong> {
    let id = row.maybe_text("external_id")?;
    let system = format!("{}.{table}", row.mapping.system);
    Ok(id.map(|id| proto::ExternalId { system, id }).into_iter().collect())
}

fn tag(row: &Reading<'_>) -> Result<Option<proto::Tag>, Wrong> {
    let tag = proto::Tag { group: row.text("group")?, name: one_line(&row.text("name")?) };
    Ok((!tag.name.is_empty()).then_some(tag))
}

fn asset(row: &Reading<'_>) -> Result<Option<proto::Asset>, Wrong> {
    let kind = row.word("kind", "ASSET_KIND_", proto::AssetKind::from_str_name)?;
    let url = row.maybe_text("url")?.filter(|url| !url.is_empty());
    if row.says("url") && url.is_none() {
        return Ok(None);
    }
    let encryption = row.maybe_text("encryption_method")?.filter(|method| !method.is_empty());
    let key_url = row.text("encryption_key_url")?;
    Ok(Some(proto::Asset {
        id: row.name("id")?,
        kind: kind.map_or(0, i32::from),
        url: url.unwrap_or_default(),
        mime_type: row.text("mime_type")?,
        language: row.text("language")?,
        duration_ms: row.span("duration_ms")?,
        size_bytes: row.number("size_bytes")?,
        encryption: encryption.map(|method| proto::Encryption { method, key_url }),
        // What only adds to an asset does not say that it is ready.
        ready: row.flag("ready")?.unwrap_or(kind.is_some()),
        variants: row.things("variants", variant)?,
    }))
}

fn variant(row: &Reading<'_>) -> Result<Option<proto::Variant>, Wrong> {
    let (width, height) = resolution(&row.text("resolution")?);
    Ok(Some(proto::Variant {
        id: row.name("id")?,
        width: row.number("width")?.unwrap_or(width),
        height: row.number("height")?.unwrap_or(height),
        bitrate_kbps: row.number("bitrate_kbps")?.unwrap_or_default(),
        playlist_url: row.text("playlist_url")?,
        codecs: row.text("codecs")?,
    }))
}

/// Width and height of `1920x1080` and of `1080p`; 0 where they are not told.
fn resolution(text: &str) -> (u32, u32) {
    let number = |text: &str| text.trim().parse().unwrap_or_default();
    match text.split_once(['x', 'X', '×']) {
        Some((width, height)) => (number(width), number(height)),
        None => (0, number(text.trim_end_matches(['p', 'P', 'i']))),
    }
}

/// Who may play it; `None` where nothing is said of that. Where something is, and holds for no way, nobody may.
fn policy(row: &Reading<'_>) -> Result<Option<proto::AccessPolicy>, Wrong> {
    let ways = row.things("access", way)?;
    Ok(row.says("access").then_some(proto::AccessPolicy { ways }))
}

fn way(row: &Reading<'_>) -> Result<Option<proto::AccessWay>, Wrong> {
    let tier_min = row.number("tier_min")?;
    let feature = row.text("feature")?;
    let plan_ids = row.texts("plan_ids")?;
    let needs_subscription = tier_min.is_some() || !feature.is_empty() || !plan_ids.is_empty();
    let tier_min = tier_min.unwrap_or_default();
    let subscription = needs_subscription.then_some(proto::SubscriptionNeed { tier_min, feature, plan_ids });
    let kind = row.word("grant", "GRANT_KIND_", proto::GrantKind::from_str_name)?;
    let role = row.text("role")?;
    Ok(Some(proto::AccessWay {
        everybody: row.flag("everybody")?.unwrap_or_default(),
        subscription,
        grant: kind.map(|kind| proto::GrantNeed { kind: kind.into(), role }),
        share_link: row.flag("share_link")?.unwrap_or_default(),
    }))
}

fn window(row: &Reading<'_>) -> Result<Option<proto::AvailabilityWindow>, Wrong> {
    let window = proto::AvailabilityWindow {
        starts_at_ms: row.time("starts_at_ms")?,
        ends_at_ms: row.time("ends_at_ms")?,
        countries: row.texts("countries")?,
        except_countries: row.texts("except_countries")?,
    };
    Ok((window != proto::AvailabilityWindow::default()).then_some(window))
}

#[cfg(test)]
mod tests {
    use super::{one_line, resolution};

    #[test]
    fn a_title_is_one_line() {
        let told = ["두 줄\n제목", "a\t\r\n b ", "\u{0}", "a  b"].map(one_line);
        assert_eq!(told, ["두 줄 제목", "a b", "", "a  b"]);
    }

    #[test]
    fn resolutions_are_told_in_two_ways() {
        let told = ["1920x1080", "1280 X 720", "1080p", "480", "high", ""].map(resolution);
        assert_eq!(told, [(1_920, 1_080), (1_280, 720), (0, 1_080), (0, 480), (0, 0), (0, 0)]);
    }
}
