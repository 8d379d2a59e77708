use super::*;
use crate::{
    AccountId, Clock, Description, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, PlayerState, Rate,
    SeqOrder, SessionId, SessionKey, UserId,
    arbitrary::{Dice, hostile, position_row, viewer},
    position::{Place, PositionRow, Register, Watched},
    seqs::SeqSet,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn numbers_and_texts_come_back(v in any::<u64>(), shift in 0_u32..64, text in any::<String>()) {
        let numbers = [v, v >> shift, 0, u64::MAX];
        let signed = numbers.map(u64::cast_signed).into_iter().chain([i64::MIN, i64::MAX, -1]);
        let mut out = Vec::new();
        numbers.iter().for_each(|&v| put_u64(&mut out, v));
        signed.clone().for_each(|v| put_i64(&mut out, v));
        put_text(&mut out, &text);
        let mut reader = Reader::new(&out);
        for v in numbers {
            prop_assert_eq!(reader.u64(), Ok(v));
        }
        for v in signed {
            prop_assert_eq!(reader.i64(), Ok(v));
        }
        prop_assert_eq!(reader.text(), Ok(text.as_str()));
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn random_bytes_give_an_error_or_a_value(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_as_everything(&bytes);
    }
}

#[test]
fn any_events_come_back() {
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let events = some_events(&mut dice);
        let bytes = encoded(|out| put_events(out, &events));
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.events().as_deref(), Ok(events.as_slice()), "seed {seed}");
        assert!(reader.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_scan_finds_the_identities_that_a_read_finds() {
    for seed in 0..2_000 {
        let events = some_events(&mut Dice::new(seed));
        let mut bytes = encoded(|out| put_events(out, &events));
        bytes.push(42);
        let (mut reader, mut seqs) = (Reader::new(&bytes), SeqSet::default());
        reader.seqs(&mut seqs).unwrap();
        assert_eq!(reader.rest(), [42], "seed {seed}");
        assert_eq!(seqs, events.iter().map(|event| event.seq).collect(), "seed {seed}");
    }
}

#[test]
fn any_row_comes_back() {
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let row = position_row(&mut dice);
        let tape = viewer::tape(&mut dice, "영화", "a b", 9);
        let description = tape.description(dice.number().cast_signed());
        let clock =
            Clock { fixed_at_ms: dice.number().cast_signed(), offset_ms: dice.number().cast_signed() };
        let bytes = encoded(|out| {
            put_position_row(out, &row);
            put_description(out, &description);
            put_clock(out, clock);
            put_session_key(out, &tape.key);
        });
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.position_row(), Ok(row), "seed {seed}");
        assert_eq!(reader.description(), Ok(description), "seed {seed}");
        assert_eq!(reader.clock(), Ok(clock), "seed {seed}");
        assert_eq!(reader.session_key(), Ok(tape.key), "seed {seed}");
        assert!(reader.is_empty(), "seed {seed}");
    }
}

#[test]
fn whatever_is_cut_short_is_malformed() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let events = some_events(&mut dice);
        let row = position_row(&mut dice);
        let tape = hostile::tape(&mut dice, "user", "session", 9);
        let description = tape.description(i64::MAX);
        fails_when_cut(&encoded(|out| put_events(out, &events)), |reader| reader.events().is_err());
        fails_when_cut(&encoded(|out| put_events(out, &events)), |reader| {
            reader.seqs(&mut SeqSet::default()).is_err()
        });
        fails_when_cut(&encoded(|out| put_position_row(out, &row)), |reader| reader.position_row().is_err());
        fails_when_cut(&encoded(|out| put_description(out, &description)), |reader| {
            reader.description().is_err()
        });
        fails_when_cut(&encoded(|out| put_session_key(out, &tape.key)), |reader| {
            reader.session_key().is_err()
        });
        fails_when_cut(&encoded(|out| put_clock(out, tape.clock())), |reader| reader.clock().is_err());
    }
}

