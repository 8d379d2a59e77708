//! Who may play an item, as it says itself. The decision is `entitlement::access`'s.

use serde::{Deserialize, Serialize};

use super::item::numbered;
use crate::PlanId;

/// Who may play an item: whoever has any one of the ways; nobody, where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The ways in.
    pub ways: Vec<Way>,
}

/// A way in: everything that it names is needed. One that names nothing leads nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Way {
    /// Lets in everybody who is known.
    pub everybody: bool,
    /// The account needs a subscription in good standing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionNeed>,
    /// The user needs a grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantNeed>,
    /// The caller must come by the share link of the item or of a container above it.
    pub share_link: bool,
}

impl Way {
    /// True when it names something.
    #[must_use]
    pub fn leads_somewhere(&self) -> bool {
        self.everybody || self.share_link || self.subscription.is_some() || self.grant.is_some()
    }
}

/// A subscription that is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriptionNeed {
    /// The least tier of its plan.
    pub tier_min: u32,
    /// A feature that its plan must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// The plans that count; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<PlanId>,
}

/// A grant that is needed: of the item, of a container above it, of a collection that it is in, or of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantNeed {
    /// What kind of grant.
    pub kind: GrantKind,
    /// The role that it must name; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

numbered! {
    /// The kinds of grants.
    GrantKind {
        /// The user is enrolled.
        Enrollment = 1 "ENROLLMENT",
        /// The user holds a ticket.
        Ticket = 2 "TICKET",
        /// The user bought it.
        Purchase = 3 "PURCHASE",
        /// The user has a role there.
        Role = 4 "ROLE",
    }
}
