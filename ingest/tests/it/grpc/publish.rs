//! Publish.

use playhead_ingest::{edge::grpc::Options, settings::Limits};

use super::*;

const PUBLISH: &str = "/playhead.ingest.v1.IngestService/Publish";

fn batch(session: &str, events: Vec<proto::Event>) -> proto::SessionEvents {
    proto::SessionEvents {
        session: Some(playing(session)),
        user_id: "ann".into(),
        sent_at_ms: now_ms(),
        events,
        ..proto::SessionEvents::default()
    }
}

async fn publish(
    site: &Site,
    token: &str,
    sessions: Vec<proto::SessionEvents>,
) -> Result<Vec<proto::SessionOutcome>, Status> {
    let request = by(token, proto::PublishRequest { sessions });
    Ok(site.ingest().publish(request).await?.into_inner().sessions)
}

/// What a batch, or one event of it, was refused with: number, reason, field, value.
fn refusals(outcome: &proto::SessionOutcome) -> Vec<(u64, &str, &str, &str)> {
    let said = |no: &'_ proto::Rejection| (no.seq, no.reason().as_str_name());
    let refused = outcome.rejected.iter();
    refused.map(|no| (no.seq, said(no).1, no.field.as_str(), no.value.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_batch_has_its_own_outcome() {
    let site = Site::start().await;
    let unknown = proto::Event { kind: 99, ..beat(2) };
    let nameless = proto::SessionEvents { user_id: String::new(), ..batch("s3", vec![beat(1)]) };
    let raw =
        |session: &str, event: Vec<u8>| [batch(session, vec![]).encode_to_vec(), field(6, &event)].concat();
    let bad_user = [batch("s6", vec![beat(1)]).encode_to_vec(), field(2, b"\xff")].concat();
    let sessions = [
        batch("s1", vec![beat(1), unknown, beat(3)]).encode_to_vec(),
        batch("", vec![beat(1)]).encode_to_vec(),
        nameless.encode_to_vec(),
        batch("s4", vec![]).encode_to_vec(),
        [raw("s5", bad_text(1)), field(6, &beat(2).encode_to_vec())].concat(),
        bad_user,
        batch("s7", vec![beat(1)]).encode_to_vec(),
    ];
    let request: Vec<u8> = sessions.iter().flat_map(|session| field(1, session)).collect();
    let reply: proto::PublishResponse = call_raw(&site.channel, "", PUBLISH, request).await.unwrap();
    let [good, no_id, no_user, empty, bad_event, bad_text, last] = &reply.sessions[..] else {
        panic!("{reply:?}")
    };
    assert_eq!(
        (good.session_id.as_str(), good.stored, good.duplicate, good.acked_through_seq),
        ("s1", 2, 0, 3)
    );
    assert_eq!(refusals(good), [(2, "REJECT_REASON_UNKNOWN_KIND", "events[1].kind", "99")]);
    assert_eq!((good.verdict(), good.next_beat_ms), (proto::Verdict::Play, 10_000));
    assert_eq!(refusals(no_id), [(0, "REJECT_REASON_BAD_TEXT", "session.session_id", "")]);
    assert_eq!(refusals(no_user), [(0, "REJECT_REASON_BAD_TEXT", "user_id", "")]);
    assert_eq!(refusals(empty), [(0, "REJECT_REASON_MALFORMED", "events", "0")]);
    assert_eq!((bad_event.stored, bad_event.acked_through_seq), (1, 2));
    assert_eq!(
        refusals(bad_event),
        [(1, "REJECT_REASON_MALFORMED", "events[0].error_code", "\u{fffd}\u{fffd}")]
    );
    assert_eq!(refusals(bad_text), [(0, "REJECT_REASON_MALFORMED", "user_id", "\u{fffd}")]);
    assert_eq!((bad_text.session_id.as_str(), bad_text.stored, bad_text.acked_through_seq), ("s6", 0, 0));
    assert_eq!((last.stored, last.rejected.len()), (1, 0));
    for (session, seqs) in [("s1", vec![1, 3]), ("s5", vec![2]), ("s7", vec![1])] {
        let stored: Vec<u64> = site.events(session).await.iter().map(|event| event.seq).collect();
        assert_eq!(stored, seqs, "{session}");
    }
    let count = site.at_rest().await;
    assert_eq!((count.offered, count.stored, count.rejected()), (9, 4, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_changes_nothing() {
    let site = Site::start().await;
    let once = publish(&site, "", vec![batch("s1", vec![beat(1), beat(2)])]).await.unwrap();
    assert_eq!((once[0].stored, once[0].duplicate), (2, 0));
    let twice = vec![batch("s1", vec![beat(2), beat(3)]), batch("s1", vec![beat(3)])];
    let again = publish(&site, "", twice).await.unwrap();
    assert_eq!((again[0].stored, again[0].duplicate, again[0].acked_through_seq), (1, 1, 3));
    assert_eq!((again[1].stored, again[1].duplicate), (0, 1));
    assert_eq!(site.events("s1").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_publishes_for_itself_only() {
    let site = Site::start().await;
    let own = proto::SessionEvents { user_id: String::new(), ..batch("s1", vec![beat(1)]) };
    let other = proto::SessionEvents { user_id: "bob".into(), ..batch("s1", vec![beat(1)]) };
    let account = proto::SessionEvents { account_id: "rich".into(), ..batch("s1", vec![beat(1)]) };
    let named = proto::SessionEvents {
        account_id: "family".into(),
        device_id: "tv".into(),
        ..batch("s1", vec![beat(2)])
    };
    let outcomes = publish(&site, "ann:family:tv", vec![own, other, account, named]).await.unwrap();
    assert_eq!((outcomes[0].stored, outcomes[3].stored), (1, 1));
    assert_eq!(refusals(&outcomes[1]), [(0, "REJECT_REASON_NOT_ALLOWED", "user_id", "bob")]);
    assert_eq!(refusals(&outcomes[2]), [(0, "REJECT_REASON_NOT_ALLOWED", "account_id", "rich")]);
    let bobs = reads::ListSessionsRequest { user_id: "bob".into(), ..reads::ListSessionsRequest::default() };
    assert_eq!(site.playback().list_sessions(by("bob", bobs)).await.unwrap().into_inner().sessions, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_out_of_bounds_is_refused_as_a_whole() {
    let site = Site::start().await;
    let none = publish(&site, "", vec![]).await.unwrap_err();
    assert_told(
        &none,
        Code::InvalidArgument,
        "MALFORMED",
        "sessions",
        "is \"0\"; allowed is 1 to 1000 sessions",
    );
    let many = (0..1_001).map(|n| batch(&format!("s{n}"), vec![beat(1)])).collect();
    let many = publish(&site, "", many).await.unwrap_err();
    let (code, reason) = (Code::InvalidArgument, "BATCH_TOO_LARGE");
    assert_told(&many, code, reason, "sessions", "is \"1001\"; allowed is 1 to 1000 sessions");
    let events = (0..11).map(|n| batch(&format!("s{n}"), (1..=1_000).map(beat).collect())).collect();
    let events = publish(&site, "", events).await.unwrap_err();
    assert_told(
        &events,
        code,
        reason,
        "sessions.events",
        "is \"11000\"; allowed is at most 10000 events in all",
    );
    let count = site.at_rest().await;
    assert_eq!((count.offered, count.rejected(), count.stored), (12_001, 12_001, 0));
    let over = publish(&site, "", vec![batch("s1", (1..=1_001).map(beat).collect())]).await.unwrap();
    assert_eq!(refusals(&over[0]), [(0, "REJECT_REASON_BATCH_TOO_LARGE", "events", "1001")]);
    assert_eq!(over[0].busy, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_finds_no_room_is_busy() {
    let limits = Limits { sessions_max: 1, ..Limits::default() };
    let site = Site::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    let outcomes =
        publish(&site, "", vec![batch("s1", vec![beat(1)]), batch("s2", vec![beat(4)])]).await.unwrap();
    assert_eq!((outcomes[0].stored, outcomes[0].busy), (1, None));
    assert_eq!(outcomes[1].busy, Some(proto::Busy { retry_after_ms: 250, from_seq: 4 }));
    let all = publish(&site, "", vec![batch("s2", vec![beat(4)])]).await.unwrap_err();
    assert_told(&all, Code::Unavailable, "BUSY", "", "");
    assert_eq!(retry_after_ms(&all), 250);
    let count = site.at_rest().await;
    assert_eq!((count.stored, count.busy), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_shard_is_busy_for_what_it_does_not_take() {
    let limits = Limits { shards: 1, shard_events_max: 4, batch_events_max: 4, ..Limits::default() };
    let site = Site::with(Settings { limits, ..Settings::default() }, Options::default()).await;
    site.host.gate.close();
    let blocked = publish(&site, "", vec![batch("s0", vec![beat(1)])]);
    let mixed = async {
        site.host.gate.is_waited_for().await;
        let fits = batch("s1", (1..=4).map(beat).collect());
        let too_much = batch("s2", vec![beat(9), beat(7)]);
        let (mixed, ()) = tokio::join!(publish(&site, "", vec![fits, too_much]), async {
            while site.host.engine.tally().count().busy < 2 {
                tokio::task::yield_now().await;
            }
            site.host.gate.open();
        });
        mixed.unwrap()
    };
    let (blocked, mixed) = tokio::join!(blocked, mixed);
    assert_eq!(blocked.unwrap()[0].stored, 1);
    assert_eq!((mixed[0].stored, mixed[0].busy), (4, None));
    assert_eq!(mixed[1].busy, Some(proto::Busy { retry_after_ms: 250, from_seq: 7 }));
    assert_eq!((mixed[1].stored, mixed[1].acked_through_seq), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_the_callers_error() {
    let site = Site::start().await;
    let garbage =
        call_raw::<proto::PublishResponse>(&site.channel, "", PUBLISH, vec![0x0a, 9, 1]).await.unwrap_err();
    let (code, reason, ..) = told(&garbage);
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "MALFORMED"));
    let large = vec![0; (1 << 20) + 1];
    let large = call_raw::<proto::PublishResponse>(&site.channel, "", PUBLISH, large).await.unwrap_err();
    let description = "is \"1048577 bytes\"; allowed is at most 1048576 bytes";
    assert_told(&large, Code::InvalidArgument, "MESSAGE_TOO_LARGE", "message", description);
}
