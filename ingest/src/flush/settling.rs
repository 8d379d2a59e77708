//! Segments that nobody needs any more, for as long as the store may still lose them: an acknowledgement of a cluster is
//! in its memory and its commit logs, and those are fsynced a little later.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use crate::journal::SegmentId;

/// How far the journal is needed no more, and since when.
pub(super) struct Settling {
    wait: Duration,
    noted: VecDeque<(Instant, SegmentId)>,
}

impl Settling {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, noted: VecDeque::new() }
    }

    /// Notes how far it is needed no more, and says up to where that has been so for long enough.
    pub(super) fn note(&mut self, through: Option<SegmentId>, now: Instant) -> Option<SegmentId> {
        if let Some(through) = through
            && self.noted.back().is_none_or(|&(_, last)| last < through)
        {
            self.noted.push_back((now, through));
        }
        let mut settled = None;
        while let Some(&(since, through)) = self.noted.front()
            && now.duration_since(since) >= self.wait
        {
            settled = Some(through);
            self.noted.pop_front();
        }
        settled
    }

    /// What was noted has to wait anew: it was written again just now.
    pub(super) fn begin_again(&mut self, now: Instant) {
        self.noted.iter_mut().for_each(|(since, _)| *since = now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_goes_when_it_was_needed_no_more_for_long_enough() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let id = |number| Some(SegmentId(number));
        let mut settling = Settling::new(Duration::from_secs(20));
        assert_eq!(settling.note(id(3), at(0)), None);
        assert_eq!(settling.note(id(3), at(10)), None);
        assert_eq!(settling.note(id(5), at(11)), None);
        assert_eq!(settling.note(id(5), at(20)), id(3));
        assert_eq!(settling.note(None, at(30)), None);
        assert_eq!(settling.note(id(7), at(31)), id(5));
        assert_eq!(settling.note(id(9), at(60)), id(7));
        settling.begin_again(at(70));
        assert_eq!((settling.note(id(9), at(89)), settling.note(id(9), at(90))), (None, id(9)));
        let mut at_once = Settling::new(Duration::ZERO);
        assert_eq!((at_once.note(id(1), at(0)), at_once.note(id(2), at(0))), (id(1), id(2)));
    }
}