#[test]
fn flipped_bytes_give_an_error_or_a_value() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let (events, row) = (some_events(&mut dice), position_row(&mut dice));
        let mut bytes = encoded(|out| put_events(out, &events));
        put_position_row(&mut bytes, &row);
        for _ in 0..20 {
            let place = usize::try_from(dice.number() % bytes.len() as u64).unwrap();
            bytes[place] ^= 1 << dice.between(0, 7);
            read_as_everything(&bytes);
        }
    }
}

#[test]
fn a_count_of_more_than_there_are_bytes_for_is_malformed() {
    for count in [3, 1_000, u64::from(u32::MAX), u64::MAX] {
        let mut bytes = encoded(|out| put_u64(out, count));
        bytes.extend([0x02, 0, 2, 2, 0x02, 0, 2, 2]);
        let expect = Malformed { what: "event count" };
        assert_eq!(Reader::new(&bytes).events(), Err(expect), "{count}");
        assert_eq!(Reader::new(&bytes).seqs(&mut SeqSet::default()), Err(expect), "{count}");
    }
}

#[test]
fn a_length_of_more_than_there_are_bytes_is_malformed() {
    for length in [2, u64::MAX] {
        let mut bytes = encoded(|out| put_u64(out, length));
        bytes.push(b'x');
        assert_eq!(Reader::new(&bytes).text(), Err(Malformed { what: "text" }), "{length}");
    }
}

#[test]
fn what_no_writer_writes_is_malformed() {
    let full = [0xff; 9];
    let error = |what| Err(Malformed { what });
    assert_eq!(Reader::new(&[&full[..], &[1]].concat()).u64(), Ok(u64::MAX));
    assert_eq!(Reader::new(&[&full[..], &[2]].concat()).u64(), error("number"), "65 bits");
    assert_eq!(Reader::new(&[&full[..], &[0x80, 1]].concat()).u64(), error("number"), "11 bytes");
    assert_eq!(Reader::new(&[1, 0xff]).text(), Err(Malformed { what: "text" }), "no UTF-8");
    for (head, flags, rest, what) in [
        (0x00, 0, &[2, 2][..], "event kind"),
        (0x0e, 0, &[2, 2], "event kind"),
        (0x42, 0, &[2, 2], "player state"),
        (0x02, 1 << 2, &[2, 2, 0x81, 0x7d], "rate"),
        (0x02, 1 << 3, &[2, 2, 0x80, 0x80, 0x80, 0x80, 0x10], "32-bit number"),
    ] {
        let bytes = [&[1, head, flags], rest].concat();
        assert_eq!(Reader::new(&bytes).events(), Err(Malformed { what }), "{bytes:?}");
    }
    assert_eq!(Reader::new(&[0x40]).position_row(), Err(Malformed { what: "flags" }));
    assert_eq!(Reader::new(&[0, 1, b's']).session_key(), Err(Malformed { what: "id" }), "no user");
}

#[test]
fn a_record_of_another_format_says_so() {
    let bytes = encoded(put_format);
    assert_eq!(Reader::new(&bytes).format(), Ok(()));
    assert_eq!(Reader::new(&[2]).format(), Err(FormatError::Newer { found: 2 }));
    assert!(Reader::new(&[2]).format().unwrap_err().to_string().starts_with("written by a newer playhead"));
    assert!(matches!(Reader::new(&[0]).format(), Err(FormatError::Malformed(_))));
    assert!(matches!(Reader::new(&[]).format(), Err(FormatError::Malformed(_))));
}

