use super::*;
use crate::{
    CategoryId, ItemId,
    catalog::{AssetKind, Country, Language, Tag, Version, Way},
};

fn movie() -> Item {
    Item::new(ItemId::new("m-1").unwrap(), Kind::Movie)
}

fn text(language: &str, title: &str) -> Text {
    let language = Language::new(language).unwrap();
    let (subtitle, description, image_url) = Default::default();
    Text { language, title: title.into(), subtitle, description, image_url }
}

fn tag(name: &str) -> Tag {
    Tag { group: String::new(), name: name.into() }
}

fn asset(id: &str) -> Asset {
    Asset {
        id: id.into(),
        kind: AssetKind::Video,
        url: String::new(),
        mime_type: String::new(),
        language: None,
        duration_ms: None,
        size_bytes: None,
        encryption: None,
        ready: true,
        variants: Vec::new(),
    }
}

fn variant(id: &str) -> Variant {
    let (playlist_url, codecs) = Default::default();
    Variant { id: id.into(), width: 0, height: 0, bitrate_kbps: 0, playlist_url, codecs }
}

fn with(change: impl Fn(&mut Item)) -> Item {
    let mut item = movie();
    change(&mut item);
    item
}

fn window(starts_at_ms: i64, ends_at_ms: i64) -> Window {
    Window { starts_at_ms: Some(starts_at_ms), ends_at_ms: Some(ends_at_ms), ..Window::default() }
}

fn way(change: impl Fn(&mut Way)) -> Item {
    let mut way = Way::default();
    change(&mut way);
    with(|item| item.access = Some(Policy { ways: vec![way.clone()] }))
}

fn checked(item: &Item) -> String {
    item.check().map_or_else(|fault| fault.to_string(), |()| "good".to_owned())
}

#[test]
fn what_is_in_range_is_taken() {
    let good = with(|item| {
        item.texts = vec![text("ko", "영화"), text("en", "A film")];
        item.categories = vec![CategoryId::new("drama").unwrap()];
        item.tags = vec![tag("rain"), Tag { group: "mood".into(), name: "rain".into() }];
        item.assets = vec![Asset { variants: vec![variant("hd"), variant("sd")], ..asset("main") }];
        item.windows =
            vec![window(1, 2), Window { countries: vec![Country::new("KR").unwrap(); 260], ..window(3, 4) }];
        item.external_ids = vec![ExternalId { system: "ott.movies".into(), id: "7".into() }];
        item.attributes.insert("rating".into(), "line one\nline two".into());
        item.share_token = Some("0123456789abcdef".into());
        (item.duration_ms, item.maturity_age) = (Some(MEDIA_MS_MAX), Some(MATURITY_AGE_MAX));
    });
    assert_eq!(checked(&good), "good");
    assert_eq!(checked(&way(|way| way.everybody = true)), "good");
}

#[test]
fn every_fault_names_field_value_and_range() {
    let long = |bytes| "x".repeat(bytes);
    let version = |number| Some(Version { number, changelog: String::new() });
    let cases = [
        (
            with(|i| i.texts = vec![text("ko", "a"), text("ko", "b")]),
            "texts[1] is \"the same again\"; allowed is each of",
        ),
        (with(|i| i.texts = vec![text("ko", "")]), "texts[0].title is \"\"; allowed is 1 to 1024 bytes"),
        (
            with(|i| i.texts = vec![text("ko", "a\nb")]),
            "texts[0].title is \"a\\nb\"; allowed is text without control",
        ),
        (with(|i| i.texts = vec![text("ko", "a"); 65]), "texts is \"65 of them\"; allowed is 0 to 64"),
        (with(|i| i.duration_ms = Some(-1)), "duration_ms is \"-1\"; allowed is 0 to 9007199254740991"),
        (with(|i| i.credits_ms = Some(MEDIA_MS_MAX + 1)), "credits_ms is \"9007199254740992\""),
        (with(|i| i.maturity_age = Some(22)), "maturity_age is \"22\"; allowed is 0 to 21"),
        (with(|i| i.tags = vec![tag("a"), tag("a")]), "tags[1] is"),
        (with(|i| i.tags = vec![tag("")]), "tags[0].name is \"\"; allowed is 1 to 64 bytes"),
        (with(|i| i.assets = vec![asset("a"), asset("a")]), "assets[1] is"),
        (with(|i| i.assets = vec![asset("")]), "assets[0].id is"),
        (with(|i| i.assets = vec![Asset { url: long(2_049), ..asset("a") }]), "assets[0].url is"),
        (
            with(|i| i.assets = vec![Asset { variants: vec![variant("a"), variant("a")], ..asset("a") }]),
            "assets[0].variants[1] is",
        ),
        (
            with(|i| i.windows = vec![window(1, 2), window(5, 5)]),
            "windows[1].ends_at_ms is \"5\"; allowed is more than",
        ),
        (
            with(|i| i.external_ids = vec![ExternalId { system: "s".into(), id: String::new() }]),
            "external_ids[0].id is",
        ),
        (with(|i| drop(i.attributes.insert(long(65), String::new()))), "attributes is"),
        (with(|i| drop(i.attributes.insert("k".into(), long(4_097)))), "attributes[k] is"),
        (with(|i| i.version = version(1)), "version is \"1\"; allowed is nothing, since kind is MOVIE"),
        (with(|i| i.kind = Kind::Version), "version is \"\"; allowed is a number, since kind is VERSION"),
        (with(|i| (i.kind, i.version) = (Kind::Version, version(0))), "version.number is \"0\""),
        (with(|i| i.share_token = Some("short".into())), "share_token is \"(hidden)\""),
        (way(|_| {}), "access.ways[0].way is"),
        (
            way(|way| {
                way.subscription =
                    Some(crate::catalog::SubscriptionNeed { tier_min: 1_000_001, ..Default::default() })
            }),
            "access.ways[0].subscription.tier_min is \"1000001\"; allowed is 0 to 1000000",
        ),
    ];
    for (item, expect) in cases {
        let said = checked(&item);
        assert!(said.starts_with(expect), "{said:?} does not begin with {expect:?}");
    }
    let tall = checked(&with(|item| item.share_token = Some(long(200))));
    assert!(!tall.contains("xxx"), "a secret is not told: {tall}");
}
