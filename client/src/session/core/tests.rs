//! The rules of a session, without a server.

use playhead_proto::ingest::v1::{self as proto, client_frame::Frame as Said};

use super::*;

const PATIENCE: Duration = Duration::from_millis(400);

fn core(datagrams: bool) -> Core {
    let manner = Manner { bounds: Bounds::default(), datagrams: datagrams.then_some(PATIENCE) };
    Core::new(manner, 1, 0, Vec::new())
}

fn offer(core: &mut Core, kind: EventKind, now: Instant) {
    let event = Event { kind: kind.into(), seq: core.next_seq(), ..Event::default() };
    core.offer(event, now).unwrap();
}

fn hear(core: &mut Core, ack: Ack, now: Instant) {
    core.hear(ServerFrame { frame: Some(Frame::Ack(ack)) }, now);
}

fn seqs(frame: &ClientFrame) -> Vec<u64> {
    let Some(Said::Events(batch)) = &frame.frame else { panic!("{frame:?}") };
    batch.events.iter().map(|event| event.seq).collect()
}

/// What goes out now: on the stream, by datagram.
fn sent(core: &mut Core, now: Instant) -> (Vec<u64>, Vec<u64>) {
    let (mut stream, mut datagrams) = (Vec::new(), Vec::new());
    while let Some(outgoing) = core.outgoing(now, 0, true) {
        match outgoing {
            Outgoing::Stream(frame) => stream.extend(seqs(&frame)),
            Outgoing::Datagram(frame) => datagrams.extend(seqs(&frame)),
        }
    }
    (stream, datagrams)
}

#[test]
fn a_busy_server_is_asked_again_when_and_from_where_it_says() {
    let (mut core, now) = (core(false), Instant::now());
    (0..3).for_each(|_| offer(&mut core, EventKind::Beat, now));
    assert_eq!(sent(&mut core, now).0, [1, 2, 3]);
    let busy = Some(proto::Busy { retry_after_ms: 250, from_seq: 2 });
    hear(&mut core, Ack { acked_through_seq: 1, busy, ..Ack::default() }, now);
    offer(&mut core, EventKind::Beat, now);
    let later = now + Duration::from_millis(250);
    assert_eq!(core.wakes_at(), Some(later));
    assert_eq!(sent(&mut core, now).0, [0; 0], "not before");
    assert_eq!(sent(&mut core, later).0, [2, 3, 4]);
    assert_eq!((core.wakes_at(), core.progress().busy), (None, 1));
}

#[test]
fn lone_fresh_beats_go_as_datagrams_and_everything_else_on_the_stream() {
    let (mut core, now) = (core(true), Instant::now());
    offer(&mut core, EventKind::Start, now);
    assert_eq!(sent(&mut core, now), (vec![1], vec![]));
    offer(&mut core, EventKind::Beat, now);
    assert_eq!(sent(&mut core, now), (vec![], vec![2]));
    (0..2).for_each(|_| offer(&mut core, EventKind::Beat, now));
    assert_eq!(sent(&mut core, now), (vec![3, 4], vec![]), "a backlog is sent in order");
    core.broke();
    assert_eq!(sent(&mut core, now), (vec![1, 2, 3, 4], vec![]), "a tail too");
}

#[test]
fn a_transport_without_datagrams_takes_beats_on_the_stream() {
    let (mut core, now) = (core(true), Instant::now());
    offer(&mut core, EventKind::Beat, now);
    assert!(matches!(core.outgoing(now, 0, false), Some(Outgoing::Stream(_))));
}

#[test]
fn a_lost_datagram_goes_again_on_the_stream() {
    let (mut core, now) = (core(true), Instant::now());
    offer(&mut core, EventKind::Beat, now);
    assert_eq!(sent(&mut core, now), (vec![], vec![1]));
    assert_eq!(core.wakes_at(), Some(now + PATIENCE));
    assert_eq!(sent(&mut core, now + PATIENCE), (vec![1], vec![]));
    assert_eq!((core.wakes_at(), core.progress().datagrams_resent), (None, 1));
}

#[test]
fn what_was_refused_is_told_once() {
    let (mut core, now) = (core(false), Instant::now());
    (0..2).for_each(|_| offer(&mut core, EventKind::Beat, now));
    sent(&mut core, now);
    let rejected = [0, 2].map(|seq| Rejection { seq, ..Rejection::default() }).to_vec();
    hear(&mut core, Ack { acked_through_seq: 2, rejected: rejected.clone(), ..Ack::default() }, now);
    hear(&mut core, Ack { acked_through_seq: 2, rejected: rejected[1..].to_vec(), ..Ack::default() }, now);
    let told: Vec<u64> = core.take_rejected().iter().map(|rejection| rejection.seq).collect();
    assert_eq!(told, [2, 0]);
    assert_eq!((core.take_rejected().len(), core.progress().rejected), (0, 2));
}

#[test]
fn welcomes_verdicts_and_commands_are_heard() {
    let (mut core, now) = (core(false), Instant::now());
    let welcome = proto::Welcome { next_beat_ms: 5_000, ..proto::Welcome::default() };
    core.hear(ServerFrame { frame: Some(Frame::Welcome(welcome)) }, now);
    assert!(core.progress().is_connected && core.progress().may_play);
    offer(&mut core, EventKind::Beat, now);
    assert_eq!(core.beat_due(), Some(now + Duration::from_secs(5)));
    hear(&mut core, Ack { verdict: Verdict::Stop.into(), next_beat_ms: 20_000, ..Ack::default() }, now);
    assert!(!core.progress().may_play);
    assert_eq!(core.progress().beat_interval, Duration::from_secs(20));
    let code = proto::StopReason::StreamLimit;
    let in_the_way = vec![proto::StreamInTheWay { device_id: "tv".into(), ..Default::default() }];
    let said = proto::Terminate {
        reason: "limit".into(),
        by_device: "tv".into(),
        code: code.into(),
        in_the_way: in_the_way.clone(),
    };
    let said = proto::Command { command: Some(command::Command::Terminate(said)) };
    core.hear(ServerFrame { frame: Some(Frame::Command(said)) }, now);
    let expected = Command::Terminate { reason: "limit".into(), by_device: "tv".into(), code, in_the_way };
    assert_eq!(core.progress().command, Some(expected));
}

#[test]
fn it_is_done_when_it_is_closed_and_everything_has_its_ending() {
    let (mut core, now) = (core(false), Instant::now());
    offer(&mut core, EventKind::Stop, now);
    core.close();
    assert!(!core.is_done());
    hear(&mut core, Ack { acked_through_seq: 1, ..Ack::default() }, now);
    assert!(core.is_done());
}

#[test]
fn a_resumed_session_says_where_it_goes_on() {
    let manner = Manner { bounds: Bounds::default(), datagrams: None };
    let core = Core::new(
        manner,
        9,
        6,
        vec![Event { seq: 7, ..Event::default() }, Event { seq: 8, ..Event::default() }],
    );
    let Some(Said::Hello(hello)) = core.hello(Played::default(), 5).frame else { panic!("no hello") };
    assert_eq!((hello.unacked_from_seq, core.next_seq(), core.progress().held_events), (7, 9, 2));
}
