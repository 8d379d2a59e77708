//! A node of the tree of categories.

use serde::{Deserialize, Serialize};

use super::{ExternalId, Language, Text};
use crate::CategoryId;

/// A node of the tree of categories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Names it, for good.
    pub id: CategoryId,
    /// The category above; `None` for one at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<CategoryId>,
    /// Where it stands among its parent's children: lowest first, equal ones by id.
    #[serde(default)]
    pub order: i32,
    /// The language that stands in where none that was asked for is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_language: Option<Language>,
    /// What it is called, each language once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Text>,
    /// Its part of a path in URLs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub slug: String,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ExternalId>,
}

impl Category {
    /// What it is called, for a reader of these languages, the most wanted first.
    #[must_use]
    pub fn text(&self, wanted: &[Language]) -> Option<&Text> {
        super::language::pick(&self.texts, wanted, self.default_language.as_ref())
    }
}
