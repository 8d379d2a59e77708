//! Search: which items a text finds. An index in memory, made from what rests in the store; it says ids, and what is at
//! rest decides what a viewer sees of them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ahash::HashMap;
use playhead_store::{
    ItemId,
    catalog::{Item, Tag, Text},
};
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term,
    collector::TopDocs,
    indexer::{LogMergePolicy, NoMergePolicy},
    schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _},
    tokenizer::{PreTokenizedString, Token},
};

use self::{indexer::Waiting, words::Word};
use crate::records::Stored;

mod indexer;
mod query;
mod words;

/// The index.
pub struct Search {
    fields: Fields,
    reader: IndexReader,
    pending: Mutex<Pending>,
    /// What was put and nobody has looked at yet.
    waiting: Arc<Waiting>,
    /// True where a thread of its own looks at what waits.
    has_indexer: bool,
    is_complete: AtomicBool,
}

/// What was written and is not found yet.
struct Pending {
    writer: IndexWriter,
    /// The version of each item that was put.
    versions: HashMap<ItemId, u64>,
    is_dirty: bool,
    committed: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    id: Field,
    title: Field,
    tags: Field,
    description: Field,
}

impl Search {
    /// An index without items.
    ///
    /// # Errors
    /// When its threads cannot be started.
    pub fn new() -> Result<Self, TantivyError> {
        let (schema, fields) = Fields::new();
        let index = Index::create_in_ram(schema);
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let pending =
            Pending { writer, versions: HashMap::default(), is_dirty: false, committed: Instant::now() };
        let (pending, waiting, is_complete) = (Mutex::new(pending), Arc::default(), AtomicBool::new(false));
        Ok(Self { fields, reader, pending, waiting, has_indexer: false, is_complete })
    }

    /// Takes an item in the place of what was known of it, unless that is newer. It is found within [`FOUND_WITHIN`].
    ///
    /// # Errors
    /// When the index has broken.
    pub fn put(&self, item: Arc<Stored<Item>>) -> Result<(), TantivyError> {
        let is_left_to_it = self.waiting.push(item) < WAITING_MAX && self.has_indexer;
        if is_left_to_it {
            return Ok(());
        }
        match self.pending.try_lock() {
            Ok(mut pending) => self.take_waiting(&mut pending),
            Err(TryLockError::Poisoned(pending)) => self.take_waiting(&mut pending.into_inner()),
            // A commit, which takes its time: whoever is next takes what waits.
            Err(TryLockError::WouldBlock) => Ok(()),
        }
    }

    fn take_waiting(&self, pending: &mut Pending) -> Result<(), TantivyError> {
        self.waiting.take(usize::MAX).iter().try_for_each(|item| pending.take(self.fields, item))
    }

    /// Waits until so little waits to be looked at that more may be filled in.
    pub async fn room(&self) {
        self.waiting.at_most(WAITING_MAX / 2).await;
    }

