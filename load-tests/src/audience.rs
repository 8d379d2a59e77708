//! Who watches what on which device: titles by Zipf's law, users evenly, devices by their share.

use rand::RngExt;
use rand_distr::{Distribution, Zipf, ZipfError};

/// An audience. It is dice and shares, nothing that runs.
#[derive(Debug, Clone)]
pub(crate) struct Audience {
    titles: Zipf<f64>,
    users: u32,
}

/// Somebody who begins to watch something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Which user.
    pub(crate) user: u32,
    /// Which title, from 1; the first is watched most.
    pub(crate) item: u32,
    /// Which device.
    pub(crate) device: u32,
}

impl Audience {
    /// `items` titles whose popularity falls with their rank to the power of `exponent`; 0 is even.
    pub(crate) fn new(items: u32, exponent: f64, users: u32) -> Result<Self, ZipfError> {
        Ok(Self { titles: Zipf::new(items.into(), exponent)?, users: users.max(1) })
    }

    /// The next who sits down.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is 1 to the number of items"
    )]
    pub(crate) fn seat(&self, dice: &mut impl RngExt) -> Seat {
        let roll = dice.random_range(0..100_u32);
        let device = DEVICE_SHARES.iter().position(|&up_to| roll < up_to).unwrap_or(0);
        Seat {
            user: dice.random_range(0..self.users),
            item: self.titles.sample(dice) as u32,
            device: device as u32,
        }
    }
}

/// Of 100 sessions, which are on a television, a phone, the web, a tablet: cumulative, in the order of the names.
const DEVICE_SHARES: [u32; 4] = [40, 75, 92, 100];

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_first_title_is_watched_as_often_as_zipf_says() {
        let audience = Audience::new(100, 1.0, 10).unwrap();
        let mut dice = ChaCha8Rng::seed_from_u64(1);
        let seats: Vec<Seat> = (0..20_000).map(|_| audience.seat(&mut dice)).collect();
        let count = |item| seats.iter().filter(|seat| seat.item == item).count();
        // The harmonic number of 100 is 5.19.
        assert!((3_600..4_100).contains(&count(1)), "{}", count(1));
        assert!((1_750..2_100).contains(&count(2)), "{}", count(2));
        assert!(seats.iter().all(|seat| (1..=100).contains(&seat.item) && seat.user < 10));
        let on_tv = seats.iter().filter(|seat| seat.device == 0).count();
        assert!((7_600..8_400).contains(&on_tv), "{on_tv}");
    }
}
