//! The rows of the catalog: 100 000 films, and a million accounts that pay for them.

use std::{io, sync::Arc, time::Duration};

use playhead_proto::{
    catalog::v1::{GetItemRequest, GetItemResponse},
    entitlement::v1::{
        AuthorizePlaybackRequest, AuthorizePlaybackResponse, CheckSubscriptionRequest,
        CheckSubscriptionResponse,
    },
};
use prost::Message;

use super::{
    paced::{self, Run},
    row::{Goal, Row},
    saturated::{self, Cost},
    stocked::{ACCOUNTS, FILMS, SEARCH_ITEMS, settled, settled_with, stocked, stocked_cql},
    workbench::{self, Server, Workbench},
};
use crate::{
    drive::{
        grpc,
        unary::{self, Call, Pace, Unary},
    },
    sample,
};

/// F4.1.
pub(super) fn cached_items(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let folder = stocked(workbench)?;
    let busy = async |server: &Server| -> io::Result<Cost> {
        unary::all(server.grpc, &GET_ITEM, 0..WARM, drop).await?;
        let mut load = Unary::open(server.grpc, &GET_ITEM, WARM).await?;
        saturated::cost_of_answers(server, load.run(LASTING)).await
    };
    let item = answer(&workbench.playhead_in(Arc::clone(&folder), &[])?, &GET_ITEM)?;
    let (mut ours, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..workbench.runs {
        let server = settled(workbench, &folder, &[])?;
        ours.push(saturated::run("playhead", &server, busy)?.per_core_second());
        drop(server);
        let limit = workbench.limit_answering("get-item", &item)?;
        limits.push(saturated::run("get-item", &limit, busy)?.per_core_second());
    }
    let what =
        format!("GetItem from the cache, calls per server-core-second: {} bytes an answer", item.len());
    Ok(vec![Row::against("F4.1", &what, &ours, &[("get-item", limits)], Goal::RatioAtLeast(0.85))])
}

/// F4.2, but for what is read from CQL.
pub(super) fn subscriptions(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let folder = stocked(workbench)?;
    let subscription = answer(&workbench.playhead_in(Arc::clone(&folder), &[])?, &CHECK_SUBSCRIPTION)?;
    let cached = async |server: &Server| {
        unary::all(server.grpc, &CHECK_SUBSCRIPTION, 0..WARM, drop).await?;
        p99(&unary::paced(server.grpc, &CHECK_SUBSCRIPTION, (0..WARM).cycle(), CHECKS).await?)
    };
    let (mut ours, mut limits, mut cold) = (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..workbench.runs {
        let server = settled(workbench, &folder, &[])?;
        ours.push(paced::run("cached", &server, cached)?);
        drop(server);
        let limit = workbench.limit_answering("check-subscription", &subscription)?;
        limits.push(paced::run("no-op", &limit, cached)?);
        let server = settled(workbench, &folder, &[])?;
        cold.push(paced::run("cold", &server, async |server| {
            p99(&unary::paced(server.grpc, &CHECK_SUBSCRIPTION, scattered(), CHECKS).await?)
        })?);
    }
    let what = "CheckSubscription p99, ms, 5 000 calls/s: cached";
    let against = [("check-subscription", limits.values.clone())];
    let row = Row::against("F4.2 cached", what, &ours.values, &against, Goal::RatioAtMost(1.2));
    let what = "the same, never asked before, from the embedded store";
    Ok(vec![
        paced::judged(row, ours.lag_ms.max(limits.lag_ms)),
        cold.row("F4.2 embedded", what, Goal::AtMost(5.0)),
    ])
}

/// F4.3, and the part of F4.2 that is read from CQL. The first rounds do not count: a Java machine that never answered such
/// reads compiles its code beside them, on the same cores.
pub(super) fn from_cql(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let settings = stocked_cql(workbench)?;
    let (mut checks, mut items) = (Runs::default(), Runs::default());
    for round in 0..CQL_WARMUP_ROUNDS + workbench.runs {
        let server = settled_with(workbench, &settings)?;
        let check = paced::run("checks", &server, async |server| {
            p99(&unary::paced(server.grpc, &CHECK_SUBSCRIPTION, scattered(), CHECKS).await?)
        })?;
        let item = paced::run("items", &server, async |server| {
            p99(&unary::paced(server.grpc, &GET_ITEM, 0..FILMS, READS).await?)
        })?;
        if round >= CQL_WARMUP_ROUNDS {
            checks.push(check);
            items.push(item);
        }
    }
    let what = "CheckSubscription p99, ms, 5 000 calls/s: never asked before, from CQL";
    let checks = checks.row("F4.2 CQL", what, Goal::AtMost(30.0));
    let what = "GetItem p99, ms, 2 000 calls/s: never asked before, from CQL";
    Ok(vec![checks, items.row("F4.3", what, Goal::AtMost(50.0))])
}

/// F4.4.
pub(super) fn play_button(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let folder = stocked(workbench)?;
    let redis = workbench.cluster.redis()?;
    let mut runs = Runs::default();
    for run in 0..workbench.runs {
        let prefix = format!("figures{}-{run}", sample::now_ms());
        let settings =
            ["hot.backend=redis".to_owned(), format!("hot.urls={redis}"), format!("hot.prefix={prefix}")];
        let server = settled(workbench, &folder, &settings)?;
        runs.push(paced::run("playhead", &server, async |server| {
            p99(&unary::paced(server.grpc, &AUTHORIZE_PLAYBACK, scattered(), BUTTONS).await?)
        })?);
    }
    let what =
        "AuthorizePlayback p99, ms, 1 000 calls/s of as many accounts: a lease in Redis, nothing cached";
    Ok(vec![runs.row("F4.4", what, Goal::AtMost(30.0))])
}

/// F4.5.
pub(super) fn memory(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let folder = stocked(workbench)?;
    let (mut added, mut encoded) = (Vec::new(), Vec::new());
    for _ in 0..workbench.runs {
        let server = settled(workbench, &folder, &ROOMY.map(str::to_owned))?;
        let before = server.resident_bytes()?;
        let size = |answer: GetItemResponse| answer.item.map_or(0, |item| item.encoded_len());
        let client = workbench::client()?;
        let sizes = client.block_on(unary::all(server.grpc, &KEPT_ITEM, 0..FILMS, size))?;
        // An item is remembered in one more form when a viewer has asked for it.
        client.block_on(unary::all(server.grpc, &GET_ITEM, 0..FILMS, drop))?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        added.push(mib(server.resident_bytes()?.saturating_sub(before)));
        encoded.push(mib(sizes.into_iter().sum::<usize>() as u64));
    }
    let what = format!("resident memory added by {FILMS} cached items, MiB");
    Ok(vec![Row::against("F4.5", &what, &added, &[("their encoded size", encoded)], Goal::RatioAtMost(4.0))])
}

/// F4.7.
pub(super) fn search(workbench: &Workbench) -> io::Result<Vec<Row>> {
    let folder = stocked(workbench)?;
    let mut runs = Runs::default();
    for _ in 0..workbench.runs {
        let server = settled(workbench, &folder, &[])?;
        runs.push(paced::run("playhead", &server, async |server| {
            p99(&unary::paced(server.grpc, &SEARCH_ITEMS, 0..FILMS, SEARCHES).await?)
        })?);
    }
    let what =
        format!("SearchItems p99, ms, 200 calls/s over {FILMS} titles: words, beginnings, slips, Korean");
    Ok(vec![runs.row("F4.7", &what, Goal::AtMost(20.0))])
}

/// What a server answers to call number 0, as it travels.
fn answer<Q, A>(server: &Server, call: &Call<Q, A>) -> io::Result<Vec<u8>>
where
    Q: Message,
    A: Message + Default,
{
    workbench::client()?.block_on(async {
        let client = grpc::connection(server.grpc).await?;
        Ok(call.make(&client, 0).await?.encode_to_vec())
    })
}

/// Accounts here and there, none of them twice.
fn scattered() -> impl Iterator<Item = usize> {
    (0..ACCOUNTS).map(|n| n * STRIDE % ACCOUNTS)
}

fn p99(seen: &unary::Seen) -> io::Result<Run> {
    Ok(Run { value: paced::ms(&seen.latencies)?, lag_ms: paced::ms(&seen.lags)? })
}

/// Runs, and the most that the client was late in any of them.
#[derive(Debug, Default)]
struct Runs {
    values: Vec<f64>,
    lag_ms: f64,
}

impl Runs {
    fn push(&mut self, run: Run) {
        self.values.push(run.value);
        self.lag_ms = self.lag_ms.max(run.lag_ms);
    }

    fn row(&self, name: &str, what: &str, goal: Goal) -> Row {
        paced::judged(Row::alone(name, what, &self.values, goal), self.lag_ms)
    }
}

static GET_ITEM: Call<GetItemRequest, GetItemResponse> = get_item(|n| Some(sample::bearer(n)));
/// As whoever keeps the catalog sees it: whole.
static KEPT_ITEM: Call<GetItemRequest, GetItemResponse> = get_item(|_| None);

const fn get_item(bearer: fn(usize) -> Option<String>) -> Call<GetItemRequest, GetItemResponse> {
    Call {
        method: "/playhead.catalog.v1.CatalogService/GetItem",
        bearer,
        request: |n| GetItemRequest {
            id: sample::item(n).as_str().to_owned(),
            languages: vec!["en".to_owned()],
            ..GetItemRequest::default()
        },
        is_good: |answer| answer.item.is_some(),
    }
}

static CHECK_SUBSCRIPTION: Call<CheckSubscriptionRequest, CheckSubscriptionResponse> = Call {
    method: "/playhead.entitlement.v1.EntitlementService/CheckSubscription",
    bearer: |n| Some(sample::bearer(n)),
    request: |_| CheckSubscriptionRequest::default(),
    is_good: |answer| answer.entitled,
};

static AUTHORIZE_PLAYBACK: Call<AuthorizePlaybackRequest, AuthorizePlaybackResponse> = Call {
    method: "/playhead.entitlement.v1.EntitlementService/AuthorizePlayback",
    bearer: |n| Some(sample::bearer(n)),
    request: |n| AuthorizePlaybackRequest {
        item_id: sample::item(n % FILMS).as_str().to_owned(),
        session_id: sample::key(n).session.as_str().to_owned(),
        ..AuthorizePlaybackRequest::default()
    },
    is_good: |answer| answer.playback.is_some(),
};

/// Room for all films, with their titles.
const ROOMY: [&str; 2] = ["catalog.cache_mb=1024", "engine.memory_mb_max=2200"];
/// A prime that is no divisor of their number.
const STRIDE: usize = 611_953;
/// What is asked for again and again: half of what the default cache holds.
const WARM: usize = 2_000;
const LASTING: Duration = Duration::from_secs(6);
/// How many rounds a CQL server is asked before they count.
const CQL_WARMUP_ROUNDS: usize = 3;
/// Shorter than an answer lasts in the cache.
const CHECKS: Pace = Pace { calls_per_s: 5_000, lasting: Duration::from_secs(6) };
const READS: Pace = Pace { calls_per_s: 2_000, lasting: Duration::from_secs(8) };
const SEARCHES: Pace = Pace { calls_per_s: 200, lasting: Duration::from_secs(8) };
const BUTTONS: Pace = Pace { calls_per_s: 1_000, lasting: Duration::from_secs(8) };
