//! What a service may do: a set of named scopes.

/// One thing that a service may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Publish events of any user.
    IngestWrite,
    /// Read positions and sessions of any user.
    PlaybackRead,
    /// Set, mark and forget positions of any user.
    PlaybackWrite,
    /// Erase any user, and what all users did in an item.
    PlaybackErase,
    /// Read all of the catalog, what is not published too.
    CatalogRead,
    /// Write the catalog.
    CatalogWrite,
    /// Read plans, and the subscriptions and grants of any account and user.
    EntitlementRead,
    /// Write plans, subscriptions and grants.
    EntitlementWrite,
    /// Press the play button for any user: the token that comes of it tells of that user's session.
    PlaybackAuthorize,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 9] = [
        Self::IngestWrite,
        Self::PlaybackRead,
        Self::PlaybackWrite,
        Self::PlaybackErase,
        Self::CatalogRead,
        Self::CatalogWrite,
        Self::EntitlementRead,
        Self::EntitlementWrite,
        Self::PlaybackAuthorize,
    ];

    /// Its name, as in a token's `scope`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IngestWrite => "ingest:write",
            Self::PlaybackRead => "playback:read",
            Self::PlaybackWrite => "playback:write",
            Self::PlaybackErase => "playback:erase",
            Self::CatalogRead => "catalog:read",
            Self::CatalogWrite => "catalog:write",
            Self::EntitlementRead => "entitlement:read",
            Self::EntitlementWrite => "entitlement:write",
            Self::PlaybackAuthorize => "playback:authorize",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// All scopes.
    pub const ALL: Self = Self((1 << Scope::ALL.len()) - 1);

    /// The scopes that a token's `scope` names, between spaces (RFC 8693, section 4.2). Names of other servers' scopes
    /// mean nothing here.
    #[must_use]
    pub fn of_claim(scope: &str) -> Self {
        scope.split(' ').filter_map(Scope::from_name).collect()
    }

    /// Whether it holds this one.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_named_and_no_others() {
        let scopes = Scopes::of_claim("ingest:write email playback:erase  Playback:Read");
        let held = Scope::ALL.map(|scope| scopes.has(scope));
        assert_eq!(held, [true, false, false, true, false, false, false, false, false]);
        assert_eq!(Scopes::of_claim(""), Scopes::default());
        assert_eq!(Scope::ALL.into_iter().collect::<Scopes>(), Scopes::ALL);
        assert!(Scope::ALL.into_iter().all(|scope| Scopes::ALL.has(scope)));
    }
}
