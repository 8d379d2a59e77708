//! A synthetic viewer: a seeded model of what people do at a player. It knows no clock and no server, only media time
//! and dice, so the same seed gives the same events.

use std::ops::Range;

use playhead_store::{Event, EventKind, PlayerState};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What distinguishes one kind of audience from another.
#[derive(Debug, Clone, PartialEq)]
pub struct Habits {
    /// How much earlier or later than due a beat may come, ms.
    pub jitter_ms: i64,
    /// How many events a session has, on average, before its viewer leaves; an item that is shorter ends it before.
    pub session_events: u32,
    /// How long items are, ms.
    pub duration_ms: Range<i64>,
}

impl Default for Habits {
    /// Exact beats, a hundred events, trailers to films.
    fn default() -> Self {
        Self { jitter_ms: 0, session_events: SESSION_EVENTS, duration_ms: DURATION_MS }
    }
}

/// A viewer who watches one item after another.
#[derive(Debug)]
pub struct Viewer {
    habits: Habits,
    dice: ChaCha8Rng,
    items_begun: u32,
}

/// One item being watched: an iterator over what happens, each event `at_ms` after the session's start.
#[derive(Debug)]
pub struct Watching {
    /// Which of the viewer's items this is, from 0.
    pub item: u32,
    /// The item's length, ms.
    pub duration_ms: i64,
    habits: Habits,
    dice: ChaCha8Rng,
    seq: u64,
    at_ms: i64,
    position_ms: i64,
    bitrate_kbps: u32,
    mood: Mood,
}

/// What the viewer is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Opening,
    Playing,
    Paused,
    Stalled { since_ms: i64 },
    Gone,
}

impl Viewer {
    /// The viewer of this number among those of a seed.
    #[must_use]
    pub fn new(seed: u64, number: u32) -> Self {
        Self::with_habits(Habits::default(), seed, number.into())
    }

    /// The same, of an audience with these habits.
    #[must_use]
    pub fn with_habits(habits: Habits, seed: u64, number: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(number);
        Self { habits, dice, items_begun: 0 }
    }

    /// How long the viewer takes to choose what to watch next, ms.
    pub fn choose_ms(&mut self) -> i64 {
        self.dice.random_range(0..CHOOSE_MS_MAX)
    }

    /// Begins the next item, which no other session of this viewer has played.
    pub fn begin(&mut self) -> Watching {
        let item = self.items_begun;
        self.items_begun += 1;
        Watching {
            item,
            duration_ms: self.dice.random_range(self.habits.duration_ms.clone()),
            habits: self.habits.clone(),
            dice: ChaCha8Rng::from_rng(&mut self.dice),
            seq: 0,
            at_ms: 0,
            position_ms: 0,
            bitrate_kbps: BITRATES_KBPS.first().copied().unwrap_or_default(),
            mood: Mood::Opening,
        }
    }
}

impl Iterator for Watching {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        match self.mood {
            Mood::Opening => Some(self.start()),
            Mood::Playing => Some(self.play_on()),
            Mood::Paused => Some(self.come_back()),
            Mood::Stalled { since_ms } => Some(self.recover(since_ms)),
            Mood::Gone => None,
        }
    }
}

impl Watching {
    fn start(&mut self) -> Event {
        let startup_ms = self.dice.random_range(200..2_500);
        self.mood = Mood::Playing;
        let mut event = self.event(EventKind::Start, PlayerState::Playing);
        event.startup_ms = Some(startup_ms);
        event.duration_ms = Some(self.duration_ms);
        event.bitrate_kbps = Some(self.bitrate_kbps);
        event
    }

    /// Plays until the next beat is due or something comes between.
    fn play_on(&mut self) -> Event {
        let roll = self.roll();
        let plays_ms =
            if UNEVENTFUL.contains(&roll) { self.beat_ms() } else { self.dice.random_range(500..BEAT_MS) };
        if self.position_ms + plays_ms >= self.duration_ms {
            return self.end();
        }
        self.pass(plays_ms);
        self.position_ms += plays_ms;
        match roll {
            roll if UNEVENTFUL.contains(&roll) => self.event(EventKind::Beat, PlayerState::Playing),
            roll if PAUSES.contains(&roll) => self.turn(Mood::Paused, EventKind::Pause, PlayerState::Paused),
            roll if SEEKS.contains(&roll) => self.seek(),
            roll if STALLS.contains(&roll) => self.stall(),
            roll if SWITCHES.contains(&roll) => self.switch(),
            _ => self.turn(Mood::Gone, EventKind::Stop, PlayerState::Paused),
        }
    }

