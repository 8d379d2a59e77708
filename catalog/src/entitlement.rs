//! Who may watch what: plans, subscriptions, grants and limits as they are kept, and the question whether a user may.
//!
//! [`mod@write`] is how they change, [`seats`] how the seats of a subscription are held, [`check`] what is asked, [`views`]
//! how an account's views are counted.

use std::sync::Arc;

use playhead_store::{
    AccountId, PlanId, SubscriptionId, UserId,
    catalog::Fault,
    entitlement::{Grant, Plan, Subscription, ViewerLimits},
    hot::Stale,
};
use serde::de::DeserializeOwned;

use crate::{
    CatalogError, Settings,
    cache::{Cache, Figures, Loaded, Writer},
    collections::Collections,
    items::{Items, View},
    page::{Page, PageRequest, token},
    records::{Records, Stored, right as rest},
    settings::{RIGHTS_CACHES, RIGHTS_MAX},
    stale::{Finally, Noted},
};

pub mod check;
pub mod seats;
pub mod views;
pub mod write;

/// Keeps plans, subscriptions, grants and limits.
pub struct Entitlement {
    records: Records,
    items: Arc<Items>,
    collections: Arc<Collections>,
    plans: Cache<PlanId, Arc<Option<Stored<Plan>>>>,
    subscriptions: Cache<AccountId, Arc<Vec<Stored<Subscription>>>>,
    grants: Cache<UserId, Arc<Vec<Stored<Grant>>>>,
    limits: Cache<UserId, Arc<Option<Stored<ViewerLimits>>>>,
    /// The numbers of the seats that a user holds.
    seats: Cache<(AccountId, SubscriptionId, UserId), Arc<[u32]>>,
    ttl_ms: i64,
    outbox: Noted,
}

impl Entitlement {
    /// Of these records, about these items; other nodes are told of writes by this outbox.
    #[must_use]
    pub fn new(
        records: Records,
        items: Arc<Items>,
        collections: Arc<Collections>,
        outbox: Noted,
        settings: &Settings,
    ) -> Self {
        let share = settings.cache_bytes_max / 2 / RIGHTS_CACHES;
        Self {
            records,
            items,
            collections,
            plans: Cache::new(share),
            subscriptions: Cache::new(share),
            grants: Cache::new(share),
            limits: Cache::new(share),
            seats: Cache::new(share),
            ttl_ms: settings.cache_ttl_ms,
            outbox,
        }
    }

    /// A plan.
    ///
    /// # Errors
    /// `Absent`, and the store's.
    pub async fn plan(&self, id: &PlanId, view: View) -> Result<Stored<Plan>, CatalogError> {
        self.find_plan(id, view).await?.as_ref().clone().ok_or(NO_PLAN)
    }

    async fn find_plan(&self, id: &PlanId, view: View) -> Result<Arc<Option<Stored<Plan>>>, CatalogError> {
        let load = async { self.one(rest::plan_key(id)).await };
        self.records.within(self.plans.get(id, view.age(self.ttl_ms), view.now_ms, load)).await
    }

    /// A page of the plans, by id.
    ///
    /// # Errors
    /// The store's.
    pub async fn plans(&self, page: &PageRequest) -> Result<Page<Stored<Plan>>, CatalogError> {
        let found = self.records.list(&rest::plans(), page.after.as_deref(), page.size + 1).await?;
        let is_end = found.len() <= page.size;
        let (names, entries): (Vec<String>, Vec<Stored<Plan>>) =
            found.into_iter().take(page.size).map(|(name, loaded)| (name, loaded.value)).unzip();
        Ok(Page { entries, next: names.last().filter(|_| !is_end).map(|name| token(name)) })
    }

    /// An account's subscriptions, by id.
    ///
    /// # Errors
    /// The store's.
    pub async fn subscriptions(
        &self,
        account: &AccountId,
        view: View,
    ) -> Result<Arc<Vec<Stored<Subscription>>>, CatalogError> {
        let load = async { self.all(rest::subscriptions(account)).await };
        self.records.within(self.subscriptions.get(account, view.age(self.ttl_ms), view.now_ms, load)).await
    }

