//! Languages by BCP 47, and which text to show to whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Text;

/// The longest tag, in characters: RFC 5646, section 4.4.1, asks for room for 35.
pub const LANGUAGE_CHARS_MAX: usize = 35;

/// A language tag (BCP 47) in its usual case: `ko`, `pt-BR`, `zh-Hant-TW`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(Box<str>);

impl Language {
    /// Takes a tag that begins with a language of 2 to 8 letters, and has subtags of 1 to 8 letters and digits behind it;
    /// in any case, as RFC 5646 has it. `None` for any other text.
    #[must_use]
    pub fn new(tag: &str) -> Option<Self> {
        if tag.len() > LANGUAGE_CHARS_MAX {
            return None;
        }
        let mut subtags = tag.split('-');
        let language = subtags.next()?;
        if !(2..=8).contains(&language.len()) || !language.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let mut usual = language.to_ascii_lowercase();
        let mut after_singleton = false;
        for subtag in subtags {
            let is_plain = subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_plain || !(1..=8).contains(&subtag.len()) {
                return None;
            }
            usual.push('-');
            usual.push_str(&in_usual_case(subtag, after_singleton));
            after_singleton |= subtag.len() == 1;
        }
        // A singleton begins something, so it cannot be the end.
        let last = usual.rsplit('-').next().unwrap_or_default();
        (last.len() > 1).then(|| Self(usual.into()))
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone: `pt` of `pt-BR`.
    #[must_use]
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }

    /// It, and what it is a kind of, ever less special (RFC 4647, section 3.4): `zh-Hant-TW`, `zh-Hant`, `zh`.
    fn wider(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(&*self.0), |tag| {
            let (wider, _) = tag.rsplit_once('-')?;
            // What a singleton begins goes with it.
            match wider.rsplit_once('-') {
                Some((before, last)) if last.len() == 1 => Some(before),
                _ => Some(wider),
            }
        })
    }
}

/// Section 2.1.1 of RFC 5646: regions in capitals, scripts with one; behind a singleton all is small.
fn in_usual_case(subtag: &str, after_singleton: bool) -> String {
    match subtag.len() {
        2 if !after_singleton => subtag.to_ascii_uppercase(),
        4 if !after_singleton => {
            let (first, rest) = subtag.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        }
        _ => subtag.to_ascii_lowercase(),
    }
}

/// The text for a reader of these languages, the most wanted first. Each is looked up by itself and ever less special;
/// then one of the same language at all, which serves a reader of `pt` with `pt-BR`; then the default's, then the first.
#[must_use]
pub fn pick<'a>(texts: &'a [Text], wanted: &[Language], default: Option<&Language>) -> Option<&'a Text> {
    let of = |tag: &str| texts.iter().find(|text| text.language.as_str() == tag);
    let looked_up = |language: &Language| language.wider().find_map(of);
    let akin = |language: &Language| texts.iter().find(|text| text.language.primary() == language.primary());
    let best = wanted.iter().find_map(|language| looked_up(language).or_else(|| akin(language)));
    best.or_else(|| default.and_then(looked_up)).or_else(|| texts.first())
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Language {
    type Error = &'static str;

    fn try_from(tag: String) -> Result<Self, Self::Error> {
        Self::new(&tag).ok_or("no language tag")
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_taken_in_any_case_and_kept_in_its_usual_one() {
        for (tag, expect) in [
            ("KO", Some("ko")),
            ("pt-br", Some("pt-BR")),
            ("ZH-hANT-tw", Some("zh-Hant-TW")),
            ("es-419", Some("es-419")),
            ("de-CH-1996", Some("de-CH-1996")),
            ("en-US-U-CA-gregory", Some("en-US-u-ca-gregory")),
            ("", None),
            ("k", None),
            ("x-klingon", None),
            ("ko-", None),
            ("ko_KR", None),
            ("en-u", None),
            ("한국어", None),
            ("en-toolongsub", None),
            ("en-a1-a2-a3-a4-a5-a6-a7-a8-a9-b1-b2-b3", None),
        ] {
            assert_eq!(Language::new(tag).as_ref().map(Language::as_str), expect, "{tag}");
        }
    }

    fn text(tag: &str) -> Text {
        let (subtitle, description, image_url) = Default::default();
        Text { language: Language::new(tag).unwrap(), title: tag.into(), subtitle, description, image_url }
    }

    #[test]
    fn a_reader_gets_the_nearest_text() {
        let texts = ["en", "ko", "pt-BR", "zh-Hant", "zh"].map(text);
        let cases: [(&[&str], Option<&str>, &str); 10] = [
            (&["ko"], None, "ko"),
            (&["ko-KR"], None, "ko"),
            (&["zh-Hant-TW"], None, "zh-Hant"),
            (&["zh-Hans-CN"], None, "zh"),
            (&["pt"], None, "pt-BR"),
            (&["pt-PT"], None, "pt-BR"),
            (&["fr", "ko"], None, "ko"),
            (&["fr"], Some("ko"), "ko"),
            (&["fr"], Some("fr"), "en"),
            (&[], None, "en"),
        ];
        for (wanted, default, expect) in cases {
            let wanted: Vec<_> = wanted.iter().map(|tag| Language::new(tag).unwrap()).collect();
            let default = default.map(|tag| Language::new(tag).unwrap());
            let picked = pick(&texts, &wanted, default.as_ref()).unwrap();
            assert_eq!(picked.title, expect, "{wanted:?}, else {default:?}");
        }
        assert_eq!(pick(&[], &[], None), None);
    }

    #[test]
    fn what_a_singleton_begins_goes_with_it() {
        let wider =
            |tag: &str| Language::new(tag).unwrap().wider().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert_eq!(wider("zh-Hant-u-co-pinyin"), "zh-Hant-u-co-pinyin zh-Hant-u-co zh-Hant zh");
    }
}
