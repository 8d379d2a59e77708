//! What a window promises, case by case, and against a plain model by random walks.

use playhead_proto::ingest::v1::Busy as BusyFrame;
use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_millis(400);

fn event(seq: u64) -> Event {
    Event { seq, ..Event::default() }
}

fn window(events: u64) -> Window {
    let mut window = Window::new(Bounds::default());
    (1..=events).for_each(|seq| window.push(event(seq), ()).unwrap());
    window
}

fn ack(acked_through_seq: u64, rejected: &[u64], busy_from: Option<u64>) -> Ack {
    let rejected = rejected.iter().map(|&seq| Rejection { seq, ..Rejection::default() }).collect();
    let busy = busy_from.map(|from_seq| BusyFrame { retry_after_ms: 250, from_seq });
    Ack { acked_through_seq, rejected, busy, ..Ack::default() }
}

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

/// What an acknowledgement ended: (number, refused).
fn ended(window: &mut Window, ack: &Ack) -> Vec<(u64, bool)> {
    let mut endings = Vec::new();
    window.hear(ack, |held, ending| endings.push((held.event.seq, ending != Ending::Acked)));
    endings
}

#[test]
fn an_ack_ends_what_it_covers_and_says_how() {
    let mut window = window(5);
    window.sent(5, Instant::now(), Way::Stream);
    assert_eq!(ended(&mut window, &ack(3, &[2], None)), [(1, false), (2, true), (3, false)]);
    assert_eq!((window.len(), window.acked_through(), window.has_waiting()), (2, 3, false));
}

#[test]
fn a_refusal_is_told_once_and_when_the_ack_covers_it() {
    let mut window = window(3);
    window.sent(3, Instant::now(), Way::Stream);
    assert_eq!(ended(&mut window, &ack(0, &[2], None)), []);
    assert_eq!(ended(&mut window, &ack(2, &[], None)), [(1, false), (2, true)], "told before");
    assert_eq!(ended(&mut window, &ack(3, &[2, 0, 9], None)), [(3, false)], "of nothing that is held");
    assert!(window.refused.is_empty());
}

#[test]
fn a_full_window_hands_the_event_back_and_an_empty_one_takes_any() {
    let mut few = Window::new(Bounds { events_max: 2, bytes_max: 1_000 });
    assert!(few.push(event(1), "a").is_ok() && few.push(event(2), "b").is_ok());
    assert_eq!(few.push(event(3), "c"), Err(Full { event: event(3).into(), note: "c" }));
    few.hear(&ack(1, &[], None), |_, _| {});
    assert!(few.push(event(3), "c").is_ok(), "there is room again");
    let mut small = Window::new(Bounds { events_max: 9, bytes_max: 1 });
    assert!(small.push(event(1), ()).is_ok() && small.push(event(2), ()).is_err());
    assert_eq!(small.bytes(), event(1).encoded_len());
}

#[test]
fn after_busy_it_goes_back_to_where_the_server_says_and_counts_each_refusal_once() {
    let mut window = window(5);
    window.sent(4, Instant::now(), Way::Stream);
    let busy = window.hear(&ack(1, &[], Some(3)), |_, _| {}).unwrap();
    assert_eq!((busy.retry_after, busy.refused.len()), (Duration::from_millis(250), 2));
    assert_eq!(seqs(&window.waiting(10)), [3, 4, 5], "2 is still on its way");
    let again = window.hear(&ack(1, &[], Some(3)), |_, _| {}).unwrap();
    assert_eq!(again.refused.len(), 0, "the same refusal, told of a later frame");
}

#[test]
fn after_a_break_everything_is_sent_again_in_order() {
    let mut window = window(3);
    window.sent(2, Instant::now(), Way::Stream);
    assert_eq!(seqs(&window.waiting(10)), [3]);
    assert!(window.has_one_fresh());
    window.go_back();
    assert_eq!(seqs(&window.waiting(2)), [1, 2]);
    assert!(!window.has_one_fresh());
}

#[test]
fn a_datagram_without_an_ack_goes_again_on_the_stream_once() {
    let (mut window, now) = (window(3), Instant::now());
    window.sent(1, now, Way::Stream);
    window.sent(1, now + PATIENCE, Way::Datagram);
    window.sent(1, now, Way::Datagram);
    assert_eq!(window.overdue_at(PATIENCE), Some(now + PATIENCE));
    assert_eq!(seqs(&window.take_overdue(now, PATIENCE, 10)), [0; 0], "nothing is overdue yet");
    assert_eq!(seqs(&window.take_overdue(now + PATIENCE, PATIENCE, 10)), [3]);
    assert_eq!(window.overdue_at(PATIENCE), Some(now + PATIENCE * 2), "the other one");
    assert_eq!(seqs(&window.take_overdue(now + PATIENCE * 3, PATIENCE, 10)), [2]);
    assert_eq!(window.overdue_at(PATIENCE), None);
    assert_eq!(ended(&mut window, &ack(3, &[], None)).len(), 3, "each ends once");
}

#[test]
fn what_was_resumed_waits_above_its_acknowledgement() {
    let window = Window::resumed(Bounds { events_max: 1, bytes_max: 1 }, 4, vec![event(5), event(6)], || ());
    assert_eq!((window.acked_through(), seqs(&window.waiting(10))), (4, vec![5, 6]));
}

/// A step of a session's life.
#[derive(Debug, Clone)]
enum Step {
    Push,
    Send(usize, bool),
    Break,
    /// Acknowledges so many of what the server took, refusing every so-manieth.
    Ack(u64, u64),
    Busy,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Push),
        4 => (1..4_usize, any::<bool>()).prop_map(|(most, datagram)| Step::Send(most, datagram)),
        1 => Just(Step::Break),
        2 => (0..6_u64, 2..5_u64).prop_map(|(events, nth)| Step::Ack(events, nth)),
        1 => Just(Step::Busy),
        1 => Just(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens, each event ends once, in order, and none is forgotten.
    #[test]
    fn each_event_ends_once_in_order(steps in prop::collection::vec(step(), 1..200)) {
        let mut window = Window::new(Bounds { events_max: 8, bytes_max: 10_000 });
        let (mut pushed, mut now, mut endings) = (0, Instant::now(), Vec::new());
        for step in steps {
            match step {
                Step::Push => pushed += u64::from(window.push(event(pushed + 1), ()).is_ok()),
                Step::Send(most, datagram) => {
                    let sent = window.waiting(most).len();
                    window.sent(sent, now, if datagram { Way::Datagram } else { Way::Stream });
                }
                Step::Break => window.go_back(),
                Step::Ack(events, nth) => {
                    let through = (window.acked_through() + events).min(pushed);
                    let refused: Vec<u64> = (1..=through).filter(|seq| seq % nth == 0).collect();
                    window.hear(&ack(through, &refused, None), |held, _| endings.push(held.event.seq));
                }
                Step::Busy => {
                    let from = window.acked_through() + 2;
                    window.hear(&ack(0, &[], Some(from)), |held, _| endings.push(held.event.seq));
                }
                Step::Wait => {
                    now += PATIENCE;
                    let _ = window.take_overdue(now, PATIENCE, 3);
                    prop_assert!(window.len() <= 8);
                }
            }
            prop_assert_eq!(endings.len() as u64 + window.len() as u64, pushed);
        }
        window.hear(&ack(pushed, &[], None), |held, _| endings.push(held.event.seq));
        prop_assert_eq!(endings, (1..=pushed).collect::<Vec<_>>());
    }
}
