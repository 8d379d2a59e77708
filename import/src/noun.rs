//! A noun as it is sent: put together from the parts that rows tell of, in whatever order they come.
//!
//! A part is a message of the API in which only some fields are set, and is kept encoded. Decoding one on top of another is
//! how they join: what is said later replaces, lists grow, and `Noun::settle` takes out what is said twice.

use playhead_proto::{catalog::v1 as catalog, entitlement::v1 as rights};
use prost::{DecodeError, Message};

use self::played::Played;
use crate::mapping::shape::NounKind;

pub mod played;

/// What an import writes.
#[derive(Debug, Clone, PartialEq)]
pub enum Noun {
    /// A category.
    Category(catalog::Category),
    /// An item.
    Item(Box<catalog::Item>),
    /// An item that the other system deleted.
    Gone(String),
    /// What a collection holds.
    Collection(catalog::SetCollectionItemsRequest),
    /// The segments of a variant, any number of them.
    Segments(catalog::UpsertSegmentsRequest),
    /// A plan.
    Plan(rights::Plan),
    /// A subscription.
    Subscription(rights::Subscription),
    /// A seat of a subscription.
    Seat(rights::AssignSeatRequest),
    /// A grant.
    Grant(rights::Grant),
    /// What a user may watch at most.
    Limits(rights::ViewerLimits),
    /// What a user thinks of an item. Without a time it counts as given now.
    Rating(catalog::Rating),
    /// A place in an item that a user wants to find again.
    Bookmark(catalog::Bookmark),
    /// One playing of an item.
    Session(Played),
}

impl Noun {
    /// One of which nothing is said yet.
    pub(crate) fn empty(kind: NounKind) -> Self {
        match kind {
            NounKind::Category => Self::Category(Default::default()),
            NounKind::Item => Self::Item(Default::default()),
            NounKind::Collection => Self::Collection(Default::default()),
            NounKind::Plan => Self::Plan(Default::default()),
            NounKind::Subscription => Self::Subscription(Default::default()),
            NounKind::Seat => Self::Seat(Default::default()),
            NounKind::Grant => Self::Grant(Default::default()),
            NounKind::Limits => Self::Limits(Default::default()),
            NounKind::Segments => Self::Segments(Default::default()),
            NounKind::Rating => Self::Rating(Default::default()),
            NounKind::Bookmark => Self::Bookmark(Default::default()),
            NounKind::Session => Self::Session(Default::default()),
        }
    }

    /// What kind of noun it is.
    #[must_use]
    pub fn kind(&self) -> NounKind {
        match self {
            Self::Category(_) => NounKind::Category,
            Self::Item(_) | Self::Gone(_) => NounKind::Item,
            Self::Collection(_) => NounKind::Collection,
            Self::Plan(_) => NounKind::Plan,
            Self::Subscription(_) => NounKind::Subscription,
            Self::Seat(_) => NounKind::Seat,
            Self::Grant(_) => NounKind::Grant,
            Self::Limits(_) => NounKind::Limits,
            Self::Segments(_) => NounKind::Segments,
            Self::Rating(_) => NounKind::Rating,
            Self::Bookmark(_) => NounKind::Bookmark,
            Self::Session(_) => NounKind::Session,
        }
    }

    /// What it is named by, its owner first: parts with the same names are of one noun.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Category(category) => category.id.clone(),
            Self::Item(item) => item.id.clone(),
            Self::Gone(id) => id.clone(),
            Self::Collection(held) => held.collection_id.clone(),
            Self::Plan(plan) => plan.id.clone(),
            Self::Subscription(one) => format!("{}/{}", one.account_id, one.id),
            Self::Seat(seat) => format!("{}/{}/{}", seat.account_id, seat.subscription_id, seat.user_id),
            Self::Grant(grant) => format!("{}/{}", grant.user_id, grant.id),
            Self::Limits(limits) => limits.user_id.clone(),
            Self::Segments(of) => format!("{}/{}/{}", of.item_id, of.asset_id, of.variant_id),
            Self::Rating(rating) => format!("{}/{}", rating.user_id, rating.item_id),
            Self::Bookmark(bookmark) => format!("{}/{}", bookmark.user_id, bookmark.id),
            Self::Session(played) => played.session_id.clone(),
        }
    }

    /// The item that must be there before it.
    pub(crate) fn needs_item(&self) -> Option<&str> {
        match self {
            Self::Item(item) if !item.parent_id.is_empty() => Some(&item.parent_id),
            Self::Segments(of) => Some(&of.item_id),
            Self::Rating(rating) => Some(&rating.item_id),
            Self::Bookmark(bookmark) => Some(&bookmark.item_id),
            Self::Session(played) => Some(&played.item_id),
            _ => None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Category(message) => message.encode_to_vec(),
            Self::Item(message) => message.encode_to_vec(),
            Self::Gone(id) => id.clone().into_bytes(),
            Self::Collection(message) => message.encode_to_vec(),
            Self::Plan(message) => message.encode_to_vec(),
            Self::Subscription(message) => message.encode_to_vec(),
            Self::Seat(message) => message.encode_to_vec(),
            Self::Grant(message) => message.encode_to_vec(),
            Self::Limits(message) => message.encode_to_vec(),
            Self::Segments(message) => message.encode_to_vec(),
            Self::Rating(message) => message.encode_to_vec(),
            Self::Bookmark(message) => message.encode_to_vec(),
            Self::Session(message) => message.encode_to_vec(),
        }
    }

    /// Adds what a part says.
    pub(crate) fn add(&mut self, part: &[u8]) -> Result<(), DecodeError> {
        match self {
            Self::Category(message) => message.merge(part),
            Self::Item(message) => message.merge(part),
            Self::Gone(_) => Ok(()),
            Self::Collection(message) => message.merge(part),
            Self::Plan(message) => message.merge(part),
            Self::Subscription(message) => message.merge(part),
            Self::Seat(message) => message.merge(part),
            Self::Grant(message) => message.merge(part),
            Self::Limits(message) => message.merge(part),
            Self::Segments(message) => message.merge(part),
            Self::Rating(message) => message.merge(part),
            Self::Bookmark(message) => message.merge(part),
            Self::Session(message) => message.merge(part),
        }
    }

    /// Makes one of what is said of the same thing in several parts.
    pub(crate) fn settle(&mut self) {
        match self {
            Self::Item(item) => settle_item(item),
            Self::Category(category) => {
                join(&mut category.texts, |text| text.language.clone());
                join(&mut category.external_ids, |id| id.system.clone());
            }
            Self::Collection(held) => once(&mut held.item_ids),
            Self::Segments(of) => join(&mut of.segments, |segment| segment.number.to_string()),
            Self::Session(played) => once(&mut played.events),
            Self::Plan(plan) => {
                join(&mut plan.texts, |text| text.language.clone());
                join(&mut plan.external_ids, |id| id.system.clone());
                once(&mut plan.features);
                once(&mut plan.prices);
            }
            _ => {}
        }
    }
}

