//! What is found, in an index of some items.

use playhead_store::catalog::{Deletion, Kind, Language};

use super::*;

fn item(id: &str, texts: &[(&str, &str, &str)], tags: &[&str]) -> Stored<Item> {
    let text = |(language, title, description): &(&str, &str, &str)| Text {
        language: Language::new(language).unwrap(),
        title: (*title).to_owned(),
        subtitle: String::new(),
        description: (*description).to_owned(),
        image_url: String::new(),
    };
    let tag = |name: &&str| Tag { group: String::new(), name: (*name).to_owned() };
    let value = Item {
        texts: texts.iter().map(text).collect(),
        tags: tags.iter().map(tag).collect(),
        ..Item::new(ItemId::new(id).unwrap(), Kind::Movie)
    };
    Stored { value, version: 1 }
}

fn search(items: &[Stored<Item>]) -> Search {
    let search = Search::new().unwrap();
    items.iter().for_each(|item| search.put(Arc::new(item.clone())).unwrap());
    search.commit().unwrap();
    search
}

fn found(search: &Search, text: &str) -> String {
    let ids = search.find(text, 0, 10).unwrap();
    ids.iter().map(ItemId::as_str).collect::<Vec<_>>().join(" ")
}

fn some() -> Search {
    search(&[
        item("goblin", &[("ko", "도깨비", "불멸의 삶"), ("en", "Goblin", "An immortal life")], &["fantasy"]),
        item("prince", &[("en", "The Half-Blood Prince", "A goblin guards the bank")], &["fantasy"]),
        item("slayer", &[("ja", "鬼滅の刃", ""), ("en", "Demon Slayer", "")], &["anime"]),
        item("hunters", &[("ko", "케이팝 데몬 헌터스", ""), ("en", "KPop Demon Hunters", "")], &["music"]),
        item("amelie", &[("fr", "Le Fabuleux Destin d'Amélie Poulain", "")], &["Комедия"]),
    ])
}

#[test]
fn titles_descriptions_and_tags_are_found_in_any_language() {
    let search = some();
    for (text, expect) in [
        ("goblin", "goblin prince"),
        ("도깨비", "goblin"),
        ("鬼滅", "slayer"),
        ("の刃", "slayer"),
        ("데몬", "hunters"),
        ("комедия", "amelie"),
        ("demon slayer", "slayer"),
        ("poulain amelie", "amelie"),
        ("불멸의", "goblin"),
        ("nothing", ""),
        ("demon nothing", ""),
        ("…", ""),
    ] {
        assert_eq!(found(&search, text), expect, "{text}");
    }
}

#[test]
fn a_beginning_is_enough_and_a_slip_forgiven() {
    let search = some();
    for (text, expect) in [
        ("gob", "goblin prince"),
        ("도", "goblin"),
        ("도깨", "goblin"),
        ("헌", "hunters"),
        ("goblni", "goblin prince"),
        ("gobiln prinec", "prince"),
        ("fabulous", "amelie"),
        ("헌터즈", "hunters"),
        ("gxb", ""),
    ] {
        assert_eq!(found(&search, text), expect, "{text}");
    }
}

#[test]
fn what_fits_better_comes_first() {
    let search = search(&[
        item("far", &[("en", "A day", "The whole star story")], &[]),
        item("begins", &[("en", "Starlight", "")], &[]),
        item("is", &[("en", "Star", "")], &[]),
        item("slip", &[("en", "Stars and stirring", "")], &[]),
    ]);
    assert!(found(&search, "star").starts_with("is "), "{}", found(&search, "star"));
    let pages = [search.find("star", 0, 2).unwrap(), search.find("star", 2, 2).unwrap()];
    assert_eq!(pages.concat(), search.find("star", 0, 10).unwrap());
}

/// Slips by a word's length: none in three letters, one from four on, two from eight on; of pairs, what one slip changes.
#[test]
fn so_many_slips_are_forgiven_and_no_more() {
    let search = search(&[
        item("short", &[("en", "Sun", "")], &[]),
        item("four", &[("en", "Moon", "")], &[]),
        item("seven", &[("en", "Mercury", "")], &[]),
        item("eight", &[("en", "Starfish", "")], &[]),
        item("pairs", &[("ko", "별에서온그대", "")], &[]),
    ]);
    for (text, expect) in [
        ("sin", ""),
        ("moan", "four"),
        ("maan", ""),
        ("mercary", "seven"),
        ("marcary", ""),
        ("storfesh", "eight"),
        ("storfesk", ""),
        ("별에서는그대", "pairs"),
        ("별에서온는대", "pairs"),
        ("별에서오는대", ""),
    ] {
        assert_eq!(found(&search, text), expect, "{text}");
    }
}

#[test]
fn a_title_counts_more_than_a_tag_and_a_tag_more_than_what_is_told() {
    let search = search(&[
        item("told", &[("en", "A", "comet")], &[]),
        item("tagged", &[("en", "B", "")], &["comet"]),
        item("called", &[("en", "Comet", "")], &[]),
        item("begins", &[("en", "Starlight", "")], &[]),
        item("is", &[("en", "Star", "")], &[]),
        item("slip", &[("en", "Stir", "")], &[]),
    ]);
    assert_eq!(found(&search, "comet"), "called tagged told");
    assert_eq!(found(&search, "star"), "is begins slip");
}

#[test]
fn a_second_line_is_found_and_sixteen_words_are_looked_at() {
    let mut comet = item("comet", &[("en", "a b c d e f g h", "i j k l m n o p")], &[]);
    for text in &mut comet.value.texts {
        text.subtitle = "Return of the comet".to_owned();
    }
    let search = search(&[comet]);
    assert_eq!(found(&search, "return"), "comet");
    let sixteen = "a b c d e f g h i j k l m n o p";
    assert_eq!(found(&search, &format!("{sixteen} nothing")), "comet");
    assert_eq!(found(&search, &sixteen.replace('p', "nothing")), "");
}

#[test]
fn what_changes_is_found_as_it_is_now() {
    let search = some();
    let renamed = item("goblin", &[("en", "Guardian", "")], &[]);
    search.put(Arc::new(Stored { version: 2, ..renamed })).unwrap();
    let mut gone = Stored { version: 2, ..item("prince", &[("en", "Prince", "")], &[]) };
    gone.value.deletion = Some(Deletion { at_ms: 1, root: gone.value.id.clone() });
    search.put(Arc::new(gone)).unwrap();
    // What was read before those were written comes late.
    search.put(Arc::new(item("goblin", &[("en", "Goblin", "")], &[]))).unwrap();
    search.commit().unwrap();
    assert_eq!((found(&search, "goblin"), found(&search, "prince")), (String::new(), String::new()));
    assert_eq!(found(&search, "guardian"), "goblin");
}

/// Whoever puts an item does not wait for who holds the index, and it is found all the same.
#[test]
fn what_is_put_while_another_commits_is_found() {
    let search = search(&[]);
    let held = search.pending();
    search.put(Arc::new(item("goblin", &[("en", "Goblin", "")], &[]))).unwrap();
    drop(held);
    search.commit().unwrap();
    assert_eq!(found(&search, "goblin"), "goblin");
}
