//! Sorted parts, put together to nouns, in the order in which they are written.

use std::collections::HashMap;

use crate::{
    complaint::Complaint,
    error::ImportError,
    gather::told,
    mapping::{Mapping, Rule, shape::NounKind},
    noun::Noun,
    part::{self, Part},
    sort::{Record, Sorted},
};

/// A noun, and where it comes from.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) noun: Noun,
    /// All of a lower level must be there before it.
    pub(crate) level: u32,
    /// The rule that makes it.
    pub(crate) rule: usize,
    /// Where the row stands; its text is empty.
    pub(crate) origin: Complaint,
}

/// A noun, or why there is none.
pub(crate) type Made = Result<Assembled, (NounKind, Complaint)>;

/// Puts nouns together.
pub(crate) struct Assembler<'a> {
    mapping: &'a Mapping,
    files: &'a [String],
    sorted: Sorted,
    held: Option<Record>,
    /// Categories, those above before those below them, the next one last.
    categories: Vec<Made>,
}

impl<'a> Assembler<'a> {
    pub(crate) fn new(mapping: &'a Mapping, files: &'a [String], sorted: Sorted) -> Self {
        Self { mapping, files, sorted, held: None, categories: Vec::new() }
    }

    /// The next noun; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Made>, ImportError> {
        if let Some(category) = self.categories.pop() {
            return Ok(Some(category));
        }
        let (mut categories, mut wrong) = (Vec::new(), Vec::new());
        loop {
            let group = self.group()?;
            let made = if group.is_empty() { None } else { Some(self.made(&group)) };
            match made {
                Some(Ok(made)) if made.noun.kind() == NounKind::Category => categories.push(made),
                Some(Err((NounKind::Category, complaint))) => {
                    wrong.push(Err((NounKind::Category, complaint)))
                }
                other => {
                    // It comes behind them.
                    self.categories.extend(other);
                    self.categories.extend(wrong);
                    self.categories.extend(from_below(categories)?.into_iter().map(Ok));
                    return Ok(self.categories.pop());
                }
            }
        }
    }

    /// The parts of the next noun.
    fn group(&mut self) -> Result<Vec<Record>, ImportError> {
        let mut group: Vec<Record> = Vec::new();
        loop {
            let next = match self.held.take() {
                Some(record) => Some(record),
                None => self.sorted.next().map_err(ImportError::Sort)?,
            };
            let Some(next) = next else { return Ok(group) };
            if group.first().is_some_and(|first| part::name_of(&first.0) != part::name_of(&next.0)) {
                self.held = Some(next);
                return Ok(group);
            }
            group.push(next);
        }
    }

    fn made(&self, group: &[Record]) -> Made {
        let parts: Vec<Part<'_>> = group.iter().filter_map(|(key, value)| part::read(key, value)).collect();
        let rule = |part: &Part<'_>| self.mapping.rules.get(part.place.rule);
        let makers: Vec<&Part<'_>> =
            parts.iter().filter(|part| rule(part).is_some_and(|rule| rule.makes)).collect();
        let kind = parts.first().and_then(rule).map_or(NounKind::Item, |rule| rule.noun);
        let (Some(maker), Some(rule_of_it)) = (makers.first(), makers.first().and_then(|maker| rule(maker)))
        else {
            let name =
                group.first().map_or(&[][..], |(key, _)| part::name_of(key).get(2..).unwrap_or_default());
            let text = format!("adds to {}, which no row makes", String::from_utf8_lossy(name));
            return Err((kind, self.origin(parts.first(), text)));
        };
        if let Some(again) = makers.get(1).filter(|_| !may_repeat(rule_of_it)) {
            let text = format!("makes again what row {} (line {}) makes", maker.place.row, maker.line);
            return Err((kind, self.origin(Some(*again), text)));
        }
        let origin = self.origin(Some(*maker), String::new());
        let gone = makers.iter().find(|maker| maker.is_gone);
        let mut noun = part::empty(kind, gone.unwrap_or(maker));
        for part in parts.iter().filter(|part| !part.is_gone) {
            // What was encoded by this process can be decoded.
            if let Err(error) = noun.add(part.body) {
                return Err((kind, self.origin(Some(part), error.to_string())));
            }
        }
        noun.settle();
        Ok(Assembled { noun, level: u32::from(maker.place.stage) * LEVELS, rule: maker.place.rule, origin })
    }

    fn origin(&self, part: Option<&Part<'_>>, text: String) -> Complaint {
        let rule = part.and_then(|part| self.mapping.rules.get(part.place.rule));
        Complaint {
            file: part.and_then(|part| self.files.get(part.place.file)).cloned().unwrap_or_default(),
            line: part.map_or(0, |part| part.line),
            table: rule.map_or_else(String::new, |rule| rule.table.clone()),
            row: part.map_or(0, |part| part.place.row),
            text,
        }
    }
}

fn may_repeat(rule: &Rule) -> bool {
    rule.repeats || matches!(rule.noun, NounKind::Collection | NounKind::Segments)
}

/// Categories with those that lie below others first, each with its level.
fn from_below(mut categories: Vec<Assembled>) -> Result<Vec<Assembled>, ImportError> {
    if categories.len() > CATEGORIES_MAX {
        return Err(ImportError::Categories { max: CATEGORIES_MAX });
    }
    let parents: HashMap<String, String> = categories
        .iter()
        .filter_map(|made| match &made.noun {
            Noun::Category(category) => Some((category.id.clone(), category.parent_id.clone())),
            _ => None,
        })
        .collect();
    for made in &mut categories {
        let (mut depth, name) = (0, made.noun.name());
        let mut above = parents.get(&name);
        // What lies too deep, or in itself, the server refuses.
        while let Some(parent) = above.filter(|parent| !parent.is_empty() && depth < LEVELS - 1) {
            depth += 1;
            above = parents.get(parent);
        }
        made.level += depth;
    }
    categories.sort_by_key(|made| std::cmp::Reverse(made.level));
    Ok(categories)
}

/// How many categories lie above each other at most, and then some.
const LEVELS: u32 = 16;
/// The most categories that a catalog holds.
const CATEGORIES_MAX: usize = 5_000;

/// A file's name in complaints.
pub(crate) fn names(files: &[std::path::PathBuf]) -> Vec<String> {
    files.iter().map(|path| told(path)).collect()
}
