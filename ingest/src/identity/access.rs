//! What an identity may touch: one place for the rule, in whatever words an edge tells it.

use playhead_store::{AccountId, DeviceId, UserId};

use super::{Identity, Scope};

/// Why an identity may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It is another user's, which must look as if it were not there.
    Absent,
    /// The token lacks a scope.
    Scope(Scope),
}

impl Identity {
    /// Whether this identity may do what `scope` stands for with this user's data. A viewer may do everything with its
    /// own and nothing with others'.
    ///
    /// # Errors
    /// [`Denied`], to be told to the caller.
    pub fn may(&self, scope: Scope, user: &UserId) -> Result<(), Denied> {
        match self {
            Self::Viewer(viewer) if viewer.user == *user => Ok(()),
            Self::Viewer(_) => Err(Denied::Absent),
            Self::Service { .. } | Self::Admin => self.may_for_all(scope).map_err(Denied::Scope),
        }
    }

    /// Whether this identity may do what `scope` stands for with the live sessions of this account. A viewer may with
    /// those of its own.
    ///
    /// # Errors
    /// [`Denied`], to be told to the caller.
    pub fn may_of_account(&self, scope: Scope, account: &AccountId) -> Result<(), Denied> {
        match self {
            Self::Viewer(viewer) if viewer.account == *account => Ok(()),
            Self::Viewer(_) => Err(Denied::Absent),
            Self::Service { .. } | Self::Admin => self.may_for_all(scope).map_err(Denied::Scope),
        }
    }

    /// Whether names of this user and of its sessions may be shown to this identity. Within an account, viewers see what
    /// others play, and not who they are.
    #[must_use]
    pub fn sees(&self, user: &UserId) -> bool {
        match self {
            Self::Viewer(viewer) => viewer.user == *user,
            Self::Service { .. } | Self::Admin => true,
        }
    }

    /// The device of a viewer.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Viewer(viewer) => Some(viewer.device.clone()),
            Self::Service { .. } | Self::Admin => None,
        }
    }

    /// Whether this identity may publish events at all. Whose is checked batch by batch.
    ///
    /// # Errors
    /// The scope that its token lacks.
    pub fn may_publish(&self) -> Result<(), Scope> {
        match self {
            Self::Viewer(_) => Ok(()),
            Self::Service { .. } | Self::Admin => self.may_for_all(Scope::IngestWrite),
        }
    }

    /// Whether this identity may do what `scope` stands for with what is nobody's own. A viewer may not.
    ///
    /// # Errors
    /// The scope that its token lacks.
    pub fn may_for_all(&self, scope: Scope) -> Result<(), Scope> {
        match self {
            Self::Admin => Ok(()),
            Self::Service { scopes } if scopes.has(scope) => Ok(()),
            Self::Service { .. } | Self::Viewer(_) => Err(scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    #[test]
    fn each_role_reaches_so_far_and_no_further() {
        let user = |name: &str| UserId::new(name).unwrap();
        let viewer = Identity::Viewer(Viewer {
            user: user("ann"),
            account: AccountId::new("family").unwrap(),
            device: DeviceId::new("tv").unwrap(),
            pass: None,
            terms: Terms::unlimited(),
            country: None,
        });
        let service = Identity::Service { scopes: [Scope::PlaybackRead].into_iter().collect() };
        for scope in Scope::ALL {
            let allowed = scope == Scope::PlaybackRead;
            assert_eq!(viewer.may(scope, &user("ann")), Ok(()));
            assert_eq!(viewer.may(scope, &user("ben")), Err(Denied::Absent));
            assert_eq!(service.may(scope, &user("ben")).is_ok(), allowed, "{scope:?}");
            assert_eq!(Identity::Admin.may(scope, &user("ben")), Ok(()));
            let account = |name: &str| AccountId::new(name).unwrap();
            assert_eq!(viewer.may_of_account(scope, &account("family")), Ok(()));
            assert_eq!(viewer.may_of_account(scope, &account("ann")), Err(Denied::Absent));
            assert_eq!(service.may_of_account(scope, &account("family")).is_ok(), allowed, "{scope:?}");
        }
        assert_eq!(service.may(Scope::PlaybackErase, &user("ben")), Err(Denied::Scope(Scope::PlaybackErase)));
        assert_eq!(service.may_publish(), Err(Scope::IngestWrite));
        assert_eq!(viewer.may_publish(), Ok(()));
        assert_eq!(Identity::Service { scopes: Scopes::ALL }.may_publish(), Ok(()));
    }
}
