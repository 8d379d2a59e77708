//! What is asked: does an account's subscription count, and may a user play an item?

use std::sync::Arc;

use playhead_store::{
    AccountId, ItemId, UserId,
    catalog::{Country, Item},
    entitlement::{
        Access, Decision, Plan, Standing, Streams, Subscription,
        access::{Subscribed, Views},
    },
};

use super::Entitlement;
use crate::{
    CatalogError,
    items::{Chain, View},
    records::{Stored, right as rest},
    settings::RIGHTS_MAX,
};

/// A subscription with its plan, and what it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// It.
    pub subscription: Stored<Subscription>,
    /// Its plan.
    pub plan: Stored<Plan>,
    /// What it comes to.
    pub standing: Standing,
}

/// Who asks whether an item may be played, and how the caller comes to it.
#[derive(Debug, Clone)]
pub struct Question {
    /// The item.
    pub item: ItemId,
    /// The user.
    pub user: UserId,
    /// The user's account.
    pub account: AccountId,
    /// Where the user is.
    pub country: Option<Country>,
    /// The secret of a share link.
    pub share_token: Option<String>,
}

/// A decision, and what it was made of.
#[derive(Debug, Clone)]
pub struct Decided {
    /// It.
    pub decision: Decision,
    /// The item.
    pub item: Arc<Stored<Item>>,
    /// The account's subscriptions: those that count first, the best first.
    pub subscribed: Vec<Subscribed>,
}

impl Decided {
    /// The subscription that lets the user in, if one does.
    #[must_use]
    pub fn served_by(&self) -> Option<&Subscribed> {
        let id = self.decision.subscription.as_ref()?;
        self.subscribed.iter().find(|subscribed| subscribed.subscription.id == *id)
    }

    /// How many streams the account may run, as the plan says by which it watches: that of the subscription that lets the
    /// user in, or of the account's best one that counts.
    #[must_use]
    pub fn streams(&self, now_ms: i64) -> Option<Streams> {
        let counts = |subscribed: &&Subscribed| {
            subscribed.subscription.standing(subscribed.plan.grace_ms(), now_ms).entitled
        };
        let best = self.served_by().or_else(|| self.subscribed.iter().find(counts));
        best.and_then(|subscribed| subscribed.plan.streams)
    }
}

impl Entitlement {
    /// An account's subscriptions with what they come to: those that count first, of the highest tier and for the longest
    /// time.
    ///
    /// # Errors
    /// The store's.
    pub async fn standings(&self, account: &AccountId, view: View) -> Result<Vec<Judged>, CatalogError> {
        let subscriptions = self.subscriptions(account, view).await?;
        let mut found = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions.iter() {
            // A plan that went away opens nothing.
            let plan = self.find_plan(&subscription.value.plan, view).await?;
            let Some(plan) = plan.as_ref().clone() else { continue };
            let standing = subscription.value.standing(plan.value.grace_ms(), view.now_ms);
            found.push(Judged { subscription: subscription.clone(), plan, standing });
        }
        found.sort_by_key(|found| {
            let until_ms = found.standing.until_ms.unwrap_or(i64::MAX);
            std::cmp::Reverse((found.standing.entitled, found.plan.value.tier, until_ms))
        });
        Ok(found)
    }

    /// Whether a user may play an item, and why not.
    ///
    /// # Errors
    /// `Absent` for an item that is not there, deleted, or not for this viewer's eyes; and the store's.
    pub async fn check_access(&self, question: &Question, view: View) -> Result<Decided, CatalogError> {
        let chain = self.items.chain(&question.item, view).await?;
        let item = chain.first().filter(|item| item.value.deletion.is_none());
        let item = Arc::clone(item.ok_or(CatalogError::Absent("item"))?);
        let (decision, subscribed) = self.decide(question, &chain, view).await?;
        Ok(Decided { decision, item, subscribed })
    }

    async fn decide(
        &self,
        question: &Question,
        chain: &Chain,
        view: View,
    ) -> Result<(Decision, Vec<Subscribed>), CatalogError> {
        let items: Vec<&Item> = chain.iter().map(|stored| &stored.value).collect();
        let grants = self.grants(&question.user, view).await?;
        let grants: Vec<_> = grants.iter().map(|stored| stored.value.clone()).collect();
        // Only a grant of an item can be one of a collection.
        let collections = match grants.iter().any(|grant| grant.item.is_some()) {
            true => self.collections.of(items.iter().map(|item| &item.id), view).await?,
            false => Vec::new(),
        };
        let limits = self.limits(&question.user, view).await?;
        let subscribed = self.subscribed(question, view).await?;
        let access = Access {
            chain: &items,
            collections: &collections,
            country: question.country,
            share_token: question.share_token.as_deref(),
            limits: limits.as_ref().as_ref().map(|stored| &stored.value),
            grants: &grants,
            subscribed: &subscribed,
        };
        Ok((access.decide(view.now_ms), subscribed))
    }

    async fn subscribed(&self, question: &Question, view: View) -> Result<Vec<Subscribed>, CatalogError> {
        let mut subscribed = Vec::new();
        for Judged { subscription, plan, standing } in self.standings(&question.account, view).await? {
            let (subscription, plan) = (subscription.value, plan.value);
            let has_seat = standing.entitled
                && plan.by_seat
                && self
                    .has_seat(&question.account, &subscription.id, subscription.seats, &question.user, view)
                    .await?;
            let views = match plan.views_max {
                Some(_) if standing.entitled => self.views(question, &subscription).await?,
                _ => Views::default(),
            };
            subscribed.push(Subscribed { subscription, plan, has_seat, views });
        }
        Ok(subscribed)
    }

    async fn views(&self, question: &Question, subscription: &Subscription) -> Result<Views, CatalogError> {
        let period = rest::views(&question.account, &subscription.id, subscription.period.start_ms);
        let viewed = self.records.list::<ItemId>(&period, None, RIGHTS_MAX).await?;
        let has_this = viewed.iter().any(|(_, loaded)| loaded.value.value == question.item);
        Ok(Views { taken: u32::try_from(viewed.len()).unwrap_or(u32::MAX), has_this })
    }
}
