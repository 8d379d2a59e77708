//! What a field is made of: a template over the columns of a row, and what is done to what comes out.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

/// Where a value comes from, and how it is to be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    pub(crate) from: Template,
    /// What stands for what; a value that is not among them is an error, unless there is a default.
    pub(crate) words: Option<BTreeMap<String, String>>,
    /// What stands in for NULL, and for a word that is not known.
    pub(crate) default: Option<String>,
    pub(crate) unit: Option<Unit>,
    /// How a time is written, in the words of strftime.
    pub(crate) format: Option<String>,
    /// Where a time without an offset is told, if not where the mapping says.
    pub(crate) zone: Option<TimeZone>,
    /// What is added to a time, such as `-1mo`.
    pub(crate) shift: Option<Box<Field>>,
    /// Where this does not hold, it is NULL.
    pub(crate) when: Condition,
}

/// In what a length or a time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    /// As clocks show it: `1:02:03`, or `62:03`.
    Clock,
}

impl Unit {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("ms", Self::Milliseconds),
        ("s", Self::Seconds),
        ("min", Self::Minutes),
        ("h", Self::Hours),
        ("clock", Self::Clock),
    ];
}

/// A text with columns in it, such as `episode-{episode_id}`. NULL where any of them is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template(pub(crate) Vec<Piece>);

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands.
    Plain(String),
    /// What the column has, or `lookup.column`.
    Column(String),
}

impl Template {
    /// Reads a template.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((column, after)) = behind.split_once('}') else {
                return Err(format!("{text:?} has a {{ without its }}"));
            };
            if column.trim().is_empty() || column.contains('{') {
                return Err(format!("{text:?} has no column between {{ and }}"));
            }
            if !before.is_empty() {
                pieces.push(Piece::Plain(before.to_owned()));
            }
            pieces.push(Piece::Column(column.trim().to_lowercase()));
            rest = after;
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Plain(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The columns in it.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Column(column) => Some(column.as_str()),
            Piece::Plain(_) => None,
        })
    }

    /// The text, where no column is in it.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }
}

impl Field {
    /// All columns that it looks at.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let shift = self.shift.iter().flat_map(|shift| shift.columns());
        self.from.columns().chain(self.when.columns()).chain(shift).collect()
    }

    /// All that can come out, where that is known without a row.
    pub(crate) fn outcomes(&self) -> Vec<&str> {
        let constant = self.from.constant().filter(|_| self.words.is_none());
        let words = self.words.iter().flatten().map(|(_, word)| word.as_str());
        constant.into_iter().chain(words).chain(self.default.as_deref()).collect()
    }
}

/// Columns, and which values each of them must have: `""` is NULL, `"*"` anything else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition(pub(crate) Vec<(String, Vec<String>)>);

impl Condition {
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(column, _)| column.as_str())
    }

    /// Whether it holds, when columns have these values.
    pub(crate) fn holds(&self, value: impl Fn(&str) -> Option<String>) -> bool {
        self.0.iter().all(|(column, allowed)| match value(column) {
            None => allowed.iter().any(String::is_empty),
            Some(value) => allowed.iter().any(|one| (one == "*") || (!one.is_empty() && *one == value)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_text_and_columns() {
        let told = |text: &str| {
            Template::new(text).map(|template| {
                let columns = template.columns().map(str::to_owned).collect::<Vec<_>>();
                (template.0.len(), columns.join(","), template.constant().map(str::to_owned))
            })
        };
        assert_eq!(told("PUBLISHED"), Ok((1, String::new(), Some("PUBLISHED".into()))));
        assert_eq!(told(""), Ok((1, String::new(), Some(String::new()))));
        assert_eq!(told("s-{Series_ID}-{ n }x"), Ok((5, "series_id,n".into(), None)));
        assert_eq!(told("{tag.name}"), Ok((1, "tag.name".into(), None)));
        for wrong in ["{a", "{}", "{a{b}}"] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_condition_is_about_values_and_nothing() {
        let holds = |allowed: &[&str], value: Option<&str>| {
            let allowed = allowed.iter().map(|&one| one.to_owned()).collect();
            Condition(vec![("a".into(), allowed)]).holds(|_| value.map(str::to_owned))
        };
        assert!(holds(&["x", "y"], Some("y")));
        assert!(!holds(&["x"], None) && !holds(&["x"], Some("")));
        assert!(holds(&[""], None) && !holds(&[""], Some("x")));
        assert!(holds(&["*"], Some("x")) && !holds(&["*"], None));
        assert!(Condition::default().holds(|_| None));
    }
}
