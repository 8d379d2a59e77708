//! Which of a user's grants counts, or what comes nearest to one that does.

use super::{Reason, Refusal, is_later};
use crate::{
    catalog::{GrantKind, GrantNeed},
    entitlement::{Grant, GrantStatus},
};

/// The grant that counts for the longest time, and until when.
pub(super) fn best<'a>(
    grants: impl Iterator<Item = &'a Grant>,
    need: &GrantNeed,
    now_ms: i64,
) -> Result<(&'a Grant, Option<i64>), Refusal> {
    let mut best: Option<(&Grant, Option<i64>)> = None;
    let mut nearest = (0, none(need));
    for grant in grants {
        match counts(grant, now_ms) {
            Ok(until_ms) if best.is_none_or(|(_, best_ms)| is_later(until_ms, best_ms)) => {
                best = Some((grant, until_ms));
            }
            Ok(_) => {}
            Err(refused) if refused.0 > nearest.0 => nearest = refused,
            Err(_) => {}
        }
    }
    best.ok_or(nearest.1)
}

/// Until when a grant counts; or why it does not, and how near it comes.
fn counts(grant: &Grant, now_ms: i64) -> Result<Option<i64>, (u8, Refusal)> {
    match grant.status {
        GrantStatus::Cancelled | GrantStatus::Revoked => {
            return Err((1, Refusal::new(Reason::GrantEnded)));
        }
        GrantStatus::Pending => return Err((3, Refusal::new(Reason::GrantPending))),
        GrantStatus::Active | GrantStatus::Completed => {}
    }
    match (grant.starts_at_ms, grant.ends_at_ms) {
        (Some(start_ms), _) if now_ms < start_ms => {
            Err((4, Refusal::until(Reason::GrantNotBegun, Some(start_ms))))
        }
        (_, Some(end_ms)) if end_ms <= now_ms => {
            let reason = match grant.kind {
                GrantKind::Ticket => Reason::TicketExpired,
                _ => Reason::GrantExpired,
            };
            Err((2, Refusal::new(reason)))
        }
        (_, end_ms) => Ok(end_ms),
    }
}

fn none(need: &GrantNeed) -> Refusal {
    let reason = match need.kind {
        GrantKind::Enrollment => Reason::NotEnrolled,
        GrantKind::Ticket => Reason::NoTicket,
        GrantKind::Purchase => Reason::NotPurchased,
        GrantKind::Role => Reason::NoRole,
    };
    Refusal::needs(reason, need.role.as_deref().unwrap_or_default())
}