    /// What comes next, of 1 000; how often the viewer leaves is the audience's habit.
    fn roll(&mut self) -> u32 {
        let leaves = 1.0 / f64::from(self.habits.session_events.max(1));
        match self.habits.session_events {
            SESSION_EVENTS => self.dice.random_range(0..1_000),
            _ if self.dice.random_bool(leaves) => SWITCHES.end,
            _ => self.dice.random_range(0..SWITCHES.end),
        }
    }

    fn beat_ms(&mut self) -> i64 {
        match self.habits.jitter_ms {
            0 => BEAT_MS,
            jitter_ms => BEAT_MS + self.dice.random_range(-jitter_ms..=jitter_ms),
        }
    }

    fn end(&mut self) -> Event {
        self.pass(self.duration_ms - self.position_ms);
        self.position_ms = self.duration_ms;
        self.turn(Mood::Gone, EventKind::Ended, PlayerState::Paused)
    }

    /// Somebody who paused beats on for a while and then resumes.
    fn come_back(&mut self) -> Event {
        if self.dice.random_bool(0.5) {
            self.pass(BEAT_MS);
            return self.event(EventKind::Beat, PlayerState::Paused);
        }
        let idle_ms = self.dice.random_range(500..BEAT_MS);
        self.pass(idle_ms);
        self.turn(Mood::Playing, EventKind::Resume, PlayerState::Playing)
    }

    fn stall(&mut self) -> Event {
        let stalled = Mood::Stalled { since_ms: self.at_ms };
        self.turn(stalled, EventKind::StallStart, PlayerState::Stalled)
    }

    fn recover(&mut self, since_ms: i64) -> Event {
        let stall_ms = self.dice.random_range(200..4_000);
        self.pass(stall_ms);
        let mut event = self.turn(Mood::Playing, EventKind::StallEnd, PlayerState::Playing);
        event.stall_ms = u32::try_from(self.at_ms - since_ms).ok();
        event
    }

    /// Seeks anywhere but into the opening, whose beats give way to settled positions by a rule of their own.
    fn seek(&mut self) -> Event {
        let from_ms = self.position_ms;
        self.position_ms = self.dice.random_range(OPENING_MS..self.duration_ms - BEAT_MS);
        let mut event = self.event(EventKind::Seek, PlayerState::Playing);
        event.from_ms = Some(from_ms);
        event
    }

    fn switch(&mut self) -> Event {
        let choice = self.dice.random_range(0..BITRATES_KBPS.len());
        self.bitrate_kbps = BITRATES_KBPS.get(choice).copied().unwrap_or(self.bitrate_kbps);
        let mut event = self.event(EventKind::Quality, PlayerState::Playing);
        event.bitrate_kbps = Some(self.bitrate_kbps);
        event
    }

    fn turn(&mut self, mood: Mood, kind: EventKind, state: PlayerState) -> Event {
        self.mood = mood;
        self.event(kind, state)
    }

    fn pass(&mut self, ms: impl Into<i64>) {
        self.at_ms += ms.into();
    }

    fn event(&mut self, kind: EventKind, state: PlayerState) -> Event {
        self.seq += 1;
        let mut event = Event::new(kind, self.seq, self.at_ms);
        event.position_ms = Some(self.position_ms);
        event.state = Some(state);
        event
    }
}

/// Where a viewer is after these events, in their order: what a person would say, not what the server computes. START
/// and QUALITY say nothing of it, nor does a beat while paused.
pub fn expected_position_ms<'a>(events: impl Iterator<Item = &'a Event>) -> Option<i64> {
    events.filter(|event| tells_position(event.kind, event.state)).last().and_then(|event| event.position_ms)
}

/// True when an event of this kind, after which the player is in this state, says where its viewer is.
#[must_use]
pub fn tells_position(kind: EventKind, state: Option<PlayerState>) -> bool {
    match kind {
        EventKind::Start | EventKind::Quality => false,
        EventKind::Beat => state == Some(PlayerState::Playing),
        _ => true,
    }
}

