//! The rpcs of plans, subscriptions, grants and the decision.

use playhead_ingest::identity::Scope;
use playhead_proto::entitlement::v1 as proto;
use playhead_store::{PlanId, UserId};
use tonic::{Request, Response, Status};

use super::{
    Services,
    asking::{question, subscription},
    reading::within,
    service::entitlement_service_server::EntitlementService,
    status::{bad, of},
};
use crate::{
    page::{Page, PageRequest},
    records::Written,
    wire::{self, right, right_read},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl EntitlementService for Services {
    async fn upsert_plan(
        &self,
        request: Request<proto::UpsertPlanRequest>,
    ) -> Answer<proto::UpsertPlanResponse> {
        self.keeper(&request, Scope::EntitlementWrite).await?;
        let plan = request.into_inner().plan.unwrap_or_default();
        let version = wire::version(&plan.etag).map_err(|fault| bad(&fault))?;
        let plan = right_read::plan(plan).map_err(|fault| bad(&fault.within("plan")))?;
        let written = self.rights.upsert_plan(plan, version).await;
        let Written { stored, outcome } = written.map_err(|error| of(&within("plan", error)))?;
        let (plan, outcome) = (Some(right::plan(&stored)), wire::outcome(outcome).into());
        Ok(Response::new(proto::UpsertPlanResponse { plan, outcome }))
    }

    async fn get_plan(&self, request: Request<proto::GetPlanRequest>) -> Answer<proto::GetPlanResponse> {
        let view = self.shopper(&request).await?.view(false, 0)?;
        let id = wire::id("id", &request.get_ref().id, PlanId::new).map_err(|fault| bad(&fault))?;
        let plan = self.rights.plan(&id, view).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::GetPlanResponse { plan: Some(right::plan(&plan)) }))
    }

    async fn list_plans(
        &self,
        request: Request<proto::ListPlansRequest>,
    ) -> Answer<proto::ListPlansResponse> {
        self.shopper(&request).await?;
        let request = request.into_inner();
        let page = PageRequest::new(request.page_size, &request.page_token).map_err(|fault| bad(&fault))?;
        let Page { entries, next } = self.rights.plans(&page).await.map_err(|error| of(&error))?;
        let plans = entries.iter().map(right::plan).collect();
        Ok(Response::new(proto::ListPlansResponse { plans, next_page_token: next.unwrap_or_default() }))
    }

    async fn upsert_subscription(
        &self,
        request: Request<proto::UpsertSubscriptionRequest>,
    ) -> Answer<proto::UpsertSubscriptionResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementWrite).await?;
        let subscription = request.into_inner().subscription.unwrap_or_default();
        let version = wire::version(&subscription.etag).map_err(|fault| bad(&fault))?;
        let subscription =
            right_read::subscription(subscription).map_err(|fault| bad(&fault.within("subscription")))?;
        let written = self.rights.upsert_subscription(subscription, version, keeper.now_ms).await;
        let Written { stored, outcome } = written.map_err(|error| of(&within("subscription", error)))?;
        let standing = Some(self.standing(&stored, &keeper).await?);
        let (subscription, outcome) = (Some(right::subscription(&stored)), wire::outcome(outcome).into());
        Ok(Response::new(proto::UpsertSubscriptionResponse { subscription, standing, outcome }))
    }

    async fn list_subscriptions(
        &self,
        request: Request<proto::ListSubscriptionsRequest>,
    ) -> Answer<proto::ListSubscriptionsResponse> {
        let found =
            self.judged(&request, &request.get_ref().account_id, request.get_ref().consistency).await?;
        let subscribed = found.iter().map(right::judged).collect();
        Ok(Response::new(proto::ListSubscriptionsResponse { subscribed }))
    }

    async fn renew_subscription(
        &self,
        request: Request<proto::RenewSubscriptionRequest>,
    ) -> Answer<proto::RenewSubscriptionResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementWrite).await?;
        let request = request.into_inner();
        let (account, id) = subscription(&request.account_id, "id", &request.id)?;
        let renewed = self.rights.renew(&account, &id, request.ending_ms, request.next_end_ms).await;
        let renewed = renewed.map_err(|error| of(&error))?;
        let standing = Some(self.standing(&renewed, &keeper).await?);
        let subscription = Some(right::subscription(&renewed));
        Ok(Response::new(proto::RenewSubscriptionResponse { subscription, standing }))
    }

    async fn cancel_subscription(
        &self,
        request: Request<proto::CancelSubscriptionRequest>,
    ) -> Answer<proto::CancelSubscriptionResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementWrite).await?;
        let request = request.into_inner();
        let (account, id) = subscription(&request.account_id, "id", &request.id)?;
        let cancelled = self.rights.cancel(&account, &id, request.at_once, keeper.now_ms).await;
        let cancelled = cancelled.map_err(|error| of(&error))?;
        let standing = Some(self.standing(&cancelled, &keeper).await?);
        let subscription = Some(right::subscription(&cancelled));
        Ok(Response::new(proto::CancelSubscriptionResponse { subscription, standing }))
    }

    async fn assign_seat(
        &self,
        request: Request<proto::AssignSeatRequest>,
    ) -> Answer<proto::AssignSeatResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementWrite).await?;
        let request = request.into_inner();
        let (account, id) = subscription(&request.account_id, "subscription_id", &request.subscription_id)?;
        let user = wire::id("user_id", &request.user_id, UserId::new).map_err(|fault| bad(&fault))?;
        let number = self.rights.assign_seat(&account, &id, &user, keeper.now_ms).await;
        Ok(Response::new(proto::AssignSeatResponse { number: number.map_err(|error| of(&error))? }))
    }

    async fn release_seat(
        &self,
        request: Request<proto::ReleaseSeatRequest>,
    ) -> Answer<proto::ReleaseSeatResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementWrite).await?;
        let request = request.into_inner();
        let (account, id) = subscription(&request.account_id, "subscription_id", &request.subscription_id)?;
        let user = wire::id("user_id", &request.user_id, UserId::new).map_err(|fault| bad(&fault))?;
        let released = self.rights.release_seat(&account, &id, &user, keeper.now_ms).await;
        released.map_err(|error| of(&error))?;
        Ok(Response::new(proto::ReleaseSeatResponse {}))
    }

    async fn list_seats(
        &self,
        request: Request<proto::ListSeatsRequest>,
    ) -> Answer<proto::ListSeatsResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementRead).await?;
        let request = request.into_inner();
        let (account, id) = subscription(&request.account_id, "subscription_id", &request.subscription_id)?;
        let seats = self.rights.seats(&account, &id, keeper.view(true, 0)?).await;
        let seats = seats.map_err(|error| of(&error))?;
        let told = |(number, user): (u32, UserId)| proto::Seat { number, user_id: user.to_string() };
        Ok(Response::new(proto::ListSeatsResponse { seats: seats.into_iter().map(told).collect() }))
    }

    async fn upsert_grant(
        &self,
        request: Request<proto::UpsertGrantRequest>,
    ) -> Answer<proto::UpsertGrantResponse> {
        let keeper = self.keeper(&request, Scope::EntitlementWrite).await?;
        let grant = request.into_inner().grant.unwrap_or_default();
        let version = wire::version(&grant.etag).map_err(|fault| bad(&fault))?;
        let grant = right_read::grant(grant).map_err(|fault| bad(&fault.within("grant")))?;
        let written = self.rights.upsert_grant(grant, version, keeper.now_ms).await;
        let Written { stored, outcome } = written.map_err(|error| of(&within("grant", error)))?;
        let (grant, outcome) = (Some(right::grant(&stored)), wire::outcome(outcome).into());
        Ok(Response::new(proto::UpsertGrantResponse { grant, outcome }))
    }

    async fn list_grants(
        &self,
        request: Request<proto::ListGrantsRequest>,
    ) -> Answer<proto::ListGrantsResponse> {
        let caller = self.caller(&request).await?;
        let user = caller.user(Scope::EntitlementRead, &request.get_ref().user_id)?;
        let view = caller.view(false, request.get_ref().consistency)?;
        let grants = self.rights.grants(&user, view).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::ListGrantsResponse { grants: grants.iter().map(right::grant).collect() }))
    }

    async fn set_viewer_limits(
        &self,
        request: Request<proto::SetViewerLimitsRequest>,
    ) -> Answer<proto::SetViewerLimitsResponse> {
        self.keeper(&request, Scope::EntitlementWrite).await?;
        let limits = request.into_inner().limits.unwrap_or_default();
        let version = wire::version(&limits.etag).map_err(|fault| bad(&fault))?;
        let limits = right_read::limits(&limits).map_err(|fault| bad(&fault.within("limits")))?;
        let written = self.rights.set_limits(limits, version).await;
        let written = written.map_err(|error| of(&within("limits", error)))?;
        Ok(Response::new(proto::SetViewerLimitsResponse { limits: Some(right::limits(&written)) }))
    }

    async fn get_viewer_limits(
        &self,
        request: Request<proto::GetViewerLimitsRequest>,
    ) -> Answer<proto::GetViewerLimitsResponse> {
        let caller = self.caller(&request).await?;
        let user = caller.user(Scope::EntitlementRead, &request.get_ref().user_id)?;
        let view = caller.view(false, request.get_ref().consistency)?;
        let found = self.rights.limits(&user, view).await.map_err(|error| of(&error))?;
        let unlimited = || proto::ViewerLimits { user_id: user.to_string(), ..Default::default() };
        let limits = found.as_ref().as_ref().map_or_else(unlimited, right::limits);
        Ok(Response::new(proto::GetViewerLimitsResponse { limits: Some(limits) }))
    }

    async fn check_subscription(
        &self,
        request: Request<proto::CheckSubscriptionRequest>,
    ) -> Answer<proto::CheckSubscriptionResponse> {
        let found =
            self.judged(&request, &request.get_ref().account_id, request.get_ref().consistency).await?;
        let entitled = found.first().is_some_and(|best| best.standing.entitled);
        Ok(Response::new(proto::CheckSubscriptionResponse {
            entitled,
            best: found.first().map(right::judged),
        }))
    }

    async fn check_access(
        &self,
        request: Request<proto::CheckAccessRequest>,
    ) -> Answer<proto::CheckAccessResponse> {
        let caller = self.caller(&request).await?;
        let request = request.into_inner();
        let question = question(&caller, &request)?;
        let view = caller.view(!caller.is_viewer(), request.consistency)?;
        let decided = self.rights.check_access(&question, view).await.map_err(|error| of(&error))?;
        Ok(Response::new(proto::CheckAccessResponse { decision: Some(right::decision(decided.decision)) }))
    }

    async fn authorize_playback(
        &self,
        request: Request<proto::AuthorizePlaybackRequest>,
    ) -> Answer<proto::AuthorizePlaybackResponse> {
        self.authorize(request).await.map(Response::new)
    }
}