    /// A subscription.
    ///
    /// # Errors
    /// `Absent`, and the store's.
    pub async fn subscription(
        &self,
        account: &AccountId,
        id: &SubscriptionId,
        view: View,
    ) -> Result<Stored<Subscription>, CatalogError> {
        let all = self.subscriptions(account, view).await?;
        all.iter().find(|subscription| subscription.value.id == *id).cloned().ok_or(NO_SUBSCRIPTION)
    }

    /// A user's grants, by id.
    ///
    /// # Errors
    /// The store's.
    pub async fn grants(&self, user: &UserId, view: View) -> Result<Arc<Vec<Stored<Grant>>>, CatalogError> {
        let load = async { self.all(rest::grants(user)).await };
        self.records.within(self.grants.get(user, view.age(self.ttl_ms), view.now_ms, load)).await
    }

    /// What a user may watch at most; nothing, where nobody said so.
    ///
    /// # Errors
    /// The store's.
    pub async fn limits(
        &self,
        user: &UserId,
        view: View,
    ) -> Result<Arc<Option<Stored<ViewerLimits>>>, CatalogError> {
        let load = async { self.one(rest::limits_key(user)).await };
        self.records.within(self.limits.get(user, view.age(self.ttl_ms), view.now_ms, load)).await
    }

    /// Forgets what another node wrote.
    pub fn hear(&self, stale: &Stale) {
        self.forget(stale, Writer::Elsewhere);
    }

    /// What is remembered of this may be wrong when it is over.
    fn writing(&self, stale: Stale) -> Finally<impl FnMut()> {
        Finally(move || {
            self.forget(&stale, Writer::Here);
            self.outbox.note(stale.clone());
        })
    }

    fn forget(&self, stale: &Stale, by: Writer) {
        match stale {
            Stale::All => {
                self.plans.forget_all(by);
                self.subscriptions.forget_all(by);
                self.grants.forget_all(by);
                self.limits.forget_all(by);
                self.seats.forget_all(by);
            }
            Stale::Plan(id) => self.plans.forget(id, by),
            Stale::Subscriptions(account) => {
                self.subscriptions.forget(account, by);
                self.seats.forget_where(|(of, _, _)| of == account, by);
            }
            Stale::Grants(user) => self.grants.forget(user, by),
            Stale::Limits(user) => self.limits.forget(user, by),
            Stale::Item(_) => {}
        }
    }

    /// How the caches fare, by their names.
    pub fn figures(&self) -> [(&'static str, Figures); 5] {
        [
            ("plans", self.plans.figures()),
            ("subscriptions", self.subscriptions.figures()),
            ("grants", self.grants.figures()),
            ("limits", self.limits.figures()),
            ("seats", self.seats.figures()),
        ]
    }

    async fn one<T: DeserializeOwned>(
        &self,
        key: playhead_store::durable::documents::DocumentKey,
    ) -> Result<Loaded<Arc<Option<Stored<T>>>>, CatalogError> {
        Ok(match self.records.get_one(&key).await? {
            Some(Loaded { value, bytes }) => Loaded { value: Arc::new(Some(value)), bytes },
            None => Loaded { value: Arc::new(None), bytes: 0 },
        })
    }

    async fn all<T: DeserializeOwned>(
        &self,
        partition: playhead_store::durable::documents::Partition,
    ) -> Result<Loaded<Arc<Vec<Stored<T>>>>, CatalogError> {
        let found = self.records.list(&partition, None, RIGHTS_MAX).await?;
        let bytes = found.iter().map(|(_, loaded)| loaded.bytes).sum();
        let value = Arc::new(found.into_iter().map(|(_, loaded)| loaded.value).collect());
        Ok(Loaded { value, bytes })
    }
}

/// Refuses one more than is looked at: it would count for nothing.
fn has_room(field: &'static str, held: usize) -> Result<(), CatalogError> {
    match held < RIGHTS_MAX {
        true => Ok(()),
        false => Err(Fault::new(field, "one more", format!("at most {RIGHTS_MAX} of one holder")).into()),
    }
}

const NO_PLAN: CatalogError = CatalogError::Absent("plan");
const NO_SUBSCRIPTION: CatalogError = CatalogError::Absent("subscription");
