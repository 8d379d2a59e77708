//! What one commit does: which of the taken events are new, what that says of sessions and positions, and how each
//! frame ends. Logic only: no clock, no I/O.

use std::sync::Arc;

use playhead_store::{
    Description, Event, ItemId,
    hot::{HotUpdate, Verdict},
    position::PositionRow,
};

use crate::{
    admission::{RejectReason, Rejection},
    journal::{Batch, TooLarge},
    live::{Playing, Session, Viewer},
    record,
    settings::Settings,
    shard::{Frame, Load, Pending},
    ticket::{Outcome, Refused, Ticket},
};

/// What one commit does, frame by frame.
#[derive(Default)]
pub(super) struct Work {
    /// The events that are new, in the order of their frames.
    fresh: Vec<Event>,
    frames: Vec<FrameWork>,
}

/// A frame on its way through the commit.
struct FrameWork {
    ticket: Ticket,
    /// How many of the commit's fresh events are its own.
    fresh: usize,
    duplicate: u64,
    refused: Vec<Refused>,
    highest_seq: u64,
    what: What,
}

enum What {
    Events { session: Arc<Session>, playing: Arc<Playing>, position: Option<PositionRow>, last_at_ms: i64 },
    Mark { viewer: Arc<Viewer>, item: ItemId, row: PositionRow },
}

/// Something that has become durable.
pub(crate) enum Durable<'a> {
    /// New events of a session, and what they say.
    Events {
        session: &'a Arc<Session>,
        playing: &'a Arc<Playing>,
        description: Description,
        events: &'a mut dyn Iterator<Item = Event>,
        position: Option<PositionRow>,
    },
    /// An explicit mark.
    Mark { viewer: &'a Arc<Viewer>, item: ItemId, row: PositionRow },
}

/// How many events of a commit ended how.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) stored: u64,
    pub(super) duplicate: u64,
    pub(super) refused: Vec<RejectReason>,
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many events and marks it has.
    pub(super) fn events(&self) -> usize {
        self.fresh.len().max(self.frames.len())
    }

    /// Takes a shard's frames over and decides for each event whether it is new.
    pub(super) fn add(&mut self, pending: &mut Pending, settings: &Settings) {
        let mut events = pending.events.drain(..);
        for Frame { ticket, load, refused } in pending.frames.drain(..) {
            let highest_seq = refused.iter().map(|refused| refused.seq).max().unwrap_or(0);
            let mut frame = match load {
                Load::Mark { viewer, item, row } => {
                    let what = What::Mark { viewer, item, row };
                    FrameWork { ticket, fresh: 0, duplicate: 0, refused, highest_seq, what }
                }
                Load::Events { session, playing, count } => {
                    let what = What::Events { session, playing, position: None, last_at_ms: 0 };
                    let mut frame = FrameWork { ticket, fresh: 0, duplicate: 0, refused, highest_seq, what };
                    frame.sort_out(events.by_ref().take(count), &mut self.fresh, settings);
                    frame
                }
            };
            let fresh = self.fresh.len().saturating_sub(frame.fresh);
            frame.conclude(self.fresh.get(fresh..).unwrap_or_default(), settings);
            self.frames.push(frame);
        }
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
                What::Events { session, playing, last_at_ms, .. } if !events.is_empty() => {
                    let description = describe(session, playing, *last_at_ms);
                    batch.push(|out| {
                        record::put_events(out, &session.key, session.clock, &description, events);
                    })?;
                }
                What::Events { .. } => {}
            }
        }
        Ok(())
    }

    /// One update per frame that renews a session; a repeated beat does, too.
    pub(super) fn hot_updates(&self) -> Vec<HotUpdate> {
        self.frames.iter().filter_map(FrameWork::hot_update).collect()
    }

    /// Hands out what has become durable, then settles the tickets, and is empty afterwards.
    pub(super) fn settle(&mut self, verdicts: &[Verdict], mut keep: impl FnMut(Durable<'_>)) -> Settled {
        let mut sum = Settled::default();
        let mut fresh = self.fresh.drain(..);
        let mut verdicts = verdicts.iter().copied();
        for mut frame in self.frames.drain(..) {
            let verdict = if frame.renews() { verdicts.next() } else { None };
            frame.keep(&mut fresh.by_ref().take(frame.fresh), &mut keep);
            sum.stored += frame.stored();
            sum.duplicate += frame.duplicate;
            sum.refused.extend(frame.refused.iter().map(|refused| refused.rejection.reason));
            frame.ticket.settle(Outcome {
                stored: frame.stored(),
                duplicate: frame.duplicate,
                refused: frame.refused,
                highest_seq: frame.highest_seq,
                verdict: verdict.unwrap_or(Verdict::Play),
            });
        }
        sum
    }

    /// Tells all tickets that they will never settle. Returns how many events that concerns.
    pub(super) fn abandon(&mut self) -> u64 {
        self.fresh.clear();
        let abandoned = |frame: FrameWork| {
            frame.ticket.abandon();
            frame.stored() + frame.duplicate + frame.refused.len() as u64
        };
        self.frames.drain(..).map(abandoned).sum()
    }
}

