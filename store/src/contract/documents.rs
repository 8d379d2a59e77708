//! The promises of [`Documents`], each as a case that a store passes or panics.

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::JoinSet;

use super::Dice;
use crate::durable::documents::{Change, Document, DocumentKey, Documents, Entry, Partition, Put, join};

/// What is read of a partition where nobody wrote is empty, and no error.
pub async fn what_was_never_put_is_not_there(store: Arc<dyn Documents>) {
    let case = Case::new(store);
    assert_eq!(case.get(&[key(&case.partition, "a"), key(&case.partition, "")]).await, [None, None]);
    assert_eq!(case.get(&[]).await, []);
    assert_eq!(case.names(&case.partition).await, Vec::<String>::new());
    assert_eq!(case.entries().await, Vec::<String>::new());
    assert_eq!(case.store.put(&[]).await.expect("nothing is put"), []);
    case.store.purge(&case.partition).await.expect("nothing is purged");
}

/// A put that returned is seen by every read, whatever the document says.
pub async fn a_document_is_read_back_as_it_was_put(store: Arc<dyn Documents>) {
    let case = Case::new(store);
    let long = "길다 ".repeat(30_000);
    let bodies = [("", ""), ("a", "{}"), ("b", "line\nline\u{0}'\";--"), ("c", &long), ("나", "\u{10ffff}")];
    let changes: Vec<_> = bodies.iter().map(|(name, body)| case.change(name, 0, body)).collect();
    assert_eq!(case.put(&changes).await, [Put::Done(1); 5]);
    let keys: Vec<_> = bodies.iter().rev().map(|(name, _)| key(&case.partition, name)).collect();
    let expect: Vec<_> = bodies.iter().rev().map(|(name, body)| Some(document(name, 1, body))).collect();
    assert_eq!(case.get(&keys).await, expect, "in the order asked for");
}

/// Whoever saw another version is told so, and changes nothing.
pub async fn a_change_needs_the_version_that_it_expects(store: Arc<dyn Documents>) {
    let case = Case::new(store);
    assert_eq!(case.put(&[case.change("a", 1, "early")]).await, [Put::Conflict]);
    assert_eq!(case.put(&[case.change("a", 0, "one")]).await, [Put::Done(1)]);
    assert_eq!(case.put(&[case.change("a", 0, "another")]).await, [Put::Conflict]);
    assert_eq!(case.put(&[case.change("a", 1, "two")]).await, [Put::Done(2)]);
    for expected in [0, 1, 3, u64::MAX >> 1] {
        let mut late = case.change("a", expected, "late");
        late.adds.push(case.entry("late"));
        let outcomes = case.put(&[late, case.change(&format!("b{expected}"), 0, "beside")]).await;
        assert_eq!(outcomes, [Put::Conflict, Put::Done(1)], "{expected}");
    }
    assert_eq!(case.get(&[key(&case.partition, "a")]).await, [Some(document("a", 2, "two"))]);
}

/// A change whose outcome is unknown is simply put again.
pub async fn a_put_given_again_changes_nothing_more(store: Arc<dyn Documents>) {
    let case = Case::new(store);
    let mut first = case.change("a", 0, "one");
    first.adds = vec![case.entry("x"), case.entry("y")];
    let mut second = case.change("a", 1, "two");
    (second.adds, second.drops) = (vec![case.entry("z")], vec![case.entry("x")]);
    for change in [&first, &first, &second, &second] {
        assert_eq!(case.put(std::slice::from_ref(change)).await, [Put::Done(change.expected + 1)]);
    }
    assert_eq!(case.put(&[first]).await, [Put::Conflict], "that was before");
    assert_eq!(case.get(&[key(&case.partition, "a")]).await, [Some(document("a", 2, "two"))]);
    let entries = case.entries().await;
    assert_eq!(entries, ["y", "z"]);
}

