//! What an app shows: events go in by the ingest edge, and the screens say what they come to together with the catalog.

mod progress;
mod shared;
mod up_next;

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    playback::v1 as playback,
    screen::v1 as proto,
};
use prost::Message as _;
use serde_json::json;
use tonic::Code;

use crate::site::{BEGIN_MS, Site, by, item, told};

const MARK: &str = "/playhead.playback.v1.PlaybackService/MarkWatched";
/// How long everything here is, ms.
const LENGTH_MS: i64 = 1_000_000;

/// An item of this length that can be played.
fn leaf(id: &str, kind: Kind, parent: &str, order: i32) -> catalog::Item {
    catalog::Item { duration_ms: Some(LENGTH_MS), ..item(id, kind, parent, order) }
}

/// A series of two seasons: e1 and e2, e3.
async fn put_series(site: &Site) {
    site.put(item("series", Kind::Series, "", 0)).await;
    for (season, order) in [("season-1", 1), ("season-2", 2)] {
        site.put(item(season, Kind::Season, "series", order)).await;
    }
    for (episode, season, order) in [("e1", "season-1", 1), ("e2", "season-1", 2), ("e3", "season-2", 1)] {
        site.put(leaf(episode, Kind::Episode, season, order)).await;
    }
}

/// Tells that a user plays an item and is there now, in a session of the item's own; the clock goes on by a second.
async fn at(site: &Site, user: &str, item: &str, seq: u64, position_ms: i64) {
    let body = json!({
        "session": { "session_id": format!("s-{item}"), "item_id": item, "duration_ms": LENGTH_MS },
        "events": [{ "kind": "BEAT", "seq": seq, "position_ms": position_ms, "state": "PLAYING" }],
    });
    let (status, said) = site.post(&site.viewer(user), "/v1/events", &body).await;
    assert_eq!((status, &said["acked_through_seq"]), (200, &seq.into()), "{said}");
    site.later(1_000);
}

/// Marks an item watched, or not; the clock goes on by a second.
async fn mark(site: &Site, user: &str, item: &str, watched: bool) {
    let request = playback::MarkWatchedRequest { user_id: user.into(), item_id: item.into(), watched };
    site.call(&site.viewer(user), MARK, request.encode_to_vec()).await.unwrap();
    site.later(1_000);
}
