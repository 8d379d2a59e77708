//! What the cases of the durable store work with.

use super::{Dice, model::Model};
use crate::{
    Clock, Description, Event, ItemId, SessionId, SessionKey, UserId,
    durable::{Durable, PositionWrite, SessionWrite, WriteBatch},
    position::{Place, PositionRow, Register, Watched},
};
use std::sync::Arc;

/// A store beside the model of what it should hold.
pub(super) struct Case {
    pub(super) store: Arc<dyn Durable>,
    pub(super) model: Model,
    pub(super) dice: Dice,
}

/// A session with all of its events, in the order of their numbers.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) key: SessionKey,
    pub(super) clock: Clock,
    description: Description,
    pub(super) events: Vec<Event>,
}

impl Case {
    pub(super) fn new(store: Arc<dyn Durable>) -> Self {
        Self { store, model: Model::default(), dice: Dice::new() }
    }

    /// A new user's session of so many events, all from 1 on, at any times.
    pub(super) fn script(&mut self, events: u64) -> Script {
        let user = self.dice.user();
        let dice = &mut self.dice;
        Script {
            key: dice.session(&user),
            clock: dice.clock(),
            description: dice.description(0),
            events: (1..=events)
                .map(|seq| {
                    let at_ms = dice.ms_below(TIMES_MS);
                    dice.event(seq, at_ms)
                })
                .collect(),
        }
    }

    /// Some of a session's events, in any order, and perhaps a position.
    pub(super) fn some_write(&mut self, script: &Script) -> WriteBatch {
        let mut batch = script.write(0..script.events.len());
        for session in &mut batch.sessions {
            let events = Arc::make_mut(&mut session.events);
            self.dice.shuffle(events);
            let kept = 1 + self.dice.below(events.len() as u64);
            events.truncate(usize::try_from(kept).unwrap_or(1));
            let as_of_ms = latest_ms(&session.events);
            session.description = self.dice.description(as_of_ms);
        }
        if self.dice.one_in(2) {
            batch.positions.push(self.position(&script.key.user));
        }
        batch
    }

    /// Any position of this user.
    pub(super) fn position(&mut self, user: &UserId) -> PositionWrite {
        let item = ItemId::new(self.dice.pick(&["one", "two", "세"])).expect("a short name");
        let (settled, opening) = (self.register(), self.register());
        let mut time = || (!self.dice.one_in(3)).then(|| self.dice.ms_below(TIMES_MS));
        let times = [time(), time(), time()];
        let mark = times[2].map(|at_ms| (at_ms, self.dice.one_in(2)));
        // A row that saw a completion saw a first and a last one.
        let completions = times[0].zip(times[1]).map(|(a, b)| (a.min(b), a.max(b)));
        let (first_ms, last_ms) = completions.unzip();
        PositionWrite {
            user: user.clone(),
            item,
            row: PositionRow { settled, opening, watched: Watched { first_ms, last_ms, mark } },
        }
    }

    fn register(&mut self) -> Option<Register> {
        let place =
            if self.dice.one_in(5) { Place::Forgotten } else { Place::At(self.dice.ms_below(90_000)) };
        let session = SessionId::new(self.dice.pick(&["s1", "s2"])).expect("a short name");
        let register = Register {
            at_ms: self.dice.ms_below(TIMES_MS),
            place,
            seq: self.dice.below(50),
            session: self.dice.one_in(2).then_some(session),
            duration_ms: self.dice.one_in(2).then_some(90_000),
            finished: self.dice.one_in(4),
        };
        (!self.dice.one_in(4)).then_some(register)
    }

    pub(super) async fn write(&mut self, batch: WriteBatch) {
        self.model.write(&batch);
        self.store.write(&batch).await.expect("a batch is written");
    }

    pub(super) async fn erase(&mut self, user: &UserId, through_ms: i64) {
        self.model.erase(user, through_ms);
        self.store.erase(user, through_ms).await.expect("a user is erased");
    }

    pub(super) async fn check(&self, when: &str) {
        self.model.check(&*self.store, when).await;
    }
}

impl Script {
    /// The write of these of its events.
    pub(super) fn write(&self, events: std::ops::Range<usize>) -> WriteBatch {
        let events = self.events.get(events).expect("the script has these events").to_vec();
        let description = Description { as_of_ms: latest_ms(&events), ..self.description.clone() };
        let session =
            SessionWrite { key: self.key.clone(), clock: self.clock, description, events: events.into() };
        WriteBatch { sessions: vec![session], positions: Vec::new() }
    }
}

fn latest_ms(events: &[Event]) -> i64 {
    events.iter().map(|event| event.at_ms).max().unwrap_or_default()
}

/// Times in the cases lie below this, so that many are equal.
pub(super) const TIMES_MS: u32 = 1_000;
/// A random case is played so often.
pub(super) const ROUNDS: usize = 12;
