//! Nouns to where they are written: a bounded number of calls at once, and none before what it needs is there.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use playhead_catalog::check;
use playhead_store::catalog::Fault;

use crate::{
    assemble::{Assembled, Made},
    complaint::Complaint,
    error::ImportError,
    mapping::{Mapping, Node, Rule, shape::NounKind},
    noun::Noun,
    report::Counts,
};

pub mod dry;
pub mod grpc;

/// Where nouns are written.
#[async_trait]
pub trait Target: Send + Sync {
    /// Writes a noun, if it says something else than what is there. Safe to repeat. It tries again what may pass by itself;
    /// what it answers is final.
    async fn write(&self, noun: &Noun) -> Result<Outcome, Refusal>;
}

/// How a noun was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It was there, and said something else.
    Changed,
    /// It was there, and said the same.
    Unchanged,
    /// It was there, and is deleted now.
    Deleted,
    /// It was to be deleted, and was never there; or its user was erased since.
    Absent,
}

/// Why a noun is not written.
#[derive(Debug)]
pub enum Refusal {
    /// A field's value is not taken.
    Field(Fault),
    /// This noun is not taken; others may be.
    Noun(String),
    /// None will be taken: the server is away, or does not believe us.
    All(String),
}

/// Writes nouns and counts how they end.
pub(crate) struct Sender<'a> {
    mapping: &'a Mapping,
    target: Arc<dyn Target>,
    calls_max: usize,
    errors_max: usize,
    pub(crate) counts: BTreeMap<NounKind, Counts>,
    pub(crate) complaints: Vec<Complaint>,
    /// How many nouns are settled.
    pub(crate) done: u64,
    /// How many were given to it.
    pub(crate) taken: u64,
    /// Items that are not there: deleted, or not written. What lies in them, or is about them, is not written either.
    absent: HashSet<String>,
    level: u32,
    flying: FuturesUnordered<Flight>,
}

type Flight = futures_util::future::BoxFuture<'static, (Assembled, Result<Outcome, Refusal>)>;

impl<'a> Sender<'a> {
    pub(crate) fn new(
        mapping: &'a Mapping,
        target: Arc<dyn Target>,
        calls_max: usize,
        errors_max: usize,
    ) -> Self {
        let (counts, complaints, absent, flying) = Default::default();
        Self {
            mapping,
            target,
            calls_max,
            errors_max,
            counts,
            complaints,
            done: 0,
            taken: 0,
            absent,
            level: 0,
            flying,
        }
    }

    /// Takes a noun, and waits where there is no room for another call, or where it needs those before it.
    pub(crate) async fn take(&mut self, made: Made) -> Result<(), ImportError> {
        let mut made = match made {
            Ok(made) => made,
            Err((kind, complaint)) => return self.fail(kind, complaint),
        };
        if made.level != self.level {
            self.settle_all().await?;
            self.level = made.level;
        }
        if let Noun::Collection(held) = &mut made.noun {
            held.item_ids.retain(|id| !self.absent.contains(id));
        }
        if self.is_left_out(&made.noun) {
            self.count(made.noun.kind()).skipped += 1;
            self.done += 1;
            return Ok(());
        }
        if let Err(fault) = checked(&made.noun) {
            return self.settle(made, Err(Refusal::Field(fault)));
        }
        while self.flying.len() >= self.calls_max {
            self.settle_one().await?;
        }
        let target = Arc::clone(&self.target);
        self.flying.push(Box::pin(async move {
            let written = target.write(&made.noun).await;
            (made, written)
        }));
        Ok(())
    }

    /// Passes over a noun that was settled by an import before this one.
    pub(crate) fn pass(&mut self, made: &Made) {
        if let Ok(Assembled { noun, .. }) = made {
            self.is_left_out(noun);
        }
        self.done += 1;
    }

    /// Whether the item is not there that a noun needs. Remembers what is not there itself.
    fn is_left_out(&mut self, noun: &Noun) -> bool {
        let is_left_out = noun.needs_item().is_some_and(|item| self.absent.contains(item));
        if matches!(noun, Noun::Gone(_)) || (is_left_out && noun.kind() == NounKind::Item) {
            self.absent.insert(noun.name());
        }
        is_left_out
    }