impl FrameWork {
    /// Sorts the frame's events into new ones, which go to `fresh`, repeated ones and refused ones.
    fn sort_out(&mut self, events: impl Iterator<Item = Event>, fresh: &mut Vec<Event>, settings: &Settings) {
        let What::Events { session, .. } = &self.what else { return };
        let events_max = settings.limits.session_events_max;
        let (mut late, mut duplicate, mut highest_seq) = (Vec::new(), 0, self.highest_seq);
        let start = fresh.len();
        session.with(|state| {
            for (place, event) in (0..).zip(events) {
                highest_seq = highest_seq.max(event.seq);
                if state.is_erased(event.at_ms) {
                    late.push((place, event.seq, erased(&event)));
                } else if state.seen.contains(event.seq) {
                    duplicate += 1;
                } else if state.seen.len() >= events_max {
                    late.push((place, event.seq, session_full(&event, events_max)));
                } else {
                    state.seen.insert(event.seq);
                    fresh.push(event);
                }
            }
        });
        (self.fresh, self.duplicate, self.highest_seq) = (fresh.len() - start, duplicate, highest_seq);
        self.refuse_late(late);
    }

    /// Adds refusals of this room to those of admission, under the places that the events had in their batch.
    fn refuse_late(&mut self, late: Vec<(usize, u64, Rejection)>) {
        if late.is_empty() {
            return;
        }
        let taken: Vec<u32> = self.refused.iter().map(|refused| refused.index).collect();
        let index_of =
            |place| (0_u32..).filter(|index| !taken.contains(index)).nth(place).unwrap_or(u32::MAX);
        self.refused.extend(late.into_iter().map(|(place, seq, rejection)| {
            let index = index_of(place);
            Refused { seq, index, rejection: rejection.within_event(index) }
        }));
    }

    /// What the new events say of the session and of the position.
    fn conclude(&mut self, fresh: &[Event], settings: &Settings) {
        let What::Events { session, playing, position, last_at_ms } = &mut self.what else { return };
        *last_at_ms = fresh.iter().map(|event| event.at_ms).max().unwrap_or(0);
        *position = position_of(fresh, session, playing, settings);
    }

    fn keep(&mut self, events: &mut dyn Iterator<Item = Event>, keep: &mut impl FnMut(Durable<'_>)) {
        match &mut self.what {
            What::Events { session, playing, position, last_at_ms } if self.fresh > 0 => {
                let description = describe(session, playing, *last_at_ms);
                keep(Durable::Events { session, playing, description, events, position: position.take() });
            }
            What::Events { .. } => {}
            What::Mark { viewer, item, row } => {
                keep(Durable::Mark { viewer, item: item.clone(), row: std::mem::take(row) });
            }
        }
    }

    /// How many events, or marks, become durable with it.
    fn stored(&self) -> u64 {
        match self.what {
            What::Events { .. } => self.fresh as u64,
            What::Mark { .. } => 1,
        }
    }

    /// True when the hot store hears of it.
    fn renews(&self) -> bool {
        matches!(self.what, What::Events { .. }) && (self.fresh > 0 || self.duplicate > 0)
    }

    fn hot_update(&self) -> Option<HotUpdate> {
        let What::Events { session, playing, position, last_at_ms } = &self.what else { return None };
        self.renews().then(|| HotUpdate {
            key: session.key.clone(),
            account: playing.account.clone(),
            device: playing.device.clone(),
            clock: session.clock,
            last_at_ms: *last_at_ms,
            positions: position.iter().map(|row| (playing.playable.item.clone(), row.clone())).collect(),
        })
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
    let candidate = |event| PositionRow::from_event(event, &session.key.session, &playing.playable, rules);
    events.iter().filter_map(candidate).reduce(|mut row, other| {
        row.merge(&other);
        row
    })
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

fn erased(event: &Event) -> Rejection {
    Rejection::new(RejectReason::Erased, "at_ms", event.at_ms, "times after the viewer's erasure")
}

fn session_full(event: &Event, events_max: usize) -> Rejection {
    let allowed = format!("{events_max} events in a session; open a new one");
    Rejection::new(RejectReason::SessionFull, "seq", event.seq, allowed)
}

#[cfg(test)]
mod tests;
