//! Reads back what the server acknowledged and compares it with the model, which is played again from its seed: it is
//! the ledger, so nothing has to be kept while the demo runs.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use playhead_proto::playback::v1::{
    GetPositionRequest, GetSessionRequest, playback_service_client::PlaybackServiceClient,
};
use playhead_store::Event;
use tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel};

use super::{
    drive::{self, Played},
    session::Ended,
    viewer::{Viewer, expected_position_ms},
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
    let gave_up = |(viewer, status): (u32, &Status)| format!("viewer {viewer} gave up: {}", status.message());
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
    let mut client = PlaybackServiceClient::new(channel.clone());
    if let Err(status) = found.compare_events(&mut client, expected).await {
        found.missing += expected.events.len() as u64;
        found.note(format!("session {} cannot be read: {}", expected.session, status.message()));
    }
    if expected.is_settled
        && let Err(status) = found.compare_position(&mut client, expected).await
    {
        found.positions_wrong += 1;
        found.note(format!("position of {} cannot be read: {}", expected.user, status.message()));
    }
    found
}

impl Found {
    async fn compare_events(
        &mut self,
        client: &mut PlaybackServiceClient<Channel>,
        expected: &Expected,
    ) -> Result<(), Status> {
        let (user_id, session_id) = (expected.user.clone(), expected.session.clone());
        let asked = request(&expected.user, GetSessionRequest { user_id, session_id, read_mask: None })?;
        let stored = client.get_session(asked).await?.into_inner().events;
        let mut copies: HashMap<u64, u64> = HashMap::new();
        for event in &stored {
            *copies.entry(event.seq).or_default() += 1;
        }
        let by_seq: HashMap<u64, _> = stored.iter().map(|event| (event.seq, event)).collect();
        for event in &expected.events {
            let is_as_sent = by_seq.get(&event.seq).map(|stored| {
                let (kind, position_ms) = (i32::from(event.kind.number()), event.position_ms);
                let same =
                    (stored.kind, stored.at_ms, stored.position_ms) == (kind, event.at_ms, position_ms);
                same && copies.get(&event.seq) == Some(&1)
            });
            match is_as_sent {
                Some(true) => self.events += 1,
                Some(false) => {
                    self.wrong += 1;
                    self.note(format!(
                        "event {} of session {} is not as it was sent",
                        event.seq, expected.session
                    ));
                }
                None => {
                    self.missing += 1;
                    self.note(format!("event {} of session {} is missing", event.seq, expected.session));
                }
            }
        }
        Ok(())
    }

    async fn compare_position(
        &mut self,
        client: &mut PlaybackServiceClient<Channel>,
        expected: &Expected,
    ) -> Result<(), Status> {
        let (user_id, item_id) = (expected.user.clone(), expected.item.clone());
        let asked = request(&expected.user, GetPositionRequest { user_id, item_id })?;
        let stored = match client.get_position(asked).await {
            Ok(answer) => answer.into_inner().position.map(|position| position.position_ms),
            Err(status) if status.code() == Code::NotFound => None,
            Err(status) => return Err(status),
        };
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

fn request<T>(user: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let token: MetadataValue<_> = format!("Bearer {user}")
        .parse()
        .map_err(|_| Status::internal("the viewer's name is no header value"))?;
    request.metadata_mut().insert("authorization", token);
    Ok(request)
}

const READS_AT_ONCE: usize = 16;
/// How many mismatches are told in words.
const MISMATCHES_MAX: usize = 10;
