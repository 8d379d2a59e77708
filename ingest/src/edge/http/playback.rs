//! `/v1/users/{user}/...`: reads and explicit marks as JSON, with the names of `playback.proto`.

mod view;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use playhead_store::{ItemId, SessionId, SessionKey, UserId};
use serde::Deserialize;
use serde_json::json;

use super::{Front, caller, error::Failure, events::body_of, json::reply, query::arguments};
use crate::{
    admission::{self, RejectReason, Rejection},
    edge::publish::id,
    identity::Scope,
    page::{PageError, PageRequest},
};
use view::{PositionJson, SessionJson};

type Named<T> = Result<Path<T>, PathRejection>;
type Answer = Result<Response, Failure>;

/// `GET positions/{item}`.
pub(super) async fn get_position(
    State(front): State<Arc<Front>>,
    named: Named<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let (user, item) = user_and_item(&front, named, &headers, Scope::PlaybackRead, "position").await?;
    let row = front.doors.playback.position(&user, &item).await?;
    let position = row.as_ref().and_then(|row| PositionJson::new(&user, &item, row));
    match position {
        Some(position) => Ok(reply(StatusCode::OK, &json!({ "position": position }))),
        None => Err(Failure::absent("position")),
    }
}

/// `GET positions?item=a&item=b`.
pub(super) async fn get_positions(
    State(front): State<Arc<Front>>,
    named: Named<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let user = user(&front, named, &headers, Scope::PlaybackRead).await?;
    let arguments = arguments(&query.unwrap_or_default())?;
    let names = arguments.iter().filter(|(name, _)| name == "item");
    let items: Vec<ItemId> = names.map(|(_, item)| item_id(item)).collect::<Result<_, _>>()?;
    if !(1..=ITEMS_MAX).contains(&items.len()) {
        return Err(Failure::rejected(&Rejection::new(
            RejectReason::Malformed,
            "item",
            format!("{} times", items.len()),
            "1 to 100 times",
        )));
    }
    let rows = front.doors.playback.positions(&user, items).await?;
    let positions: Vec<_> =
        rows.iter().filter_map(|(item, row)| PositionJson::new(&user, item, row)).collect();
    Ok(reply(StatusCode::OK, &json!({ "positions": positions })))
}

/// `GET continue-watching?page_size=&page_token=`.
pub(super) async fn continue_watching(
    State(front): State<Arc<Front>>,
    named: Named<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let user = user(&front, named, &headers, Scope::PlaybackRead).await?;
    let page = page(&arguments(&query.unwrap_or_default())?)?;
    let page = front.doors.playback.continue_watching(&user, &page).await?;
    let positions: Vec<_> =
        page.entries.iter().filter_map(|(item, row)| PositionJson::new(&user, item, row)).collect();
    let next = page.next.unwrap_or_default();
    Ok(reply(StatusCode::OK, &json!({ "positions": positions, "next_page_token": next })))
}

/// `GET sessions?item=&page_size=&page_token=`.
pub(super) async fn get_sessions(
    State(front): State<Arc<Front>>,
    named: Named<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let user = user(&front, named, &headers, Scope::PlaybackRead).await?;
    let arguments = arguments(&query.unwrap_or_default())?;
    let item = argument(&arguments, "item").filter(|item| !item.is_empty()).map(item_id).transpose()?;
    let page = front.doors.playback.sessions(&user, item.as_ref(), &page(&arguments)?).await?;
    let sessions: Vec<_> = page.entries.iter().map(SessionJson::new).collect();
    let next = page.next.unwrap_or_default();
    Ok(reply(StatusCode::OK, &json!({ "sessions": sessions, "next_page_token": next })))
}

/// `GET sessions/{session}`, with its events.
pub(super) async fn get_session(
    State(front): State<Arc<Front>>,
    named: Named<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let Path((user, session)) = named.map_err(Failure::malformed)?;
    let user = caller::user(&front, &headers, Scope::PlaybackRead, &user, "session").await?;
    let session = id("session_id", &session, SessionId::new).map_err(|no| Failure::rejected(&no))?;
    let key = SessionKey { user, session };
    match front.doors.playback.session(&key).await? {
        Some(reading) => {
            Ok(reply(StatusCode::OK, &view::session_with_events(&reading.view, &reading.events)))
        }
        None => Err(Failure::absent("session")),
    }
}

