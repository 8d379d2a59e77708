//! Room for connections: so many in all, and so many from one address, so that no single host can take it all.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for connections. Clones share it. What it remembers of addresses is bounded by the room itself.
#[derive(Debug, Clone)]
pub struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    room: Arc<Semaphore>,
    per_address_max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One place, given back when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
    _seat: OwnedSemaphorePermit,
}

impl Places {
    /// Room for so many, and so many per address: an IPv4 address, or the /64 that an IPv6 host has for itself.
    #[must_use]
    pub fn new(connections_max: usize, per_address_max: usize) -> Self {
        let room = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        let per_address_max = per_address_max.max(1);
        Self(Arc::new(Shared { room, per_address_max, taken: Mutex::default() }))
    }

    /// Room for all who come.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(Semaphore::MAX_PERMITS, usize::MAX)
    }

    /// Waits for room for one more, whoever it will be.
    pub(super) async fn seat(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0.room).acquire_owned().await.ok()
    }

    /// A place for this address, unless it has as many as it may have.
    pub(super) fn take(&self, seat: Option<OwnedSemaphorePermit>, address: IpAddr) -> Option<Place> {
        let (seat, address) = (seat?, network(address));
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.0.per_address_max {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place { places: self.clone(), address, _seat: seat })
    }

    /// A place for this address now, or none: for a front that does not wait.
    #[must_use]
    pub fn take_now(&self, address: IpAddr) -> Option<Place> {
        self.take(Arc::clone(&self.0.room).try_acquire_owned().ok(), address)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & NETWORK_BITS)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The first 64 of 128 bits.
const NETWORK_BITS: u128 = !0 << 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_takes_no_more_than_its_share_and_gives_it_back() {
        let places = Places::new(10, 2);
        let first = places.take_now(ip("10.0.0.1")).unwrap();
        let _second = places.take_now(ip("::ffff:10.0.0.1")).expect("the same address in other words");
        assert!(places.take_now(ip("10.0.0.1")).is_none());
        assert!(places.take_now(ip("10.0.0.2")).is_some());
        drop(first);
        assert!(places.take_now(ip("10.0.0.1")).is_some());
    }

    #[test]
    fn an_ipv6_host_is_its_network() {
        let places = Places::new(10, 1);
        let _one = places.take_now(ip("2001:db8::1")).unwrap();
        assert!(places.take_now(ip("2001:db8::ffff:2")).is_none());
        assert!(places.take_now(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn the_whole_is_bounded_and_nobody_is_remembered() {
        let places = Places::new(1, 5);
        let only = places.take_now(ip("10.0.0.1")).unwrap();
        assert!(places.take_now(ip("10.0.0.2")).is_none());
        drop(only);
        assert!(places.0.taken.lock().unwrap().is_empty());
    }
}
