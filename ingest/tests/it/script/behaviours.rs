//! What happens on a line. Each behaviour is told once, and holds for every way in that can say it.

use playhead_ingest::settings::{Limits, Settings};
use proto::client_frame::Frame::Ping;

pub(super) use super::limits::*;
use super::*;
use crate::grpc::{beat, field, playing};

/// Makes a test of each behaviour for a way in.
macro_rules! script {
    ($way:ty: $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::behaviours::$name::<$way>().await;
            }
        )*
    };
}

/// All behaviours, for ways in that carry a stream.
macro_rules! whole_script {
    ($way:ty) => {
        $crate::script::behaviours::script! { $way:
            an_acknowledged_event_is_stored_and_may_play
            a_repeat_changes_nothing
            a_bad_event_is_refused_alone
            a_full_server_says_from_where_to_go_on
            a_field_of_the_session_that_is_wrong_is_named
            nothing_is_acknowledged_before_it_is_durable
            a_batch_beyond_the_limit_comes_again_in_parts
            an_empty_batch_is_refused_and_the_stream_goes_on
            a_stream_begins_with_a_hello
            another_protocol_version_is_told_which_is_spoken
            a_second_hello_ends_the_stream
            bytes_that_are_no_frame_end_the_stream
            a_frame_that_is_too_large_is_told_the_limit
            a_stream_is_a_viewers
            a_viewer_has_a_share_of_the_streams
            closing_waits_for_the_last_acknowledgement
            stopping_acknowledges_what_is_outstanding
            a_stream_beyond_the_limit_is_told_who_is_in_the_way
            an_evicted_stream_is_told_by_which_device
            a_kick_reaches_an_open_stream_at_once
            a_device_that_comes_back_takes_over_its_ghost
        }
    };
}

pub(super) use {script, whole_script};

const INVALID_ARGUMENT: u32 = 3;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const FAILED_PRECONDITION: u32 = 9;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

fn limited(limits: Limits) -> Settings {
    Settings { limits, ..Settings::default() }
}

/// Not in the words of any way: the code that a refused Hello and a refused request share.
fn named(end: &End) -> (u32, &str, &str, &str) {
    (end.code, &end.reason, end.field.trim_start_matches("hello."), &end.description)
}

pub(super) async fn an_acknowledged_event_is_stored_and_may_play<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    line.send_events(vec![beat(1), beat(2)]).await;
    line.acked_through(2).await;
    line.send_events(vec![beat(3)]).await;
    let ack = line.acked_through(3).await;
    assert_eq!((ack.rejected.len(), ack.busy), (0, None));
    assert_eq!((ack.next_beat_ms, ack.verdict()), (10_000, proto::Verdict::Play));
    let count = way.at_rest().await;
    assert_eq!((count.offered, count.stored), (3, 3));
}

pub(super) async fn a_repeat_changes_nothing<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    line.send_events(vec![beat(1), beat(2)]).await;
    line.acked_through(2).await;
    line.send_events(vec![beat(1), beat(2), beat(3)]).await;
    assert_eq!(line.acked_through(3).await.rejected, vec![]);
    let mut again = way.talk("s1").await;
    again.send_events(vec![beat(1), beat(2), beat(3)]).await;
    assert_eq!(again.acked_through(3).await.verdict(), proto::Verdict::Play);
    let count = way.at_rest().await;
    assert_eq!((count.offered, count.stored, count.duplicate), (8, 3, 5));
}

pub(super) async fn a_bad_event_is_refused_alone<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    let bad = [
        proto::Event { kind: 99, ..beat(2) },
        proto::Event { position_ms: Some(-1), ..beat(3) },
        proto::Event { rate: Some(f64::NAN), ..beat(4) },
        beat(0),
    ];
    let events = [&[beat(1)], &bad[..], &[beat(5)]].concat();
    line.send_events(events).await;
    let refused = line.acked_through(5).await.rejected;
    let said: Vec<_> =
        refused.iter().map(|no| (no.seq, no.index, no.reason(), &*no.field, &*no.value)).collect();
    let expect = [
        (2, 1, proto::RejectReason::UnknownKind, "events[1].kind", "99"),
        (3, 2, proto::RejectReason::PositionOutOfRange, "events[2].position_ms", "-1"),
        (4, 3, proto::RejectReason::RateOutOfRange, "events[3].rate", "NaN"),
        (0, 4, proto::RejectReason::SeqOutOfRange, "events[4].seq", "0"),
    ];
    assert_eq!(said, expect);
    assert!(refused.iter().all(|no| !no.allowed.is_empty()));
    let count = way.at_rest().await;
    assert_eq!((count.stored, count.rejected()), (2, 4));
}

