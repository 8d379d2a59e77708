//! What a player does with its session open: sends a batch, a stream of frames, or what nobody answers; and what it makes
//! of the answers.

use std::{collections::BTreeSet, sync::Arc};

use playhead_ingest::{
    admission::{self, RejectReason},
    edge::Doors,
    intake::Admitted,
    live::{Playing, Session},
    tally::ShedReason,
    ticket::{Refused, Settlement, Ticket},
};

use super::{
    show::{Line, LineState, Show},
    stage::Sim,
};

/// A player with its session open.
pub struct Turn<'a> {
    pub sim: &'a Sim,
    pub doors: &'a Doors,
    pub show: &'a mut Show,
    pub session: Arc<Session>,
    pub playing: Arc<Playing>,
}

impl Turn<'_> {
    /// Sends one batch under a ticket of its own and waits for its answer, for some time.
    pub async fn post(&mut self, lines: Vec<usize>, received_at_ms: i64) {
        let ticket = Ticket::default();
        if !self.offer(&lines, received_at_ms, &ticket) {
            let retry_after_ms = self.sim.settings.limits.retry_after_ms;
            self.sim.pause(0, i64::from(retry_after_ms)).await;
            return;
        }
        let settled = tokio::select! {
            biased;
            settled = ticket.finished() => settled,
            () = self.sim.pause(1, 5_000) => return,
        };
        self.sim.world.say(|| format!("{} hears {settled:?}", self.name()));
        if settled.abandoned {
            return;
        }
        self.answered(&lines, &settled);
    }

    /// What a batch's answer says of its lines.
    fn answered(&mut self, lines: &[usize], settled: &Settlement) {
        let world = &self.sim.world;
        if settled.turned_away > 0 {
            let is_whole = settled.turned_away == lines.len() as u64 && settled.outstanding == 0;
            world.meet("turned away by a full disk", 1);
            return world.expect(is_whole, || format!("{} was told {settled:?}", self.name()));
        }
        let ended = settled.stored + settled.duplicate + settled.refused.len() as u64;
        world.expect(ended == lines.len() as u64 && settled.outstanding == 0, || {
            format!("{} sent {} events and was told {settled:?}", self.name(), lines.len())
        });
        let mut refused = BTreeSet::new();
        for refusal in &settled.refused {
            let Some(&line) = lines.get(refusal.index as usize) else {
                return world.fail(format!("no such index: {refusal:?}"));
            };
            world.expect(refused.insert(refusal.index as usize), || format!("refused twice: {refusal:?}"));
            let is_meant = self.show.script[line].seq() == refusal.seq;
            world.expect(is_meant, || format!("another's number: {refusal:?}, line {line} of {lines:?}"));
            self.refused(line, refusal);
        }
        for &line in
            lines.iter().enumerate().filter(|(index, _)| !refused.contains(index)).map(|(_, line)| line)
        {
            self.acked(line);
        }
    }

    /// Sends what cannot be answered, once.
    pub fn shed(&mut self, lines: &[usize], received_at_ms: i64) {
        let offered: Vec<_> = lines.iter().map(|&line| self.show.script[line].event.clone()).collect();
        let (count, limits) = (offered.len(), &self.sim.settings.limits);
        let doors = self.doors;
        let admitted =
            doors.intake.offer_or_shed(&self.session, &self.playing, offered.into_iter(), received_at_ms);
        self.sim.ledger.borrow_mut().counts.offered += count as u64;
        match admitted {
            Admitted::Busy { .. } => self.sim.ledger.borrow_mut().counts.shed += count as u64,
            Admitted::Taken if count <= limits.batch_events_max => self.book(lines, received_at_ms),
            Admitted::Taken => {}
        }
        lines.iter().for_each(|&line| self.show.script[line].give_up());
        if self.sim.world.chance(30) {
            doors.intake.shed(ShedReason::NotKept, 1);
            let counts = &mut self.sim.ledger.borrow_mut().counts;
            (counts.offered, counts.shed) = (counts.offered + 1, counts.shed + 1);
        }
    }

    /// Sends frame after frame under one ticket, without waiting for an answer to each.
    pub async fn stream(&mut self) {
        let (world, ticket) = (&self.sim.world, Ticket::default());
        let mut stream =
            Stream { next: self.show.unanswered().first().copied().unwrap_or(0), ..Stream::default() };
        let batch_max = self.sim.settings.limits.batch_events_max;
        for _ in 0..world.count(1, 6) {
            let size = if world.chance(5) { batch_max + 1 } else { world.count(1, batch_max) };
            let end = self.show.script.len().min(stream.next + size);
            let lines: Vec<usize> = (stream.next..end).collect();
            if lines.is_empty() {
                break;
            }
            let is_taken = self.offer(&lines, world.now_ms(), &ticket);
            if is_taken {
                // What has no number cannot be asked for again: nobody waits for its answer.
                self.show.script[stream.next..end]
                    .iter_mut()
                    .filter(|line| line.seq() == 0)
                    .for_each(Line::give_up);
            }
            stream.next = end;
            stream.sent.extend(lines);
            if world.chance(40) {
                self.sim.pause(0, 300).await;
            }
            if world.chance(60) {
                self.hear(&mut stream, &ticket.read());
            }
        }
        let settled = tokio::select! {
            biased;
            settled = ticket.finished() => settled,
            () = self.sim.pause(1, 5_000) => ticket.read(),
        };
        self.hear(&mut stream, &settled);
    }

    /// What a stream's answer says: all up to a number has ended, and from another on it must be sent again.
    fn hear(&mut self, stream: &mut Stream, settled: &Settlement) {
        self.sim.world.say(|| format!("{} hears {settled:?}", self.name()));
        for refusal in settled.refused.iter().filter(|refusal| refusal.seq != 0) {
            stream.refused.insert(refusal.seq);
            let line = stream.sent.iter().find(|&&line| self.show.script[line].seq() == refusal.seq);
            if let Some(&line) = line {
                self.refused(line, refusal);
            }
        }
        let ended = |line: &usize| (1..=settled.settled_through_seq).contains(&self.show.script[*line].seq());
        let (ended, sent) = std::mem::take(&mut stream.sent).into_iter().partition(ended);
        stream.sent = sent;
        for line in BTreeSet::into_iter(ended) {
            if !stream.refused.contains(&self.show.script[line].seq()) {
                self.acked(line);
            }
        }
        if let Some(from_seq) = settled.repeat_from_seq {
            let from = self.show.script.iter().position(|line| line.seq() >= from_seq);
            stream.next = from.unwrap_or(stream.next);
        }
    }

    /// Offers lines, and tells the ledger. False when there was no room, or the batch was too large.
    fn offer(&mut self, lines: &[usize], received_at_ms: i64, ticket: &Ticket) -> bool {
        let offered: Vec<_> = lines.iter().map(|&line| self.show.script[line].event.clone()).collect();
        let limits = &self.sim.settings.limits;
        let count = offered.len();
        let admitted = self.doors.intake.offer(
            &self.session,
            &self.playing,
            offered.into_iter(),
            received_at_ms,
            ticket,
        );
        self.sim.world.say(|| {
            let seqs: Vec<_> = lines.iter().map(|&line| self.show.script[line].seq()).collect();
            format!("{} offers {seqs:?}: {admitted:?}", self.name())
        });
        self.sim.ledger.borrow_mut().counts.offered += count as u64;
        match admitted {
            Admitted::Busy { retry_after_ms } => {
                let hint = limits.retry_after_ms;
                self.sim
                    .world
                    .expect(retry_after_ms == hint, || format!("busy for {retry_after_ms}, not {hint}"));
                self.sim.ledger.borrow_mut().counts.busy += count as u64;
                false
            }
            Admitted::Taken if count > limits.batch_events_max => false,
            Admitted::Taken => {
                self.book(lines, received_at_ms);
                self.sim.ledger.borrow_mut().tickets.push(ticket.clone());
                true
            }
        }
    }

    /// Tells the ledger what was taken, as it must be stored.
    fn book(&self, lines: &[usize], received_at_ms: i64) {
        let good = lines.iter().map(|&line| &self.show.script[line]).filter(|line| line.wrong.is_none());
        let corrected = good.map(|line| {
            let raw = line.event.clone().expect("a good event can be read");
            admission::check(raw, self.session.clock, received_at_ms).expect("a good event is admitted")
        });
        let events: Vec<_> = corrected.collect();
        self.sim.ledger.borrow_mut().taken(&self.show.opening.key, &self.playing, &events);
    }

    fn acked(&mut self, line: usize) {
        let Some(wrong) = self.show.script[line].wrong else {
            self.sim.ledger.borrow_mut().acked(&self.show.opening.key, self.show.script[line].seq());
            self.show.script[line].state = LineState::Acked;
            return;
        };
        self.sim.world.fail(format!("{} should be told {wrong:?} of line {line}", self.name()));
    }

    fn refused(&mut self, line: usize, refusal: &Refused) {
        let (world, key, seq) = (&self.sim.world, &self.show.opening.key, refusal.seq);
        let (reason, wrong) = (refusal.rejection.reason, self.show.script[line].wrong);
        let mut ledger = self.sim.ledger.borrow_mut();
        let is_right = match (reason, wrong) {
            (reason, Some(wrong)) => reason == wrong,
            (RejectReason::SessionFull, None) => {
                ledger.may_be_full(key, self.sim.settings.limits.session_events_max)
            }
            (RejectReason::Erased, None) => ledger.erasing_through_ms(&key.user) > i64::MIN,
            _ => false,
        };
        world.expect(is_right, || format!("{} was refused {refusal:?}, expected {wrong:?}", self.name()));
        if wrong.is_none() {
            ledger.refused(key, seq);
        }
        drop(ledger);
        self.show.script[line].give_up();
    }

    fn name(&self) -> String {
        format!("{}/{}", self.show.opening.key.user, self.show.opening.key.session)
    }
}

/// What a stream has sent and heard.
#[derive(Default)]
struct Stream {
    sent: BTreeSet<usize>,
    refused: BTreeSet<u64>,
    /// The line that comes next.
    next: usize,
}