    /// Makes all that was put be found, and says that it is all there is.
    ///
    /// # Errors
    /// When the index has broken.
    pub fn complete(&self) -> Result<(), TantivyError> {
        self.commit()?;
        if !self.is_complete() {
            self.merge()?;
        }
        self.is_complete.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes one part of the many that filling makes: a search looks into each, and on a busy machine they would stay.
    fn merge(&self) -> Result<(), TantivyError> {
        let merged = {
            let mut pending = self.pending();
            pending.writer.set_merge_policy(Box::new(LogMergePolicy::default()));
            let parts = pending.writer.index().searchable_segment_ids()?;
            (parts.len() > 1).then(|| pending.writer.merge(&parts))
        };
        if let Some(merged) = merged {
            merged.wait()?;
            self.reader.reload()?;
        }
        Ok(())
    }

    /// False while it is being filled.
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// The items that a text finds, from `offset` on, the best first. Computes: to be called where that holds up nobody.
    ///
    /// # Errors
    /// When the index has broken.
    pub fn find(&self, text: &str, offset: usize, limit: usize) -> Result<Vec<ItemId>, TantivyError> {
        self.catch_up()?;
        let Some(query) = query::of(text, &self.fields.weighed()) else { return Ok(Vec::new()) };
        let searcher = self.reader.searcher();
        let best = TopDocs::with_limit(limit).and_offset(offset).order_by_score();
        let found = searcher.search(&*query, &best)?;
        let mut ids = Vec::with_capacity(found.len());
        for (_, address) in found {
            ids.extend(self.fields.id_of(&searcher.doc(address)?));
        }
        Ok(ids)
    }

    /// Makes what was put be found, unless that was done just now: many writes cost one commit.
    fn catch_up(&self) -> Result<(), TantivyError> {
        let is_due = {
            let mut pending = self.pending();
            self.take_waiting(&mut pending)?;
            pending.is_dirty && pending.committed.elapsed() >= FOUND_WITHIN
        };
        if is_due { self.commit() } else { Ok(()) }
    }

    /// Makes what was put be found.
    ///
    /// # Errors
    /// When the index has broken.
    pub fn commit(&self) -> Result<(), TantivyError> {
        let mut pending = self.pending();
        self.take_waiting(&mut pending)?;
        pending.writer.commit()?;
        self.reader.reload()?;
        pending.is_dirty = false;
        pending.committed = Instant::now();
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn take(&mut self, fields: Fields, item: &Stored<Item>) -> Result<(), TantivyError> {
        let Stored { value: item, version } = item;
        if self.versions.get(&item.id).is_some_and(|known| known >= version) {
            return Ok(());
        }
        self.versions.insert(item.id.clone(), *version);
        self.writer.delete_term(Term::from_field_text(fields.id, item.id.as_str()));
        if item.deletion.is_none() {
            self.writer.add_document(fields.document(item))?;
        }
        self.is_dirty = true;
        Ok(())
    }
}

impl Fields {
    fn new() -> (Schema, Self) {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs);
        let words = TextOptions::default().set_indexing_options(indexing);
        let fields = Self {
            id: schema.add_text_field("id", STRING | STORED),
            title: schema.add_text_field("title", words.clone()),
            tags: schema.add_text_field("tags", words.clone()),
            description: schema.add_text_field("description", words),
        };
        (schema.build(), fields)
    }

    fn weighed(self) -> [query::Weighed; 3] {
        [(self.title, 4.0), (self.tags, 2.0), (self.description, 1.0)]
    }

    fn document(self, item: &Item) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(self.id, item.id.as_str());
        for Text { title, subtitle, description, .. } in &item.texts {
            document.add_pre_tokenized_text(self.title, tokens(title));
            document.add_pre_tokenized_text(self.description, tokens(subtitle));
            document.add_pre_tokenized_text(self.description, tokens(description));
        }
        for Tag { name, .. } in &item.tags {
            document.add_pre_tokenized_text(self.tags, tokens(name));
        }
        document
    }

    fn id_of(self, document: &TantivyDocument) -> Option<ItemId> {
        ItemId::new(document.get_first(self.id)?.as_str()?).ok()
    }
}

fn tokens(text: &str) -> PreTokenizedString {
    let words = words::of(text);
    let terms = words.iter().flat_map(Word::terms).enumerate();
    let tokens = terms.map(|(position, text)| Token { position, text, ..Token::default() }).collect();
    PreTokenizedString { text: String::new(), tokens }
}

/// How soon something is found that was written on this node.
pub const FOUND_WITHIN: Duration = Duration::from_millis(500);
/// So many items wait for the indexer; whoever puts another takes a turn at it, but for the time of a commit.
const WAITING_MAX: usize = 4_096;
/// What is buffered before it becomes a part of the index: the least that the library allows.
const WRITER_BYTES: usize = 15_000_000;

#[cfg(test)]
mod tests;
