//! Chance from a seed that is printed when a case fails.

use crate::{
    AccountId, Clock, Description, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, PlayerState, Rate,
    SeqOrder, SessionId, SessionKey, UserId,
};
use std::hash::{BuildHasher, RandomState};

/// A source of chance (SplitMix64), and of the names and values that the cases use. Two with the same seed give the same.
#[derive(Debug)]
pub struct Dice {
    seed: u64,
    state: u64,
    names: u64,
}

impl Dice {
    /// One with a seed that no one knows.
    #[must_use]
    pub fn new() -> Self {
        Self::from_seed(RandomState::new().hash_one(0))
    }

    /// One with this seed, to run a failed case again.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { seed, state: seed, names: 0 }
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` - 1; 0 when there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or_default()
    }

    /// A time or length from 0 to `end` - 1.
    pub fn ms_below(&mut self, end: u32) -> i64 {
        i64::try_from(self.below(end.into())).unwrap_or_default()
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap_or_default();
        from.get(index).expect("something to pick from").clone()
    }

    /// Brings these into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.below(end as u64 + 1);
            items.swap(end, usize::try_from(other).unwrap_or_default());
        }
    }

    /// A user whom no other case has.
    pub fn user(&mut self) -> UserId {
        UserId::new(&self.name("user")).expect("a short name")
    }

    /// A session of this user that no other case has.
    pub fn session(&mut self, user: &UserId) -> SessionKey {
        let session = SessionId::new(&self.name("session")).expect("a short name");
        SessionKey { user: user.clone(), session }
    }

    /// An item that no other case has.
    pub fn item(&mut self) -> ItemId {
        ItemId::new(&self.name("item")).expect("a short name")
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}-{:016x}-{}", self.seed, self.names)
    }

    /// An event with this identity and time, and anything else.
    pub fn event(&mut self, seq: u64, at_ms: i64) -> Event {
        let mut event = Event::new(self.pick(&EventKind::ALL), seq, at_ms);
        event.position_ms = self.perhaps(|dice| dice.ms_below(7_200_000));
        event.state = self.perhaps(|dice| dice.pick(&PlayerState::ALL));
        if self.one_in(4) {
            event.from_ms = self.perhaps(|dice| dice.ms_below(7_200_000));
            event.rate = self.perhaps(|dice| dice.pick(&[Rate::NORMAL, Rate::MAX]));
            event.bitrate_kbps = self.perhaps(|dice| dice.pick(&[400, 8_000, u32::MAX]));
            event.startup_ms = self.perhaps(|dice| dice.pick(&[0, 900]));
            event.stall_ms = self.perhaps(|dice| dice.pick(&[0, 2_500]));
            event.duration_ms = self.perhaps(|dice| dice.ms_below(7_200_000));
            event.error_code = self.perhaps(|dice| Box::from(dice.pick(&["", "MEDIA_ERR_DECODE", "오류"])));
        }
        event
    }

    /// The clock of a session.
    pub fn clock(&mut self) -> Clock {
        Clock { fixed_at_ms: self.ms_below(1_000_000), offset_ms: self.ms_below(2_000_000) - 1_000_000 }
    }

    /// A description of a session as of this time.
    pub fn description(&mut self, as_of_ms: i64) -> Description {
        let playable = Playable {
            item: ItemId::new(self.pick(&["film", "영화", "lesson 7"])).expect("a short name"),
            kind: self.pick(&ItemKind::ALL),
            duration_ms: self.perhaps(|dice| dice.ms_below(7_200_000)),
            credits_ms: self.perhaps(|dice| dice.ms_below(7_200_000)),
        };
        let account = AccountId::new("account").expect("a short name");
        let device = DeviceId::new(self.pick(&["phone", "tv"])).expect("a short name");
        let order = self.pick(&[SeqOrder::Native, SeqOrder::Foreign]);
        Description { as_of_ms, playable, account, device, order }
    }

    fn perhaps<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(2).then(|| value(self))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Dice {
    #[expect(clippy::print_stderr, reason = "whoever runs a failed case again needs its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the dice of this case: Dice::from_seed({:#x})", self.seed);
        }
    }
}