/// `PUT positions/{item}` with `{"position_ms": 61000}`.
pub(super) async fn put_position(
    State(front): State<Arc<Front>>,
    named: Named<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct SetPosition {
        #[serde(alias = "positionMs")]
        position_ms: i64,
    }
    let (user, item) = user_and_item(&front, named, &headers, Scope::PlaybackWrite, "user").await?;
    let SetPosition { position_ms } = message(&front, body).await?;
    admission::media(RejectReason::PositionOutOfRange, "position_ms", Some(position_ms))
        .map_err(|rejection| Failure::rejected(&rejection))?;
    let now_ms = (front.doors.now)();
    let row = front.doors.playback.set_position(&user, &item, position_ms, now_ms).await?;
    let position = row.as_ref().and_then(|row| PositionJson::new(&user, &item, row));
    Ok(reply(StatusCode::OK, &json!({ "position": position })))
}

/// `POST items/{item}/watched` with `{"watched": true}`.
pub(super) async fn post_watched(
    State(front): State<Arc<Front>>,
    named: Named<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct MarkWatched {
        watched: bool,
    }
    let (user, item) = user_and_item(&front, named, &headers, Scope::PlaybackWrite, "user").await?;
    let MarkWatched { watched } = message(&front, body).await?;
    front.doors.playback.mark_watched(&user, &item, watched, (front.doors.now)()).await?;
    Ok(reply(StatusCode::OK, &json!({})))
}

/// `DELETE positions/{item}`: forgets it.
pub(super) async fn delete_position(
    State(front): State<Arc<Front>>,
    named: Named<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let (user, item) = user_and_item(&front, named, &headers, Scope::PlaybackWrite, "user").await?;
    front.doors.playback.forget(&user, &item, (front.doors.now)()).await?;
    Ok(reply(StatusCode::OK, &json!({})))
}

/// `DELETE /v1/users/{user}`: erases all of the user, for good.
pub(super) async fn delete_user(
    State(front): State<Arc<Front>>,
    named: Named<String>,
    headers: HeaderMap,
) -> Answer {
    let user = user(&front, named, &headers, Scope::PlaybackErase).await?;
    let now_ms = (front.doors.now)();
    front.doors.playback.erase(&user, now_ms).await?;
    Ok(reply(StatusCode::OK, &json!({ "erased_through_ms": now_ms })))
}

async fn user(
    front: &Front,
    named: Named<String>,
    headers: &HeaderMap,
    scope: Scope,
) -> Result<UserId, Failure> {
    let Path(user) = named.map_err(Failure::malformed)?;
    caller::user(front, headers, scope, &user, "user").await
}

async fn user_and_item(
    front: &Front,
    named: Named<(String, String)>,
    headers: &HeaderMap,
    scope: Scope,
    what: &str,
) -> Result<(UserId, ItemId), Failure> {
    let Path((user, item)) = named.map_err(Failure::malformed)?;
    Ok((caller::user(front, headers, scope, &user, what).await?, item_id(&item)?))
}

fn item_id(item: &str) -> Result<ItemId, Failure> {
    id("item_id", item, ItemId::new).map_err(|rejection| Failure::rejected(&rejection))
}

async fn message<T: for<'de> Deserialize<'de>>(front: &Front, body: Body) -> Result<T, Failure> {
    let taken = body_of(front, body).await?;
    serde_json::from_slice(&taken.bytes).map_err(Failure::malformed)
}

fn page(arguments: &[(String, String)]) -> Result<PageRequest, Failure> {
    let refused = |field, value: &str, allowed: String| {
        Failure::rejected(&Rejection::new(RejectReason::Malformed, field, value, allowed))
    };
    let text = argument(arguments, "page_size").unwrap_or_default();
    let token = argument(arguments, "page_token").unwrap_or_default();
    let size_allowed = || "0 (meaning 20) to 100".to_owned();
    let size = match text {
        "" => 0,
        text => text.parse().map_err(|_| refused("page_size", text, size_allowed()))?,
    };
    PageRequest::new(size, token).map_err(|error| match error {
        PageError::Size(_) => refused("page_size", text, size_allowed()),
        PageError::Token => refused("page_token", token, "a next_page_token of this server".to_owned()),
    })
}

fn argument<'a>(arguments: &'a [(String, String)], name: &str) -> Option<&'a str> {
    arguments.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The most items that one request asks for.
const ITEMS_MAX: usize = 100;
