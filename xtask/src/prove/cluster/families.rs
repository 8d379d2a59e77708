//! Accounts that run all the streams they may, beat after beat, and intruders that want one more. Whoever runs within the
//! limit must never be told to stop; an intruder may slip in while Redis is away, for a beat.

use std::{
    collections::BTreeSet,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::prove::{
    http,
    server::Ports,
    stage::Stage,
    stop::{Step, Stop, failed},
};

/// Families that play, on a thread of their own. Dropping them ends it.
pub(super) struct Families {
    words: SyncSender<Word>,
    thread: Option<JoinHandle<Tally>>,
    http: u16,
    run: u64,
}

/// What the thread is told.
enum Word {
    /// Intruders begin now; tell how many were let in.
    Intrude(SyncSender<usize>),
}

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Beats of those who ran within the limit.
    pub(super) beats: u64,
    /// How often one of them was told to stop.
    pub(super) stopped: u64,
    /// Calls without the answer that they should have.
    failed: u64,
    slowest: Duration,
    /// The first of what was wrong.
    example: Option<String>,
}

/// Somebody who plays.
struct Member {
    family: usize,
    device: &'static str,
    seq: u64,
}

/// What a beat was answered.
enum Heard {
    Play,
    Stop,
    Failed(String),
}

impl Families {
    /// They begin, and beat from now on.
    pub(super) fn begin(stage: &mut Stage<'_>, ports: Ports) -> Step<Self> {
        let (run, http) = (stage.load_seed(), ports.http);
        let (words, heard) = sync_channel(1);
        let mut players = Players::new(http, run);
        players.round();
        let all_play = players.tally.stopped == 0 && players.tally.failed == 0;
        stage.claim(all_play, format!("families begin: {:?}", players.tally));
        let thread = thread::Builder::new().name("families".into()).spawn(move || players.play(&heard));
        Ok(Self { words, thread: Some(thread.map_err(failed("a thread"))?), http, run })
    }

    /// In each family somebody begins who is one too many. Says how many of them were let in.
    pub(super) fn intrude(&self) -> Step<usize> {
        let (tell, told) = sync_channel(1);
        let sent = self.words.send(Word::Intrude(tell));
        let dead = |_| Stop::Failed("the families' thread is gone".into());
        sent.map_err(|_| dead(()))?;
        told.recv_timeout(INTRUDE_PATIENCE).map_err(|_| dead(()))
    }

    /// How many families are not seen to run what they ran at first, and nothing else.
    pub(super) fn not_themselves(&self) -> usize {
        (0..FAMILIES).filter(|&family| self.live(family).is_none_or(|live| !live.iter().eq(OWN))).count()
    }

    /// The devices on which a family plays, as the server lists them.
    fn live(&self, family: usize) -> Option<BTreeSet<String>> {
        let account = account(self.run, family);
        let path = format!("/v1/accounts/{account}/live-sessions");
        let answer = http::get_as(self.http, &path, &format!("{account}-tv:{account}:tv"), PATIENCE).ok()?;
        let listed: Value = serde_json::from_str(&answer.body).ok()?;
        let device = |session: &Value| Some(session.get("device_id")?.as_str()?.to_owned());
        let Some(sessions) = listed.get("sessions").and_then(Value::as_array) else {
            return (answer.status == 200).then(BTreeSet::new);
        };
        sessions.iter().map(device).collect()
    }

    /// They stop, and say what they were answered.
    pub(super) fn finish(mut self, stage: &mut Stage<'_>) -> Step<Tally> {
        let (words, _) = sync_channel(1);
        drop(std::mem::replace(&mut self.words, words));
        let tally = self.thread.take().and_then(|thread| thread.join().ok());
        let tally = tally.ok_or_else(|| Stop::Failed("the families' thread died".into()))?;
        let Tally { beats, stopped, failed, slowest, example } = &tally;
        stage.say(format!("{FAMILIES} families: {beats} beats, the slowest answered in {slowest:.2?}"));
        let example = example.as_deref().unwrap_or_default();
        stage.claim(
            *stopped == 0,
            format!("{stopped} of {beats} beats within the limit said stop: {example}"),
        );
        stage.claim(*failed == 0, format!("{failed} calls of families failed: {example}"));
        Ok(tally)
    }
}