/// What is stored today must be readable for ever: if this fails, the format has changed and needs another number.
#[test]
fn the_bytes_of_format_1_stay_as_they_are() {
    assert_eq!(FORMAT, 1);
    let events = [
        Event {
            position_ms: Some(12_000),
            startup_ms: Some(420),
            duration_ms: Some(3_600_000),
            ..Event::new(EventKind::Start, 1, 1_700_000_000_000)
        },
        Event {
            position_ms: Some(22_000),
            state: Some(PlayerState::Playing),
            ..Event::new(EventKind::Beat, 2, 1_700_000_010_000)
        },
        Event {
            position_ms: Some(5_000),
            from_ms: Some(25_000),
            rate: Rate::from_thousandths(1_250),
            bitrate_kbps: Some(4_500),
            stall_ms: Some(300),
            error_code: Some("E1".into()),
            ..Event::new(EventKind::Seek, 3, 1_700_000_013_000)
        },
    ];
    let bytes = encoded(|out| put_events(out, &events));
    assert_eq!(
        hex(&bytes),
        "0301520280a0abfef962c0bb01a40380bab703120202a09c01a09c0103af02f02ef02ecf8902e2099423ac02024531"
    );
    assert_eq!(
        hex(&encoded(|out| put_description(out, &a_description()))),
        "0780a0abfef962010466696c6d04686f6d6502747680bab703c09fab03"
    );
    assert_eq!(
        hex(&encoded(|out| put_position_row(out, &a_row()))),
        "3f0fd00f07027331a08d06c0a90700d00f07010204"
    );
    assert_eq!(hex(&encoded(|out| put_clock(out, Clock { fixed_at_ms: 1_000, offset_ms: -1 }))), "d00f01");
    let key = SessionKey { user: UserId::new("u1").unwrap(), session: SessionId::new("s1").unwrap() };
    assert_eq!(hex(&encoded(|out| put_session_key(out, &key))), "027531027331");
}

fn a_description() -> Description {
    Description {
        as_of_ms: 1_700_000_000_000,
        playable: Playable {
            item: ItemId::new("film").unwrap(),
            kind: ItemKind::Movie,
            duration_ms: Some(3_600_000),
            credits_ms: Some(3_500_000),
        },
        account: AccountId::new("home").unwrap(),
        device: DeviceId::new("tv").unwrap(),
        order: SeqOrder::Foreign,
    }
}

fn a_row() -> PositionRow {
    let settled = Register {
        at_ms: 1_000,
        place: Place::At(50_000),
        seq: 7,
        session: Some(SessionId::new("s1").unwrap()),
        duration_ms: Some(60_000),
        finished: true,
    };
    let opening = Register {
        place: Place::Forgotten,
        session: None,
        duration_ms: None,
        finished: false,
        ..settled.clone()
    };
    let watched = Watched { first_ms: Some(-1), last_ms: Some(1), mark: Some((2, true)) };
    PositionRow { settled: Some(settled), opening: Some(opening), watched }
}

/// A chunk of a likely or an unlikely session, sometimes of none.
fn some_events(dice: &mut Dice) -> Vec<Event> {
    match dice.between(0, 9) {
        0 => Vec::new(),
        1..=5 => (0..dice.between(1, 20)).map(|_| hostile::event(dice)).collect(),
        _ => viewer::tape(dice, "user", "session", 1).events(),
    }
}

fn encoded(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out);
    out
}

fn fails_when_cut(bytes: &[u8], fails: impl Fn(&mut Reader) -> bool) {
    for end in 0..bytes.len() {
        assert!(fails(&mut Reader::new(&bytes[..end])), "{bytes:?} up to {end}");
    }
}

/// Reads bytes as each thing in turn: what it gives does not matter, only that it gives something.
fn read_as_everything(bytes: &[u8]) {
    let _ = Reader::new(bytes).events();
    let _ = Reader::new(bytes).seqs(&mut SeqSet::default());
    let _ = Reader::new(bytes).position_row();
    let _ = Reader::new(bytes).description();
    let _ = Reader::new(bytes).session_key();
    let _ = Reader::new(bytes).clock();
    let _ = Reader::new(bytes).text();
    let _ = Reader::new(bytes).format();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