/// The share of steps at which a viewer leaves, 1 of this many, in [`Viewer::new`]'s audience.
const SESSION_EVENTS: u32 = 100;
/// Players beat every ten seconds.
const BEAT_MS: i64 = 10_000;
/// Longer than any kind's opening by default.
const OPENING_MS: i64 = 15_000;
/// Trailers to films.
const DURATION_MS: Range<i64> = 120_000..7_200_000;
const CHOOSE_MS_MAX: i64 = 30_000;
const BITRATES_KBPS: [u32; 5] = [1_200, 2_500, 4_500, 8_000, 16_000];

// Of 1 000 steps of ten seconds, what comes between; the viewer leaves at the rest.
const UNEVENTFUL: Range<u32> = 0..900;
const PAUSES: Range<u32> = 900..930;
const SEEKS: Range<u32> = 930..960;
const STALLS: Range<u32> = 960..975;
const SWITCHES: Range<u32> = 975..990;

#[cfg(test)]
mod tests {
    use super::*;

    fn some_sessions(seed: u64) -> Vec<Vec<Event>> {
        (0..50)
            .flat_map(|number| {
                let mut viewer = Viewer::new(seed, number);
                (0..4).map(move |_| viewer.begin().collect()).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_gives_others() {
        assert_eq!(some_sessions(7), some_sessions(7));
        assert_ne!(some_sessions(7), some_sessions(8));
        let (one, other) = (Viewer::new(7, 1).begin(), Viewer::new(7, 2).begin());
        assert_ne!(one.collect::<Vec<_>>(), other.collect::<Vec<_>>(), "viewers differ");
    }

    #[test]
    fn every_session_begins_ends_and_counts_up_in_time() {
        for events in some_sessions(1) {
            assert_eq!(events[0].kind, EventKind::Start);
            let last = events.last().unwrap();
            assert!([EventKind::Stop, EventKind::Ended].contains(&last.kind), "{last:?}");
            for (seq, event) in (1..).zip(&events) {
                assert_eq!(event.seq, seq);
            }
            assert!(events.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
        }
    }

    #[test]
    fn everything_that_people_do_happens() {
        use EventKind::{Beat, Ended, Pause, Quality, Resume, Seek, StallEnd, StallStart, Start, Stop};
        let events = some_sessions(3).concat();
        for kind in [Start, Beat, Seek, Pause, Resume, StallStart, StallEnd, Quality, Stop, Ended] {
            assert!(events.iter().any(|event| event.kind == kind), "{kind:?}");
        }
    }

    #[test]
    fn habits_set_how_long_sessions_are_and_how_even_beats_come() {
        let habits = Habits { jitter_ms: 2_000, session_events: 20, ..Habits::default() };
        let sessions: Vec<Vec<Event>> =
            (0..500).map(|number| Viewer::with_habits(habits.clone(), 1, number).begin().collect()).collect();
        let mean = sessions.iter().map(Vec::len).sum::<usize>() / sessions.len();
        assert!((15..25).contains(&mean), "{mean}");
        let gaps: Vec<i64> = sessions
            .iter()
            .flat_map(|events| events.windows(2).map(|pair| pair[1].at_ms - pair[0].at_ms))
            .collect();
        assert!(gaps.iter().any(|&gap| gap > BEAT_MS) && gaps.iter().all(|&gap| gap <= BEAT_MS + 2_000));
    }

    #[test]
    fn the_expected_position_is_that_of_the_last_event_that_tells() {
        let at = |kind, state, position_ms| {
            let mut event = Event::new(kind, 1, 0);
            (event.state, event.position_ms) = (Some(state), Some(position_ms));
            event
        };
        let events = [
            at(EventKind::Beat, PlayerState::Playing, 20_000),
            at(EventKind::Pause, PlayerState::Paused, 25_000),
            at(EventKind::Beat, PlayerState::Paused, 26_000),
            at(EventKind::Quality, PlayerState::Playing, 27_000),
        ];
        assert_eq!(expected_position_ms(events.iter()), Some(25_000));
        assert_eq!(expected_position_ms(events[..0].iter()), None);
    }
}
