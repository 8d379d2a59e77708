//! Reads back what the server acknowledged and compares it with the model, which is played again from its seed: it is
//! the ledger, so nothing has to be kept while the demo runs.

use futures_util::{StreamExt, stream};
use playhead_load::{
    readback::{self, Compared, Identity, Need},
    viewer::{Viewer, expected_position_ms},
    wire,
};
use playhead_store::Event;
use tonic::{Status, transport::Channel};

use super::{
    drive::{self, GaveUp, Played},
    session::Ended,
};

/// What reading back found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Acknowledged events that are there as they were sent.
    pub(super) events: u64,
    /// Acknowledged events that are not there.
    pub(super) missing: u64,
    /// Acknowledged events that are there with other values, or twice.
    pub(super) wrong: u64,
    /// Positions that are where the viewer is.
    pub(super) positions: u64,
    /// Positions that are not; the first of them stand in `mismatches`.
    pub(super) positions_wrong: u64,
    /// What did not fit, in words, at most [`MISMATCHES_MAX`].
    pub(super) mismatches: Vec<String>,
}

/// A session as it has to be found.
struct Expected {
    user: String,
    session: String,
    item: String,
    /// Acknowledged and not refused.
    events: Vec<Event>,
    /// False when something was sent whose ending is not known: the position may be either.
    is_settled: bool,
}

/// Reads back every session.
pub(super) async fn read_back(channels: &[Channel], seed: u64, run: &str, played: &[Played]) -> Found {
    let expected = played.iter().flat_map(|played| expect(seed, run, played));
    let mut asked = stream::iter(expected.zip(channels.iter().cycle()))
        .map(|(expected, channel)| async move { look(channel, &expected).await })
        .buffer_unordered(READS_AT_ONCE);
    let given_up = played.iter().filter_map(|played| Some((played.viewer, played.gave_up.as_ref()?)));
    let gave_up = |(viewer, why): (u32, &GaveUp)| format!("viewer {viewer} gave up: {why}");
    let mut found =
        Found { mismatches: given_up.take(MISMATCHES_MAX).map(gave_up).collect(), ..Found::default() };
    while let Some(one) = asked.next().await {
        found.add(one);
    }
    found
}

/// Plays a viewer's sessions again, as far as they were acknowledged.
fn expect(seed: u64, run: &str, played: &Played) -> Vec<Expected> {
    let mut viewer = Viewer::new(seed, played.viewer);
    let again = |ended: &Ended| {
        viewer.choose_ms();
        let watching = viewer.begin();
        let (session, item) = drive::names(run, played.viewer, watching.item);
        let through = usize::try_from(ended.acked_through).unwrap_or(usize::MAX);
        let acked = watching.take(through).filter(|event| !ended.refused.contains(&event.seq));
        let events = acked.map(|event| Event { at_ms: event.at_ms + ended.started_at_ms, ..event }).collect();
        let user = drive::user(run, played.viewer);
        Expected { user, session, item, events, is_settled: ended.acked_through == ended.offered }
    };
    played.sessions.iter().map(again).collect()
}

async fn look(channel: &Channel, expected: &Expected) -> Found {
    let mut found = Found::default();
    if expected.events.is_empty() {
        return found;
    }
    if let Err(status) = found.compare_events(channel, expected).await {
        found.missing += expected.events.len() as u64;
        found.note(format!("session {} cannot be read: {}", expected.session, status.message()));
    }
    if expected.is_settled
        && let Err(status) = found.compare_position(channel, expected).await
    {
        found.positions_wrong += 1;
        found.note(format!("position of {} cannot be read: {}", expected.user, status.message()));
    }
    found
}

impl Found {
    async fn compare_events(&mut self, channel: &Channel, expected: &Expected) -> Result<(), Status> {
        let answer = readback::stored_session(channel, &expected.user, &expected.session).await?;
        let answer = answer.ok_or_else(|| Status::not_found("there is no such session"))?;
        let offset_ms = answer.session.map_or(0, |session| session.clock_offset_ms);
        let sent: Vec<_> = expected.events.iter().map(|event| (wire::event(event, 0), Need::There)).collect();
        // What was sent last may be there without its acknowledgement.
        let through = expected.events.last().map(|event| event.seq);
        let (session, stored) = (&expected.session, &answer.events);
        let Compared { found, missing, altered, doubled, strangers, examples, .. } =
            readback::compare(session, &sent, stored, Identity::Seq, offset_ms, through);
        self.events += found;
        self.missing += missing;
        self.wrong += altered + doubled + strangers;
        examples.into_iter().for_each(|example| self.note(example));
        Ok(())
    }

    async fn compare_position(&mut self, channel: &Channel, expected: &Expected) -> Result<(), Status> {
        let stored = readback::stored_position_ms(channel, &expected.user, &expected.item).await?;
        let wanted = expected_position_ms(expected.events.iter());
        match (stored == wanted, wanted.is_some()) {
            (true, true) => self.positions += 1,
            (true, false) => {}
            (false, _) => {
                self.positions_wrong += 1;
                let (user, item) = (&expected.user, &expected.item);
                self.note(format!("{user} in {item}: expected {wanted:?} ms, found {stored:?} ms"));
            }
        }
        Ok(())
    }

    fn note(&mut self, mismatch: String) {
        if self.mismatches.len() < MISMATCHES_MAX {
            self.mismatches.push(mismatch);
        }
    }

    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.missing += other.missing;
        self.wrong += other.wrong;
        self.positions += other.positions;
        self.positions_wrong += other.positions_wrong;
        other.mismatches.into_iter().for_each(|mismatch| self.note(mismatch));
    }
}

const READS_AT_ONCE: usize = 16;
/// How many mismatches are told in words.
const MISMATCHES_MAX: usize = 10;
