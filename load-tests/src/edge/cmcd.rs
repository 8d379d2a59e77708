//! Events as hls.js reports them, with a hook that adds the playhead (`pt`).

use std::fmt::Write;

use playhead_proto::ingest::v1::{Event, EventKind, PlayerState};

use super::queue::Part;

/// An event as a CMCD collector keeps it: what that protocol cannot say is gone, and the end of a stall is a return to
/// playing like any other.
pub(crate) fn kept(event: &Event) -> Event {
    let kind = match event.kind() {
        EventKind::StallEnd => EventKind::Resume,
        kind => kind,
    };
    Event {
        kind: kind.into(),
        seq: event.seq,
        at_ms: event.at_ms,
        position_ms: event.position_ms,
        state: event.state,
        bitrate_kbps: event.bitrate_kbps,
        startup_ms: event.startup_ms,
        ..Event::default()
    }
}

/// The records of a part, one per line.
pub(crate) fn body(part: &Part) -> String {
    let mut body = String::with_capacity(part.events.len() * RECORD_BYTES);
    for event in &part.events {
        if !body.is_empty() {
            body.push('\n');
        }
        record(&mut body, event, &part.session.item, &part.session.id);
    }
    body
}

/// One record: the keys in their alphabetic order and `pt` last, where the hook adds it.
fn record(out: &mut String, event: &Event, item: &str, session: &str) {
    let (name, state) = codes(event);
    // A String takes all that is written to it.
    let _ = write!(out, "bl=(23800),");
    if let Some(kbps) = event.bitrate_kbps {
        let _ = write!(out, "br=({kbps}),");
    }
    let _ = write!(out, "cid=\"{item}\",e={name},");
    if let Some(startup_ms) = event.startup_ms {
        let _ = write!(out, "msd={startup_ms},");
    }
    let _ = write!(
        out,
        "mtp=(51000),sf=h,sid=\"{session}\",sn={},st=v,sta={state},ts={},v=2",
        event.seq, event.at_ms
    );
    if let Some(position_ms) = event.position_ms {
        let _ = write!(out, ",pt={position_ms}");
    }
}

/// The codes of what happened and of the player's state after it.
fn codes(event: &Event) -> (&'static str, &'static str) {
    match event.kind() {
        EventKind::Beat => ("t", state(event)),
        EventKind::Quality => ("bc", state(event)),
        EventKind::Start => ("ps", "s"),
        EventKind::Resume => ("ps", "p"),
        EventKind::Seek => ("ps", "k"),
        EventKind::Pause => ("ps", "a"),
        EventKind::StallStart => ("ps", "r"),
        EventKind::Stop => ("ps", "q"),
        EventKind::Ended => ("ps", "e"),
        _ => ("um", "p"),
    }
}

fn state(event: &Event) -> &'static str {
    match event.state() {
        PlayerState::Paused => "a",
        PlayerState::Stalled => "r",
        PlayerState::Playing | PlayerState::Unspecified => "p",
    }
}

/// About what a record takes.
const RECORD_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_looks_as_the_player_writes_it() {
        let mut out = String::new();
        let event = Event {
            kind: EventKind::StallStart.into(),
            seq: 19,
            at_ms: 1_795_222_048_832,
            position_ms: Some(23_855),
            ..Event::default()
        };
        record(&mut out, &event, "title-1", "load-1-s7");
        let expect = "bl=(23800),cid=\"title-1\",e=ps,mtp=(51000),sf=h,sid=\"load-1-s7\",sn=19,st=v,sta=r,\
                      ts=1795222048832,v=2,pt=23855";
        assert_eq!(out, expect);
    }

    #[test]
    fn the_end_of_a_stall_is_kept_as_a_return_to_playing() {
        let event = Event { kind: EventKind::StallEnd.into(), stall_ms: Some(3), ..Event::default() };
        assert_eq!((kept(&event).kind(), kept(&event).stall_ms), (EventKind::Resume, None));
    }
}
