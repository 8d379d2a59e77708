//! Every decoder as a function of any bytes, for the fuzzer and for the tests that run its corpus (`fuzz/`).
//!
//! Each reads the bytes and goes on with what it read as the engine would: an event that was read is checked by admission,
//! what passes is written as a journal record, and that must read back as it was. So no input may panic, and none may be
//! taken on the way in and lost on the way back.

use playhead_store::{
    AccountId, Clock, Description, DeviceId, Event, ItemId, Playable, SeqOrder, SessionId, SessionKey, UserId,
};

use crate::{
    admission,
    edge::{http, publish::SessionBatch, wire},
    identity::{
        Identity, TokenRules,
        keys::{KeySet, is_kid},
        token::{self, claims::TokenClaims, header::Header},
    },
    intake::Offered,
    journal,
    record::{self, Record},
};

/// A decoder, and what is done with what it reads. It panics when a promise is broken.
pub type Target = fn(&[u8]);

/// The decoders by name.
pub const TARGETS: [(&str, Target); 8] = [
    ("frame", frame),
    ("publish", publish),
    ("json", json),
    ("cmcd", cmcd),
    ("record", journal_record),
    ("segment", journal_segment),
    ("token", token),
    ("jwks", jwks),
];

/// A client's frame.
fn frame(bytes: &[u8]) {
    match wire::client_frame(bytes) {
        Ok(wire::ClientFrame::Events(events)) => go_on(events),
        Ok(wire::ClientFrame::Hello(hello)) => batch(hello.batch),
        Ok(wire::ClientFrame::Ping) | Err(_) => {}
    }
}

/// A Publish request, and the body of a protobuf POST.
fn publish(bytes: &[u8]) {
    if let Ok(batches) = wire::publish_request(bytes) {
        batches.into_iter().flatten().for_each(batch);
    }
    if let Ok(one) = wire::session_events(bytes) {
        batch(one);
    }
}

/// A JSON body, of one session and of many.
fn json(bytes: &[u8]) {
    http::fuzzing::json(bytes).into_iter().for_each(batch);
}

/// Lines of CMCD.
fn cmcd(bytes: &[u8]) {
    go_on(http::fuzzing::cmcd(bytes).into_iter().map(Ok).collect());
}

/// A journal record.
fn journal_record(bytes: &[u8]) {
    let Ok(read) = record::read(bytes) else { return };
    let mut again = Vec::new();
    match &read {
        Record::Events { key, clock, description, events } => {
            record::put_events(&mut again, key, *clock, description, events);
        }
        Record::Mark { user, item, row } => record::put_mark(&mut again, user, item, row),
    }
    assert_eq!(record::read(&again).as_ref(), Ok(&read), "a record means what it meant");
}

/// A journal segment, and the records in it.
fn journal_segment(bytes: &[u8]) {
    let mut records = 0;
    let found = journal::fuzzing::records(bytes, |payload| {
        journal_record(payload);
        records += 1;
    });
    assert_eq!(found, records, "every record is counted once");
}

/// A token as a whole, and the same bytes as the header and as the claims of one.
fn token(bytes: &[u8]) {
    let keys = KeySet::default().with_secret("fuzz", &[7; 32]);
    let rules = TokenRules { issuer: "i".to_owned(), audience: "a".to_owned(), leeway_s: 0 };
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(token::verify(text, &keys, &rules, NOW_MS / 1_000).is_err(), "nobody guesses a signature");
    }
    if let Ok(header) = Header::read(bytes) {
        assert!(is_kid(&header.kid), "a kid is plain");
    }
    let Ok(claims) = TokenClaims::read(bytes) else { return };
    let written = serde_json::to_vec(&claims).unwrap_or_default();
    assert_eq!(TokenClaims::read(&written).as_ref(), Ok(&claims), "claims mean what they meant");
    // Whatever the times are, comparing them is no overflow.
    let _ = claims.check(&rules, NOW_MS / 1_000);
    if let Ok(Identity::Viewer(viewer)) = claims.identity() {
        assert_eq!(viewer.user.as_str(), claims.sub, "a viewer is the subject");
    }
}

/// A set of keys.
fn jwks(bytes: &[u8]) {
    if let Ok((keys, _)) = KeySet::from_jwks(bytes) {
        assert!(!keys.is_empty(), "a set without keys is none");
    }
}

fn batch(batch: SessionBatch) {
    go_on(batch.events);
}

/// What was read goes the way of an event, up to the disk and back.
fn go_on(events: Vec<Offered>) {
    let clock = Clock::fix(Some(NOW_MS - 5_000), NOW_MS);
    let admitted = events.into_iter().flatten().map(|raw| admission::check(raw, clock, NOW_MS));
    let mut events: Vec<Event> = admitted.flatten().collect();
    events.sort_by_key(|event| event.seq);
    events.dedup_by_key(|event| event.seq);
    let (key, description) = session();
    let mut bytes = Vec::new();
    record::put_events(&mut bytes, &key, clock, &description, &events);
    let expected = Record::Events { key, clock, description, events };
    assert_eq!(record::read(&bytes), Ok(expected), "what was taken is what will be served");
}

#[expect(clippy::expect_used, reason = "these are ids")]
fn session() -> (SessionKey, Description) {
    let key =
        SessionKey { user: UserId::new("ann").expect("an id"), session: SessionId::new("s").expect("an id") };
    let playable = Playable {
        item: ItemId::new("movie").expect("an id"),
        kind: playhead_store::ItemKind::Movie,
        duration_ms: None,
        credits_ms: None,
    };
    let account = AccountId::new("family").expect("an id");
    let device = DeviceId::new("tv").expect("an id");
    (key, Description { as_of_ms: NOW_MS, playable, account, device, order: SeqOrder::Native })
}

/// When it all happens, Unix ms.
const NOW_MS: i64 = 1_800_000_000_000;
