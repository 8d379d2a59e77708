//! GetPosition beside the writes, open loop: of users and titles that the run plays.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use playhead_proto::playback::v1::{GetPositionRequest, playback_service_client::PlaybackServiceClient};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::task::AbortHandle;
use tonic::{Code, Request, transport::Channel};

use super::Part;
use crate::{names::Names, pacer::Pacer, schedule::on_grid, stage::SharedTally};

/// Ends the reads when it goes.
pub(super) struct Reads(AbortHandle);

impl Drop for Reads {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins a worker's share of the reads; `None` if there are none.
pub(super) fn spawn(part: &Part) -> Option<Reads> {
    let scenario = &part.scenario;
    let per_s = f64::from(scenario.reads_per_s) / f64::from(scenario.workers);
    if per_s <= 0.0 {
        return None;
    }
    let mut dice = ChaCha8Rng::seed_from_u64(scenario.seed);
    dice.set_stream(1 << 40 | u64::from(part.number));
    let reader = Reader {
        channel: part.grpc.connect_lazy(),
        tally: part.tally.clone(),
        names: part.names.clone(),
        users: scenario.viewers.users,
        items: scenario.viewers.items,
        on_their_way: Rc::default(),
    };
    let (begun, lasts) = (part.clock.begun, scenario.lasts());
    Some(Reads(tokio::task::spawn_local(reader.run(begun, lasts, per_s, dice)).abort_handle()))
}

struct Reader {
    channel: Channel,
    tally: SharedTally,
    names: Names,
    users: u32,
    items: u32,
    on_their_way: Rc<Cell<usize>>,
}

impl Reader {
    async fn run(self, begun: Instant, lasts: Duration, per_s: f64, mut dice: ChaCha8Rng) {
        let Ok(pacer) = Pacer::start(begun) else { return };
        for read in 0_u32.. {
            let since = on_grid(Duration::from_secs_f64(f64::from(read) / per_s));
            if since >= lasts {
                return;
            }
            while begun.elapsed() < since {
                pacer.tick().await;
            }
            let (user, item) = (dice.random_range(0..self.users), dice.random_range(1..=self.items));
            self.begin(begun + since, self.names.user(user), Names::item(item));
        }
    }

    /// Sends a read, unless too many are on their way.
    fn begin(&self, due: Instant, user_id: String, item_id: String) {
        let count = Rc::clone(&self.on_their_way);
        let Ok(token) = format!("Bearer {user_id}").parse() else { return };
        if count.get() >= READS_MAX {
            lock(&self.tally).read_failed(due);
            return;
        }
        count.set(count.get() + 1);
        let (channel, tally) = (self.channel.clone(), self.tally.clone());
        tokio::task::spawn_local(async move {
            let mut request = Request::new(GetPositionRequest { user_id, item_id });
            request.metadata_mut().insert("authorization", token);
            let answer = PlaybackServiceClient::new(channel).get_position(request).await;
            count.set(count.get() - 1);
            match answer.map_err(|status| status.code()) {
                Ok(_) | Err(Code::NotFound) => lock(&tally).read(due, Instant::now()),
                Err(_) => lock(&tally).read_failed(due),
            }
        });
    }
}

fn lock(tally: &Mutex<crate::tally::Tally>) -> std::sync::MutexGuard<'_, crate::tally::Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads of one worker that are on their way at a time.
const READS_MAX: usize = 1_000;
