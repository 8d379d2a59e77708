//! Sample events and sessions: beats of a movie, with ids of a UUID's length.

use std::time::{SystemTime, UNIX_EPOCH};

use playhead_ingest::{
    admission::RawEvent,
    live::{Opening, Playing},
};
use playhead_proto::ingest::v1 as proto;
use playhead_store::{
    AccountId, Clock, Description, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, PlayerState, Rate,
    SeqOrder, SessionId, SessionKey, UserId, lease::Terms,
};

/// The clock of players and servers, Unix ms.
#[must_use]
pub fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    i64::try_from(since_1970.as_millis()).expect("a year that has four digits")
}

/// A beat as it rests.
#[must_use]
pub fn beat(seq: u64, at_ms: i64) -> Event {
    Event {
        position_ms: Some(position_ms(seq)),
        state: Some(PlayerState::Playing),
        rate: Some(Rate::NORMAL),
        bitrate_kbps: Some(BITRATE_KBPS),
        ..Event::new(EventKind::Beat, seq, at_ms)
    }
}

/// The same beat as an edge offers it.
#[must_use]
pub fn raw_beat(seq: u64, at_ms: i64) -> RawEvent {
    RawEvent {
        position_ms: Some(position_ms(seq)),
        state: Ok(Some(PlayerState::Playing)),
        rate: Some(1.0),
        bitrate_kbps: Some(BITRATE_KBPS),
        ..RawEvent::new(EventKind::Beat, seq, Some(at_ms))
    }
}

/// The same beat as a player sends it.
#[must_use]
pub fn wire_beat(seq: u64, at_ms: i64) -> proto::Event {
    proto::Event {
        kind: proto::EventKind::Beat.into(),
        seq,
        at_ms,
        position_ms: Some(position_ms(seq)),
        state: proto::PlayerState::Playing.into(),
        rate: Some(1.0),
        bitrate_kbps: Some(BITRATE_KBPS),
        ..proto::Event::default()
    }
}

/// An event that says all that an event can say.
#[must_use]
pub fn wire_full(seq: u64, at_ms: i64) -> proto::Event {
    proto::Event {
        kind: proto::EventKind::Error.into(),
        from_ms: Some(position_ms(seq) - 1),
        startup_ms: Some(830),
        stall_ms: Some(2_150),
        error_code: "MEDIA_ERR_NETWORK_SEGMENT_TIMEOUT".into(),
        duration_ms: Some(MOVIE_MS),
        ..wire_beat(seq, at_ms)
    }
}

/// A frame of a stream.
#[must_use]
pub fn frame(events: Vec<proto::Event>) -> proto::ClientFrame {
    let batch = proto::EventBatch { sent_at_ms: now_ms(), events };
    proto::ClientFrame { frame: Some(proto::client_frame::Frame::Events(batch)) }
}

/// What opens session number `index` on a stream.
#[must_use]
pub fn hello(index: usize) -> proto::ClientFrame {
    let session = Some(wire_session(index));
    let hello =
        proto::Hello { protocol_version: 1, session, sent_at_ms: now_ms(), ..proto::Hello::default() };
    proto::ClientFrame { frame: Some(proto::client_frame::Frame::Hello(hello)) }
}

/// A Publish for these sessions, each with `events` beats from `first_seq` on.
#[must_use]
pub fn publish(sessions: std::ops::Range<usize>, events: u64, first_seq: u64) -> proto::PublishRequest {
    let at_ms = now_ms();
    let batch = |index| proto::SessionEvents {
        session: Some(wire_session(index)),
        user_id: id("user", index),
        account_id: id("account", index),
        device_id: id("device", index),
        sent_at_ms: at_ms,
        events: (first_seq..first_seq + events).map(|seq| wire_beat(seq, at_ms)).collect(),
    };
    proto::PublishRequest { sessions: sessions.map(batch).collect() }
}

