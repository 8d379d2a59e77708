//! Anything in the catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Asset, Language, Policy, Window};
use crate::{CategoryId, ItemId, ItemKind};

/// Anything in the catalog: something that can be played, or a container of such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Names it, for good.
    pub id: ItemId,
    /// What kind of item. It does not change.
    pub kind: Kind,
    /// The container that it lies in; `None` for one at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ItemId>,
    /// Where it stands among its parent's children: lowest first, equal ones by id.
    #[serde(default)]
    pub order: i32,
    /// How far it is published.
    pub status: Status,
    /// The language that stands in where none that was asked for is there; `None` means the first text's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_language: Option<Language>,
    /// What it is called, each language once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
    /// Its length, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// Where its closing credits begin, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits_ms: Option<i64>,
    /// From which age on it may be watched, years; `None`: as the container above says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity_age: Option<u8>,
    /// The categories that it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryId>,
    /// Words for it, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What can be played or opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// Who may play it; `None`: as the container above says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Policy>,
    /// When and where it may be played: within any one of them; none: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// What it is called in other systems, each system once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ExternalId>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Which version of its parent it is: of kind [`Kind::Version`] alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The secret of its share link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_token: Option<String>,
    /// When it was first written, Unix ms.
    #[serde(default)]
    pub created_at_ms: i64,
    /// When it was last changed, Unix ms.
    #[serde(default)]
    pub updated_at_ms: i64,
    /// How it was deleted, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
}

impl Item {
    /// A draft of which only the necessary is known.
    #[must_use]
    pub fn new(id: ItemId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            parent: None,
            order: 0,
            status: Status::Draft,
            default_language: None,
            texts: Vec::new(),
            duration_ms: None,
            credits_ms: None,
            maturity_age: None,
            categories: Vec::new(),
            tags: Vec::new(),
            assets: Vec::new(),
            access: None,
            windows: Vec::new(),
            external_ids: Vec::new(),
            attributes: BTreeMap::new(),
            version: None,
            share_token: None,
            created_at_ms: 0,
            updated_at_ms: 0,
            deletion: None,
        }
    }

    /// What it is called, for a reader of these languages, the most wanted first.
    #[must_use]
    pub fn text(&self, wanted: &[Language]) -> Option<&Text> {
        super::language::pick(&self.texts, wanted, self.default_language.as_ref())
    }

    /// True when both say the same, whenever they were written.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let Self { created_at_ms, updated_at_ms, .. } = *self;
        *self == Self { created_at_ms, updated_at_ms, ..other.clone() }
    }

    /// Gives back the room that its lists have to spare, as they have when they were read: as much as they take.
    pub fn shrink_to_fit(&mut self) {
        self.texts.shrink_to_fit();
        self.categories.shrink_to_fit();
        self.tags.shrink_to_fit();
        self.assets.shrink_to_fit();
        self.assets.iter_mut().for_each(|asset| asset.variants.shrink_to_fit());
        self.windows.shrink_to_fit();
        self.external_ids.shrink_to_fit();
        if let Some(access) = &mut self.access {
            access.ways.shrink_to_fit();
        }
    }
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $number:literal $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$case_doc])* #[serde(rename = $text)] $case = $number,)+
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$case),+];

            /// The one with this number, if there is one.
            #[must_use]
            pub fn from_number(number: i32) -> Option<Self> {
                Self::ALL.iter().copied().find(|case| i32::from(case.number()) == number)
            }

            /// Its number on the wire.
            #[must_use]
            pub fn number(self) -> u8 {
                self as u8
            }

            /// Its name at rest and in the documentation.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$case => $text,)+
                }
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// The kinds of items.
    Kind {
        /// A film.
        Movie = 1 "MOVIE",
        /// An episode of a series.
        Episode = 2 "EPISODE",
        /// A lesson or lecture of a course.
        Lesson = 3 "LESSON",
        /// A recording, such as a past class.
        Recording = 4 "RECORDING",
        /// A live channel or event.
        Live = 5 "LIVE",
        /// A short video of any sort.
        Clip = 6 "CLIP",
        /// Something to read.
        Reading = 7 "READING",
        /// Holds seasons or episodes.
        Series = 16 "SERIES",
        /// A season of a series.
        Season = 17 "SEASON",
        /// Holds versions, modules or lessons.
        Course = 18 "COURSE",
        /// A version of a course.
        Version = 19 "VERSION",
        /// A module or chapter of a course.
        Module = 20 "MODULE",
        /// An ordered choice of items that lie elsewhere.
        Collection = 21 "COLLECTION",
        /// Any other container.
        Folder = 22 "FOLDER",
    }
}

impl Kind {
    /// True for what holds other items.
    #[must_use]
    pub fn is_container(self) -> bool {
        self.number() >= Self::Series.number()
    }

    /// What kind of item players tell of when they play it; `None` for what is not played.
    #[must_use]
    pub fn playable(self) -> Option<ItemKind> {
        match self {
            Self::Movie => Some(ItemKind::Movie),
            Self::Episode => Some(ItemKind::Episode),
            Self::Lesson => Some(ItemKind::Lesson),
            Self::Recording => Some(ItemKind::Recording),
            Self::Live => Some(ItemKind::Live),
            Self::Clip => Some(ItemKind::Unknown),
            _ => None,
        }
    }
}

numbered! {
    /// How far an item is published.
    Status {
        /// Being made.
        Draft = 1 "DRAFT",
        /// Waits for somebody's consent.
        PendingReview = 2 "PENDING_REVIEW",
        /// There for viewers.
        Published = 3 "PUBLISHED",
        /// Was there for viewers, and shall be again.
        Paused = 4 "PAUSED",
        /// There for viewers no more.
        Archived = 5 "ARCHIVED",
    }
}

/// What something is called in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The language.
    pub language: Language,
    /// The title.
    pub title: String,
    /// A second line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subtitle: String,
    /// A description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where a picture is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image_url: String,
}

/// A word for an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag {
    /// What sort of word; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The word.
    pub name: String,
}

/// What something is called in another system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalId {
    /// The system and its table.
    pub system: String,
    /// The id there.
    pub id: String,
}

/// Which version of a course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// What changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub changelog: String,
}

/// How an item was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When, Unix ms.
    pub at_ms: i64,
    /// The item whose deletion took this one with it; itself, where it was deleted by name.
    pub root: ItemId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_kinds_are_one_to_one() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number().into()), Some(*kind));
            assert_eq!(kind.is_container(), kind.playable().is_none() && *kind != Kind::Reading, "{kind:?}");
        }
        for number in [-1, 0, 8, 15, 23, i32::MAX] {
            assert_eq!(Kind::from_number(number), None);
        }
    }

    #[test]
    fn what_is_not_said_takes_no_room_at_rest() {
        let item = Item::new(ItemId::new("m").unwrap(), Kind::Movie);
        let text = serde_json::to_string(&item).unwrap();
        let expect =
            r#"{"id":"m","kind":"MOVIE","order":0,"status":"DRAFT","created_at_ms":0,"updated_at_ms":0}"#;
        assert_eq!(text, expect);
        assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item);
    }
}
