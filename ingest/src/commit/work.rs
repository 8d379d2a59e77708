//! What one commit does: which of the taken events are new, what that says of sessions and positions, and how each
//! frame ends. Logic only: no clock, no I/O.

mod frame;

use std::sync::Arc;

use playhead_store::{
    Description, Event, ItemId, UserId,
    hot::{HotUpdate, Verdict},
    position::PositionRow,
};

use self::frame::{FrameWork, What};
use crate::{
    journal::{Batch, TooLarge},
    leases::Leases,
    live::{Playing, Session, Viewer},
    record::{self, Record},
    settings::Settings,
    shard::Pending,
    tally::Ending,
    tap::{Tap, Tapped},
    ticket::Outcome,
};

/// What one commit does, frame by frame.
#[derive(Default)]
pub(super) struct Work {
    /// The events that are new, in the order of their frames.
    fresh: Vec<Event>,
    frames: Vec<FrameWork>,
}

/// Something that has become durable.
pub(crate) enum Durable<'a> {
    /// New events of a session, and what they say.
    Events {
        session: &'a Arc<Session>,
        playing: &'a Arc<Playing>,
        description: &'a Description,
        events: &'a [Event],
        position: Option<&'a PositionRow>,
    },
    /// An explicit mark.
    Mark { viewer: &'a Arc<Viewer>, item: ItemId, row: &'a PositionRow },
}

impl Durable<'_> {
    /// Whose it is.
    pub(crate) fn user(&self) -> &UserId {
        match self {
            Self::Events { session, .. } => &session.key.user,
            Self::Mark { viewer, .. } => &viewer.user,
        }
    }

    /// How many events it has; a mark counts as one.
    pub(crate) fn events(&self) -> usize {
        match self {
            Self::Events { events, .. } => events.len(),
            Self::Mark { .. } => 1,
        }
    }

    /// Shows its events to whoever watches.
    pub(crate) fn show(&self, tap: &Tap) {
        let Self::Events { session, playing, events, .. } = self else { return };
        if tap.is_watched() {
            let key = || session.key.clone();
            let tapped =
                |event: &Event| Tapped { key: key(), playing: Arc::clone(playing), event: event.clone() };
            events.iter().for_each(|event| tap.show(tapped(event)));
        }
    }
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many frames it has.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// How many events and marks it has.
    pub(super) fn events(&self) -> usize {
        self.fresh.len().max(self.frames.len())
    }

    /// Takes a shard's frames over and decides for each event whether it is new.
    pub(super) fn add(&mut self, pending: &mut Pending, settings: &Settings) {
        // All are new as a rule, so they move as one, and close up only behind one that is not.
        let (mut kept, mut next) = (self.fresh.len(), self.fresh.len());
        self.fresh.append(&mut pending.events);
        for frame in pending.frames.drain(..) {
            let (count, mut frame) = (frame.event_count(), FrameWork::new(frame));
            let events = self.fresh.get_mut(kept..).unwrap_or_default();
            frame.sort_out(events, next - kept, count, settings);
            frame.conclude(events.get(..frame.fresh).unwrap_or_default(), settings);
            (kept, next) = (kept + frame.fresh, next + count);
            self.frames.push(frame);
        }
        self.fresh.truncate(kept);
    }

    /// Encodes one record per frame that has something new.
    ///
    /// # Errors
    /// A record or batch above the journal's bounds, which the settings' relations rule out.
    pub(super) fn encode(&self, batch: &mut Batch) -> Result<(), TooLarge> {
        let mut rest = self.fresh.as_slice();
        for frame in &self.frames {
            let (events, behind) = rest.split_at_checked(frame.fresh).unwrap_or_default();
            rest = behind;
            match &frame.what {
                What::Mark { viewer, item, row } => {
                    batch.push(|out| record::put_mark(out, &viewer.user, item, row))?;
                }
                What::Events { session, description: Some(description), .. } => {
                    batch.push(|out| {
                        record::put_events(out, &session.key, session.clock, description, events);
                    })?;
                }
                What::Events { description: None, .. } => {}
            }
        }
        Ok(())
    }

    /// What [`Work::encode`] encodes.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let mut rest = self.fresh.as_slice();
        self.frames.iter().filter_map(move |frame| {
            let (events, behind) = rest.split_at_checked(frame.fresh).unwrap_or_default();
            rest = behind;
            frame.record(events)
        })
    }

    /// Adds one update per frame that renews a session; a repeated beat does, too.
    pub(super) fn put_hot_updates(&self, leases: &Leases, now_ms: i64, updates: &mut Vec<HotUpdate>) {
        updates.extend(self.frames.iter().filter_map(|frame| frame.hot_update(leases, now_ms)));
    }

    /// Hears the verdicts on those updates, in their order.
    pub(super) fn hear(&self, verdicts: &[Verdict], leases: &Leases) {
        let renewing = self.frames.iter().filter(|frame| frame.renews());
        renewing.zip(verdicts).for_each(|(frame, verdict)| frame.hear(verdict, leases));
    }

    /// Hands out what has become durable of each frame, then tells how many of its events end how, then settles its ticket:
    /// what is counted can be read, and who has an answer finds it counted. It is empty afterwards.
    pub(super) fn settle(&mut self, mut keep: impl FnMut(Durable<'_>), mut tell: impl FnMut(Ending, u64)) {
        let mut rest = self.fresh.as_slice();
        for frame in self.frames.drain(..) {
            let verdict = frame.verdict();
            let (events, behind) = rest.split_at_checked(frame.fresh).unwrap_or_default();
            rest = behind;
            frame.keep(events, &mut keep);
            frame.tell(&mut tell);
            frame.ticket.settle(Outcome {
                stored: frame.stored(),
                duplicate: frame.duplicate,
                refused: frame.refused,
                highest_seq: frame.highest_seq,
                verdict,
            });
        }
        self.fresh.clear();
    }

    /// Gives everything back: what was new is not, and the tickets say from where to send again. Tells of each frame
    /// how many events that concerns and how they end.
    pub(super) fn turn_away(&mut self, mut tell: impl FnMut(Ending, u64)) {
        let mut fresh = self.fresh.drain(..);
        for frame in self.frames.drain(..) {
            frame.forget(fresh.by_ref().take(frame.fresh));
            tell(frame.no_room, frame.events());
            frame.ticket.turn_away(frame.events(), Some(frame.lowest_seq).filter(|&seq| seq != 0));
        }
    }

    /// Tells all tickets that they will never settle. Returns how many events that concerns.
    pub(super) fn abandon(&mut self) -> u64 {
        self.fresh.clear();
        let abandoned = |frame: FrameWork| {
            frame.ticket.abandon();
            frame.events()
        };
        self.frames.drain(..).map(abandoned).sum()
    }
}

/// What new events of a session say of the viewer's position in what is played.
pub(crate) fn position_of(
    events: &[Event],
    session: &Session,
    playing: &Playing,
    settings: &Settings,
) -> Option<PositionRow> {
    let rules = settings.rules.of(playing.playable.kind);
    PositionRow::from_events(events, &session.key.session, &playing.playable, rules)
}

fn describe(session: &Session, playing: &Playing, as_of_ms: i64) -> Description {
    Description {
        as_of_ms,
        playable: playing.playable.clone(),
        account: playing.account.clone(),
        device: playing.device.clone(),
        order: session.order,
    }
}

#[cfg(test)]
mod tests;
