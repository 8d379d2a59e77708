//! Words, as they are looked for: text without what its writers differ in. Scripts that put blanks between words give
//! words. Those that do not, and Hangul, whose words bear endings, give pairs of neighbouring characters, which need
//! neither a dictionary nor a language.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// A part of a text that stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Letters and digits.
    Spelt(String),
    /// Characters of a script that is taken pair by pair.
    Run(Vec<char>),
}

/// The words of a text, in their order.
pub(super) fn of(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut before = None;
    for letter in plain(text).chars() {
        let script = Script::of(letter);
        match (script, words.last_mut().filter(|_| script == before)) {
            (None, _) => {}
            (Some(_), Some(Word::Spelt(word))) => word.push(letter),
            (Some(_), Some(Word::Run(run))) => run.push(letter),
            (Some(Script::Blanks), None) => words.push(Word::Spelt(letter.into())),
            (Some(Script::Pairs), None) => words.push(Word::Run(vec![letter])),
        }
        before = script;
    }
    words
}

impl Word {
    /// What stands in an index for this word.
    pub(super) fn terms(&self) -> Vec<String> {
        match self {
            Self::Spelt(word) => vec![word.clone()],
            // The last one by itself too; the others begin a pair.
            Self::Run(run) => pairs(run).chain(run.last().map(char::to_string)).collect(),
        }
    }
}

/// Each character with its neighbour.
pub(super) fn pairs(run: &[char]) -> impl Iterator<Item = String> {
    run.windows(2).map(|pair| pair.iter().collect())
}

/// Lower case, compatible forms made the same (full and half width among them), Latin, Greek and Cyrillic without accents.
fn plain(text: &str) -> String {
    let apart = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let bare: String = apart.chars().filter(|letter| !ACCENTS.contains(letter)).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&bare).to_lowercase()
}

/// How a script's words are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Blanks,
    Pairs,
}

impl Script {
    /// `None` for what belongs to no word.
    fn of(letter: char) -> Option<Self> {
        let is_paired = || PAIRED.iter().any(|range| range.contains(&letter));
        match letter.is_alphanumeric() {
            true if is_paired() => Some(Self::Pairs),
            true => Some(Self::Blanks),
            // Vowel signs and the like belong to their words.
            false if is_paired() && !letter.is_ascii_punctuation() => Some(Self::Pairs),
            false => None,
        }
    }
}

/// Combining marks of alphabets. The voicing marks of kana are none of these.
const ACCENTS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// Thai, Lao, Myanmar, Khmer; kana; Han; Hangul.
const PAIRED: [std::ops::RangeInclusive<char>; 9] = [
    '\u{e01}'..='\u{edf}',
    '\u{1000}'..='\u{109f}',
    '\u{1780}'..='\u{17d3}',
    '\u{3041}'..='\u{3096}',
    '\u{30a1}'..='\u{30ff}',
    '\u{3400}'..='\u{9fff}',
    '\u{ac00}'..='\u{d7a3}',
    '\u{f900}'..='\u{faff}',
    '\u{20000}'..='\u{3ffff}',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> String {
        let words = of(text);
        words.iter().map(|word| word.terms().join(" ")).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn words_are_told_apart_whatever_the_script() {
        for (text, expect) in [
            ("The  Half-Blood Prince, 2", "the | half | blood | prince | 2"),
            ("도깨비", "도깨 깨비 비"),
            ("도깨비 시즌2", "도깨 깨비 비 | 시즌 즌 | 2"),
            ("鬼滅の刃", "鬼滅 滅の の刃 刃"),
            ("ドラゴンボール", "ドラ ラゴ ゴン ンボ ボー ール ル"),
            ("Кино и немцы", "кино | и | немцы"),
            ("สวัสดี", "สว วั ัส สด ดี ี"),
            ("K팝 데몬 헌터스", "k | 팝 | 데몬 몬 | 헌터 터스 스"),
            ("🍿 — …", ""),
            ("", ""),
        ] {
            assert_eq!(terms(text), expect, "{text}");
        }
    }

    #[test]
    fn what_writers_differ_in_is_the_same() {
        for (one, other) in [
            ("Amélie", "AMELIE"),
            ("ＡＢＣ１２", "abc12"),
            ("ﾄﾞﾗｺﾞﾝ", "ドラゴン"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("Ёлки", "елки"),
            ("ﬁlm", "FILM"),
        ] {
            assert_eq!(terms(one), terms(other), "{one} {other}");
        }
        assert_ne!(terms("か"), terms("が"), "voicing is no accent");
    }
}
