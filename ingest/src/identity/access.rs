//! What an identity may touch: one place for the rule, in whatever words an edge tells it.

use playhead_store::UserId;

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

    fn may_for_all(&self, scope: Scope) -> Result<(), Scope> {
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
        });
        let service = Identity::Service { scopes: [Scope::PlaybackRead].into_iter().collect() };
        for scope in Scope::ALL {
            let allowed = scope == Scope::PlaybackRead;
            assert_eq!(viewer.may(scope, &user("ann")), Ok(()));
            assert_eq!(viewer.may(scope, &user("ben")), Err(Denied::Absent));
            assert_eq!(service.may(scope, &user("ben")).is_ok(), allowed, "{scope:?}");
            assert_eq!(Identity::Admin.may(scope, &user("ben")), Ok(()));
        }
        assert_eq!(service.may(Scope::PlaybackErase, &user("ben")), Err(Denied::Scope(Scope::PlaybackErase)));
        assert_eq!(service.may_publish(), Err(Scope::IngestWrite));
        assert_eq!(viewer.may_publish(), Ok(()));
        assert_eq!(Identity::Service { scopes: Scopes::ALL }.may_publish(), Ok(()));
    }
}