struct Players {
    http: u16,
    run: u64,
    members: Vec<Member>,
    dice: ChaCha8Rng,
    tally: Tally,
}

impl Players {
    fn new(http: u16, run: u64) -> Self {
        let of = |family| OWN.into_iter().map(move |device| Member { family, device, seq: 0 });
        let members = (0..FAMILIES).flat_map(of).collect();
        Self { http, run, members, dice: ChaCha8Rng::seed_from_u64(run), tally: Tally::default() }
    }

    /// Beats until nobody listens any more.
    fn play(mut self, words: &Receiver<Word>) -> Tally {
        let mut next = Instant::now() + BEAT;
        loop {
            match words.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Word::Intrude(tell)) => {
                    // Whoever asked may have gone meanwhile.
                    let _ = tell.send(self.intrude());
                }
                Err(RecvTimeoutError::Timeout) => {
                    next += BEAT;
                    self.round();
                }
                Err(RecvTimeoutError::Disconnected) => return self.tally,
            }
        }
    }

    /// Everybody beats once, in any order.
    fn round(&mut self) {
        self.members.shuffle(&mut self.dice);
        for at in 0..self.members.len() {
            let begun = Instant::now();
            let Some(member) = self.members.get_mut(at) else { return };
            let (device, heard) = (member.device, member.beat(self.http, self.run));
            self.tally.note(device, heard, begun.elapsed());
        }
    }

    fn intrude(&mut self) -> usize {
        let mut admitted = 0;
        for family in 0..FAMILIES {
            let mut member = Member { family, device: INTRUDER, seq: 0 };
            admitted += usize::from(matches!(member.beat(self.http, self.run), Heard::Play));
            self.members.push(member);
        }
        admitted
    }
}

impl Member {
    /// Says that it plays, a beat further than before.
    fn beat(&mut self, port: u16, run: u64) -> Heard {
        self.seq += 1;
        let (account, device) = (account(run, self.family), self.device);
        let batch = json!({
            "session": { "session_id": format!("{account}-{device}"), "item_id": "title-1" },
            "events": [{ "kind": "BEAT", "seq": self.seq, "position_ms": 60_000 + self.seq * 2_000 }],
        });
        let viewer = format!("{account}-{device}:{account}:{device}");
        let answer = match http::post(port, "/v1/events", &viewer, &batch.to_string(), PATIENCE) {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => return Heard::Failed(format!("{} {}", answer.status, answer.body)),
            Err(error) => return Heard::Failed(error.to_string()),
        };
        let outcome: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        match outcome.get("verdict").and_then(Value::as_str) {
            Some("PLAY") => Heard::Play,
            Some("STOP") => Heard::Stop,
            _ => Heard::Failed(answer.body),
        }
    }
}

impl Tally {
    fn note(&mut self, device: &str, heard: Heard, took: Duration) {
        self.slowest = self.slowest.max(took);
        let is_own = OWN.contains(&device);
        self.beats += u64::from(is_own);
        match heard {
            Heard::Stop if is_own => {
                self.stopped += 1;
                self.example.get_or_insert_with(|| format!("a beat of the {device}"));
            }
            Heard::Play | Heard::Stop => {}
            Heard::Failed(why) => {
                self.failed += 1;
                self.example.get_or_insert(why);
            }
        }
    }
}

fn account(run: u64, family: usize) -> String {
    format!("family-{run}-{family}")
}

pub(super) const FAMILIES: usize = 6;
/// What the settings of the trial say.
pub(super) const BEAT: Duration = Duration::from_secs(2);
/// On what a family plays, as much as it may.
const OWN: [&str; 2] = ["phone", "tv"];
const INTRUDER: &str = "tablet";
const PATIENCE: Duration = Duration::from_secs(5);
/// A round that is under way, and one call for each family.
const INTRUDE_PATIENCE: Duration = Duration::from_secs(60);
