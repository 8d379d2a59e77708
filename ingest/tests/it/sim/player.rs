//! A player: sends its sessions' events again and again until each is answered.

use playhead_ingest::{edge::Doors, intake::NoRoom, live::Opening};

use super::{show::Show, stage::Sim, turn::Turn};

/// A player and its sessions, one behind the other.
pub struct Player {
    pub shows: Vec<Show>,
    current: usize,
}

impl Player {
    pub fn new(shows: Vec<Show>) -> Self {
        Self { shows, current: 0 }
    }

    /// Does something so many times, with pauses.
    pub async fn play(&mut self, sim: &Sim, doors: &Doors, steps: usize) {
        for _ in 0..steps {
            sim.pause(0, 600).await;
            self.step(sim, doors).await;
        }
    }

    /// Goes on until everything is answered. Whoever runs it bounds its time.
    pub async fn finish(&mut self, sim: &Sim, doors: &Doors) {
        for current in 0..self.shows.len() {
            self.current = current;
            while !self.shows[current].unanswered().is_empty() {
                self.step(sim, doors).await;
                sim.pause(0, 600).await;
            }
        }
    }

    async fn step(&mut self, sim: &Sim, doors: &Doors) {
        let show = &mut self.shows[self.current];
        if show.unanswered().is_empty() && sim.world.chance(80) {
            self.current = (self.current + 1) % self.shows.len();
            return;
        }
        let received_at_ms = sim.world.now_ms();
        let said = show.playing(&sim.world);
        let opening = Opening { playing: said.clone(), ..show.opening.clone() };
        let lines = pick(sim, show);
        let sent_at_ms = show.sent_at_ms(received_at_ms);
        let session = match doors.intake.open(opening, sent_at_ms, received_at_ms).await {
            Ok(session) => session,
            Err(NoRoom { retry_after_ms }) => {
                return turn_away(sim, doors, lines.len(), retry_after_ms).await;
            }
        };
        let playing = session.playing(said);
        let mut turn = Turn { sim, doors, show, session, playing };
        match sim.world.between(0, 9) {
            0..=4 if turn.show.can_stream() => turn.stream().await,
            0 if !turn.show.can_stream() => turn.shed(&lines, received_at_ms),
            _ => turn.post(lines, received_at_ms).await,
        }
    }
}

/// The lines of the next batch: the first that wait, or with others among them, or in another order.
fn pick(sim: &Sim, show: &Show) -> Vec<usize> {
    let world = &sim.world;
    let batch_max = sim.settings.limits.batch_events_max;
    let size = if world.chance(6) { batch_max + 1 } else { world.count(1, batch_max) };
    let mut lines = show.unanswered();
    lines.truncate(size);
    if lines.is_empty() || (lines.len() < batch_max && world.chance(20)) {
        lines.push(world.count(0, show.script.len() - 1));
    }
    if world.chance(15) {
        lines.reverse();
    }
    lines
}

async fn turn_away(sim: &Sim, doors: &Doors, count: usize, retry_after_ms: u32) {
    doors.intake.turn_away_unopened(count as u64);
    {
        let mut ledger = sim.ledger.borrow_mut();
        ledger.counts.offered += count as u64;
        ledger.counts.busy += count as u64;
    }
    sim.world.meet("no room for a session", 1);
    sim.pause(0, i64::from(retry_after_ms)).await;
}
