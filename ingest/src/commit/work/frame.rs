//! A frame on its way through the commit: which of its events are new, what they say, and how it ends.

use std::sync::Arc;

use playhead_store::{
    Description, Event, ItemId,
    hot::{HotUpdate, Verdict},
    position::PositionRow,
};

use super::{Durable, describe, position_of};
use crate::{
    admission::{RejectReason, Rejection},
    leases::{Leases, Said},
    live::{Playing, Session, Viewer},
    record::Record,
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
    pub(super) is_of_singles: bool,
    pub(super) what: What,
}

#[expect(clippy::large_enum_variant, reason = "almost every frame has events")]
pub(super) enum What {
    Events {
        session: Arc<Session>,
        playing: Arc<Playing>,
        /// What the new events say of the session, if there are any, and of the position.
        description: Option<Description>,
        position: Option<PositionRow>,
        /// What they say of the stream.
        said: Option<Said>,
    },
    Mark {
        viewer: Arc<Viewer>,
        item: ItemId,
        row: Box<PositionRow>,
    },
}

impl FrameWork {
    pub(super) fn new(frame: Frame) -> Self {
        let Frame { ticket, load, refused, no_room, is_of_singles } = frame;
        let what = match load {
            Load::Mark { viewer, item, row } => What::Mark { viewer, item, row },
            Load::Events { session, playing, .. } => {
                What::Events { session, playing, description: None, position: None, said: None }
            }
        };
        let seqs = refused.iter().map(|refused| refused.seq).filter(|&seq| seq != 0);
        let (lowest_seq, highest_seq) = (seqs.clone().min().unwrap_or(0), seqs.max().unwrap_or(0));
        let (fresh, duplicate) = (0, 0);
        Self { ticket, fresh, duplicate, refused, lowest_seq, highest_seq, no_room, is_of_singles, what }
    }

    /// Sorts the frame's events, `count` from `begin` on, into new ones, which move to the front, repeated ones and
    /// refused ones.
    pub(super) fn sort_out(&mut self, events: &mut [Event], begin: usize, count: usize, settings: &Settings) {
        let What::Events { session, .. } = &self.what else { return };
        let events_max = settings.limits.session_events_max;
        let (mut late, mut fresh, mut duplicate) = (Vec::new(), 0, 0);
        let (mut lowest_seq, mut highest_seq) = (self.lowest_seq, self.highest_seq);
        session.with(|state| {
            for place in 0..count {
                let Some(event) = events.get(begin + place) else { break };
                lowest_seq = if lowest_seq == 0 { event.seq } else { lowest_seq.min(event.seq) };
                highest_seq = highest_seq.max(event.seq);
                if state.is_erased(event.at_ms) {
                    late.push((place, event.seq, erased(event)));
                } else if state.seen.len() >= events_max && !state.seen.contains(event.seq) {
                    late.push((place, event.seq, session_full(event, events_max)));
                } else if state.seen.insert(event.seq) {
                    events.swap(fresh, begin + place);
                    fresh += 1;
                } else {
                    duplicate += 1;
                }
            }
        });
        (self.fresh, self.duplicate) = (fresh, duplicate);
        (self.lowest_seq, self.highest_seq) = (lowest_seq, highest_seq);
        self.refuse_late(late);
    }

    /// Adds refusals of this room to those of admission, under the places that the events had in their batch.
    fn refuse_late(&mut self, late: Vec<(usize, u64, Rejection)>) {
        if late.is_empty() {
            return;
        }
        let taken: Vec<u32> = self.refused.iter().map(|refused| refused.index).collect();
        let is_of_singles = self.is_of_singles;
        let index_of = |place| match is_of_singles {
            true => 0,
            false => (0_u32..).filter(|index| !taken.contains(index)).nth(place).unwrap_or(u32::MAX),
        };
        self.refused.extend(late.into_iter().map(|(place, seq, rejection)| {
            let index = index_of(place);
            Refused { seq, index, rejection: rejection.within_event(index) }
        }));
    }

    /// What the new events say of the session and of the position.
    pub(super) fn conclude(&mut self, fresh: &[Event], settings: &Settings) {
        let What::Events { session, playing, description, position, said } = &mut self.what else { return };
        let last_at_ms = fresh.iter().map(|event| event.at_ms).max();
        *description = last_at_ms.map(|last_at_ms| describe(session, playing, last_at_ms));
        *position = position_of(fresh, session, playing, settings);
        *said = Said::by(fresh);
    }

    /// What a journal says of it, if it has something new; `events` are its new ones.
    pub(super) fn record(&self, events: &[Event]) -> Option<Record> {
        match &self.what {
            What::Events { session, description, .. } => description.clone().map(|description| {
                let (key, clock, events) = (session.key.clone(), session.clock, events.to_vec());
                Record::Events { key, clock, description, events }
            }),
            What::Mark { viewer, item, row } => {
                let (user, item, row) = (viewer.user.clone(), item.clone(), (**row).clone());
                Some(Record::Mark { user, item, row })
            }
        }
    }

    /// Hands out what has become durable; `events` are its new ones.
    pub(super) fn keep(&self, events: &[Event], keep: &mut impl FnMut(Durable<'_>)) {
        match &self.what {
            What::Events { session, playing, position, description, .. } => {
                let Some(description) = description else { return };
                let position = position.as_ref();
                keep(Durable::Events { session, playing, description, events, position });
            }
            What::Mark { viewer, item, row } => keep(Durable::Mark { viewer, item: item.clone(), row }),
        }
    }

    /// Tells how many of its events end how once it is durable.
    pub(super) fn tell(&self, tell: &mut impl FnMut(Ending, u64)) {
        for (ending, events) in [(Ending::Stored, self.stored()), (Ending::Duplicate, self.duplicate)] {
            if events > 0 {
                tell(ending, events);
            }
        }
        self.refused.iter().for_each(|refused| tell(Ending::Rejected(refused.rejection.reason), 1));
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

    /// Whether its session may play, as far as this node knows.
    pub(super) fn verdict(&self) -> Verdict {
        match &self.what {
            What::Events { session, .. } => session.slot.stop().map_or(Verdict::Play, Verdict::Stop),
            What::Mark { .. } => Verdict::Play,
        }
    }

    /// Hears the hot store's verdict on what it said.
    pub(super) fn hear(&self, verdict: &Verdict, leases: &Leases) {
        if let What::Events { session, said: Some(said), .. } = &self.what {
            leases.hear(session, *said, verdict);
        }
    }

    pub(super) fn hot_update(&self, leases: &Leases, now_ms: i64) -> Option<HotUpdate> {
        let What::Events { session, playing, position, description, said } = &self.what else { return None };
        self.renews().then(|| HotUpdate {
            key: session.key.clone(),
            account: playing.account.clone(),
            device: playing.device.clone(),
            clock: session.clock,
            last_at_ms: description.as_ref().map_or(0, |description| description.as_of_ms),
            position: position.as_ref().map(|row| (playing.playable.item.clone(), row.clone())),
            beat: said.and_then(|said| leases.asserted(session, playing, said, now_ms)),
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
