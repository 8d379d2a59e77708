//! Connect.

use playhead_ingest::{edge::grpc::Options, settings::Limits};
use proto::client_frame::Frame::Ping;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_ack_means_durable_and_readable() {
    let site = Site::start().await;
    let mut stream = site.talk("s1").await;
    stream.send(events(vec![beat(1), beat(2)])).await;
    stream.send(events(vec![beat(3)])).await;
    let ack = stream.acked_through(3).await;
    assert_eq!((ack.rejected.len(), ack.busy), (0, None));
    assert_eq!((ack.next_beat_ms, ack.verdict()), (10_000, proto::Verdict::Play));
    assert_eq!(site.events("s1").await.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(site.position("movie").await.unwrap().position_ms, 3_000);

    site.host.gate.close();
    stream.send(events(vec![beat(4)])).await;
    site.host.gate.is_waited_for().await;
    stream.send(Ping(proto::Ping {})).await;
    assert_eq!(stream.ack().await.acked_through_seq, 3, "nothing is acknowledged before its fsync");
    site.host.gate.open();
    assert_eq!(stream.acked_through(4).await.acked_through_seq, 4);
    assert_eq!(site.position("movie").await.unwrap().position_ms, 4_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_a_hello() {
    let site = Site::start().await;
    let first = [
        (proto::ClientFrame { frame: Some(Ping(proto::Ping {})) }.encode_to_vec(), "ping"),
        (proto::ClientFrame { frame: Some(events(vec![beat(1)])) }.encode_to_vec(), "events"),
    ];
    for (frame, value) in first {
        let mut stream = site.stream().await;
        stream.send_bytes(frame).await;
        let description = format!("is {value:?}; allowed is hello, as the first frame");
        let status = stream.end().await;
        assert_told(&status, Code::InvalidArgument, "MALFORMED", "frame", &description);
    }
    let mut stream = site.stream().await;
    stream.send_bytes(field(15, b"from the future")).await;
    let description = "is \"none that is known\"; allowed is one of hello, events and ping";
    let status = stream.end().await;
    assert_told(&status, Code::InvalidArgument, "MALFORMED", "frame", description);
    assert_eq!(site.at_rest().await.rejected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_protocol_version_is_told_which_is_spoken() {
    let site = Site::start().await;
    for version in [0, 2] {
        let mut stream = site.stream().await;
        let hello = proto::Hello { protocol_version: version, ..hello_of("s1") };
        stream.send(proto::client_frame::Frame::Hello(hello)).await;
        let description = format!("is \"{version}\"; allowed is 1");
        let (field, reason) = ("hello.protocol_version", "PROTOCOL_VERSION");
        assert_told(&stream.end().await, Code::FailedPrecondition, reason, field, &description);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_a_hello_is_checked() {
    let site = Site::start().await;
    let ids = "1 to 128 bytes without control characters";
    let long = "x".repeat(129);
    let lengths = "0 to 9007199254740991 (ms)";
    let (bad_text, length) = ("BAD_TEXT", "DURATION_OUT_OF_RANGE");
    let kinds = "MOVIE, EPISODE, LESSON, RECORDING or LIVE (1 to 5), or none";
    type Change<'a> = Box<dyn Fn(&mut proto::Hello) + 'a>;
    let session = |change: fn(&mut proto::Session, &str), text: &str| {
        let text = text.to_owned();
        Box::new(move |hello: &mut proto::Hello| change(hello.session.as_mut().unwrap(), &text)) as Change
    };
    let cases: Vec<(Change, &str, &str, String)> = vec![
        (
            Box::new(|hello| hello.session = None),
            "session.session_id",
            bad_text,
            format!("is \"\"; allowed is {ids}"),
        ),
        (
            session(|s, id| s.session_id = id.into(), ""),
            "session.session_id",
            bad_text,
            format!("is \"\"; allowed is {ids}"),
        ),
        (
            session(|s, id| s.session_id = id.into(), &long),
            "session.session_id",
            bad_text,
            format!("is {:?}; allowed is {ids}", "x".repeat(64)),
        ),
        (
            session(|s, id| s.item_id = id.into(), "a\nb"),
            "session.item_id",
            bad_text,
            format!("is \"a\\nb\"; allowed is {ids}"),
        ),
        (
            session(|s, _| s.item_kind = 9, ""),
            "session.item_kind",
            "UNKNOWN_ITEM_KIND",
            format!("is \"9\"; allowed is {kinds}"),
        ),
        (
            session(|s, _| s.duration_ms = Some(-1), ""),
            "session.duration_ms",
            length,
            format!("is \"-1\"; allowed is {lengths}"),
        ),
        (
            session(|s, _| s.credits_ms = Some(-2), ""),
            "session.credits_ms",
            length,
            format!("is \"-2\"; allowed is {lengths}"),
        ),
        (
            Box::new(|hello| hello.sent_at_ms = -3),
            "sent_at_ms",
            "TIME_OUT_OF_RANGE",
            "is \"-3\"; allowed is 0 to 253402300799999 (Unix ms)".to_owned(),
        ),
    ];
    for (change, field, reason, description) in cases {
        let mut hello = hello_of("s1");
        change(&mut hello);
        let mut stream = site.stream().await;
        stream.send(proto::client_frame::Frame::Hello(hello)).await;
        let field = format!("hello.{field}");
        assert_told(&stream.end().await, Code::InvalidArgument, reason, &field, &description);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_refused_by_name_and_what_shares_the_frame_is_stored() {
    let site = Site::start().await;
    let mut stream = site.talk("s1").await;
    let bad = [
        proto::Event { kind: 99, ..beat(2) },
        proto::Event { state: 9, ..beat(3) },
        proto::Event { position_ms: Some(-1), ..beat(4) },
        proto::Event { rate: Some(f64::NAN), ..beat(5) },
        proto::Event { at_ms: -1, ..beat(6) },
        beat(0),
    ];
    let mut batch = field(2, &beat(1).encode_to_vec());
    bad.iter().for_each(|event| batch.extend(field(2, &event.encode_to_vec())));
    batch.extend(field(2, &bad_text(8)));
    batch.extend(field(2, &beat(9).encode_to_vec()));
    stream.send_bytes(field(2, &batch)).await;
    let refused = stream.acked_through(9).await.rejected;
    let said: Vec<_> = refused
        .iter()
        .map(|no| (no.seq, no.index, no.reason().as_str_name(), no.field.as_str(), no.value.as_str()))
        .collect();
    let expect = [
        (2, 1, "REJECT_REASON_UNKNOWN_KIND", "events[1].kind", "99"),
        (3, 2, "REJECT_REASON_UNKNOWN_STATE", "events[2].state", "9"),
        (4, 3, "REJECT_REASON_POSITION_OUT_OF_RANGE", "events[3].position_ms", "-1"),
        (5, 4, "REJECT_REASON_RATE_OUT_OF_RANGE", "events[4].rate", "NaN"),
        (6, 5, "REJECT_REASON_TIME_OUT_OF_RANGE", "events[5].at_ms", "-1"),
        (0, 6, "REJECT_REASON_SEQ_OUT_OF_RANGE", "events[6].seq", "0"),
        (8, 7, "REJECT_REASON_MALFORMED", "events[7].error_code", "\u{fffd}\u{fffd}"),
    ];
    assert_eq!(said, expect);
    assert!(refused.iter().all(|no| !no.allowed.is_empty()));
    stream.send(events(vec![beat(10)])).await;
    assert_eq!(stream.acked_through(10).await.rejected, vec![]);
    assert_eq!(site.events("s1").await.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 9, 10]);
    assert_eq!(site.at_rest().await.stored, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_batch_is_refused_and_can_be_sent_again_in_parts() {
    let site = Site::start().await;
    let mut stream = site.talk("s1").await;
    let batch: Vec<_> = (1..=1_001).map(beat).collect();
    stream.send(events(batch.clone())).await;
    let ack = stream.ack().await;
    let no = &ack.rejected[0];
    assert_eq!((no.seq, no.reason()), (0, proto::RejectReason::BatchTooLarge));
    assert_eq!(
        (no.field.as_str(), no.value.as_str(), no.allowed.as_str()),
        ("events", "1001", "1 to 1000 events")
    );
    assert_eq!((ack.acked_through_seq, ack.busy.unwrap().from_seq), (0, 1));
    for part in batch.chunks(600) {
        stream.send(events(part.to_vec())).await;
    }
    assert_eq!(stream.acked_through(1_001).await.busy, None);
    assert_eq!(site.events("s1").await.len(), 1_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_told_the_limit() {
    let limits = Limits { message_bytes_max: 2_048, ..Limits::default() };
    let site = Site::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    let mut stream = site.talk("s1").await;
    stream.send_bytes(vec![0; 2_049]).await;
    let description = "is \"2049 bytes\"; allowed is at most 2048 bytes";
    let status = stream.end().await;
    assert_told(&status, Code::InvalidArgument, "MESSAGE_TOO_LARGE", "message", description);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_out_of_place_ends_the_stream_and_an_empty_one_does_not() {
    let site = Site::start().await;
    let mut stream = site.talk("s1").await;
    stream.send(events(vec![])).await;
    let no = stream.ack().await.rejected.remove(0);
    assert_eq!((no.seq, no.field.as_str(), no.value.as_str()), (0, "events", "0"));
    stream.send(hello("s1")).await;
    let description = "is \"a second hello\"; allowed is events or ping";
    assert_told(&stream.end().await, Code::InvalidArgument, "MALFORMED", "frame", description);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_shard_is_answered_with_busy_and_from_where_to_go_on() {
    let limits = Limits { shards: 1, shard_events_max: 4, batch_events_max: 4, ..Limits::default() };
    let site = Site::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    let mut stream = site.talk("s1").await;
    site.host.gate.close();
    stream.send(events(vec![beat(1)])).await;
    site.host.gate.is_waited_for().await;
    stream.send(events((2..=5).map(beat).collect())).await;
    stream.send(events(vec![beat(6)])).await;
    stream.send(events(vec![beat(7)])).await;
    let busy = stream.ack().await;
    assert_eq!(busy.acked_through_seq, 0);
    assert_eq!(busy.busy, Some(proto::Busy { retry_after_ms: 250, from_seq: 6 }));
    site.host.gate.open();
    stream.acked_through(5).await;
    stream.send(events(vec![beat(6), beat(7)])).await;
    assert_eq!(stream.acked_through(7).await.busy, None);
    assert_eq!(site.events("s1").await.len(), 7);
    assert_eq!(site.at_rest().await.busy, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_stream_waits_for_the_last_ack() {
    let site = Site::start().await;
    let mut stream = site.talk("s1").await;
    site.host.gate.close();
    stream.send(events(vec![beat(1)])).await;
    site.host.gate.is_waited_for().await;
    stream.frames = mpsc::channel(1).0;
    let gate = site.host.gate.clone();
    let last = tokio::join!(stream.acked_through(1), async move { gate.open() }).0;
    assert_eq!(last.acked_through_seq, 1);
    assert_eq!(stream.end().await.code(), Code::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_single_events_are_acknowledged_in_few_words() {
    let site = Site::start().await;
    let mut stream = site.talk("s1").await;
    let sender = stream.frames.clone();
    let flood = tokio::spawn(async move {
        for seq in 1..=5_000 {
            let frame = proto::ClientFrame { frame: Some(events(vec![beat(seq)])) };
            sender.send(frame.encode_to_vec().into()).await.unwrap();
        }
    });
    let (mut acks, mut through) = (0, 0);
    while through < 5_000 {
        let ack = stream.ack().await;
        assert_eq!(ack.rejected, vec![]);
        assert!(ack.acked_through_seq >= through, "an ack takes nothing back");
        assert_eq!(ack.busy, None);
        (acks, through) = (acks + 1, ack.acked_through_seq);
    }
    flood.await.unwrap();
    assert!(acks < 5_000, "{acks} acks");
    assert_eq!(site.events("s1").await.len(), 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_a_viewers_and_the_viewer_is_in_the_credential() {
    let site = Site::start().await;
    let open = async |token: &'static str| {
        let (_, frames) = mpsc::channel(1);
        call_streaming(&site.channel, token, ReceiverStream::new(frames)).await.unwrap_err()
    };
    let status = open("").await;
    assert_told(&status, Code::PermissionDenied, "VIEWER_REQUIRED", "", "");
    assert!(status.message().contains("authorization: Bearer TOKEN"), "{status:?}");
    assert_told(&open(&TOO_LONG).await, Code::Unauthenticated, "TOKEN_INVALID", "", "");
    let mut request = Request::new(proto::PublishRequest::default());
    request.metadata_mut().insert("authorization", "Basic x".parse().unwrap());
    let status = site.ingest().publish(request).await.unwrap_err();
    assert_told(&status, Code::Unauthenticated, "TOKEN_INVALID", "", "");
}

static TOO_LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "x".repeat(129));

#[tokio::test(flavor = "multi_thread")]
async fn stopping_acknowledges_what_is_outstanding_and_ends_idle_streams() {
    let mut site = Site::start().await;
    let (mut busy, mut idle, mut silent) =
        (site.talk("s1").await, site.talk("s2").await, site.stream().await);
    site.host.gate.close();
    busy.send(events(vec![beat(1)])).await;
    site.host.gate.is_waited_for().await;
    site.begin_stop();
    for stream in [&mut idle, &mut silent] {
        let status = stream.end().await;
        assert_told(&status, Code::Unavailable, "STOPPING", "", "");
        assert_eq!(retry_after_ms(&status), 1_000);
    }
    site.host.gate.open();
    assert_eq!(busy.acked_through(1).await.acked_through_seq, 1);
    assert_told(&busy.end().await, Code::Unavailable, "STOPPING", "", "");
    site.has_stopped().await;
    assert!(site.host.engine.stop(PATIENCE).await);
    assert_eq!(site.at_rest().await.stored, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_is_bounded_even_when_a_caller_stays() {
    let options = Options { drain_ms_max: 50, ..Options::default() };
    let mut site = Site::with(Settings::default(), options).await;
    let stream = site.talk("s1").await;
    site.host.gate.close();
    stream.send(events(vec![beat(1)])).await;
    site.host.gate.is_waited_for().await;
    site.begin_stop();
    site.has_stopped().await;
    site.host.gate.open();
}