    /// Waits for all calls.
    pub(crate) async fn settle_all(&mut self) -> Result<(), ImportError> {
        while !self.flying.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<(), ImportError> {
        match self.flying.next().await {
            Some((made, written)) => self.settle(made, written),
            None => Ok(()),
        }
    }

    fn settle(&mut self, made: Assembled, written: Result<Outcome, Refusal>) -> Result<(), ImportError> {
        let kind = made.noun.kind();
        let text = match written {
            Ok(outcome) => {
                self.done += 1;
                let counts = self.count(kind);
                match outcome {
                    Outcome::Created => counts.created += 1,
                    Outcome::Changed => counts.changed += 1,
                    Outcome::Unchanged => counts.unchanged += 1,
                    Outcome::Deleted => counts.deleted += 1,
                    Outcome::Absent => counts.skipped += 1,
                }
                return Ok(());
            }
            Err(Refusal::All(text)) => return Err(ImportError::Refused { text, done: self.done }),
            Err(Refusal::Noun(text)) => text,
            Err(Refusal::Field(fault)) => {
                let columns = self
                    .mapping
                    .rules
                    .get(made.rule)
                    .map_or_else(String::new, |rule| columns(rule, &fault.field));
                let from = if columns.is_empty() { columns } else { format!(" (column {columns})") };
                format!("{} is {:?}{from}; allowed is {}", fault.field, fault.value, fault.allowed)
            }
        };
        if kind == NounKind::Item {
            self.absent.insert(made.noun.name());
        }
        let text = format!("{} {}: {text}", kind.name(), made.noun.name());
        self.fail(kind, Complaint { text, ..made.origin })
    }

    fn fail(&mut self, kind: NounKind, complaint: Complaint) -> Result<(), ImportError> {
        self.done += 1;
        self.count(kind).failed += 1;
        self.complaints.push(complaint);
        if self.complaints.len() <= self.errors_max {
            return Ok(());
        }
        let complaints = std::mem::take(&mut self.complaints);
        Err(ImportError::TooMany { complaints, errors_max: self.errors_max, done: self.done })
    }

    fn count(&mut self, kind: NounKind) -> &mut Counts {
        self.counts.entry(kind).or_default()
    }
}

/// Checks a noun as the server does, as far as that needs no store.
fn checked(noun: &Noun) -> Result<(), Fault> {
    match noun {
        Noun::Category(category) => check::category(category.clone()),
        Noun::Item(item) => check::item(item.as_ref().clone()),
        Noun::Gone(_) => Ok(()),
        Noun::Collection(held) => check::collection(held),
        Noun::Plan(plan) => check::plan(plan.clone()),
        Noun::Subscription(subscription) => check::subscription(subscription.clone()),
        Noun::Seat(seat) => check::seat(seat),
        Noun::Grant(grant) => check::grant(grant.clone()),
        Noun::Limits(limits) => check::limits(limits),
        Noun::Segments(segments) => check::segments(segments),
        Noun::Rating(rating) => check::rating(rating),
        Noun::Bookmark(bookmark) => check::bookmark(bookmark),
        Noun::Session(played) => played.check(),
    }
}

/// The columns that a rule makes a field of, such as `texts[0].title`.
fn columns(rule: &Rule, field: &str) -> String {
    let mut names = field.split('.').map(|name| name.split('[').next().unwrap_or(name));
    let (first, last) = (names.next().unwrap_or_default(), names.next_back().unwrap_or_default());
    let columns: Vec<&str> = match rule.fields.get(first) {
        Some(Node::One(field)) => field.columns(),
        Some(Node::Several(fields)) => fields.iter().flat_map(|field| field.columns()).collect(),
        Some(Node::Named(fields)) => fields.values().flat_map(|field| field.columns()).collect(),
        Some(Node::Things(things)) => {
            let fields = things.iter().filter_map(|(_, fields)| fields.get(last));
            let fields =
                fields.filter_map(|node| if let Node::One(field) = node { Some(field) } else { None });
            fields.flat_map(|field| field.columns()).collect()
        }
        None => Vec::new(),
    };
    columns.join(", ")
}
