//! Wakes a worker on the schedule's grid. The runtime's own timer knows whole milliseconds only, so a thread does it.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Instant,
};

use tokio::sync::Notify;

use crate::schedule::TICK;

/// A thread that ticks until this goes.
pub(crate) struct Pacer {
    ticks: Arc<Notify>,
    _stops: SyncSender<()>,
}

impl Pacer {
    /// Ticks at whole multiples of [`TICK`] after `begun`. Ticks that nobody waited for are one.
    pub(crate) fn start(begun: Instant) -> io::Result<Self> {
        let ticks = Arc::new(Notify::new());
        let theirs = Arc::clone(&ticks);
        let (stops, stopped) = sync_channel::<()>(0);
        std::thread::Builder::new().name("load-pacer".to_owned()).spawn(move || {
            loop {
                let passed = u32::try_from(begun.elapsed().as_nanos() / TICK.as_nanos()).unwrap_or(u32::MAX);
                let next = begun + TICK * (passed + 1);
                let wait = next.saturating_duration_since(Instant::now());
                if stopped.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
                theirs.notify_one();
            }
        })?;
        Ok(Self { ticks, _stops: stops })
    }

    /// Waits for the next tick.
    pub(crate) async fn tick(&self) {
        self.ticks.notified().await;
    }
}
