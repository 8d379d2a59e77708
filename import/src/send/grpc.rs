//! A server, over gRPC.
//!
//! Most answers say whether a write created, changed or left alone what was there; for the others the etags before and
//! after do.

use std::time::Duration;

use async_trait::async_trait;
use playhead_proto::{
    catalog::v1::{
        Consistency, WriteOutcome, catalog_service_client::CatalogServiceClient,
        opinion_service_client::OpinionServiceClient,
    },
    entitlement::v1::{self as rights, entitlement_service_client::EntitlementServiceClient},
};
use playhead_store::catalog::Fault;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_types::StatusExt as _;

use super::{Outcome, Refusal, Target};
use crate::{error::ImportError, noun::Noun};

mod catalog;
mod opinions;
mod owners;
mod publisher;
mod segments;
mod sessions;

use owners::Owners;
use publisher::Publisher;
use sessions::Playables;

/// A server.
#[derive(Debug)]
pub struct GrpcTarget {
    catalog: CatalogServiceClient<Channel>,
    rights: EntitlementServiceClient<Channel>,
    opinions: OpinionServiceClient<Channel>,
    publisher: Publisher,
    bearer: Bearer,
    /// What accounts and users have already.
    seats: Owners,
    categories: Owners,
    bookmarks: Owners,
    playables: Playables,
}

/// The token that all calls show.
#[derive(Debug, Clone)]
struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(bearer) = &self.0 {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        request
    }
}

/// Why a noun was not written this time.
enum Failure {
    /// The server said so.
    Status(Status),
    /// It will not be another time either.
    Refused(Refusal),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Refused(Refusal::Field(fault))
    }
}

impl GrpcTarget {
    /// The server behind this channel.
    ///
    /// # Errors
    /// [`ImportError::Token`] for a token that no header takes.
    pub fn over(channel: Channel, token: Option<&str>) -> Result<Self, ImportError> {
        let bearer = token.map(|token| format!("Bearer {token}").parse()).transpose();
        let bearer = Bearer(bearer.map_err(|_| ImportError::Token)?);
        let [seats, categories, bookmarks] = std::array::from_fn(|_| Owners::default());
        Ok(Self {
            catalog: CatalogServiceClient::new(channel.clone()),
            rights: EntitlementServiceClient::new(channel.clone()),
            opinions: OpinionServiceClient::new(channel.clone()),
            publisher: Publisher::new(channel, bearer.clone()),
            bearer,
            seats,
            categories,
            bookmarks,
            playables: Playables::default(),
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        self.bearer.request(message)
    }

    async fn once(&self, noun: &Noun) -> Result<Outcome, Failure> {
        let written = match noun {
            Noun::Category(category) => self.category(category).await,
            Noun::Item(item) => self.item(item).await,
            Noun::Gone(id) => self.gone(id).await,
            Noun::Collection(held) => self.collection(held).await,
            Noun::Segments(segments) => self.segments(segments).await,
            Noun::Plan(plan) => self.plan(plan).await,
            Noun::Subscription(subscription) => self.subscription(subscription).await,
            Noun::Seat(seat) => self.seat(seat).await,
            Noun::Grant(grant) => self.grant(grant).await,
            Noun::Limits(limits) => self.limits(limits).await,
            Noun::Rating(rating) => return self.rating(rating).await,
            Noun::Bookmark(bookmark) => return self.bookmark(bookmark).await,
            Noun::Session(played) => return self.session(played).await,
        };
        Ok(written?)
    }

    async fn plan(&self, plan: &rights::Plan) -> Result<Outcome, Status> {
        let request = self.request(rights::UpsertPlanRequest { plan: Some(plan.clone()) });
        Ok(self.rights.clone().upsert_plan(request).await?.into_inner().outcome().into())
    }

    async fn subscription(&self, subscription: &rights::Subscription) -> Result<Outcome, Status> {
        let request = rights::UpsertSubscriptionRequest { subscription: Some(subscription.clone()) };
        let written = self.rights.clone().upsert_subscription(self.request(request)).await?;
        Ok(written.into_inner().outcome().into())
    }

    async fn seat(&self, seat: &rights::AssignSeatRequest) -> Result<Outcome, Status> {
        let owner = format!("{}/{}", seat.account_id, seat.subscription_id);
        let before = self.seats.find(&owner, &seat.user_id, async {
            let rights::AssignSeatRequest { account_id, subscription_id, .. } = seat.clone();
            let request = rights::ListSeatsRequest { account_id, subscription_id };
            let all = self.rights.clone().list_seats(self.request(request)).await?.into_inner().seats;
            Ok(all.into_iter().map(|seat| (seat.user_id, seat.number.to_string())).collect())
        });
        let before = before.await?;
        let after = self.rights.clone().assign_seat(self.request(seat.clone())).await?.into_inner();
        Ok(outcome(before, Some(after.number.to_string())))
    }

    async fn grant(&self, grant: &rights::Grant) -> Result<Outcome, Status> {
        let request = self.request(rights::UpsertGrantRequest { grant: Some(grant.clone()) });
        Ok(self.rights.clone().upsert_grant(request).await?.into_inner().outcome().into())
    }

    async fn limits(&self, limits: &rights::ViewerLimits) -> Result<Outcome, Status> {
        let consistency = Consistency::Fresh.into();
        let request = rights::GetViewerLimitsRequest { user_id: limits.user_id.clone(), consistency };
        let before = self.rights.clone().get_viewer_limits(self.request(request)).await?.into_inner().limits;
        let request = self.request(rights::SetViewerLimitsRequest { limits: Some(limits.clone()) });
        let after = self.rights.clone().set_viewer_limits(request).await?.into_inner().limits;
        Ok(outcome(before.map(|limits| limits.etag), after.map(|limits| limits.etag)))
    }
}

#[async_trait]
impl Target for GrpcTarget {
    async fn write(&self, noun: &Noun) -> Result<Outcome, Refusal> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let status = match self.once(noun).await {
                Ok(outcome) => return Ok(outcome),
                Err(Failure::Refused(refusal)) => return Err(refusal),
                Err(Failure::Status(status)) => status,
            };
            if !may_pass(&status) || attempt == ATTEMPTS_MAX {
                return Err(refusal(&status));
            }
            let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
            tokio::time::sleep(asked.unwrap_or_default().max(pause).min(PAUSE_MAX)).await;
            pause *= 2;
        }
        Err(Refusal::All("it was never tried".to_owned()))
    }
}

