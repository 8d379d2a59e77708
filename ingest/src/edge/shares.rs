//! How many streams one user, and one device of theirs, may have open on this node, so that no single token takes the room
//! of all. What is remembered is bounded by the streams that are open.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use playhead_store::{DeviceId, UserId};

use crate::identity::Viewer;

/// The open streams of all users. Clones share them.
#[derive(Debug, Clone)]
pub struct Shares(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    per_user_max: u32,
    per_device_max: u32,
    users: DashMap<UserId, Open>,
}

/// A user's open streams.
#[derive(Debug, Default)]
struct Open {
    streams: u32,
    /// No longer than there are streams.
    devices: Vec<(DeviceId, u32)>,
}

/// One stream's share, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Shares,
    user: UserId,
    device: DeviceId,
}

/// Whose share is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp {
    /// `user` or `device`.
    pub(crate) of: &'static str,
    /// How many streams it may have.
    pub(crate) streams_max: u32,
}

impl Shares {
    /// So many streams for each user, and for each device of a user.
    #[must_use]
    pub fn new(per_user_max: u32, per_device_max: u32) -> Self {
        Self(Arc::new(Shared { per_user_max, per_device_max, users: DashMap::new() }))
    }

    /// A share for one more stream.
    pub(crate) fn take(&self, viewer: &Viewer) -> Result<Share, UsedUp> {
        let mut open = self.0.users.entry(viewer.user.clone()).or_default();
        if open.streams >= self.0.per_user_max {
            return Err(UsedUp { of: "user", streams_max: self.0.per_user_max });
        }
        let of_device = open.of(&viewer.device);
        if *of_device >= self.0.per_device_max {
            return Err(UsedUp { of: "device", streams_max: self.0.per_device_max });
        }
        *of_device += 1;
        open.streams += 1;
        let (user, device) = (viewer.user.clone(), viewer.device.clone());
        Ok(Share { shares: self.clone(), user, device })
    }
}

impl Open {
    fn of(&mut self, device: &DeviceId) -> &mut u32 {
        let at = self.devices.iter().position(|(known, _)| known == device).unwrap_or_else(|| {
            self.devices.push((device.clone(), 0));
            self.devices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed just now")]
        &mut self.devices[at].1
    }

    fn give_back(&mut self, device: &DeviceId) {
        self.streams = self.streams.saturating_sub(1);
        let of_device = self.of(device);
        *of_device = of_device.saturating_sub(1);
        self.devices.retain(|&(_, streams)| streams > 0);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Entry::Occupied(mut user) = self.shares.0.users.entry(self.user.clone()) {
            user.get_mut().give_back(&self.device);
            if user.get().streams == 0 {
                user.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use playhead_store::{AccountId, lease::Terms};

    use super::*;

    fn viewer(user: &str, device: &str) -> Viewer {
        Viewer {
            user: UserId::new(user).unwrap(),
            account: AccountId::new("family").unwrap(),
            device: DeviceId::new(device).unwrap(),
            pass: None,
            terms: Terms::unlimited(),
            country: None,
        }
    }

    #[test]
    fn a_user_and_a_device_have_their_shares_and_give_them_back() {
        let shares = Shares::new(3, 2);
        let tv = [shares.take(&viewer("ann", "tv")).unwrap(), shares.take(&viewer("ann", "tv")).unwrap()];
        let device = UsedUp { of: "device", streams_max: 2 };
        assert_eq!(shares.take(&viewer("ann", "tv")).unwrap_err(), device);
        let phone = shares.take(&viewer("ann", "phone")).unwrap();
        let user = UsedUp { of: "user", streams_max: 3 };
        assert_eq!(shares.take(&viewer("ann", "tablet")).unwrap_err(), user);
        shares.take(&viewer("ben", "tv")).expect("another user's own share");
        drop(tv);
        drop(shares.take(&viewer("ann", "tv")).unwrap());
        drop(phone);
        assert!(shares.0.users.is_empty(), "nobody is remembered");
    }
}
