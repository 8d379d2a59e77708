//! What the rpcs of rights have in common: who asks about whom, and what it comes to.

use playhead_ingest::identity::Scope;
use playhead_proto::entitlement::v1 as proto;
use playhead_store::{
    AccountId, ItemId, SubscriptionId,
    entitlement::{Standing, Subscription},
};
use tonic::{Request, Status};

use super::{
    Services,
    caller::Caller,
    status::{bad, of},
};
use crate::{
    CatalogError,
    entitlement::check::{Judged, Question},
    records::Stored,
    wire::{self, right},
};

impl Services {
    /// Whoever may look at what is on offer: viewers, and services that may read rights.
    pub(super) async fn shopper<T: Sync>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let caller = self.caller(request).await?;
        match caller.is_viewer() {
            true => Ok(caller),
            false => self.keeper(request, Scope::EntitlementRead).await,
        }
    }

    pub(super) async fn judged<T: Sync>(
        &self,
        request: &Request<T>,
        account: &str,
        consistency: i32,
    ) -> Result<Vec<Judged>, Status> {
        let caller = self.caller(request).await?;
        let account = caller.account(Scope::EntitlementRead, account)?;
        let view = caller.view(false, consistency)?;
        self.rights.standings(&account, view).await.map_err(|error| of(&error))
    }

    pub(super) async fn standing(
        &self,
        subscription: &Stored<Subscription>,
        caller: &Caller,
    ) -> Result<proto::Standing, Status> {
        let view = caller.view(true, 0)?;
        let plan = self.rights.plan(&subscription.value.plan, view).await;
        let grace_ms = match plan {
            Ok(plan) => plan.value.grace_ms(),
            Err(CatalogError::Absent(_)) => 0,
            Err(error) => return Err(of(&error)),
        };
        let standing: Standing = subscription.value.standing(grace_ms, caller.now_ms);
        Ok(right::standing(standing))
    }
}

/// The subscription that a request names.
pub(super) fn subscription(
    account: &str,
    field: &str,
    id: &str,
) -> Result<(AccountId, SubscriptionId), Status> {
    let account = wire::id("account_id", account, AccountId::new).map_err(|fault| bad(&fault))?;
    let id = wire::id(field, id, SubscriptionId::new).map_err(|fault| bad(&fault))?;
    Ok((account, id))
}

/// What a request asks about whom.
pub(super) fn question(caller: &Caller, request: &proto::CheckAccessRequest) -> Result<Question, Status> {
    let scope = Scope::EntitlementRead;
    Ok(Question {
        user: caller.user(scope, &request.user_id)?,
        account: caller.account(scope, &request.account_id)?,
        item: wire::id("item_id", &request.item_id, ItemId::new).map_err(|fault| bad(&fault))?,
        country: caller.country(&request.country)?,
        share_token: Some(request.share_token.clone()).filter(|token| !token.is_empty()),
    })
}
