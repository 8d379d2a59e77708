//! Those who play: they press the button, tell what they do by the session's token, over whichever edge, and look where
//! they are.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client as HttpClient, rt::TokioExecutor};
use playhead_client::{Client, Session, SessionInfo, Token, Trust};
use playhead_proto::{
    entitlement::v1 as rights,
    ingest::v1::{Event, EventKind},
    playback::v1 as playback,
};
use tonic::Code;

use crate::site::{Site, by};

impl Site {
    /// Presses play. The viewer is `user:account:device`.
    pub async fn press(&self, viewer: &str, item: &str, session: &str) -> rights::AuthorizePlaybackResponse {
        self.press_by(viewer, item, session, "").await
    }

    /// The same of one who came by a link.
    pub async fn press_by(
        &self,
        viewer: &str,
        item: &str,
        session: &str,
        link: &str,
    ) -> rights::AuthorizePlaybackResponse {
        let request = rights::AuthorizePlaybackRequest {
            item_id: item.into(),
            session_id: session.into(),
            share_token: link.into(),
            ..Default::default()
        };
        self.rights().authorize_playback(by(viewer, request)).await.unwrap().into_inner()
    }

    /// Presses play, and may begin.
    pub async fn begin(&self, viewer: &str, item: &str, session: &str) -> rights::Playback {
        let pressed = self.press(viewer, item, session).await;
        pressed.playback.clone().unwrap_or_else(|| panic!("{pressed:?}"))
    }

    /// A player's session over gRPC.
    pub fn over_grpc(&self, session: &str, item: &str, token: &str) -> Session {
        let client = Client::builder(&self.grpc).token(Token::fixed(token)).tries_max(5).build().unwrap();
        client.session(SessionInfo::new(session, item)).unwrap()
    }

    /// Posts this over HTTP: the status, and what is answered.
    pub async fn post(&self, path: &str, token: &str, kind: &str, body: String) -> (u16, String) {
        let client = HttpClient::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = http::Request::post(format!("{}{path}", self.http))
            .header("content-type", kind)
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(body))
            .unwrap();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    /// Where a user is in an item.
    pub async fn position(&self, user: &str, item: &str) -> Option<playback::Position> {
        let request = playback::GetPositionRequest { user_id: user.into(), item_id: item.into() };
        match self.playback().get_position(by(user, request)).await {
            Ok(answer) => answer.into_inner().position,
            Err(status) => {
                assert_eq!(status.code(), Code::NotFound, "{status:?}");
                None
            }
        }
    }

    /// Where a user is in an item, ms; -1 where that is not known.
    pub async fn position_ms(&self, user: &str, item: &str) -> i64 {
        self.position(user, item).await.map_or(-1, |position| position.position_ms)
    }

    /// Waits until a user is there, which an edge that acknowledges nothing does not say.
    pub async fn is_at(&self, user: &str, item: &str, position_ms: i64) {
        for _ in 0..2_000 {
            if self.position_ms(user, item).await == position_ms {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{user} is at {} in {item}, not at {position_ms}", self.position_ms(user, item).await);
    }

    /// Where a user is in several items: those that were begun.
    pub async fn positions(&self, user: &str, items: &[String]) -> Vec<playback::Position> {
        let request = playback::BatchGetPositionsRequest { user_id: user.into(), item_ids: items.to_vec() };
        self.playback().batch_get_positions(by(user, request)).await.unwrap().into_inner().positions
    }

    /// What a user has begun and not finished, the latest first: items and places.
    pub async fn going_on(&self, user: &str) -> Vec<(String, i64)> {
        let request = playback::ListContinueWatchingRequest { user_id: user.into(), ..Default::default() };
        let answer = self.playback().list_continue_watching(by(user, request)).await.unwrap().into_inner();
        answer.positions.into_iter().map(|position| (position.item_id, position.position_ms)).collect()
    }

    /// A user's sessions, the latest first; of one item, or of all.
    pub async fn history(&self, user: &str, item: &str) -> Vec<playback::Session> {
        let (user_id, item_id) = (user.to_owned(), item.to_owned());
        let request =
            playback::ListSessionsRequest { user_id, item_id, page_size: 100, ..Default::default() };
        self.playback().list_sessions(by(user, request)).await.unwrap().into_inner().sessions
    }

    /// A user's session with its events: what happened and when.
    pub async fn session(&self, user: &str, session: &str) -> (playback::Session, Vec<(EventKind, i64)>) {
        let (user_id, session_id) = (user.to_owned(), session.to_owned());
        let request = playback::GetSessionRequest { user_id, session_id, read_mask: None };
        let answer = self.playback().get_session(by(user, request)).await.unwrap().into_inner();
        let events = answer.events.iter().map(|event| (event.kind(), event.at_ms)).collect();
        (answer.session.unwrap(), events)
    }

    /// Stops one of the account's sessions by its code.
    pub async fn stop(&self, viewer: &str, stop_code: &str) {
        let request = playback::StopSessionRequest { stop_code: stop_code.to_owned(), ..Default::default() };
        self.playback().stop_session(by(viewer, request)).await.unwrap();
    }
}

/// A player's session over QUIC, with its beats as datagrams.
pub fn over_quic(at: SocketAddr, session: &str, item: &str, token: &str) -> Session {
    let client = Client::builder(format!("quic://{at}"))
        .trust(Trust::AnyoneOnLoopback)
        .token(Token::fixed(token))
        .datagrams(true)
        .tries_max(5);
    client.build().unwrap().session(SessionInfo::new(session, item)).unwrap()
}

/// Says what happens, and waits until all of it is durable.
pub async fn says(session: &Session, events: &[(EventKind, i64)]) {
    let mut last = 0;
    for &(kind, position_ms) in events {
        let event = Event { kind: kind.into(), position_ms: Some(position_ms), ..Event::default() };
        last = session.send(event).await.unwrap();
    }
    tokio::time::timeout(PATIENCE, session.settled(last)).await.unwrap().unwrap();
    assert_eq!(session.take_rejected(), []);
}

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