fn settle_item(item: &mut catalog::Item) {
    join(&mut item.texts, |text| text.language.clone());
    join(&mut item.external_ids, |id| id.system.clone());
    join(&mut item.assets, |asset| asset.id.clone());
    for asset in &mut item.assets {
        join(&mut asset.variants, |variant| variant.id.clone());
    }
    once(&mut item.category_ids);
    once(&mut item.tags);
    once(&mut item.windows);
    item.access.iter_mut().for_each(|access| once(&mut access.ways));
}

/// Leaves out what is there already.
fn once<T: PartialEq>(all: &mut Vec<T>) {
    let mut kept: Vec<T> = Vec::with_capacity(all.len());
    for one in all.drain(..) {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    *all = kept;
}

/// Makes one of those with the same key.
fn join<T: Message + Default>(all: &mut Vec<T>, key: impl Fn(&T) -> String) {
    let mut kept: Vec<T> = Vec::with_capacity(all.len());
    for one in all.drain(..) {
        match kept.iter_mut().find(|other| key(other) == key(&one)) {
            // What was encoded a moment ago can be decoded.
            Some(other) => drop(other.merge(one.encode_to_vec().as_slice())),
            None => kept.push(one),
        }
    }
    *all = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(change: impl FnOnce(&mut catalog::Item)) -> Vec<u8> {
        let mut item = catalog::Item { id: "r-1".into(), ..Default::default() };
        change(&mut item);
        item.encode_to_vec()
    }

    #[test]
    fn parts_join_whatever_order_they_come_in() {
        let text = |language: &str, title: &str, description: &str| catalog::Text {
            language: language.into(),
            title: title.into(),
            description: description.into(),
            ..Default::default()
        };
        let variant = |id: &str| catalog::Variant { id: id.into(), ..Default::default() };
        let asset =
            |ready, variants| catalog::Asset { id: "main".into(), ready, variants, ..Default::default() };
        let parts = [
            item(|item| {
                item.kind = catalog::Kind::Recording.into();
                item.texts = vec![text("ko", "강의", "")];
                item.assets = vec![asset(true, vec![])];
            }),
            item(|item| item.texts = vec![text("en", "Lecture", ""), text("ko", "", "설명")]),
            item(|item| item.assets = vec![asset(false, vec![variant("hd")])]),
            item(|item| item.assets = vec![asset(false, vec![variant("sd"), variant("hd")])]),
        ];
        for turn in 0..parts.len() {
            let mut noun = Noun::empty(NounKind::Item);
            let turned = parts.iter().cycle().skip(turn).take(parts.len());
            turned.for_each(|part| noun.add(part).unwrap());
            noun.settle();
            let Noun::Item(item) = &noun else { panic!("{noun:?}") };
            assert_eq!((noun.name().as_str(), item.kind()), ("r-1", catalog::Kind::Recording));
            let mut texts = item.texts.clone();
            texts.sort_by(|a, b| a.language.cmp(&b.language));
            assert_eq!(texts, [text("en", "Lecture", ""), text("ko", "강의", "설명")]);
            assert_eq!(
                (item.assets.len(), item.assets[0].ready, item.assets[0].variants.len()),
                (1, true, 2)
            );
        }
    }

    #[test]
    fn what_is_said_again_counts_once() {
        let way = catalog::AccessWay { everybody: true, ..Default::default() };
        let part = item(|item| {
            item.category_ids = vec!["drama".into()];
            item.tags = vec![catalog::Tag { group: "a".into(), name: "b".into() }];
            item.access = Some(catalog::AccessPolicy { ways: vec![way] });
        });
        let mut noun = Noun::empty(NounKind::Item);
        (0..3).for_each(|_| noun.add(&part).unwrap());
        noun.settle();
        assert_eq!(noun.encode(), part);
    }
}
