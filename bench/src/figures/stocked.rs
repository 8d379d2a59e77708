//! Servers whose catalog was stocked: the films, and the accounts that pay for them.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use playhead_proto::catalog::v1::{SearchItemsRequest, SearchItemsResponse};
use tempfile::TempDir;

use super::{
    cluster,
    workbench::{self, Server, Workbench, idle},
};
use crate::{
    drive::{grpc, unary::Call},
    sample, stock,
};

/// A server over this stock that has done what it does after its start.
pub(super) fn settled(
    workbench: &Workbench,
    folder: &Arc<TempDir>,
    settings: &[String],
) -> io::Result<Server> {
    let server = workbench.playhead_in(Arc::clone(folder), settings)?;
    workbench::client()?.block_on(searchable(&server))?;
    Ok(server)
}

/// The same in a fresh folder, over a stock that is elsewhere.
pub(super) fn settled_with(workbench: &Workbench, settings: &[String]) -> io::Result<Server> {
    settled(workbench, &Arc::new(workbench.fresh_folder()?), settings)
}

/// Waits until all items are in the index of a server that has just started.
async fn searchable(server: &Server) -> io::Result<()> {
    let client = grpc::connection(server.grpc).await?;
    let until = Instant::now() + SEARCHABLE_WITHIN;
    while let Err(error) = SEARCH_ITEMS.make(&client, 0).await {
        if Instant::now() > until {
            return Err(error);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// A server's data with the whole stock in it, made the first time that it is asked for.
pub(super) fn stocked(workbench: &Workbench) -> io::Result<Arc<TempDir>> {
    if let Some(folder) = workbench.stocked.get() {
        return Ok(Arc::clone(folder));
    }
    let folder = Arc::new(workbench.fresh_folder()?);
    let server = workbench.playhead_in(Arc::clone(&folder), &[])?;
    stock(workbench, &server)?;
    Ok(Arc::clone(workbench.stocked.get_or_init(|| folder)))
}

/// What a server is told whose stock is in a CQL server.
pub(super) fn stocked_cql(workbench: &Workbench) -> io::Result<Vec<String>> {
    let settings = cluster::on_fresh_cql(workbench)?;
    let server = workbench.playhead_with(&settings)?;
    stock(workbench, &server)?;
    drop(server);
    // A million writes are compacted for minutes, on the cores that answer.
    if let Some(process) = workbench.cluster.cql_pid {
        let settled = idle(process.unsigned_abs(), CQL_IDLE_MAX, CQL_SETTLE_MAX);
        workbench::client()?.block_on(settled)?;
    }
    Ok(settings)
}

/// Imports the stock into a server.
fn stock(workbench: &Workbench, server: &Server) -> io::Result<()> {
    let folder = workbench.fresh_folder()?;
    let stock = stock::write(folder.path(), FILMS, ACCOUNTS)?;
    workbench.import(server, &stock.mapping, &stock.files)
}

/// A search, which is answered when all items are in the index.
pub(super) static SEARCH_ITEMS: Call<SearchItemsRequest, SearchItemsResponse> = Call {
    method: "/playhead.catalog.v1.CatalogService/SearchItems",
    bearer: |n| Some(sample::bearer(n)),
    request: |n| SearchItemsRequest { query: stock::query(n), ..SearchItemsRequest::default() },
    is_good: |answer| !answer.items.is_empty(),
};

/// What a CQL server takes between two looks that only waits, and how long it may take to come to that.
const CQL_IDLE_MAX: Duration = Duration::from_millis(100);
const CQL_SETTLE_MAX: Duration = Duration::from_secs(600);
const SEARCHABLE_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How many accounts pay.
pub(super) const ACCOUNTS: usize = 1_000_000;
/// How many films there are.
pub(super) const FILMS: usize = 100_000;
