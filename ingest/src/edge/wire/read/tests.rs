#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests may fail loudly")]

use playhead_proto::ingest::v1 as proto;
use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn beat(seq: u64) -> proto::Event {
    proto::Event { kind: proto::EventKind::Beat.into(), seq, position_ms: Some(7), ..proto::Event::default() }
}

/// A length-delimited field.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    field.extend_from_slice(bytes);
    field
}

/// A frame with an EventBatch of these events, already encoded.
fn frame_of(events: &[Vec<u8>]) -> Vec<u8> {
    let batch: Vec<u8> = events.iter().flat_map(|event| field(2, event)).collect();
    field(2, &batch)
}

fn events_of(message: &[u8]) -> Vec<Offered> {
    match client_frame(message).unwrap() {
        ClientFrame::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

/// What a bad event between two good ones is refused with: number, field, value, allowed.
#[track_caller]
fn refused_alone(bad: &[u8]) -> (u64, String, String, String) {
    let events = events_of(&frame_of(&[beat(1).encode_to_vec(), bad.to_vec(), beat(3).encode_to_vec()]));
    assert_eq!(events.len(), 3);
    assert_eq!((events[0].as_ref().unwrap().seq, events[2].as_ref().unwrap().seq), (1, 3));
    let Unreadable { seq, rejection } = events[1].clone().unwrap_err();
    assert_eq!(rejection.reason, RejectReason::Malformed);
    (seq, rejection.field.into_owned(), rejection.value, rejection.allowed.into_owned())
}

fn no(seq: u64, field: &str, value: &str, allowed: &str) -> (u64, String, String, String) {
    (seq, field.to_owned(), value.to_owned(), allowed.to_owned())
}

#[test]
fn a_bad_event_is_refused_alone_and_its_number_is_found() {
    // Text that is no UTF-8, before the number.
    let bad = [&field(11, b"a\xffb")[..], &[0x10, 2]].concat();
    assert_eq!(refused_alone(&bad), no(2, "error_code", "a\u{fffd}b", "UTF-8 text"));
    // A position with the wrong wire type.
    let bad = [&[0x10, 2][..], &field(4, b"x")].concat();
    assert_eq!(refused_alone(&bad), no(2, "position_ms", "wire type 2", "a varint (wire type 0)"));
    let bad = [0x10, 2, 0x38, 1];
    assert_eq!(refused_alone(&bad), no(2, "rate", "wire type 0", "a double (wire type 1)"));
    // A bitrate above its type.
    let bad = [0x10, 2, 0x40, 0xff, 0xff, 0xff, 0xff, 0x1f];
    assert_eq!(refused_alone(&bad), no(2, "bitrate_kbps", "8589934591", "0 to 4294967295"));
    // Bytes that end within a field.
    let bad = [0x10, 2, 0x18];
    assert_eq!(refused_alone(&bad), no(2, "", "bytes that are no protobuf message", "an Event"));
}

#[test]
fn an_event_that_is_no_message_at_all_is_refused_alone() {
    let mut batch = field(2, &beat(1).encode_to_vec());
    batch.extend([0x10, 9]);
    batch.extend(field(2, &beat(3).encode_to_vec()));
    let events = events_of(&field(2, &batch));
    assert_eq!(events.len(), 3);
    let unreadable = events[1].clone().unwrap_err();
    assert_eq!((unreadable.seq, unreadable.rejection.field.as_ref()), (0, ""));
    assert!(events[0].is_ok() && events[2].is_ok());
}

#[test]
fn unknown_names_are_kept_as_numbers_for_admission() {
    let unknown = proto::Event { kind: 99, state: -7, seq: 1, ..proto::Event::default() };
    let missing = proto::Event { seq: 2, ..proto::Event::default() };
    let events = events_of(&frame_of(&[unknown.encode_to_vec(), missing.encode_to_vec()]));
    let raw = events[0].as_ref().unwrap();
    assert_eq!((raw.kind.clone(), raw.state.clone()), (Err("99".into()), Err("-7".into())));
    let raw = events[1].as_ref().unwrap();
    assert_eq!((raw.kind.clone(), raw.state.clone()), (Err("0".into()), Ok(None)));
}

#[test]
fn unknown_fields_are_skipped() {
    let newer = [&beat(1).encode_to_vec()[..], &field(14, b"new"), &[0xf8, 0x06, 1]].concat();
    assert_eq!(events_of(&frame_of(&[newer]))[0].as_ref().unwrap().seq, 1);
}

#[test]
fn a_sent_time_that_is_no_number_is_refused_with_its_batch() {
    let batch = [field(1, b"noon"), field(2, &beat(1).encode_to_vec())].concat();
    let expect = (1, "events.sent_at_ms".to_owned(), "wire type 2".to_owned());
    assert_eq!(unreadable_frame(&field(2, &batch)), expect);
}

fn unreadable_frame(message: &[u8]) -> (u64, String, String) {
    let UnreadableBatch { events, rejection, .. } = client_frame(message).unwrap_err();
    (events, rejection.field.into_owned(), rejection.value)
}

#[test]
fn a_frame_that_is_not_exactly_one_of_its_alternatives_is_refused() {
    let none = (0, "frame".to_owned(), "none that is known".to_owned());
    assert_eq!(unreadable_frame(&[]), none);
    assert_eq!(unreadable_frame(&field(9, b"new")), none);
    let two = [frame_of(&[beat(1).encode_to_vec()]), field(3, &[])].concat();
    assert_eq!(unreadable_frame(&two), (1, "frame".to_owned(), "more than one".to_owned()));
    let cut = &frame_of(&[beat(1).encode_to_vec()])[..5];
    assert_eq!(unreadable_frame(cut).1, "frame");
}

#[test]
fn too_many_events_are_counted_and_not_read() {
    let batch = [0x12, 0].repeat(PUBLISH_EVENTS_MAX + 1);
    let frame = proto::ClientFrame::default().encode_to_vec();
    assert!(frame.is_empty());
    let mut message = vec![0x12];
    prost::encoding::encode_varint(batch.len() as u64, &mut message);
    message.extend(batch);
    let expect = (PUBLISH_EVENTS_MAX as u64 + 1, "events.events".to_owned(), "10001".to_owned());
    assert_eq!(unreadable_frame(&message), expect);
}

#[test]
fn a_hello_is_read_whole() {
    let session = proto::Session {
        session_id: "s".into(),
        item_id: "m".into(),
        item_kind: 77,
        duration_ms: Some(5),
        credits_ms: Some(4),
    };
    let hello = proto::Hello {
        protocol_version: 3,
        session: Some(session),
        sent_at_ms: 0,
        unacked_from_seq: 9,
        token: "t".into(),
        datagrams: true,
    };
    let frame = proto::ClientFrame { frame: Some(proto::client_frame::Frame::Hello(hello)) };
    let ClientFrame::Hello(hello) = client_frame(&frame.encode_to_vec()).unwrap() else { panic!() };
    let batch = SessionBatch {
        session_id: "s".into(),
        item_id: "m".into(),
        item_kind: Err("77".into()),
        duration_ms: Some(5),
        credits_ms: Some(4),
        ..nameless()
    };
    assert_eq!(
        *hello,
        Hello { protocol_version: 3, batch, unacked_from_seq: 9, token: "t".into(), datagrams: true }
    );
    let bad_text = field(1, &field(2, &field(1, b"\xff")));
    assert_eq!(
        unreadable_frame(&bad_text),
        (0, "hello.session.session_id".to_owned(), "\u{fffd}".to_owned())
    );
}

#[test]
fn a_batch_that_cannot_be_read_leaves_its_neighbours() {
    let session = |id: &str| proto::Session { session_id: id.into(), ..proto::Session::default() };
    let good =
        proto::SessionEvents { session: Some(session("a")), events: vec![beat(1)], ..Default::default() };
    let good = good.encode_to_vec();
    let bad = [good.clone(), field(2, b"\xff")].concat();
    let request = [field(1, &good), field(1, &bad), field(1, &good)].concat();
    let batches = publish_request(&request).unwrap();
    assert_eq!(batches.len(), 3);
    assert_eq!(batches[0], batches[2]);
    assert_eq!(batches[0].as_ref().unwrap().events.len(), 1);
    let unreadable = batches[1].clone().unwrap_err();
    assert_eq!((unreadable.session_id.as_str(), unreadable.events), ("a", 1));
    assert_eq!(unreadable.rejection.field, "user_id");
}

#[test]
fn a_request_with_too_many_events_in_all_is_refused_before_it_is_read() {
    let batch = [0x32, 0].repeat(PUBLISH_EVENTS_MAX / 2 + 1);
    let mut request = Vec::new();
    for _ in 0..2 {
        request.push(0x0a);
        prost::encoding::encode_varint(batch.len() as u64, &mut request);
        request.extend(&batch);
    }
    let unreadable = publish_request(&request).unwrap_err();
    assert_eq!((unreadable.events, unreadable.rejection.reason), (10_002, RejectReason::BatchTooLarge));
    let sessions = [0x0a, 0].repeat(PUBLISH_EVENTS_MAX + 1);
    assert_eq!(publish_request(&sessions).unwrap_err().rejection.field, "sessions");
}

prop_compose! {
    fn any_event()(
        (kind, seq, at_ms, state) in (-2_i32..20, any::<u64>(), any::<i64>(), -1_i32..6),
        (position_ms, from_ms, duration_ms) in (any::<Option<i64>>(), any::<Option<i64>>(), any::<Option<i64>>()),
        (bitrate_kbps, startup_ms, stall_ms) in (any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>()),
        (rate, error_code) in (prop::option::of(-1e9_f64..1e9), "\\PC{0,9}"),
    ) -> proto::Event {
        proto::Event {
            kind, seq, at_ms, position_ms, from_ms, state, rate, bitrate_kbps, startup_ms, stall_ms, error_code,
            duration_ms,
        }
    }
}

/// What the generated reader's event means.
fn expected(event: &proto::Event) -> RawEvent {
    RawEvent {
        kind: EventKind::from_number(event.kind.into()).ok_or_else(|| event.kind.to_string().into()),
        seq: event.seq,
        at_ms: Some(event.at_ms).filter(|&at_ms| at_ms != 0),
        position_ms: event.position_ms,
        from_ms: event.from_ms,
        state: match PlayerState::from_number(event.state.into()) {
            None if event.state != 0 => Err(event.state.to_string().into()),
            state => Ok(state),
        },
        rate: event.rate,
        bitrate_kbps: event.bitrate_kbps,
        startup_ms: event.startup_ms,
        stall_ms: event.stall_ms,
        duration_ms: event.duration_ms,
        error_code: Some(event.error_code.as_str()).filter(|code| !code.is_empty()).map(Into::into),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn what_a_generated_writer_writes_is_read_the_same(events in prop::collection::vec(any_event(), 0..6)) {
        let batch = proto::EventBatch { sent_at_ms: 5, events };
        let expect: Vec<Offered> = batch.events.iter().map(|event| Ok(expected(event))).collect();
        let frame = proto::ClientFrame { frame: Some(proto::client_frame::Frame::Events(batch)) };
        prop_assert_eq!(events_of(&frame.encode_to_vec()), expect);
    }

    #[test]
    fn whatever_is_read_whole_is_what_the_generated_reader_reads(
        events in prop::collection::vec(any_event(), 1..4),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = proto::EventBatch { sent_at_ms: 5, events }.encode_to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut message = vec![0x12];
        prost::encoding::encode_varint(bytes.len() as u64, &mut message);
        message.extend(bytes);
        let ours = client_frame(&message);
        if let Ok(ClientFrame::Events(events)) = ours
            && let Ok(events) = events.into_iter().collect::<Result<Vec<RawEvent>, Unreadable>>()
        {
            let theirs = proto::ClientFrame::decode(message.as_slice()).unwrap();
            let Some(proto::client_frame::Frame::Events(theirs)) = theirs.frame else { panic!("{theirs:?}") };
            prop_assert_eq!(events.len(), theirs.events.len());
            for (ours, theirs) in events.iter().zip(&theirs.events) {
                let expect = expected(theirs);
                // A kind or state above its type is refused by its whole number, where the generated reader cuts it;
                // and not-a-number is not equal to itself.
                prop_assert!(ours.kind == expect.kind || ours.kind.is_err());
                prop_assert!(ours.state == expect.state || ours.state.is_err());
                let bits = |raw: &RawEvent| raw.rate.map(f64::to_bits);
                prop_assert_eq!(bits(ours), bits(&expect));
                let rest = |raw: &RawEvent| RawEvent { kind: Ok(EventKind::Meta), state: Ok(None), rate: None, ..raw.clone() };
                prop_assert_eq!(rest(ours), rest(&expect));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = client_frame(&bytes);
        let _ = publish_request(&bytes);
        let _ = session_events(&bytes);
    }
}
