//! Hands requests to the cluster.

use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::errors::ExecutionError;

use super::{connection::Connection, fault, pace::Pace, plan::Request, row::Row, shapes};
use crate::StoreError;

impl Connection {
    /// Sends all of them, many at a time, and waits for their answers. The first error ends it: the caller begins again
    /// with all.
    pub(super) async fn send_all(&self, pace: &Pace, requests: Vec<Request>) -> Result<(), StoreError> {
        let sent = stream::iter(requests).map(Ok).try_for_each_concurrent(pace.most(), async |request| {
            let going = pace.go().await;
            let answer = self.send(&request.rows).await;
            going.ended(answer.as_ref().err().is_some_and(fault::is_strain));
            answer
        });
        sent.await.map_err(fault::in_writing("writing to the cluster"))
    }

    /// One row goes by itself, several as an unlogged batch: they are of one partition, so a replica takes all or none.
    async fn send(&self, rows: &[Row]) -> Result<(), ExecutionError> {
        if let [row] = rows {
            return self.session.execute_unpaged(self.statements.of(row), row).await.map(drop);
        }
        if let Some(batch) = self.shapes.of(rows, &self.statements) {
            return self.session.batch(batch, rows).await.map(drop);
        }
        let batch = shapes::of_rows(rows, &self.statements);
        self.session.batch(&batch, rows).await.map(drop)
    }
}