pub(super) async fn a_full_server_says_from_where_to_go_on<W: Way>() {
    let limits = Limits { shards: 1, shard_events_max: 4, batch_events_max: 4, ..Limits::default() };
    let way = W::start(limited(limits)).await;
    let mut line = way.talk("s1").await;
    way.host().gate.close();
    line.send_events(vec![beat(1)]).await;
    way.host().gate.is_waited_for().await;
    line.send_events((2..=5).map(beat).collect()).await;
    within(async {
        while way.host().engine.levels().waiting_events < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    line.send_events(vec![beat(6)]).await;
    let busy = line.ack().await;
    assert_eq!(busy.acked_through_seq, 0);
    assert_eq!(busy.busy, Some(proto::Busy { retry_after_ms: 250, from_seq: 6 }));
    way.host().gate.open();
    line.acked_through(5).await;
    line.send_events(vec![beat(6), beat(7)]).await;
    assert_eq!(line.acked_through(7).await.busy, None);
    let count = way.at_rest().await;
    assert_eq!((count.stored, count.busy), (7, 1));
}

pub(super) async fn a_field_of_the_session_that_is_wrong_is_named<W: Way>() {
    let way = W::start(Settings::default()).await;
    let ids = "1 to 128 bytes without control characters";
    let kinds = "MOVIE, EPISODE, LESSON, RECORDING or LIVE (1 to 5), or none";
    let lengths = "0 to 9007199254740991 (ms)";
    type Case<'a> = (fn(&mut proto::Session), &'a str, &'a str, &'a str, &'a str);
    let cases: [Case<'_>; 4] = [
        (|s| s.session_id.clear(), "session.session_id", "BAD_TEXT", "", ids),
        (|s| s.item_id = "a\nb".into(), "session.item_id", "BAD_TEXT", "a\nb", ids),
        (|s| s.item_kind = 9, "session.item_kind", "UNKNOWN_ITEM_KIND", "9", kinds),
        (|s| s.duration_ms = Some(-1), "session.duration_ms", "DURATION_OUT_OF_RANGE", "-1", lengths),
    ];
    for (change, field, reason, value, allowed) in cases {
        let mut session = playing("s1");
        change(&mut session);
        let mut line = way.open("ann").await;
        line.hello(proto::Hello { session: Some(session), ..hello_of("s1") }).await;
        line.send_events(vec![beat(1)]).await;
        let (end, description) = (line.end().await, format!("is {value:?}; allowed is {allowed}"));
        assert_eq!(named(&end), (INVALID_ARGUMENT, reason, field, &*description));
    }
}

pub(super) async fn nothing_is_acknowledged_before_it_is_durable<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    line.send_events(vec![beat(1)]).await;
    line.acked_through(1).await;
    way.host().gate.close();
    line.send_events(vec![beat(2)]).await;
    way.host().gate.is_waited_for().await;
    line.send(Ping(proto::Ping {})).await;
    assert_eq!(line.ack().await.acked_through_seq, 1);
    way.host().gate.open();
    line.acked_through(2).await;
}

pub(super) async fn a_batch_beyond_the_limit_comes_again_in_parts<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    let batch: Vec<_> = (1..=1_001).map(beat).collect();
    line.send_events(batch.clone()).await;
    let ack = line.ack().await;
    let no = &ack.rejected[0];
    assert_eq!((no.seq, no.reason(), &*no.field), (0, proto::RejectReason::BatchTooLarge, "events"));
    assert_eq!((&*no.value, &*no.allowed), ("1001", "1 to 1000 events"));
    assert_eq!((ack.acked_through_seq, ack.busy.unwrap().from_seq), (0, 1));
    for part in batch.chunks(600) {
        line.send_events(part.to_vec()).await;
    }
    assert_eq!(line.acked_through(1_001).await.busy, None);
    assert_eq!(way.at_rest().await.stored, 1_001);
}

pub(super) async fn an_empty_batch_is_refused_and_the_stream_goes_on<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    line.send(crate::grpc::events(vec![])).await;
    let no = line.ack().await.rejected.remove(0);
    assert_eq!((no.seq, &*no.field, &*no.value), (0, "events", "0"));
    line.send_events(vec![beat(1)]).await;
    line.acked_through(1).await;
}

pub(super) async fn a_stream_begins_with_a_hello<W: Way>() {
    let way = W::start(Settings::default()).await;
    for (frame, value) in [(Ping(proto::Ping {}), "ping"), (crate::grpc::events(vec![beat(1)]), "events")] {
        let mut line = way.open("ann").await;
        line.send(frame).await;
        let allowed = "hello, as the first frame";
        let expect = End::at_fault(INVALID_ARGUMENT, "MALFORMED", "frame", value, allowed);
        assert_eq!(line.end().await, expect);
    }
    assert_eq!(way.at_rest().await.rejected(), 1);
}

