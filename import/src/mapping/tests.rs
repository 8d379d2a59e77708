use super::*;

/// A mapping that has all that it needs.
const WHOLE: &str = r#"
system = "s"
dialect = "mysql"
[[items]]
table = "Series"
id = "series-{ID}"
kind = "SERIES"
texts = [{ title = "{title}", when = { lang = "ko" } }]
[[items]]
name = "more"
table = "extra"
part_of = "series"
id = "series-{series_id}"
category_ids = ["c-{category}"]
[[plans]]
table = "plans"
id = "{id}"
"#;

fn wrong(text: &str) -> String {
    parse::mapping(text).map(|_| "nothing is wrong".to_owned()).unwrap_or_else(|text| text)
}

#[test]
fn a_mapping_knows_its_tables_stages_and_columns() {
    let mapping = parse::mapping(WHOLE).unwrap();
    let stages: Vec<_> =
        mapping.rules.iter().map(|rule| (rule.name.as_str(), rule.stage, rule.makes)).collect();
    assert_eq!(stages, [("series", 0, true), ("more", 0, false), ("plans", 1, true)]);
    let wanted = mapping.wanted("series").unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(wanted, ["id", "lang", "title"]);
    assert_eq!(mapping.wanted("others"), None);
}

#[test]
fn every_complaint_names_the_key_and_what_is_allowed() {
    let changed = |from: &str, to: &str| {
        assert!(WHOLE.contains(from), "{from}");
        wrong(&WHOLE.replacen(from, to, 1))
    };
    for (from, to, expect) in [
        ("system = \"s\"", "", "system: is needed"),
        ("\"mysql\"", "\"db2\"", "dialect is \"db2\"; allowed is mysql, postgresql or oracle"),
        ("system =", "time_zone = \"Moon\"\nsystem =", "time_zone is \"Moon\"; allowed is an IANA time zone"),
        ("system =", "sistem = 1\nsystem =", "sistem: there is no such key; allowed is system, dialect"),
        ("\"SERIES\"", "\"SERIE\"", "items[0].kind is \"SERIE\"; allowed is MOVIE, EPISODE"),
        ("kind = \"SERIES\"", "", "items[0].kind: is needed"),
        ("id = \"series-{ID}\"", "id = \"series-{ID\"", "items[0].id: \"series-{ID\" has a { without its }"),
        (
            "title = \"{title}\"",
            "titel = \"{title}\"",
            "items[0].texts[0].titel: there is no such key; allowed is language, title",
        ),
        (
            "part_of = \"series\"",
            "part_of = \"serie\"",
            "items[1].part_of is \"serie\"; allowed is the name of an earlier one",
        ),
        (
            "kind = \"SERIES\"",
            "kind = \"SERIES\"\nduration_ms = \"{d}\"",
            "items[0].duration_ms.unit: is needed",
        ),
        (
            "kind = \"SERIES\"",
            "kind = \"SERIES\"\nduration_ms = { from = \"{d}\", unit = \"d\" }",
            "items[0].duration_ms.unit is \"d\"; allowed is ms, s",
        ),
        (
            "kind = \"SERIES\"",
            "kind = \"SERIES\"\norder = { from = \"{d}\", unit = \"s\" }",
            "items[0].order.unit: only a time or a length",
        ),
        (
            "kind = \"SERIES\"",
            "kind = \"SERIES\"\njoin = { tag = \"{d}\" }",
            "items[0].join.tag: there is no lookup",
        ),
        (
            "[[plans]]\ntable = \"plans\"\nid = \"{id}\"",
            "[[plans]]\ntable = \"plans\"",
            "plans[0].id: is needed",
        ),
        ("[[plans]]", "[ignored]\nx = 1\n[[plans]]", "ignored.x: a reason is needed"),
    ] {
        let told = changed(from, to);
        assert!(told.starts_with(expect), "{to}: {told}");
    }
    assert!(wrong("system = \"s\"").starts_with("says of nothing what becomes of it"));
    assert!(wrong("system = ").contains("TOML"), "{}", wrong("system = "));
}

#[test]
fn the_mappings_that_come_with_us_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/mappings");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        Mapping::read(&path).unwrap_or_else(|error| panic!("{error}"));
        count += 1;
    }
    assert_eq!(count, 6);
}
