//! Stream limits: who may play, and who hears that they may not.

use std::time::{Duration, Instant};

use playhead_ingest::{leases::LeaseSettings, settings::Settings};
use playhead_store::{
    AccountId, DeviceId, SessionId, SessionKey, UserId,
    lease::{AtLimit, StopTarget, StreamRules},
};

use super::*;
use crate::{grpc::beat, host::now_ms};

fn limited(streams: u32, at_limit: AtLimit) -> Settings {
    let rules = StreamRules::streams(streams, at_limit);
    Settings { leases: LeaseSettings::default().with_rules(Some(rules)), ..Settings::default() }
}

/// A line of a family member, whose session is open, and whether it may play.
async fn begin<W: Way>(way: &W, token: &str, session: &str) -> (W::Line, proto::Verdict) {
    let mut line = way.open(token).await;
    line.hello(hello_of(session)).await;
    match within(line.next()).await.unwrap() {
        server_frame::Frame::Welcome(welcome) => (line, welcome.verdict()),
        other => panic!("{other:?}"),
    }
}

async fn told<L: Line>(line: &mut L) -> proto::Terminate {
    match within(line.next()).await.unwrap() {
        server_frame::Frame::Command(proto::Command {
            command: Some(proto::command::Command::Terminate(terminate)),
        }) => terminate,
        other => panic!("{other:?}"),
    }
}

fn stopped(seq: u64) -> proto::Event {
    proto::Event { kind: proto::EventKind::Stop.into(), ..beat(seq) }
}

pub(super) async fn a_stream_beyond_the_limit_is_told_who_is_in_the_way<W: Way>() {
    let way = W::start(limited(1, AtLimit::DenyNewest)).await;
    let (mut tv, verdict) = begin(&way, "ann:family:tv", "s1").await;
    assert_eq!(verdict, proto::Verdict::Play);
    let (mut phone, verdict) = begin(&way, "ben:family:phone", "s2").await;
    assert_eq!(verdict, proto::Verdict::Stop);
    let terminate = told(&mut phone).await;
    assert_eq!((terminate.code(), &*terminate.by_device), (proto::StopReason::StreamLimit, ""));
    let [in_the_way] = &*terminate.in_the_way else { panic!("{terminate:?}") };
    assert_eq!((&*in_the_way.device_id, &*in_the_way.item_id), ("tv", "movie"));
    assert!(in_the_way.stop_code.len() == 16 && in_the_way.since_ms > 0, "{in_the_way:?}");
    phone.send_events(vec![beat(1)]).await;
    assert_eq!(phone.acked_through(1).await.verdict(), proto::Verdict::Stop, "stored all the same");
    tv.send_events(vec![beat(1), stopped(2)]).await;
    assert_eq!(tv.acked_through(2).await.verdict(), proto::Verdict::Play);
    let (_, verdict) = begin(&way, "ben:family:phone", "s3").await;
    assert_eq!(verdict, proto::Verdict::Play, "there is room");
    assert_eq!(way.at_rest().await.stored, 3);
}

pub(super) async fn an_evicted_stream_is_told_by_which_device<W: Way>() {
    let way = W::start(limited(1, AtLimit::EvictOldest)).await;
    let (mut tv, _) = begin(&way, "ann:family:tv", "s1").await;
    tv.send_events(vec![beat(1)]).await;
    tv.acked_through(1).await;
    let (_phone, verdict) = begin(&way, "ben:family:phone", "s2").await;
    assert_eq!(verdict, proto::Verdict::Play);
    let terminate = told(&mut tv).await;
    assert_eq!((terminate.code(), &*terminate.by_device), (proto::StopReason::Evicted, "phone"));
    tv.send_events(vec![beat(2)]).await;
    assert_eq!(tv.acked_through(2).await.verdict(), proto::Verdict::Stop);
    assert_eq!(way.at_rest().await.stored, 2);
}

pub(super) async fn a_kick_reaches_an_open_stream_at_once<W: Way>() {
    let way = W::start(Settings::default()).await;
    let (mut tv, _) = begin(&way, "ann:family:tv", "s1").await;
    tv.send_events(vec![beat(1)]).await;
    tv.acked_through(1).await;
    let key = SessionKey { user: UserId::new("ann").unwrap(), session: SessionId::new("s1").unwrap() };
    let (account, by) = (AccountId::new("family").unwrap(), DeviceId::new("phone").unwrap());
    let begun = Instant::now();
    let leases = way.host().doors().leases;
    let stopped = leases.stop(&account, &StopTarget::Session(key), Some(by), now_ms()).await.unwrap();
    assert!(stopped.is_some());
    let terminate = told(&mut tv).await;
    assert_eq!((terminate.code(), &*terminate.by_device), (proto::StopReason::Stopped, "phone"));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let (mut again, verdict) = begin(&way, "ann:family:tv", "s1").await;
    assert_eq!(verdict, proto::Verdict::Stop, "it stays stopped");
    assert_eq!(told(&mut again).await.code(), proto::StopReason::Stopped);
}

pub(super) async fn a_device_that_comes_back_takes_over_its_ghost<W: Way>() {
    let way = W::start(limited(1, AtLimit::DenyNewest)).await;
    let (mut ghost, _) = begin(&way, "ann:family:tv", "s1").await;
    let (_tv, verdict) = begin(&way, "ann:family:tv", "s2").await;
    assert_eq!(verdict, proto::Verdict::Play);
    let terminate = told(&mut ghost).await;
    assert_eq!((terminate.code(), &*terminate.by_device), (proto::StopReason::TakenOver, "tv"));
}
