//! Calls that wait for their connection, and what an answer does to them. A connection takes them in their order; a
//! call that found no room comes back after the time that the server names.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use playhead_proto::ingest::v1 as proto;
use tokio::sync::Notify;

use crate::{ledger::record::Word, play::Session, stage::Stage};

/// The calls of one connection.
pub(crate) struct Queue {
    pub(crate) stage: Rc<Stage>,
    /// Send again what was refused for lack of room or got no answer.
    resends: bool,
    calls: RefCell<VecDeque<Call>>,
    wake: Notify,
    is_over: Cell<bool>,
}

/// Some events of some sessions that travel together.
pub(crate) struct Call {
    pub(crate) parts: Vec<Part>,
    pub(crate) due: Instant,
    /// How often it was sent before.
    pub(crate) tries: u32,
    /// Not to be sent before.
    not_before: Option<Instant>,
}

/// Some events of one session.
pub(crate) struct Part {
    pub(crate) session: Rc<Session>,
    pub(crate) events: Vec<proto::Event>,
}

/// What became of a call.
pub(crate) enum Answer {
    /// Each part has an outcome, in their order.
    Outcomes(Vec<Outcome>),
    /// All was taken, without a promise.
    Accepted,
    /// There was no room for any of it.
    Busy(Duration),
    /// All was refused for good.
    Rejected(String),
    /// There was no answer, or none that says what became of it.
    Failed(String),
}

/// What became of a part.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) duplicate: u64,
    /// The numbers that were refused for good, and why.
    pub(crate) rejected: Vec<(u64, String)>,
    /// There was no room for any of it.
    pub(crate) busy: Option<Duration>,
}

impl Queue {
    pub(crate) fn new(stage: Rc<Stage>, resends: bool) -> Rc<Self> {
        let (calls, wake, is_over) = (RefCell::default(), Notify::new(), Cell::new(false));
        Rc::new(Self { stage, resends, calls, wake, is_over })
    }

    /// Takes a call. There has to be room on the stage for its events.
    pub(crate) fn offer(&self, parts: Vec<Part>, due: Instant) {
        let mut pen = self.stage.pen.borrow_mut();
        for part in &parts {
            part.events.iter().for_each(|event| pen.sent(part.session.number, event));
        }
        drop(pen);
        self.calls.borrow_mut().push_back(Call { parts, due, tries: 0, not_before: None });
        self.wake.notify_one();
    }

    /// Nothing new will come.
    pub(crate) fn finish(&self) {
        self.is_over.set(true);
        self.wake.notify_one();
    }

    /// The next call, when it may be sent. `None` when there is none left and nothing new will come. Safe to cancel.
    pub(crate) async fn next(&self) -> Option<Call> {
        loop {
            let front = self.calls.borrow().front().map(|call| call.not_before);
            match front {
                Some(Some(then)) if then > Instant::now() => tokio::time::sleep_until(then.into()).await,
                Some(_) => return self.calls.borrow_mut().pop_front(),
                None if self.is_over.get() => return None,
                None => self.wake.notified().await,
            }
        }
    }

    /// Settles a call that was sent then; what has to be sent again goes back to the front.
    pub(crate) fn settle(&self, call: Call, sent: Instant, answer: Answer) {
        let now = Instant::now();
        match answer {
            Answer::Outcomes(outcomes) => self.settle_parts(call, sent, now, outcomes),
            Answer::Accepted => call.parts.iter().for_each(|part| self.accepted(part, call.due, now)),
            Answer::Rejected(why) => {
                call.parts.iter().for_each(|part| self.rejected(part, call.due, &why));
            }
            Answer::Busy(after) => self.busy(call, Some(sent), now, after),
            Answer::Failed(why) => {
                self.stage.tally().broke(&why);
                self.again_or(call, Word::Failed, Some(now + RETRY_AFTER_FAILURE));
            }
        }
    }

    fn settle_parts(&self, call: Call, sent: Instant, now: Instant, outcomes: Vec<Outcome>) {
        let Call { parts, due, tries, .. } = call;
        let (mut busy, all) = (Vec::new(), parts.len());
        let mut after = Duration::ZERO;
        for (part, outcome) in parts.into_iter().zip(outcomes) {
            match outcome.busy {
                Some(wait) => {
                    after = after.max(wait);
                    busy.push(part);
                }
                None => self.acked(&part, due, now, &outcome),
            }
        }
        if !busy.is_empty() {
            // An answer that also says what was taken had to wait until that was durable: it measures no refusal.
            let sent = (busy.len() == all).then_some(sent);
            self.busy(Call { parts: busy, due, tries, not_before: None }, sent, now, after);
        }
    }

    fn acked(&self, part: &Part, due: Instant, now: Instant, outcome: &Outcome) {
        let mut tally = self.stage.tally();
        let is_refused = |event: &proto::Event| outcome.rejected.iter().any(|&(seq, _)| seq == event.seq);
        // The number 0 stands for the part as a whole.
        let all = outcome.rejected.iter().find(|&&(seq, _)| seq == 0);
        if let Some((_, why)) = all {
            drop(tally);
            return self.rejected(part, due, why);
        }
        part.events.iter().filter(|event| !is_refused(event)).for_each(|_| tally.acked(due, now));
        tally.duplicate(due, outcome.duplicate);
        outcome.rejected.iter().for_each(|(_, why)| tally.rejected(due, 1, why));
        drop(tally);
        self.last_word(part, Word::Acked);
        for &(seq, _) in &outcome.rejected {
            self.stage.ended(part.session.number, seq, seq, Word::Rejected);
        }
    }

    fn accepted(&self, part: &Part, due: Instant, now: Instant) {
        let mut tally = self.stage.tally();
        part.events.iter().for_each(|_| tally.accepted(due, now));
        drop(tally);
        self.last_word(part, Word::Accepted);
    }

    fn rejected(&self, part: &Part, due: Instant, why: &str) {
        self.stage.tally().rejected(due, part.events.len() as u64, why);
        self.last_word(part, Word::Rejected);
    }

    fn busy(&self, call: Call, sent: Option<Instant>, now: Instant, after: Duration) {
        let events = call.events() as u64;
        match sent {
            Some(sent) => self.stage.tally().busy(sent, now, events),
            None => self.stage.tally().partly_busy(call.due, now, events),
        }
        self.again_or(call, Word::Busy, Some(now + after));
    }

    /// Puts a call back, or leaves it at this word.
    fn again_or(&self, call: Call, word: Word, not_before: Option<Instant>) {
        if self.resends {
            self.calls.borrow_mut().push_front(Call { tries: call.tries + 1, not_before, ..call });
            self.wake.notify_one();
            return;
        }
        let events = call.events() as u64;
        match word {
            Word::Busy => self.stage.tally().left_busy(call.due, events),
            _ => self.stage.tally().failed(call.due, events),
        }
        call.parts.iter().for_each(|part| self.last_word(part, word));
    }

    fn last_word(&self, part: &Part, word: Word) {
        self.stage.release(part.events.len());
        let (Some(first), Some(last)) = (part.events.first(), part.events.last()) else { return };
        self.stage.ended(part.session.number, first.seq, last.seq, word);
    }
}

impl Call {
    /// How many events it carries.
    pub(crate) fn events(&self) -> usize {
        self.parts.iter().map(|part| part.events.len()).sum()
    }
}

/// How long to wait after a call that got no answer.
const RETRY_AFTER_FAILURE: Duration = Duration::from_millis(200);