impl From<WriteOutcome> for Outcome {
    fn from(outcome: WriteOutcome) -> Self {
        match outcome {
            WriteOutcome::Created => Self::Created,
            WriteOutcome::Unchanged => Self::Unchanged,
            WriteOutcome::Changed | WriteOutcome::Unspecified => Self::Changed,
        }
    }
}

/// What was there before against what is there now.
fn outcome(before: Option<String>, after: Option<String>) -> Outcome {
    match (before.filter(|etag| !etag.is_empty()), after) {
        (None, _) => Outcome::Created,
        (Some(before), Some(after)) if before == after => Outcome::Unchanged,
        (Some(_), _) => Outcome::Changed,
    }
}

/// An answer, where NOT_FOUND is one.
fn there<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

/// Whether the same may be taken in a moment.
fn may_pass(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Cancelled
    )
}

fn refusal(status: &Status) -> Refusal {
    let reason = status.get_details_error_info().map(|info| info.reason);
    let text = match reason {
        Some(reason) => format!("{} ({reason})", status.message()),
        None => format!("{} ({:?})", status.message(), status.code()),
    };
    match status.code() {
        Code::InvalidArgument => field(status).map_or(Refusal::Noun(text), Refusal::Field),
        Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::OutOfRange
        | Code::Aborted => Refusal::Noun(text),
        _ => Refusal::All(format!("the server refuses: {text}")),
    }
}

/// The field that the server names.
fn field(status: &Status) -> Option<Fault> {
    let bad = status.get_details_bad_request()?;
    let violation = bad.field_violations.first()?;
    let (_, field) = violation.field.split_once('.').unwrap_or(("", &violation.field));
    let (value, allowed) = violation.description.strip_prefix("is ")?.split_once("; allowed is ")?;
    Some(Fault::new(field, value.trim_matches('"'), allowed.to_owned()))
}

/// A noun is tried so often: with the pauses, for about half a minute.
const ATTEMPTS_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);
