//! What lets a user watch something, and what holds a user back.

use serde::{Deserialize, Serialize};

use crate::{
    GrantId, ItemId, UserId,
    catalog::{
        ExternalId, Fault, GrantKind,
        check::{self, MATURITY_AGE_MAX},
        item::numbered,
    },
};

/// Lets a user watch something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Names it within its user.
    pub id: GrantId,
    /// The user.
    pub user: UserId,
    /// What for.
    pub kind: GrantKind,
    /// The item, with all that lies below it or in it; `None`: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// The state that it is in.
    pub status: GrantStatus,
    /// From then on, Unix ms; `None`: since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at_ms: Option<i64>,
    /// Until before then, Unix ms; `None`: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at_ms: Option<i64>,
    /// The role, of one that is for a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ExternalId>,
}

numbered! {
    /// The states of a grant.
    GrantStatus {
        /// It counts, in its window.
        Active = 1 "ACTIVE",
        /// It waits for somebody's consent.
        Pending = 2 "PENDING",
        /// What it was for is done; it goes on counting.
        Completed = 3 "COMPLETED",
        /// The user gave it up.
        Cancelled = 4 "CANCELLED",
        /// It was taken away.
        Revoked = 5 "REVOKED",
    }
}

impl Grant {
    /// Checks all that can be seen of a grant by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        check::span(self.starts_at_ms, self.ends_at_ms)?;
        match (&self.role, self.kind) {
            (Some(role), GrantKind::Role) => check::length("role", role, 1, 64)?,
            (None, GrantKind::Role) => return Err(Fault::new("role", "", "a role, since kind is ROLE")),
            (Some(role), kind) => {
                return Err(Fault::new("role", role, format!("nothing, since kind is {}", kind.name())));
            }
            (None, _) => {}
        }
        check::check_external_ids(&self.external_ids)
    }
}

/// What a user may watch at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewerLimits {
    /// The user.
    pub user: UserId,
    /// Items for an older age are not for this user, years; `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity_age_max: Option<u8>,
}

impl ViewerLimits {
    /// Checks all that can be seen of limits by themselves.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        match self.maturity_age_max {
            Some(age) if age > MATURITY_AGE_MAX => Err(Fault::new("maturity_age_max", age, "0 to 21")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_goes_with_its_kind_alone() {
        let grant = |kind, role: Option<&str>| Grant {
            id: GrantId::new("g").unwrap(),
            user: UserId::new("u").unwrap(),
            kind,
            item: None,
            status: GrantStatus::Active,
            starts_at_ms: Some(2),
            ends_at_ms: Some(3),
            role: role.map(str::to_owned),
            external_ids: Vec::new(),
        };
        let fault = |grant: Grant| grant.check().err().map(|fault| fault.field);
        assert_eq!(fault(grant(GrantKind::Role, Some("owner"))), None);
        assert_eq!(fault(grant(GrantKind::Ticket, None)), None);
        assert_eq!(fault(grant(GrantKind::Role, None)), Some("role".into()));
        assert_eq!(fault(grant(GrantKind::Ticket, Some("owner"))), Some("role".into()));
        let backwards = Grant { ends_at_ms: Some(2), ..grant(GrantKind::Ticket, None) };
        assert_eq!(fault(backwards), Some("ends_at_ms".into()));
    }
}
