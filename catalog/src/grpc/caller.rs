//! Who calls, and what the caller may do. A verdict is `Identity`'s; here it is asked for and told.

use playhead_ingest::identity::{self, Credential, Denied, Identity, Scope, Viewer};
use playhead_store::{
    AccountId, ItemId, UserId,
    catalog::{Country, Fault},
};
use tonic::{Request, Status, metadata::MetadataMap};

use super::{Services, status};
use crate::{
    items::View,
    wire::{self, item_read},
};

/// A caller, and when it called.
pub(super) struct Caller {
    identity: Identity,
    /// Where a viewer is, as far as somebody says whom the server believes.
    country: Option<Country>,
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
        let country = country(self.country_header.as_deref(), request.metadata(), &identity);
        Ok(Caller { identity, country, now_ms: (self.now)() })
    }

    /// Says who calls, if it is one who may do what the scope stands for, which is nothing for viewers.
    pub(super) async fn keeper<T: Sync>(&self, request: &Request<T>, scope: Scope) -> Result<Caller, Status> {
        let caller = self.caller(request).await?;
        caller.may_for_all(scope)?;
        Ok(caller)
    }

    /// Says who calls, and how the catalog looks to it.
    pub(super) async fn reader<T: Sync>(
        &self,
        request: &Request<T>,
        consistency: i32,
    ) -> Result<(Caller, View), Status> {
        let caller = self.caller(request).await?;
        if !caller.is_viewer() {
            caller.may_for_all(Scope::CatalogRead)?;
        }
        let view = caller.view(!caller.is_viewer(), consistency)?;
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
        self.viewer().is_some()
    }

    /// The viewer, if it is one.
    pub(super) fn viewer(&self) -> Option<&Viewer> {
        match &self.identity {
            Identity::Viewer(viewer) => Some(viewer),
            Identity::Service { .. } | Identity::Admin => None,
        }
    }

    /// Whether it is a viewer whose session plays this item.
    pub(super) fn plays(&self, item: &ItemId) -> bool {
        self.viewer().and_then(|viewer| viewer.pass.as_ref()).is_some_and(|pass| pass.item == *item)
    }

    /// Refuses whoever may not do what the scope stands for with what is nobody's own.
    pub(super) fn may_for_all(&self, scope: Scope) -> Result<(), Status> {
        self.identity.may_for_all(scope).map_err(status::scope_required)
    }

    /// The user that a request names, with whose data the caller may do what the scope stands for; the own one, where a
    /// viewer leaves it empty. Another viewer's looks as if there were no such user.
    pub(super) fn user(&self, scope: Scope, named: &str) -> Result<UserId, Status> {
        let user = match (&self.identity, named) {
            (Identity::Viewer(viewer), "") => viewer.user.clone(),
            _ => wire::id("user_id", named, UserId::new).map_err(|fault| status::bad(&fault))?,
        };
        allowed(self.identity.may(scope, &user), "user")?;
        Ok(user)
    }

    /// The account that a request names, likewise.
    pub(super) fn account(&self, scope: Scope, named: &str) -> Result<AccountId, Status> {
        let account = match (&self.identity, named) {
            (Identity::Viewer(viewer), "") => viewer.account.clone(),
            _ => wire::id("account_id", named, AccountId::new).map_err(|fault| status::bad(&fault))?,
        };
        allowed(self.identity.may_of_account(scope, &account), "account")?;
        Ok(account)
    }

    /// Where the user is: as a service says, or as those say of a viewer whom the server believes.
    pub(super) fn country(&self, named: &str) -> Result<Option<Country>, Status> {
        match named {
            "" => Ok(self.country),
            code if self.is_viewer() => {
                let allowed =
                    "nothing from a viewer: its token, a trusted proxy or a service says where it is";
                Err(status::bad(&Fault::new("country", code, allowed)))
            }
            code => item_read::country("country", code).map(Some).map_err(|fault| status::bad(&fault)),
        }
    }
}

fn allowed(verdict: Result<(), Denied>, what: &'static str) -> Result<(), Status> {
    verdict.map_err(|denied| match denied {
        Denied::Absent => status::absent(what),
        Denied::Scope(scope) => status::scope_required(scope),
    })
}

/// Where a viewer is: as the proxy says that the server is set up to trust, else as the token says. What the proxy does not
/// know is not known.
fn country(header: Option<&str>, metadata: &MetadataMap, identity: &Identity) -> Option<Country> {
    let Identity::Viewer(viewer) = identity else { return None };
    let mut said = header.into_iter().flat_map(|name| metadata.get_all(name).iter());
    match (said.next(), said.next()) {
        (None, _) => viewer.country,
        (Some(only), None) => {
            only.to_str().ok().filter(|code| !NOWHERE.contains(code)).and_then(Country::new)
        }
        // The viewer's own and the proxy's: nobody can tell which is which.
        (Some(_), Some(_)) => None,
    }
}

/// What proxies say of addresses that they cannot place: codes that no country has.
const NOWHERE: [&str; 2] = ["XX", "ZZ"];
