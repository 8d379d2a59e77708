use crate::read::{Format, tests::told};

fn feed(items: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><rss version="2.0" xmlns:m="http://search.yahoo.com/mrss/" xmlns:o="urn:other">
<channel><title>C</title>
{items}</channel></rss>"#
    )
}

#[test]
fn an_item_gives_rows_that_name_it() {
    let text = feed(
        r#"<item><guid>g-1</guid><title>Tom &amp; &#xB3C4;깨비</title><o:title>not this</o:title>
<m:group><m:content url="a.m3u8" duration="61.5" bitrate="800" lang="ko"/><m:content url="b.mp4?x=1&amp;y=2"/></m:group>
<m:keywords>rain, 비 ,</m:keywords><m:category scheme="urn:s">drama</m:category><category>tv</category></item>"#,
    );
    let told = told(Format::MediaRss, text.as_bytes());
    assert!(told[0].starts_with("item(1@3): guid=\"g-1\" title=\"Tom & 도깨비\" link=NULL"), "{told:#?}");
    assert!(told[0].ends_with("duration=\"61.5\""), "{told:#?}");
    assert!(told[1].starts_with("content(1@3): guid=\"g-1\" n=\"1\" url=\"a.m3u8\""), "{told:#?}");
    assert!(told[2].starts_with("content(2@3): guid=\"g-1\" n=\"2\" url=\"b.mp4?x=1&y=2\""), "{told:#?}");
    assert_eq!(told[3], "category(1@3): guid=\"g-1\" name=\"drama\" scheme=\"urn:s\" label=NULL");
    assert_eq!(told[4], "category(2@3): guid=\"g-1\" name=\"tv\" scheme=NULL label=NULL");
    assert_eq!(told[5], "keyword(1@3): guid=\"g-1\" name=\"rain\"");
    assert_eq!(told[6], "keyword(2@3): guid=\"g-1\" name=\"비\"");
    assert_eq!(told.len(), 7);
}

#[test]
fn an_item_without_a_name_is_that_items_error() {
    let told =
        told(Format::MediaRss, feed("<item><title>a</title></item><item><link>l</link></item>").as_bytes());
    assert_eq!(told[0], "! line 3: table item, row 1: has neither guid nor link");
    assert!(told[1].starts_with("item(2@3): guid=\"l\""), "{told:#?}");
}

#[test]
fn document_types_and_their_entities_are_refused() {
    let bomb = r#"<?xml version="1.0"?>
<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<rss><channel><item><guid>&b;</guid></item></channel></rss>"#;
    let external = r#"<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss/>"#;
    for text in [bomb, external] {
        let told = told(Format::MediaRss, text.as_bytes());
        assert!(told[0].contains("a document type (DOCTYPE) is refused"), "{told:#?}");
        assert_eq!(told.len(), 1);
    }
    let unknown = told(Format::MediaRss, feed("<item><guid>&b;</guid></item>").as_bytes());
    assert!(unknown[0].starts_with("!! line 3: the entity &b; is not known"), "{unknown:#?}");
}

#[test]
fn what_is_nested_too_deeply_or_does_not_end_is_refused() {
    let deep = told(Format::MediaRss, "<a>".repeat(100).as_bytes());
    assert!(deep[0].contains("more than 64 elements within each other"), "{deep:#?}");
    let open = told(Format::MediaRss, b"<rss><channel><item></rss>");
    assert!(open[0].contains("no XML"), "{open:#?}");
}
