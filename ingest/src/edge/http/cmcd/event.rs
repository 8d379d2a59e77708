//! What a CMCD record means to us.
//!
//! A record is mapped by itself, never by what came before it: records arrive out of order and twice, and the stored
//! rows must not depend on that. So `ps;sta=p` is always RESUME, also after a stall: the fold ends a stall at the first
//! event after which the player does not wait any more, so RESUME closes it as STALL_END would.

use playhead_store::{EventKind, PlayerState};

use super::record::Record;
use crate::admission::{ERROR_CODE_BYTES_MAX, MEDIA_MS_MAX, RawEvent};

/// What is kept longest when there is little room: players send a response report per segment, a beat every few
/// seconds, and a change of state when it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Reports of requests and what else moves nothing: dropped first.
    Report,
    /// Beats.
    Beat,
    /// Changes of state: dropped last.
    Change,
}

/// The event that a record is, under this number.
pub(super) fn event(record: &Record<'_>, seq: u64) -> RawEvent {
    let state = record.sta.as_deref();
    let kind = match record.e.as_deref() {
        Some("t") => EventKind::Beat,
        Some("ps") => changed_state(state),
        Some("pr") => EventKind::Rate,
        Some("bc") => EventKind::Quality,
        Some("e") => EventKind::Error,
        // Requests and their responses, mute, content, background, ads and what later versions add.
        _ => EventKind::Meta,
    };
    let mut event = RawEvent::new(kind, seq, record.ts);
    event.startup_ms = record.msd;
    // A response report is dated at its request, but tells of the player as it is when the response is complete.
    if is_request(record) {
        return event;
    }
    event.state = Ok(state_after(kind, state));
    event.position_ms = record.pt.or(record.custom_pt).map(|pt| pt.clamp(0, MEDIA_MS_MAX));
    event.bitrate_kbps = record.br;
    event.rate = rate(record, kind);
    if kind == EventKind::Error {
        event.error_code = record.ec.as_deref().map(error_code);
    }
    event
}

/// What an event is worth when there is little room.
pub(super) fn worth(event: &RawEvent) -> Worth {
    match event.kind {
        Ok(EventKind::Meta) => Worth::Report,
        Ok(EventKind::Beat) => Worth::Beat,
        _ => Worth::Change,
    }
}

fn changed_state(state: Option<&str>) -> EventKind {
    match state {
        Some("s") => EventKind::Start,
        Some("p") => EventKind::Resume,
        Some("k") => EventKind::Seek,
        Some("r" | "w") => EventKind::StallStart,
        Some("a") => EventKind::Pause,
        Some("e") => EventKind::Ended,
        Some("f") => EventKind::Error,
        Some("q") => EventKind::Stop,
        // Preloading is not yet playing, and nobody knows what a missing or new state is.
        _ => EventKind::Meta,
    }
}

fn state_after(kind: EventKind, state: Option<&str>) -> Option<PlayerState> {
    match (kind, state) {
        // It waits for its first frame; the fold knows that this is no stall.
        (EventKind::Start, _) => Some(PlayerState::Stalled),
        // Where the playhead goes is told by the SEEK; whether it moves there, by what follows.
        (EventKind::Seek | EventKind::Stop | EventKind::Ended, _) => None,
        (_, Some("p")) => Some(PlayerState::Playing),
        (_, Some("a")) => Some(PlayerState::Paused),
        (_, Some("r" | "w")) => Some(PlayerState::Stalled),
        // The playhead stands still, although nobody paused it: a beat then must not count as playing.
        (EventKind::Beat, Some("s" | "d" | "k" | "e" | "f" | "q")) | (EventKind::Error, Some("f")) => {
            Some(PlayerState::Paused)
        }
        _ => None,
    }
}

/// The rate. Players leave it out when it is normal, so where a rate is to be expected, none means normal.
fn rate(record: &Record<'_>, kind: EventKind) -> Option<f64> {
    let is_expected = !matches!(kind, EventKind::Meta | EventKind::Error | EventKind::Quality);
    let left_out = (is_expected && !record.has_pr).then_some(NORMAL);
    record.pr.map(|pr| pr.clamp(0.0, FASTEST)).or(left_out)
}

fn is_request(record: &Record<'_>) -> bool {
    matches!(record.e.as_deref(), None | Some("rr"))
}

