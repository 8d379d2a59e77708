//! A live session's hold on one of its account's stream slots, as this node knows it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use playhead_store::lease::Stop;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use super::Session;

/// A session's hold on a slot. Whoever tells its player waits on it.
#[derive(Debug, Default)]
pub struct Slot {
    holding: Mutex<Holding>,
    stopped: Notify,
    /// Streams that are open on this node.
    streams: AtomicU32,
    /// When the session was last heard here, Unix ms; 0 for never.
    heard_at_ms: AtomicI64,
}

#[derive(Debug, Default)]
enum Holding {
    /// Nobody asked for it yet.
    #[default]
    Unasked,
    /// It has one, and is counted.
    Held { _counted: Counted },
    /// It has ended. If it plays again, its beats say so.
    Released,
    /// It has none, and must stop.
    Stopped(Arc<Stop>),
}

impl Slot {
    /// Why the session must stop, if it must.
    pub(crate) fn stop(&self) -> Option<Arc<Stop>> {
        match &*self.lock() {
            Holding::Stopped(stop) => Some(Arc::clone(stop)),
            Holding::Unasked | Holding::Held { .. } | Holding::Released => None,
        }
    }

    /// Waits until the session must stop for another reason than `known`. Safe to cancel.
    pub(crate) async fn stopped(&self, known: Option<&Arc<Stop>>) -> Arc<Stop> {
        loop {
            let stopped = self.stopped.notified();
            if let Some(stop) = self.stop().filter(|stop| known.is_none_or(|known| !Arc::ptr_eq(known, stop)))
            {
                return stop;
            }
            stopped.await;
        }
    }

    /// True when whoever opens the session asks for its slot: nobody did, or there was none.
    pub(crate) fn must_ask(&self) -> bool {
        match &*self.lock() {
            Holding::Unasked => true,
            Holding::Stopped(stop) => stop.reason.is_denial(),
            Holding::Held { .. } | Holding::Released => false,
        }
    }

    /// True when the session's beats assert its lease.
    pub(crate) fn asserts(&self) -> bool {
        matches!(&*self.lock(), Holding::Held { .. } | Holding::Released)
    }

    /// Notes that the session has its slot, and counts it among those that do. What was stopped for good stays so.
    pub(crate) fn hold(&self, held: &Gauge) {
        let mut holding = self.lock();
        match &*holding {
            Holding::Held { .. } => {}
            Holding::Stopped(stop) if !stop.reason.is_denial() => {}
            Holding::Unasked | Holding::Released | Holding::Stopped(_) => {
                *holding = Holding::Held { _counted: Counted::among(held) };
            }
        }
    }

    /// Notes that the session plays again after it had ended.
    pub(crate) fn resume(&self, held: &Gauge) {
        let is_released = matches!(&*self.lock(), Holding::Released);
        if is_released {
            self.hold(held);
        }
    }

    /// Notes that the session has ended.
    pub(crate) fn release(&self) {
        let mut holding = self.lock();
        if matches!(&*holding, Holding::Unasked | Holding::Held { .. }) {
            *holding = Holding::Released;
        }
    }

    /// Notes that the session must stop, and wakes whoever tells its player. False when it was known already.
    pub(crate) fn end(&self, stop: Arc<Stop>) -> bool {
        let mut holding = self.lock();
        let is_news = match &*holding {
            Holding::Stopped(known) => known.reason.is_denial() && !stop.reason.is_denial(),
            Holding::Unasked | Holding::Held { .. } | Holding::Released => true,
        };
        if is_news {
            *holding = Holding::Stopped(stop);
            self.stopped.notify_waiters();
        }
        is_news
    }

    /// Notes that the session is heard, and says for how long it was not, ms; nothing where it never was.
    pub(crate) fn heard(&self, now_ms: i64) -> Option<i64> {
        let before_ms = self.heard_at_ms.swap(now_ms, Ordering::Relaxed);
        (before_ms > 0).then(|| now_ms.saturating_sub(before_ms))
    }

    /// True while a stream of the session is open on this node.
    pub(crate) fn is_open(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's stream that is open, until it is dropped.
#[derive(Debug)]
pub struct OpenStream(Arc<Session>);

impl OpenStream {
    pub(crate) fn of(session: &Arc<Session>) -> Self {
        session.slot.streams.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(session))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.slot.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one more for as long as it lives.
#[derive(Debug)]
struct Counted(Gauge);

impl Counted {
    fn among(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
