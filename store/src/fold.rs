//! What a session came to: a fold of its events, so that it can be recomputed at any time.
//!
//! [`fold`] first puts the events in their one order, so neither the order nor the repetition of arrival can matter,
//! and then lets a small machine walk over them. It knows no clock: a session that has not said that it ended is
//! open, however long ago its last event is.

mod watch;

use crate::{Event, EventKind, PlayerState, Rate, SeqOrder};
use std::{borrow::Borrow, collections::BTreeMap};
use watch::Watch;

pub use watch::Interval;

/// What one session came to. All of it is zero, empty or unknown for a session without events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SessionSummary {
    /// The time of its earliest event, Unix ms.
    pub started_at_ms: i64,
    /// The time of its latest event, Unix ms.
    pub last_event_at_ms: i64,
    /// How it ended; `None` while it is open, which it is again when the viewer plays on or seeks after its end.
    pub end_reason: Option<EndReason>,
    /// How many events it holds.
    pub event_count: u64,
    /// Media time played, repeats included, ms.
    pub watched_ms: i64,
    /// Media time played at least once, ms.
    pub unique_watched_ms: i64,
    /// The parts of the item that were played, sorted, with gaps between them.
    pub intervals: Vec<Interval>,
    /// From the play button to the first frame, ms, as first said.
    pub startup_ms: Option<u32>,
    /// How often playback waited for data, startup aside.
    pub stall_count: u32,
    /// How long it waited in all, ms: as the player says, and where it does not, from event to event.
    pub stall_ms: i64,
    /// How often the viewer moved the playhead.
    pub seek_count: u32,
    /// How often something failed.
    pub error_count: u32,
    /// How long each bitrate was played, ms of wall time, by kbit/s, sorted.
    pub bitrates: Vec<(u32, i64)>,
    /// The item's length, ms, as last said.
    pub duration_ms: Option<i64>,
}

/// How a session ended. Where both are said, it ended, whichever came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// The viewer left.
    Stopped,
    /// The item played to its end.
    Ended,
}

/// Puts events in their one order, native ones by `seq` alone, foreign ones by (time, `seq`), and keeps each identity
/// once. Of different copies of one identity, such as a time that was capped at two receptions, the earliest stays.
pub fn sort_events(order: SeqOrder, events: &mut Vec<Event>) {
    sort(order, events);
}

/// What a session came to, from its events in any order and with any repeats.
#[must_use]
pub fn fold(order: SeqOrder, events: &[Event]) -> SessionSummary {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sort(order, &mut sorted);
    let mut fold = Fold::default();
    for event in sorted {
        fold.take(event);
    }
    fold.finish()
}

fn sort<E: Borrow<Event>>(order: SeqOrder, events: &mut Vec<E>) {
    let identity = |event: &E| event.borrow().seq;
    events.sort_unstable_by(|a, b| {
        let (a, b): (&Event, &Event) = (a.borrow(), b.borrow());
        (a.seq, a.at_ms).cmp(&(b.seq, b.at_ms)).then_with(|| a.cmp(b))
    });
    events.dedup_by(|later, kept| identity(later) == identity(kept));
    if order == SeqOrder::Foreign {
        events.sort_unstable_by_key(|event| (event.borrow().at_ms, identity(event)));
    }
}

/// The machine that walks over sorted events.
#[derive(Default)]
struct Fold {
    summary: SessionSummary,
    /// The time of the event before; `None` before the first.
    before_ms: Option<i64>,
    /// What the player does since the event before; `None` while it is closed: not begun, stopped or ended.
    state: Option<PlayerState>,
    rate: Option<Rate>,
    bitrate_kbps: Option<u32>,
    /// When the stall that is open began.
    stalled_since_ms: Option<i64>,
    bitrate_ms: BTreeMap<u32, i64>,
    watch: Watch,
}

impl Fold {
    fn take(&mut self, event: &Event) {
        self.pass_time_until(event.at_ms);
        self.note_facts(event);
        self.count(event.kind);
        self.move_playhead(event);
        self.note_end(event);
        self.enter_state(event);
        self.rate = event.rate.or(self.rate);
        self.bitrate_kbps = event.bitrate_kbps.or(self.bitrate_kbps);
    }

    fn finish(mut self) -> SessionSummary {
        if self.stalled_since_ms.is_some() {
            self.end_stall(self.before_ms.unwrap_or_default(), None);
        }
        self.summary.bitrates = self.bitrate_ms.into_iter().collect();
        self.summary.watched_ms = self.watch.watched_ms();
        self.summary.intervals = self.watch.into_intervals();
        self.summary.unique_watched_ms = watch::total_ms(&self.summary.intervals);
        self.summary
    }

