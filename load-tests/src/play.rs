//! Sessions and what happens in them: the viewers' side, which knows no connection.

use std::{iter::Peekable, rc::Rc};

use playhead_proto::ingest::v1 as proto;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::ZipfError;

use crate::{
    audience::{Audience, Seat},
    edge::cmcd,
    names::Names,
    scenario::{Edge, Viewers},
    viewer::{Habits, Viewer, Watching},
    wire,
};

/// Begins sessions, one after the other. Those of several workers never meet: each takes every n-th number.
pub(crate) struct BoxOffice {
    audience: Audience,
    habits: Habits,
    dice: ChaCha8Rng,
    seed: u64,
    next: u64,
    step: u64,
}

/// Who plays what.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) number: u64,
    pub(crate) seat: Seat,
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) item: String,
    pub(crate) device: &'static str,
    pub(crate) duration_ms: i64,
}

/// A session that goes on.
pub(crate) struct Playing {
    pub(crate) session: Rc<Session>,
    watching: Peekable<Watching>,
    edge: Edge,
    last_at_ms: i64,
}

impl BoxOffice {
    /// The box office of worker number `worker` of `workers`.
    pub(crate) fn new(viewers: &Viewers, seed: u64, worker: u32, workers: u32) -> Result<Self, ZipfError> {
        let longest_ms = (i64::from(viewers.session_events) * 2 * TEN_SECONDS_MS).max(TWO_HOURS_MS);
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(u64::MAX - u64::from(worker));
        Ok(Self {
            audience: Audience::new(viewers.items, viewers.zipf, viewers.users)?,
            habits: Habits {
                jitter_ms: BEAT_JITTER_MS,
                session_events: viewers.session_events,
                duration_ms: TWO_MINUTES_MS..longest_ms,
            },
            dice,
            seed,
            next: worker.into(),
            step: workers.into(),
        })
    }

    /// Somebody begins to watch something.
    pub(crate) fn begin(&mut self, names: &Names, edge: Edge) -> Playing {
        let number = self.next;
        self.next += self.step;
        let seat = self.audience.seat(&mut self.dice);
        let watching = Viewer::with_habits(self.habits.clone(), self.seed, number).begin();
        let session = Session {
            number,
            seat,
            id: names.session(number),
            user: names.user(seat.user),
            item: Names::item(seat.item),
            device: Names::device(seat.device),
            duration_ms: watching.duration_ms,
        };
        Playing { session: Rc::new(session), watching: watching.peekable(), edge, last_at_ms: 0 }
    }
}

impl Playing {
    /// What happens next, at most `most` events, dated at `now_ms` by the wall clock: the load is faster than life, so
    /// only the playhead goes by the viewer's time. No two events of a session share a time.
    pub(crate) fn happen(&mut self, most: usize, now_ms: i64) -> Vec<proto::Event> {
        let (edge, last_at_ms) = (self.edge, &mut self.last_at_ms);
        let dated = self.watching.by_ref().take(most).map(|event| {
            *last_at_ms = now_ms.max(*last_at_ms + 1);
            let event = proto::Event { at_ms: *last_at_ms, ..wire::event(&event, 0) };
            if edge == Edge::Cmcd { cmcd::kept(&event) } else { event }
        });
        dated.collect()
    }

    /// True when the viewer has left.
    pub(crate) fn is_over(&mut self) -> bool {
        self.watching.peek().is_none()
    }
}

const BEAT_JITTER_MS: i64 = 1_500;
const TEN_SECONDS_MS: i64 = 10_000;
const TWO_MINUTES_MS: i64 = 120_000;
const TWO_HOURS_MS: i64 = 7_200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_workers_begin_the_same_session_and_times_rise() {
        let viewers = Viewers { items: 100, zipf: 1.0, users: 10, session_events: 50 };
        let names = Names::new("r");
        let mut ids = Vec::new();
        for worker in 0..2 {
            let mut office = BoxOffice::new(&viewers, 1, worker, 2).unwrap();
            for _ in 0..20 {
                let mut playing = office.begin(&names, Edge::GrpcConnect);
                let events = playing.happen(10_000, 1_000);
                assert!(playing.is_over());
                assert!(events.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms));
                ids.push(playing.session.id.clone());
            }
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 40);
    }
}
