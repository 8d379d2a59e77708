//! What is looked for, as a query: every word has to be found, by its beginning or nearly so; what fits better comes first.

use tantivy::{
    Term,
    query::{BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, Query, TermQuery},
    schema::{Field, IndexRecordOption},
};

use super::words::{self, Word};

/// A field, and how much it counts when a word is found in it.
pub(super) type Weighed = (Field, f32);

/// The query for a text; `None` for one without words.
pub(super) fn of(text: &str, fields: &[Weighed]) -> Option<Box<dyn Query>> {
    let words: Vec<Word> = words::of(text).into_iter().take(WORDS_MAX).collect();
    let each = words.iter().map(|word| (Occur::Must, of_word(word, fields)));
    (!words.is_empty()).then(|| Box::new(BooleanQuery::new(each.collect())) as Box<dyn Query>)
}

fn of_word(word: &Word, fields: &[Weighed]) -> Box<dyn Query> {
    let in_field = |&(field, weight): &Weighed| {
        let query = match word {
            Word::Spelt(word) => spelt(word, field),
            Word::Run(run) => run_of(run, field),
        };
        boosted(query, weight)
    };
    any(fields.iter().map(in_field))
}

/// The word itself, what begins with it, and what is nearly so: a longer word may have more slips.
fn spelt(word: &str, field: Field) -> Box<dyn Query> {
    let slips = match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    };
    let nearly = (1..=slips).map(|slips| boosted(prefix(word, field, slips), NEARLY / f32::from(slips)));
    let exactly = [boosted(exact(word, field), EXACT), prefix(word, field, 0)];
    any(exactly.into_iter().chain(nearly))
}

/// The pairs of neighbours, the most of them; a slip changes two.
fn run_of(run: &[char], field: Field) -> Box<dyn Query> {
    let [only] = run else {
        let pairs: Vec<_> = words::pairs(run).map(|pair| (Occur::Should, exact(&pair, field))).collect();
        let needed = pairs.len().saturating_sub(PAIRS_OF_A_SLIP).max(1);
        return Box::new(BooleanQuery::with_minimum_required_clauses(pairs, needed));
    };
    prefix(&only.to_string(), field, 0)
}

fn exact(term: &str, field: Field) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs))
}

fn prefix(term: &str, field: Field, slips: u8) -> Box<dyn Query> {
    Box::new(FuzzyTermQuery::new_prefix(Term::from_field_text(field, term), slips, true))
}

fn boosted(query: Box<dyn Query>, weight: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(query, weight))
}

fn any(queries: impl Iterator<Item = Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(BooleanQuery::union(queries.collect()))
}

/// More words than this are not looked at.
const WORDS_MAX: usize = 16;
/// What a whole word counts beside a beginning.
const EXACT: f32 = 3.0;
/// What one with a slip counts.
const NEARLY: f32 = 0.3;
const PAIRS_OF_A_SLIP: usize = 2;