    /// The time since the event before counts for what the player did meanwhile. Times that go back count as none.
    fn pass_time_until(&mut self, at_ms: i64) {
        let before_ms = self.before_ms.replace(at_ms).unwrap_or(at_ms);
        let elapsed_ms = at_ms.saturating_sub(before_ms).max(0);
        let rate = self.rate.unwrap_or(Rate::NORMAL);
        if self.state != Some(PlayerState::Playing) || rate.thousandths() == 0 {
            return;
        }
        self.watch.play(elapsed_ms, rate);
        if let Some(bitrate_kbps) = self.bitrate_kbps {
            let played_ms = self.bitrate_ms.entry(bitrate_kbps).or_default();
            *played_ms = played_ms.saturating_add(elapsed_ms.min(SILENCE_MS_MAX));
        }
    }

    fn note_facts(&mut self, event: &Event) {
        let summary = &mut self.summary;
        let is_first = summary.event_count == 0;
        summary.started_at_ms = if is_first { event.at_ms } else { summary.started_at_ms.min(event.at_ms) };
        summary.last_event_at_ms =
            if is_first { event.at_ms } else { summary.last_event_at_ms.max(event.at_ms) };
        summary.event_count += 1;
        summary.startup_ms = summary.startup_ms.or(event.startup_ms);
        summary.duration_ms = event.duration_ms.or(summary.duration_ms);
    }

    fn count(&mut self, kind: EventKind) {
        let counter = match kind {
            EventKind::Seek => &mut self.summary.seek_count,
            EventKind::Error => &mut self.summary.error_count,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }

    /// Whatever knows the playhead closes a stretch of play; a SEEK closes it where it left, and begins another.
    fn move_playhead(&mut self, event: &Event) {
        match event.kind {
            // A START closes nothing: the page may have gone on to another item.
            EventKind::Start => self.watch.jump_to(event.position_ms),
            EventKind::Seek => {
                event.from_ms.into_iter().for_each(|from_ms| self.watch.reach(from_ms));
                self.watch.jump_to(event.position_ms);
            }
            EventKind::Ended => {
                let end_ms = event.position_ms.or(self.summary.duration_ms);
                end_ms.into_iter().for_each(|end_ms| self.watch.reach(end_ms));
            }
            _ => event.position_ms.into_iter().for_each(|position_ms| self.watch.reach(position_ms)),
        }
    }

    fn note_end(&mut self, event: &Event) {
        self.summary.end_reason = match event.kind {
            EventKind::Stop => self.summary.end_reason.max(Some(EndReason::Stopped)),
            EventKind::Ended => Some(EndReason::Ended),
            EventKind::Start | EventKind::Seek => None,
            _ if plays_on(event) => None,
            _ => self.summary.end_reason,
        };
    }

    /// A stall lasts from the event that says so to the first after which the player does not wait any more.
    fn enter_state(&mut self, event: &Event) {
        let state = state_after(event, self.state);
        let was_stalled = self.state == Some(PlayerState::Stalled);
        match (was_stalled, state == Some(PlayerState::Stalled)) {
            // Waiting for the first frame is startup, which is not a stall.
            (false, true) if event.kind != EventKind::Start => self.stalled_since_ms = Some(event.at_ms),
            (true, false) if self.stalled_since_ms.is_some() => self.end_stall(event.at_ms, event.stall_ms),
            // Its beginning is not known, but the player says how long it took.
            (_, false) if event.stall_ms.is_some() => self.end_stall(event.at_ms, event.stall_ms),
            _ => {}
        }
        self.state = state;
    }

    fn end_stall(&mut self, at_ms: i64, said_ms: Option<u32>) {
        let since_ms = self.stalled_since_ms.take().unwrap_or(at_ms);
        let stall_ms = said_ms.map_or_else(|| at_ms.saturating_sub(since_ms).max(0), i64::from);
        self.summary.stall_count = self.summary.stall_count.saturating_add(1);
        self.summary.stall_ms = self.summary.stall_ms.saturating_add(stall_ms);
    }
}

/// True for what only a running player says. A straggling STALL_END or QUALITY does not open a closed session.
fn plays_on(event: &Event) -> bool {
    match event.state {
        Some(state) => state == PlayerState::Playing,
        None => matches!(event.kind, EventKind::Beat | EventKind::Resume),
    }
}

/// What the player does after an event: what the event says, or else what its kind means.
fn state_after(event: &Event, before: Option<PlayerState>) -> Option<PlayerState> {
    match event.kind {
        EventKind::Stop | EventKind::Ended => None,
        EventKind::Start | EventKind::Beat | EventKind::Resume | EventKind::StallEnd => {
            event.state.or(Some(PlayerState::Playing))
        }
        EventKind::Pause => event.state.or(Some(PlayerState::Paused)),
        EventKind::StallStart => event.state.or(Some(PlayerState::Stalled)),
        EventKind::Seek | EventKind::Quality | EventKind::Rate | EventKind::Error | EventKind::Meta => {
            event.state.or(before)
        }
    }
}

/// A longer silence between two events of a playing session counts as this much play of its bitrate: three beats of
/// a minute, after which its lease has run out and nobody knows whether it played on.
const SILENCE_MS_MAX: i64 = 180_000;

#[cfg(test)]
mod tests;