/// A POST of event number `seq` of session number `index`, as JSON.
pub fn post_json(out: &mut Vec<u8>, index: usize, seq: u64) {
    let (session, item, at_ms, position_ms) =
        (id("session", index), id("item", index), now_ms(), position_ms(seq));
    let body = format!(
        concat!(
            r#"{{"session":{{"session_id":"{}","item_id":"{}","item_kind":"MOVIE","duration_ms":{}}},"#,
            r#""events":[{{"kind":"BEAT","seq":{},"at_ms":{},"position_ms":{},"#,
            r#""state":"PLAYING","rate":1.0,"bitrate_kbps":{}}}]}}"#
        ),
        session, item, MOVIE_MS, seq, at_ms, position_ms, BITRATE_KBPS,
    );
    post(out, "/v1/events", "application/json", &format!("authorization: {}\r\n", bearer(index)), &body);
}

/// A POST of CMCD record number `seq` of session number `index`, as a version 2 player reports its playhead.
pub fn post_cmcd(out: &mut Vec<u8>, index: usize, seq: u64) {
    let body = format!(
        r#"bl=21300,br=4500,cid="{}",e=t,ltc=1200,mtp=48100,pr=1,pt={},sf=h,sid="{}",sn={seq},st=v,sta=p,ts={},v=2"#,
        id("item", index),
        position_ms(seq),
        id("session", index),
        now_ms(),
    );
    post(out, &format!("/v1/cmcd/{}", token(index)), "application/cmcd", "", &body);
}

fn post(out: &mut Vec<u8>, path: &str, content_type: &str, headers: &str, body: &str) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: playhead\r\n{headers}content-type: {content_type}\r\n\
         content-length: {}\r\n\r\n",
        body.len(),
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}

/// Session number `index`, as the engine opens it.
#[must_use]
pub fn opening(index: usize) -> Opening {
    Opening { key: key(index), order: SeqOrder::Native, playing: playing(index) }
}

/// The name of session number `index`.
#[must_use]
pub fn key(index: usize) -> SessionKey {
    SessionKey { user: user(index), session: SessionId::new(&id("session", index)).expect("an id") }
}

/// Who watches session number `index`.
#[must_use]
pub fn user(index: usize) -> UserId {
    UserId::new(&id("user", index)).expect("an id")
}

/// What session number `index` plays.
#[must_use]
pub fn item(index: usize) -> ItemId {
    ItemId::new(&id("item", index)).expect("an id")
}

/// Who pays for session number `index`.
#[must_use]
pub fn account(index: usize) -> AccountId {
    AccountId::new(&id("account", index)).expect("an id")
}

/// What a frame of session number `index` says besides its events.
#[must_use]
pub fn description(index: usize, as_of_ms: i64) -> Description {
    let Playing { playable, account, device, .. } = playing(index);
    Description { as_of_ms, playable, account, device, order: SeqOrder::Native }
}

/// The clock of a player that is right.
#[must_use]
pub fn clock(now_ms: i64) -> Clock {
    Clock::fix(None, now_ms)
}

/// A credential for user number `index`, in the form of development.
#[must_use]
pub fn bearer(index: usize) -> String {
    format!("Bearer {}", token(index))
}

/// The token of user number `index`.
#[must_use]
pub fn token(index: usize) -> String {
    format!("{}:{}:{}", id("user", index), id("account", index), id("device", index))
}

fn playing(index: usize) -> Playing {
    Playing {
        playable: Playable {
            item: item(index),
            kind: ItemKind::Movie,
            duration_ms: Some(MOVIE_MS),
            credits_ms: None,
        },
        account: account(index),
        device: DeviceId::new(&id("device", index)).expect("an id"),
        terms: Terms::unlimited(),
    }
}

fn wire_session(index: usize) -> proto::Session {
    proto::Session {
        session_id: id("session", index),
        item_id: id("item", index),
        item_kind: proto::ItemKind::Movie.into(),
        duration_ms: Some(MOVIE_MS),
        credits_ms: None,
    }
}

/// As long as a UUID.
fn id(what: &str, index: usize) -> String {
    format!("{what:-<8}-7c1a-7000-8000-{index:012}")
}

/// Past the opening, before the end.
fn position_ms(seq: u64) -> i64 {
    60_000 + i64::try_from(seq % 5_000_000).unwrap_or_default()
}

const MOVIE_MS: i64 = 6_000_000;
const BITRATE_KBPS: u32 = 4_500;
