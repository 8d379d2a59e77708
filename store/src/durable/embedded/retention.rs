//! What has expired is not there: reads pass over it, writes of it are left out, and compaction takes it away when it
//! rewrites the rows anyway. Nothing is deleted row by row, and nobody searches for what is old.
//!
//! An expired row leaves no delete marker behind. That is safe because older versions of a row never speak of later
//! events than newer ones, so what could come up again has expired too.

use super::rows::Span;
use crate::codec::Reader;
use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Events up to this time have expired, Unix ms. It only ever rises.
#[derive(Debug, Clone)]
pub(super) struct Horizon(Arc<AtomicI64>);

impl Default for Horizon {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl Horizon {
    pub(super) fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// Raises it to `retention_days` before now.
    pub(super) fn raise(&self, now_ms: i64, retention_days: u32) {
        let through_ms = now_ms.saturating_sub(i64::from(retention_days) * DAY_MS);
        self.0.fetch_max(through_ms, Ordering::AcqRel);
    }
}

/// Takes expired sessions and chunks out of what is compacted.
impl Factory for Horizon {
    fn name(&self) -> &'static str {
        "playhead retention"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Through(self.get()))
    }
}

struct Through(i64);

impl CompactionFilter for Through {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let value = item.value()?;
        match Span::read(&mut Reader::new(&value)) {
            Ok(span) if span.last_at_ms <= self.0 => Ok(Verdict::Destroy),
            // What cannot be read stays, for `verify` to find.
            Ok(_) | Err(_) => Ok(Verdict::Keep),
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
