//! F3.1: what a flush into CQL costs on this side of the wire, against the driver used by hand.

use std::{io, sync::Arc, time::Duration};

use playhead_limits::cql_loop::{CqlLoop, Rows, Sizes};
use playhead_store::{
    SessionKey, codec,
    durable::{Durable, PositionWrite, SessionWrite, WriteBatch, scylla::ScyllaDurable},
    position::{PositionRow, PositionRules},
};

use super::{
    cluster::fresh_keyspace,
    row::{Goal, Row},
    workbench::{self, Workbench},
};
use crate::sample;

/// F3.1: what a flush of many events of each session costs this side of the wire.
pub(super) fn drained(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let cql = workbench.cluster.cql()?;
    let runtime = workbench::client()?;
    let (mut ours, mut singly, mut batched) = (Vec::new(), Vec::new(), Vec::new());
    let mut round = Rounds { seq: 0 };
    runtime.block_on(async {
        let settings = fresh_keyspace(cql).await?;
        let keyspace = settings.keyspace.clone();
        let store = ScyllaDurable::new(settings);
        let driver = CqlLoop::connect(cql, &keyspace).await.map_err(io::Error::other)?;
        let sizes = round.sizes();
        // The first turn opens connections, and makes the JVM compile.
        for run in 0..=workbench.runs {
            let drained = costs(|| round.batch(), async |batch| store.write(&batch).await).await?;
            let one = costs(|| round.rows(), async |rows| driver.one_by_one(&rows, sizes).await).await?;
            let many = costs(|| round.rows(), async |rows| driver.by_partition(&rows, sizes).await).await?;
            if run > 0 {
                ours.push(drained);
                singly.push(one);
                batched.push(many);
            }
        }
        Ok::<_, io::Error>(())
    })?;
    let what = format!(
        "events per core-second of this side, {SESSIONS} sessions a flush, {EVENTS} events of each, and positions"
    );
    Ok(vec![
        Row::against("F3.1 rows", &what, &ours, &[("rows one by one", singly)], Goal::RatioAtLeast(3.0)),
        Row::against("F3.1 batches", &what, &ours, &[("batched by hand", batched)], Goal::RatioAtLeast(0.9)),
    ])
}

/// Events per second of this process's CPU.
async fn costs<B, E>(mut make: impl FnMut() -> B, write: impl AsyncFn(B) -> Result<(), E>) -> io::Result<f64>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut took = Duration::ZERO;
    for _ in 0..ROUNDS {
        let batch = make();
        let before = workbench::own_cpu();
        write(batch).await.map_err(io::Error::other)?;
        took += workbench::own_cpu().saturating_sub(before);
    }
    let events = (ROUNDS * SESSIONS) as f64 * EVENTS as f64;
    Ok(events / took.as_secs_f64())
}

/// One flush after the other, each with events that are new.
struct Rounds {
    seq: u64,
}

impl Rounds {
    fn next(&mut self) -> std::ops::RangeInclusive<u64> {
        let first = self.seq + 1;
        self.seq += EVENTS;
        first..=self.seq
    }

    fn batch(&mut self) -> WriteBatch {
        let (seqs, now_ms) = (self.next(), sample::now_ms());
        let session = |index| SessionWrite {
            key: sample::key(index),
            clock: sample::clock(now_ms),
            description: sample::description(index, now_ms),
            events: Arc::new(seqs.clone().map(|seq| sample::beat(seq, now_ms)).collect()),
        };
        let sessions: Vec<_> = (0..SESSIONS).map(session).collect();
        WriteBatch { positions: sessions.iter().filter_map(position).collect(), sessions }
    }

    fn rows(&mut self) -> Vec<Rows> {
        let (seqs, at_ms) = (self.next(), sample::now_ms());
        let seqs = seqs.start().cast_signed()..=seqs.end().cast_signed();
        let rows = |index| {
            let SessionKey { user, session } = sample::key(index);
            Rows {
                user: user.as_str().to_owned(),
                session: session.as_str().to_owned(),
                item: sample::item(index).as_str().to_owned(),
                at_ms,
                seqs: seqs.clone(),
            }
        };
        (0..SESSIONS).map(rows).collect()
    }

    /// How large a flush's values are.
    fn sizes(&self) -> Sizes {
        let now_ms = sample::now_ms();
        let (mut event, mut said) = (Vec::new(), Vec::new());
        codec::put_format(&mut event);
        codec::put_events(&mut event, &[sample::beat(self.seq, now_ms)]);
        codec::put_format(&mut said);
        codec::put_clock(&mut said, sample::clock(now_ms));
        codec::put_description(&mut said, &sample::description(0, 0));
        Sizes { event: event.len(), said: said.len(), position: REGISTER_BYTES }
    }
}

fn position(session: &SessionWrite) -> Option<PositionWrite> {
    let SessionKey { user, session: id } = &session.key;
    let playable = &session.description.playable;
    let row = PositionRow::from_event(session.events.last()?, id, playable, PositionRules::default())?;
    Some(PositionWrite { user: user.clone(), item: playable.item.clone(), row })
}

const SESSIONS: usize = 500;
const EVENTS: u64 = 20;
const ROUNDS: usize = 30;
/// A usual position's, with a session's id of a UUID's length and a duration.
const REGISTER_BYTES: usize = 75;
