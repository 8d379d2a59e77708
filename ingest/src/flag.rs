//! A fact that becomes true once, and can be waited for.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// False, then true for good.
#[derive(Debug, Default)]
pub(crate) struct Flag {
    is_set: AtomicBool,
    changed: Notify,
}

impl Flag {
    /// Makes it true, and wakes everybody who waits for it.
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// True once it was set.
    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// Waits until it is set.
    pub(crate) async fn wait(&self) {
        // Who asks for notice before looking cannot miss it.
        let changed = self.changed.notified();
        if !self.is_set() {
            changed.await;
        }
    }
}
