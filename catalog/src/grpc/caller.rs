//! Who calls, and what the caller may do. A verdict is `Identity`'s; here it is asked for and told.

use playhead_ingest::identity::{self, Credential, Denied, Identity, Scope};
use playhead_store::{AccountId, UserId};
use tonic::{Request, Status};

use super::{Services, status};
use crate::{items::View, wire};

/// A caller, and when it called.
pub(super) struct Caller {
    identity: Identity,
    /// Unix ms.
    pub(super) now_ms: i64,
}

impl Services {
    /// Says who calls. May wait for newer keys.
    pub(super) async fn caller<T: Sync>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let credential = Credential::from_headers(request.metadata().as_ref());
        let credential = credential.map_err(|error| status::unauthenticated(&error))?;
        let identity = identity::identify(&*self.verifier, credential).await;
        let identity = identity.map_err(|error| status::unauthenticated(&error))?;
        Ok(Caller { identity, now_ms: (self.now)() })
    }

    /// Says who calls, if it is one who may do what the scope stands for, which is nothing for viewers.
    pub(super) async fn keeper<T: Sync>(&self, request: &Request<T>, scope: Scope) -> Result<Caller, Status> {
        let caller = self.caller(request).await?;
        caller.identity.may_for_all(scope).map_err(status::scope_required)?;
        Ok(caller)
    }

    /// Says who calls, and how the catalog looks to it.
    pub(super) async fn reader<T: Sync>(
        &self,
        request: &Request<T>,
        consistency: i32,
    ) -> Result<(Caller, View), Status> {
        let caller = self.caller(request).await?;
        let sees_all = match &caller.identity {
            Identity::Viewer(_) => false,
            Identity::Service { .. } | Identity::Admin => {
                caller.identity.may_for_all(Scope::CatalogRead).map_err(status::scope_required)?;
                true
            }
        };
        let view = caller.view(sees_all, consistency)?;
        Ok((caller, view))
    }
}

impl Caller {
    /// How the catalog looks at this moment.
    pub(super) fn view(&self, sees_all: bool, consistency: i32) -> Result<View, Status> {
        let is_fresh = wire::is_fresh(consistency).map_err(|fault| status::bad(&fault))?;
        Ok(View { sees_all, is_fresh, now_ms: self.now_ms })
    }

    /// True for a viewer, whose word counts for itself only.
    pub(super) fn is_viewer(&self) -> bool {
        matches!(self.identity, Identity::Viewer(_))
    }

    /// The user that a request names; the own one, where a viewer leaves it empty. Another viewer's looks as if there were
    /// no `what`.
    pub(super) fn user(&self, named: &str, what: &'static str) -> Result<UserId, Status> {
        let user = match (&self.identity, named) {
            (Identity::Viewer(viewer), "") => viewer.user.clone(),
            _ => wire::id("user_id", named, UserId::new).map_err(|fault| status::bad(&fault))?,
        };
        allowed(self.identity.may(Scope::EntitlementRead, &user), what)?;
        Ok(user)
    }

    /// The account that a request names, likewise.
    pub(super) fn account(&self, named: &str, what: &'static str) -> Result<AccountId, Status> {
        let account = match (&self.identity, named) {
            (Identity::Viewer(viewer), "") => viewer.account.clone(),
            _ => wire::id("account_id", named, AccountId::new).map_err(|fault| status::bad(&fault))?,
        };
        allowed(self.identity.may_of_account(Scope::EntitlementRead, &account), what)?;
        Ok(account)
    }
}

fn allowed(verdict: Result<(), Denied>, what: &'static str) -> Result<(), Status> {
    verdict.map_err(|denied| match denied {
        Denied::Absent => status::absent(what),
        Denied::Scope(scope) => status::scope_required(scope),
    })
}