/// Of writers who saw the same version one wins, so no change is lost.
pub async fn racing_writers_lose_no_change(store: Arc<dyn Documents>) {
    const WRITERS: usize = 8;
    const ROUNDS: u64 = 5;
    let case = Case::new(store);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, key) = (Arc::clone(&case.store), key(&case.partition, "sum"));
        writers.spawn(async move {
            let mut conflicts = 0_u64;
            for _ in 0..ROUNDS {
                loop {
                    let seen = store.get(std::slice::from_ref(&key)).await.expect("it is read").remove(0);
                    let (version, sum) = seen.map_or((0, 0), |document| {
                        (document.version, document.body.split(' ').next().map_or(0, number))
                    });
                    // What two writers say is not the same, even where the sum is.
                    let body = format!("{} {writer} {conflicts}", sum + 1);
                    let change = Change::new(key.clone(), version, body);
                    match store.put(&[change]).await.expect("it is put").remove(0) {
                        Put::Done(_) => break,
                        Put::Conflict => conflicts += 1,
                    }
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends well");
    }
    let sum = case.get(&[key(&case.partition, "sum")]).await.remove(0).expect("it is there");
    assert_eq!(sum.body.split(' ').next().map(number), Some(ROUNDS * WRITERS as u64), "{sum:?}");
    assert_eq!(sum.version, ROUNDS * WRITERS as u64);
}

/// Pages of a partition follow each other in the order of names.
pub async fn documents_are_listed_page_by_page(store: Arc<dyn Documents>) {
    let mut case = Case::new(store);
    let mut names: Vec<String> = (0..40).map(|n| join(&[&format!("{:02}", n % 8), &n.to_string()])).collect();
    names.extend(["".into(), "가".into(), "a".into(), "a b".into(), "a\u{1f}b".into()]);
    let mut changes: Vec<_> = names.iter().map(|name| case.change(name, 0, name)).collect();
    case.dice.shuffle(&mut changes);
    case.put(&changes).await;
    names.sort();
    for limit in [1, 4, 45, 1_000] {
        let mut listed = Vec::new();
        loop {
            let after = listed.last().cloned();
            let page =
                case.store.list(&case.partition, after.as_deref(), limit).await.expect("a page is read");
            assert!(page.iter().all(|document| document.version == 1 && document.body == document.name));
            let is_last = page.len() < limit;
            listed.extend(page.into_iter().map(|document| document.name));
            if is_last {
                break;
            }
        }
        assert_eq!(listed, names, "in pages of {limit}");
    }
}

/// An entry is there as long as its document says so.
pub async fn entries_come_and_go_with_their_document(store: Arc<dyn Documents>) {
    let case = Case::new(store);
    let names: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
    let mut change = case.change("a", 0, "one");
    change.adds = names.iter().map(|name| case.entry(name)).collect();
    case.put(&[change.clone()]).await;
    assert_eq!(case.entries().await, names);
    let page = case.store.entries(&case.list, Some("07"), 3).await.expect("a page is read");
    assert_eq!(page, ["08", "09", "10"]);
    let (kept, dropped) = names.split_at(20);
    let drops = dropped.iter().map(|name| case.entry(name)).collect();
    case.put(&[Change { drops, ..case.change("a", 1, "two") }]).await;
    assert_eq!(case.entries().await, kept);
}

/// A document that moves away and back is where it is, even when an earlier move is made again late.
pub async fn an_entry_that_came_back_stays(store: Arc<dyn Documents>) {
    let case = Case::new(store);
    let moved = |version: u64, to: &str, from: &[&str]| Change {
        adds: vec![case.entry(to)],
        drops: from.iter().map(|from| case.entry(from)).collect(),
        ..case.change("a", version, &format!("in {to} for the {version}. time"))
    };
    let moves = [moved(0, "p", &[]), moved(1, "q", &["p"]), moved(2, "p", &["q"])];
    for (at, change) in moves.iter().enumerate() {
        assert_eq!(case.put(std::slice::from_ref(change)).await, [Put::Done(at as u64 + 1)]);
    }
    assert_eq!(case.entries().await, ["p"]);
    assert_eq!(case.put(&moves[1..2]).await, [Put::Conflict]);
    assert_eq!(case.put(&moves[2..]).await, [Put::Done(3)]);
    let entries = case.entries().await;
    assert!(entries.contains(&"p".to_owned()), "{entries:?}");
}

/// Partitions whose names begin each other are apart, and documents and entries are.
pub async fn partitions_that_begin_each_other_do_not_mix(store: Arc<dyn Documents>) {
    let mut case = Case::new(store);
    let base = case.dice.item().to_string();
    let parts: [&[&str]; 5] = [&[&base], &[&base, ""], &[&base, "a"], &[&base, "a", "b"], &[&base, "ab"]];
    let partitions = parts.map(Partition::new);
    for (at, partition) in partitions.iter().enumerate() {
        let entry = Entry { list: partition.clone(), name: format!("entry {at}") };
        let change =
            Change { adds: vec![entry], ..Change::new(key(partition, "a"), 0, format!("document {at}")) };
        case.put(&[change]).await;
    }
    for (at, partition) in partitions.iter().enumerate() {
        let listed = case.store.list(partition, None, 10).await.expect("a page is read");
        assert_eq!(listed, [document("a", 1, &format!("document {at}"))]);
        let entries = case.store.entries(partition, None, 10).await.expect("a page is read");
        assert_eq!(entries, [format!("entry {at}")]);
    }
}

/// A purged partition is as if it never was, and its neighbours stay.
pub async fn a_purged_partition_begins_anew(store: Arc<dyn Documents>) {
    let mut case = Case::new(store);
    let other = Partition::new(&[case.dice.item().as_str()]);
    let changes: Vec<_> = (0..1_200).map(|n| case.change(&n.to_string(), 0, "one")).collect();
    case.put(&changes).await;
    case.put(&[case.change("1", 1, "two"), Change::new(key(&other, "a"), 0, "kept".into())]).await;
    for time in ["once", "twice"] {
        case.store.purge(&case.partition).await.expect("a partition is purged");
        assert_eq!(case.names(&case.partition).await, Vec::<String>::new(), "{time}");
    }
    assert_eq!(case.names(&other).await, ["a"]);
    assert_eq!(case.put(&[case.change("1", 0, "anew")]).await, [Put::Done(1)]);
    assert_eq!(case.names(&case.partition).await, ["1"]);
}

/// Any changes, of any versions, give what the promises say.
pub async fn it_agrees_with_a_model(store: Arc<dyn Documents>) {
    let mut case = Case::new(store);
    let mut model: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for round in 0..150 {
        let mut changes = Vec::new();
        for name in ["a", "a\u{1f}a", "b", "가"] {
            if case.dice.one_in(2) {
                let at = model.get(name).map_or(0, |(version, _)| *version);
                let expected = if case.dice.one_in(3) { case.dice.below(at + 2) } else { at };
                changes.push(case.change(name, expected, &format!("round {round}")));
            }
        }
        let outcomes = case.put(&changes).await;
        assert_eq!(outcomes.len(), changes.len());
        for (Change { key, expected, body, .. }, outcome) in changes.into_iter().zip(outcomes) {
            let at = model.entry(key.name).or_default();
            if at.0 == expected {
                *at = (expected + 1, body);
                assert_eq!(outcome, Put::Done(expected + 1), "{at:?}");
            } else {
                assert_eq!(outcome, Put::Conflict, "{at:?}, expected {expected}");
            }
        }
        let written = model.iter().filter(|(_, (version, _))| *version > 0);
        let expect: Vec<_> = written.map(|(name, (version, body))| document(name, *version, body)).collect();
        assert_eq!(case.store.list(&case.partition, None, 100).await.expect("a page is read"), expect);
    }
}

/// A store, and a partition and a list that no other case has.
struct Case {
    store: Arc<dyn Documents>,
    partition: Partition,
    list: Partition,
    dice: Dice,
}

impl Case {
    fn new(store: Arc<dyn Documents>) -> Self {
        let mut dice = Dice::new();
        let mut own = || Partition::new(&["case", dice.item().as_str()]);
        let (partition, list) = (own(), own());
        Self { store, partition, list, dice }
    }

    fn change(&self, name: &str, expected: u64, body: &str) -> Change {
        Change::new(key(&self.partition, name), expected, body.to_owned())
    }

    fn entry(&self, name: &str) -> Entry {
        Entry { list: self.list.clone(), name: name.to_owned() }
    }

    async fn put(&self, changes: &[Change]) -> Vec<Put> {
        self.store.put(changes).await.expect("changes are put")
    }

    async fn get(&self, keys: &[DocumentKey]) -> Vec<Option<Document>> {
        self.store.get(keys).await.expect("documents are read")
    }

    async fn names(&self, partition: &Partition) -> Vec<String> {
        let documents = self.store.list(partition, None, 10_000).await.expect("documents are listed");
        documents.into_iter().map(|document| document.name).collect()
    }

    async fn entries(&self) -> Vec<String> {
        self.store.entries(&self.list, None, 10_000).await.expect("entries are listed")
    }
}

fn key(partition: &Partition, name: &str) -> DocumentKey {
    DocumentKey::new(partition.clone(), name)
}

fn document(name: &str, version: u64, body: &str) -> Document {
    Document { name: name.to_owned(), version, body: body.to_owned() }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}
