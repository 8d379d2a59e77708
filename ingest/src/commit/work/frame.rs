//! A frame on its way through the commit: which of its events are new, what they say, and how it ends.

use std::sync::Arc;

use playhead_store::{Event, ItemId, hot::HotUpdate, position::PositionRow};

use super::{Durable, describe, position_of};
use crate::{
    admission::{RejectReason, Rejection},
    live::{Playing, Session, Viewer},
    settings::Settings,
    shard::{Frame, Load},
    tally::Ending,
    ticket::{Refused, Ticket},
};

/// A frame on its way through the commit.
pub(super) struct FrameWork {
    pub(super) ticket: Ticket,
    /// How many of the commit's fresh events are its own.
    pub(super) fresh: usize,
    pub(super) duplicate: u64,
    pub(super) refused: Vec<Refused>,
    /// The lowest and the highest number among its events; 0 when none is known.
    pub(super) lowest_seq: u64,
    pub(super) highest_seq: u64,
    pub(super) no_room: Ending,
    pub(super) what: What,
}

pub(super) enum What {
    Events { session: Arc<Session>, playing: Arc<Playing>, position: Option<PositionRow>, last_at_ms: i64 },
    Mark { viewer: Arc<Viewer>, item: ItemId, row: PositionRow },
}

impl FrameWork {
    pub(super) fn new(Frame { ticket, load, refused, no_room }: Frame) -> Self {
        let what = match load {
            Load::Mark { viewer, item, row } => What::Mark { viewer, item, row },
            Load::Events { session, playing, .. } => {
                What::Events { session, playing, position: None, last_at_ms: 0 }
            }
        };
        let seqs = refused.iter().map(|refused| refused.seq).filter(|&seq| seq != 0);
        let (lowest_seq, highest_seq) = (seqs.clone().min().unwrap_or(0), seqs.max().unwrap_or(0));
        Self { ticket, fresh: 0, duplicate: 0, refused, lowest_seq, highest_seq, no_room, what }
    }

    /// Sorts the frame's events into new ones, which go to `fresh`, repeated ones and refused ones.
    pub(super) fn sort_out(
        &mut self,
        events: impl Iterator<Item = Event>,
        fresh: &mut Vec<Event>,
        settings: &Settings,
    ) {
        let What::Events { session, .. } = &self.what else { return };
        let events_max = settings.limits.session_events_max;
        let (mut late, mut duplicate) = (Vec::new(), 0);
        let (mut lowest_seq, mut highest_seq) = (self.lowest_seq, self.highest_seq);
        let start = fresh.len();
        session.with(|state| {
            for (place, event) in (0..).zip(events) {
                lowest_seq = if lowest_seq == 0 { event.seq } else { lowest_seq.min(event.seq) };
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
        (self.fresh, self.duplicate) = (fresh.len() - start, duplicate);
        (self.lowest_seq, self.highest_seq) = (lowest_seq, highest_seq);
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
    pub(super) fn conclude(&mut self, fresh: &[Event], settings: &Settings) {
        let What::Events { session, playing, position, last_at_ms } = &mut self.what else { return };
        *last_at_ms = fresh.iter().map(|event| event.at_ms).max().unwrap_or(0);
        *position = position_of(fresh, session, playing, settings);
    }

    pub(super) fn keep(
        &mut self,
        events: &mut dyn Iterator<Item = Event>,
        keep: &mut impl FnMut(Durable<'_>),
    ) {
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

    /// Forgets that these events, its new ones, were seen.
    pub(super) fn forget(&self, fresh: impl Iterator<Item = Event>) {
        match &self.what {
            What::Events { session, .. } => session.with(|state| {
                fresh.for_each(|event| {
                    state.seen.remove(event.seq);
                });
            }),
            What::Mark { .. } => {}
        }
    }

    /// How many events, or marks, it came with.
    pub(super) fn events(&self) -> u64 {
        self.stored() + self.duplicate + self.refused.len() as u64
    }

    /// How many events, or marks, become durable with it.
    pub(super) fn stored(&self) -> u64 {
        match self.what {
            What::Events { .. } => self.fresh as u64,
            What::Mark { .. } => 1,
        }
    }

    /// True when the hot store hears of it.
    pub(super) fn renews(&self) -> bool {
        matches!(self.what, What::Events { .. }) && (self.fresh > 0 || self.duplicate > 0)
    }

    pub(super) fn hot_update(&self) -> Option<HotUpdate> {
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

fn erased(event: &Event) -> Rejection {
    Rejection::new(RejectReason::Erased, "at_ms", event.at_ms, "times after the viewer's erasure")
}

fn session_full(event: &Event, events_max: usize) -> Rejection {
    let allowed = format!("{events_max} events in a session; open a new one");
    Rejection::new(RejectReason::SessionFull, "seq", event.seq, allowed)
}
