//! Telling the hot store of a commit, beside what makes it durable.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use playhead_store::{
    StoreError,
    hot::{HotUpdate, Verdict},
};
use tokio::task::JoinHandle;

use super::Commit;

impl Commit {
    /// Begins telling the hot store. An embedded one answers at once; another works beside the fsync.
    pub(super) fn ask_hot(&mut self, now_ms: i64) -> Asked {
        let mut updates = std::mem::take(&mut self.memory.hot_updates);
        self.memory.work.put_hot_updates(&self.leases, now_ms, &mut updates);
        let hot = Arc::clone(&self.hot);
        let mut answer: BoxFuture<'static, _> = async move {
            let verdicts =
                if updates.is_empty() { Ok(Vec::new()) } else { hot.apply(&updates, now_ms).await };
            updates.clear();
            (updates, verdicts)
        }
        .boxed();
        match (&mut answer).now_or_never() {
            Some(answer) => Asked::Answered(answer),
            None => Asked::Waiting(self.runtime.spawn(answer)),
        }
    }

    /// The hot store's verdicts. Without an answer in time everybody goes on as before: it never fails an acknowledgement.
    pub(super) async fn hear_hot(&mut self, asked: Asked) -> Vec<Verdict> {
        let patience = Duration::from_millis(self.settings.hot_ms_max);
        let answer = match asked {
            Asked::Answered(answer) => Some(answer),
            Asked::Waiting(task) => tokio::time::timeout(patience, task).await.ok().and_then(Result::ok),
        };
        let verdicts = answer.and_then(|(updates, verdicts)| {
            self.memory.hot_updates = updates;
            verdicts.ok()
        });
        verdicts.unwrap_or_else(|| {
            self.meters.hot_failed.inc();
            Vec::new()
        })
    }
}

/// The hot store, told of a commit.
pub(super) enum Asked {
    Answered(HotAnswer),
    Waiting(JoinHandle<HotAnswer>),
}

/// The memory of the updates, emptied, and the verdicts.
type HotAnswer = (Vec<HotUpdate>, Result<Vec<Verdict>, StoreError>);
