//! An account's subscription, and what it comes to at a moment.
//!
//! Whoever bills says how a subscription is; what it comes to is a function of that and the time, so nothing has to run at
//! midnight, and a biller that is late by less than the grace locks nobody out.

use serde::{Deserialize, Serialize};

use super::{Interval, Zone};
use crate::{
    AccountId, PlanId, SubscriptionId,
    catalog::{ExternalId, Fault, check, item::numbered},
};

/// An account's subscription to a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Names it within its account.
    pub id: SubscriptionId,
    /// Who pays.
    pub account: AccountId,
    /// The plan.
    pub plan: PlanId,
    /// How it is, as whoever bills last said.
    pub status: SubscriptionStatus,
    /// The present period. It may be to come: whoever bills may renew early.
    pub period: Period,
    /// Since when it has gone on without a gap, Unix ms; `None`: since the present period's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// How long periods are; `None`: whoever renews says so each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// From when periods are reckoned, Unix ms.
    pub anchor_ms: i64,
    /// Where months and days are reckoned.
    pub zone: Zone,
    /// Whether it is to be renewed when the period ends.
    pub auto_renew: bool,
    /// When it was cancelled, Unix ms; it goes on until the period's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at_ms: Option<i64>,
    /// Since when a payment is due, Unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_due_since_ms: Option<i64>,
    /// When it was ended before its time, Unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_ms: Option<i64>,
    /// How many seats it has.
    #[serde(default)]
    pub seats: u32,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<ExternalId>,
}

/// A span of time. It begins at its start and ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// When it begins, Unix ms.
    pub start_ms: i64,
    /// When it ends, Unix ms.
    pub end_ms: i64,
}

numbered! {
    /// The states of a subscription, as whoever bills says them.
    SubscriptionStatus {
        /// It is tried for nothing, until the period ends.
        Trialing = 1 "TRIALING",
        /// It is paid.
        Active = 2 "ACTIVE",
        /// A payment is due; it is honoured for the days of grace.
        PastDue = 3 "PAST_DUE",
        /// It was cancelled; it is honoured until the period ends.
        Cancelled = 4 "CANCELLED",
        /// It is over.
        Expired = 5 "EXPIRED",
        /// It never was paid, or could not be for good.
        PaymentFailed = 6 "PAYMENT_FAILED",
    }
}

/// What a subscription comes to at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is honoured.
    pub entitled: bool,
    /// The state that it is in by now.
    pub status: SubscriptionStatus,
    /// Until when this stays so if nothing is said, Unix ms; `None`: for good.
    pub until_ms: Option<i64>,
    /// True when it is honoured only for the days of grace.
    pub in_grace: bool,
}

/// Why a subscription was not renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRenewed {
    /// The period that is to be followed is not the present one.
    #[error("its period ends at {period_end_ms}, not then")]
    OtherPeriod {
        /// When the present period ends, Unix ms.
        period_end_ms: i64,
    },
    /// It was cancelled or ended: it has to be written anew.
    #[error("it was cancelled or ended")]
    Over,
    /// Nobody says how long the next period is.
    #[error("it has no interval, so the next period's end has to be said")]
    NoInterval,
    /// The next period would not end after its start.
    #[error("the next period would end before it begins")]
    Backwards,
}

impl Subscription {
    /// What it comes to at a moment, with so long a grace.
    #[must_use]
    pub fn standing(&self, grace_ms: i64, now_ms: i64) -> Standing {
        let standing = self.unended(grace_ms, now_ms);
        let is_over = !standing.entitled && standing.until_ms.is_none();
        match self.ended_at_ms.filter(|_| !is_over) {
            Some(ended_at_ms) if ended_at_ms <= now_ms => Standing::over(SubscriptionStatus::Expired),
            Some(ended_at_ms) => {
                let until_ms = standing.until_ms.map_or(ended_at_ms, |until_ms| until_ms.min(ended_at_ms));
                Standing { until_ms: Some(until_ms), ..standing }
            }
            None => standing,
        }
    }

