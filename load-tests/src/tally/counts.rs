//! Plain counters.

/// Every event that is offered has at most one of the endings below; those without one are unacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Events that were due.
    pub(crate) offered: u64,
    /// Events that were handed to a connection.
    pub(crate) sent: u64,
    /// Events that are durable, the server says, whenever it said so.
    pub(crate) acked: u64,
    /// The same, said while it was measured.
    pub(crate) acked_in_time: u64,
    /// Of the acked ones, those that the server had already.
    pub(crate) duplicate: u64,
    /// Events that were taken without a promise.
    pub(crate) accepted: u64,
    /// Events that were refused for good.
    pub(crate) rejected: u64,
    /// Events that found no room and were left at that.
    pub(crate) busy: u64,
    /// Events that were never sent, or whose call failed and was left at that.
    pub(crate) failed: u64,
    /// Connections or streams that broke.
    pub(crate) breaks: u64,
    /// Sessions begun.
    pub(crate) sessions: u64,
    /// Reads answered.
    pub(crate) reads: u64,
    /// Reads that failed or were given up.
    pub(crate) reads_failed: u64,
}

impl Counts {
    /// Events that have no ending.
    pub(crate) fn unacked(&self) -> u64 {
        let ended = self.acked + self.accepted + self.rejected + self.busy + self.failed;
        self.offered.saturating_sub(ended)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        self.acked += other.acked;
        self.acked_in_time += other.acked_in_time;
        self.duplicate += other.duplicate;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.busy += other.busy;
        self.failed += other.failed;
        self.breaks += other.breaks;
        self.sessions += other.sessions;
        self.reads += other.reads;
        self.reads_failed += other.reads_failed;
    }
}