fn error_code(code: &str) -> Box<str> {
    let mut end = code.len().min(ERROR_CODE_BYTES_MAX);
    while !code.is_char_boundary(end) {
        end -= 1;
    }
    code.get(..end).unwrap_or_default().into()
}

const NORMAL: f64 = 1.0;
/// The fastest rate that is admitted.
const FASTEST: f64 = 16.0;

#[cfg(test)]
mod tests {
    use super::{super::PositionKeys, *};

    fn read(line: &str) -> RawEvent {
        event(&Record::read(line.as_bytes(), &PositionKeys::default()), 1)
    }

    #[test]
    fn events_and_states_are_mapped_as_the_table_says() {
        use EventKind::*;
        use PlayerState::{Paused, Playing, Stalled};
        for (line, kind, state) in [
            ("e=t", Beat, None),
            ("e=\"t\"", Beat, None),
            ("e=t,sta=p", Beat, Some(Playing)),
            ("e=t,sta=a", Beat, Some(Paused)),
            ("e=t,sta=r", Beat, Some(Stalled)),
            ("e=t,sta=w", Beat, Some(Stalled)),
            ("e=t,sta=e", Beat, Some(Paused)),
            ("e=t,sta=d", Beat, Some(Paused)),
            ("e=ps,sta=s", Start, Some(Stalled)),
            ("e=ps,sta=p", Resume, Some(Playing)),
            ("e=ps,sta=k", Seek, None),
            ("e=ps,sta=r", StallStart, Some(Stalled)),
            ("e=ps,sta=w", StallStart, Some(Stalled)),
            ("e=ps,sta=a", Pause, Some(Paused)),
            ("e=ps,sta=e", Ended, None),
            ("e=ps,sta=f", Error, Some(Paused)),
            ("e=ps,sta=q", Stop, None),
            ("e=ps,sta=d", Meta, None),
            ("e=ps", Meta, None),
            ("e=pr,sta=p", Rate, Some(Playing)),
            ("e=bc,sta=d", Quality, None),
            ("e=e", Error, None),
            ("e=rr,sta=p", Meta, None),
            ("e=um", Meta, None),
            ("e=abs", Meta, None),
            ("e=new", Meta, None),
            ("ot=v", Meta, None),
        ] {
            let event = read(line);
            assert_eq!((event.kind, event.state), (Ok(kind), Ok(state)), "{line}");
        }
    }

    #[test]
    fn a_rate_that_is_left_out_is_normal_and_one_that_cannot_be_read_is_unknown() {
        for (line, rate) in [
            ("e=t", Some(1.0)),
            ("e=t,pr=2", Some(2.0)),
            ("e=ps,sta=k,pr=1.25", Some(1.25)),
            ("e=t,pr=fast", None),
            ("e=t,pr=99", Some(16.0)),
            ("e=t,pr=-1", Some(0.0)),
            ("e=bc", None),
        ] {
            assert_eq!(read(line).rate, rate, "{line}");
        }
    }

    #[test]
    fn positions_are_clamped_and_the_standard_key_comes_first() {
        for (line, position_ms) in [
            ("e=t", None),
            ("e=t,pt=5", Some(5)),
            ("e=t,com.a-pt=7", Some(7)),
            ("e=t,com.a-pt=7,pt=5", Some(5)),
            ("e=t,pt=-40", Some(0)),
            ("e=t,pt=999999999999999999999", Some(MEDIA_MS_MAX)),
            ("e=rr,pt=5", None),
        ] {
            assert_eq!(read(line).position_ms, position_ms, "{line}");
        }
    }

    #[test]
    fn an_error_keeps_its_code_within_the_limit() {
        assert_eq!(read("e=e,ec=(\"404\")").error_code.as_deref(), Some("404"));
        let long = format!("e=ps,sta=f,ec=\"{}\"", "영".repeat(30));
        assert_eq!(read(&long).error_code.as_deref(), Some("영".repeat(21).as_str()));
    }

    #[test]
    fn reports_go_first_beats_next_changes_last() {
        let worth = |line: &str| worth(&read(line));
        assert!(worth("e=rr") < worth("e=t") && worth("e=t") < worth("e=ps,sta=p"));
        assert_eq!(worth("e=e"), Worth::Change);
    }
}