    fn unended(&self, grace_ms: i64, now_ms: i64) -> Standing {
        use SubscriptionStatus::{Active, Cancelled, Expired, PastDue, PaymentFailed, Trialing};
        let Period { start_ms, end_ms } = self.period;
        let since_ms = self.since_ms.unwrap_or(start_ms);
        let status = self.said(now_ms);
        match status {
            Expired | PaymentFailed => Standing::over(status),
            _ if now_ms < since_ms => {
                Standing { entitled: false, status, until_ms: Some(since_ms), in_grace: false }
            }
            PastDue => {
                let since_ms = self.past_due_since_ms.unwrap_or(end_ms);
                Self::past_due(since_ms, since_ms.saturating_add(grace_ms).max(end_ms), now_ms)
            }
            Trialing | Active | Cancelled if now_ms < end_ms => {
                // A cancellation that is still to come changes how it is called.
                let cancelled_ms =
                    self.cancelled_at_ms.filter(|&at_ms| at_ms > now_ms && status != Cancelled);
                let until_ms = Some(cancelled_ms.unwrap_or(end_ms).min(end_ms));
                Standing { entitled: true, status, until_ms, in_grace: false }
            }
            Trialing | Active if self.auto_renew => {
                Self::past_due(end_ms, end_ms.saturating_add(grace_ms), now_ms)
            }
            Trialing | Active | Cancelled => Standing::over(Expired),
        }
    }

    /// What was said of it, as far as that has come to pass.
    fn said(&self, now_ms: i64) -> SubscriptionStatus {
        use SubscriptionStatus::{Active, Cancelled, Trialing};
        match self.status {
            Trialing | Active if self.cancelled_at_ms.is_some_and(|at_ms| at_ms <= now_ms) => Cancelled,
            status => status,
        }
    }

    fn past_due(since_ms: i64, until_ms: i64, now_ms: i64) -> Standing {
        match now_ms < until_ms {
            true => Standing {
                entitled: true,
                status: SubscriptionStatus::PastDue,
                until_ms: Some(until_ms),
                in_grace: now_ms >= since_ms,
            },
            false => Standing::over(SubscriptionStatus::Expired),
        }
    }

    /// It with the period that follows the one that ends then. A biller that asks again, since it got no answer, names the
    /// same end, and what was renewed already comes back as it is.
    ///
    /// # Errors
    /// [`NotRenewed`].
    pub fn renewed(&self, ending_ms: i64, next_end_ms: Option<i64>) -> Result<Self, NotRenewed> {
        if self.period.start_ms == ending_ms && self.anchor_ms != ending_ms {
            return Ok(self.clone());
        }
        if self.period.end_ms != ending_ms {
            return Err(NotRenewed::OtherPeriod { period_end_ms: self.period.end_ms });
        }
        let is_over = self.ended_at_ms.is_some()
            || self.cancelled_at_ms.is_some()
            || self.status == SubscriptionStatus::Cancelled;
        if is_over {
            return Err(NotRenewed::Over);
        }
        let reckoned = |interval| self.zone.next_boundary(self.anchor_ms, interval, ending_ms);
        let end_ms =
            next_end_ms.or_else(|| self.interval.and_then(reckoned)).ok_or(NotRenewed::NoInterval)?;
        if end_ms <= ending_ms {
            return Err(NotRenewed::Backwards);
        }
        Ok(Self {
            status: SubscriptionStatus::Active,
            period: Period { start_ms: ending_ms, end_ms },
            since_ms: Some(self.since_ms.unwrap_or(self.period.start_ms)),
            past_due_since_ms: None,
            ..self.clone()
        })
    }

    /// It as what follows another state of itself: where that went on until this period's start, it goes on since then.
    #[must_use]
    pub fn following(self, before: &Self) -> Self {
        use SubscriptionStatus::{Expired, PaymentFailed};
        let until_ms = before.ended_at_ms.unwrap_or(i64::MAX).min(before.period.end_ms);
        let went_on = !matches!(before.status, Expired | PaymentFailed) && until_ms >= self.period.start_ms;
        let since_ms = before.since_ms.unwrap_or(before.period.start_ms).min(self.period.start_ms);
        Self { since_ms: went_on.then_some(since_ms), ..self }
    }

    /// Checks all that can be seen of a subscription by itself.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn check(&self) -> Result<(), Fault> {
        let Period { start_ms, end_ms } = self.period;
        if end_ms <= start_ms {
            let allowed = format!("more than period_start_ms, which is {start_ms}");
            return Err(Fault::new("period_end_ms", end_ms, allowed));
        }
        if self.anchor_ms > start_ms {
            let allowed = format!("at most period_start_ms, which is {start_ms}");
            return Err(Fault::new("anchor_ms", self.anchor_ms, allowed));
        }
        if self.status == SubscriptionStatus::PastDue && self.past_due_since_ms.is_none() {
            return Err(Fault::new("past_due_since_ms", "", "a time, since status is PAST_DUE"));
        }
        check::number("seats", self.seats, SEATS_MAX)?;
        check::check_external_ids(&self.external_ids)
    }
}

impl Standing {
    fn over(status: SubscriptionStatus) -> Self {
        Self { entitled: false, status, until_ms: None, in_grace: false }
    }
}

/// The most seats.
pub const SEATS_MAX: u32 = 100_000;

#[cfg(test)]
mod tests;
