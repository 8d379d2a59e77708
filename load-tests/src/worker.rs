//! One thread that plays a share of the connections: it wakes on a grid, sends what is due, and never waits for an
//! answer to do so.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{sync::watch, task::LocalSet};
use tonic::transport::Endpoint;

use crate::{
    edge::streams::Streams,
    ledger::write::Pen,
    names::Names,
    pacer::Pacer,
    play::BoxOffice,
    scenario::{Load, Scenario},
    schedule::{Schedule, on_grid},
    stage::{Clock, SharedTally, Stage},
};

mod connection;
mod reads;

use connection::{Connection, Lines};

/// What a worker needs to know.
pub(crate) struct Part {
    pub(crate) scenario: Arc<Scenario>,
    /// Which worker this is, from 0.
    pub(crate) number: u32,
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    /// Where streams lead.
    pub(crate) streams: Streams,
    pub(crate) grpc: Endpoint,
    /// Where HTTP is served.
    pub(crate) http: SocketAddr,
    pub(crate) tally: SharedTally,
    pub(crate) pen: Pen,
    /// Ends the run early.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Plays a worker's part, to its end. Says how many events were sent.
pub(crate) fn play(part: Part) -> io::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let sent = local.block_on(&runtime, Worker::play(part));
    // Tasks that still wait for answers end here.
    drop(local);
    sent
}

struct Worker {
    stage: Rc<Stage>,
    scenario: Arc<Scenario>,
    office: BoxOffice,
    connections: Vec<Connection>,
    schedules: Vec<Schedule>,
    /// When each connection is due next, since the beginning.
    due: BinaryHeap<Reverse<(Duration, usize)>>,
    /// (Connection, seat) whose session is not open yet, the next one last.
    unopened: Vec<(usize, usize)>,
    /// How many sessions were to be opened.
    openings: usize,
    dice: ChaCha8Rng,
}

impl Worker {
    async fn play(part: Part) -> io::Result<u64> {
        let (mut stop, clock) = (part.stop.clone(), part.clock);
        let pacer = Pacer::start(clock.begun)?;
        let reads = reads::spawn(&part);
        let mut worker = Self::new(part)?;
        tokio::select! {
            () = worker.send_all(&pacer) => {}
            _ = stop.wait_for(|&stops| stops) => {}
        }
        worker.connections.iter().for_each(Connection::finish);
        tokio::select! {
            () = worker.settled(&pacer) => {}
            () = tokio::time::sleep(worker.scenario.settle()) => {}
        }
        drop(reads);
        worker.stage.pen.borrow_mut().flush();
        let sent = worker.stage.pen.borrow().events();
        Ok(sent)
    }

    fn new(part: Part) -> io::Result<Self> {
        let scenario = Arc::clone(&part.scenario);
        let lines = Lines::of(&part).map_err(io::Error::other)?;
        let mut dice = ChaCha8Rng::seed_from_u64(scenario.seed);
        dice.set_stream(u64::from(part.number));
        let office = BoxOffice::new(&scenario.viewers, scenario.seed, part.number, scenario.workers)
            .map_err(io::Error::other)?;
        let held_max = HELD_EVENTS_MAX / scenario.workers as usize;
        let stage = Stage::new(part.clock, part.names, part.pen, part.tally, held_max);
        let mut worker = Self {
            stage: Rc::new(stage),
            office,
            connections: Vec::new(),
            schedules: scenario.loads.iter().map(|load| schedule(&scenario, load)).collect(),
            due: BinaryHeap::new(),
            unopened: Vec::new(),
            openings: 0,
            dice,
            scenario,
        };
        for (at, load) in worker.scenario.loads.clone().into_iter().enumerate() {
            let mine = (part.number..load.connections).step_by(worker.scenario.workers as usize);
            for _ in mine {
                let connection = Connection::open(&worker.stage, &load, at, &lines)?;
                worker.connections.push(connection);
                worker.plan(worker.connections.len() - 1);
            }
        }
        let seats = worker.connections.iter().map(Connection::seats).enumerate();
        worker.unopened = seats.flat_map(|(at, seats)| (0..seats).map(move |seat| (at, seat))).collect();
        worker.openings = worker.unopened.len();
        Ok(worker)
    }

    /// Opens sessions, so that all are open when the warm-up ends; without one they open as their turn comes.
    fn open_some(&mut self, elapsed: Duration) {
        let share = elapsed.as_secs_f64() / self.scenario.warmup.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "sessions are far below 2^53")]
        let is_late =
            |left: usize, all: usize| share.is_finite() && ((all - left) as f64) < share * all as f64;
        while is_late(self.unopened.len(), self.openings) {
            let Some((at, seat)) = self.unopened.pop() else { return };
            if let Some(connection) = self.connections.get_mut(at) {
                connection.sit(&self.stage, &mut self.office, seat);
            }
        }
    }

    /// Sends what is due when it is due, until the schedule ends.
    async fn send_all(&mut self, pacer: &Pacer) {
        let begun = self.stage.clock.begun;
        let mut since_flush = begun;
        loop {
            let mut sent = 0_usize;
            self.open_some(begun.elapsed());
            while let Some(&Reverse((due, at))) = self.due.peek() {
                if begun.elapsed() < due {
                    break;
                }
                self.due.pop();
                self.send(at, begun + due);
                self.plan(at);
                sent += 1;
                if sent.is_multiple_of(YIELD_AFTER) {
                    tokio::task::yield_now().await;
                }
            }
            if self.due.is_empty() {
                return;
            }
            if since_flush.elapsed() > FLUSH_EVERY {
                since_flush = Instant::now();
                self.stage.pen.borrow_mut().flush();
            }
            pacer.tick().await;
        }
    }

    fn send(&mut self, at: usize, due: Instant) {
        if let Some(connection) = self.connections.get_mut(at) {
            connection.send(&self.stage, &mut self.office, due);
        }
    }

    /// Plans a connection's next message: each has one in every turn of all, at a random place in it.
    fn plan(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let Some(schedule) = self.schedules.get(connection.load) else { return };
        let place: f64 = self.dice.random();
        let message = (connection.turns() + place) * f64::from(connection.connections);
        if let Some(due) = schedule.due(message) {
            self.due.push(Reverse((on_grid(due), at)));
        }
    }

    /// Waits until everything has its ending.
    async fn settled(&self, pacer: &Pacer) {
        while self.stage.held() > 0 {
            self.stage.pen.borrow_mut().flush();
            pacer.tick().await;
        }
    }
}

/// A load's messages over the whole run: the warm-up has the first rate.
fn schedule(scenario: &Scenario, load: &Load) -> Schedule {
    let warmup_s = scenario.warmup.as_secs_f64();
    let mut steps = load.steps.clone();
    steps.iter_mut().skip(1).for_each(|step| step.at_s += warmup_s);
    Schedule::new(&steps, load.events_per_message, scenario.lasts())
}

/// Events without an ending that all workers hold together: about 100 MB. What does not fit is counted, not sent.
const HELD_EVENTS_MAX: usize = 400_000;
/// A worker that has so much to send at once lets answers in between.
const YIELD_AFTER: usize = 64;
/// A generator that is killed loses no more of its ledger than this.
const FLUSH_EVERY: Duration = Duration::from_millis(20);