pub(super) async fn another_protocol_version_is_told_which_is_spoken<W: Way>() {
    let way = W::start(Settings::default()).await;
    for version in [0, 2] {
        let mut line = way.open("ann").await;
        line.hello(proto::Hello { protocol_version: version, ..hello_of("s1") }).await;
        let (field, value) = ("hello.protocol_version", version.to_string());
        let expect = End::at_fault(FAILED_PRECONDITION, "PROTOCOL_VERSION", field, &value, "1");
        assert_eq!(line.end().await, expect);
    }
}

pub(super) async fn a_second_hello_ends_the_stream<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    line.hello(hello_of("s1")).await;
    let (value, allowed) = ("a second hello", "events or ping");
    let expect = End::at_fault(INVALID_ARGUMENT, "MALFORMED", "frame", value, allowed);
    assert_eq!(line.end().await, expect);
}

pub(super) async fn bytes_that_are_no_frame_end_the_stream<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    line.send_bytes(field(15, b"from the future")).await;
    let (value, allowed) = ("none that is known", "one of hello, events and ping");
    let expect = End::at_fault(INVALID_ARGUMENT, "MALFORMED", "frame", value, allowed);
    assert_eq!(line.end().await, expect);
}

pub(super) async fn a_frame_that_is_too_large_is_told_the_limit<W: Way>() {
    let way = W::start(limited(Limits { message_bytes_max: 2_048, ..Limits::default() })).await;
    let mut line = way.talk("s1").await;
    line.send_bytes(vec![0; 2_049]).await;
    let (value, allowed) = ("2049 bytes", "at most 2048 bytes");
    let expect = End::at_fault(INVALID_ARGUMENT, "MESSAGE_TOO_LARGE", "message", value, allowed);
    assert_eq!(line.end().await, expect);
}

pub(super) async fn a_stream_is_a_viewers<W: Way>() {
    let way = W::start(Settings::default()).await;
    for (token, code, reason) in
        [("", PERMISSION_DENIED, "VIEWER_REQUIRED"), (&*"x".repeat(129), UNAUTHENTICATED, "TOKEN_INVALID")]
    {
        let mut line = way.open(token).await;
        line.hello(hello_of("s1")).await;
        assert_eq!(line.end().await, End::plain(code, reason));
    }
}

pub(super) async fn a_viewer_has_a_share_of_the_streams<W: Way>() {
    let way = W::start(limited(Limits { streams_per_device_max: 1, ..Limits::default() })).await;
    let mut first = way.talk("s1").await;
    let mut second = way.open("ann").await;
    second.hello(hello_of("s2")).await;
    assert_eq!(second.end().await, End::plain(RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS"));
    let mut other = way.open("ben").await;
    other.hello(hello_of("s2")).await;
    assert!(other.next().await.is_ok(), "another viewer's share is their own");
    first.close().await;
    assert_eq!(first.end().await, End::default());
    // The share is given back a moment after the last answer.
    within(async {
        loop {
            let mut again = way.open("ann").await;
            again.hello(hello_of("s1")).await;
            match again.next().await {
                Ok(_) => return,
                Err(end) => assert_eq!(end.reason, "TOO_MANY_STREAMS"),
            }
        }
    })
    .await;
}

pub(super) async fn closing_waits_for_the_last_acknowledgement<W: Way>() {
    let way = W::start(Settings::default()).await;
    let mut line = way.talk("s1").await;
    way.host().gate.close();
    line.send_events(vec![beat(1)]).await;
    way.host().gate.is_waited_for().await;
    line.close().await;
    let gate = way.host().gate.clone();
    let last = tokio::join!(line.acked_through(1), async move { gate.open() }).0;
    assert_eq!(last.acked_through_seq, 1);
    assert_eq!(line.end().await, End::default());
}

pub(super) async fn stopping_acknowledges_what_is_outstanding<W: Way>() {
    let mut way = W::start(Settings::default()).await;
    let (mut busy, mut idle) = (way.talk("s1").await, way.talk("s2").await);
    way.host().gate.close();
    busy.send_events(vec![beat(1)]).await;
    way.host().gate.is_waited_for().await;
    way.begin_stop();
    let stopping = End { retry_after_ms: 1_000, ..End::plain(UNAVAILABLE, "STOPPING") };
    assert_eq!(idle.end().await, stopping);
    way.host().gate.open();
    busy.acked_through(1).await;
    assert_eq!(busy.end().await, stopping);
    way.has_stopped().await;
    assert_eq!(way.at_rest().await.stored, 1);
}
