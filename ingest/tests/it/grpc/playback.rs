//! Playback reads, marks and erasure.

use super::*;

/// Ann has played half of one item and all of another.
async fn watched_site() -> Site {
    let site = Site::start().await;
    for (session, item, seconds) in [("s1", "half", [2_900, 3_000]), ("s2", "whole", [5_900, 6_000])] {
        let stop = |event: proto::Event| proto::Event { kind: proto::EventKind::Stop.into(), ..event };
        let batch = proto::SessionEvents {
            session: Some(proto::Session { item_id: item.into(), ..playing(session) }),
            sent_at_ms: now_ms(),
            events: vec![beat(seconds[0]), stop(beat(seconds[1]))],
            ..proto::SessionEvents::default()
        };
        let request = proto::PublishRequest { sessions: vec![batch] };
        let reply = site.ingest().publish(by("ann:family:tv", request)).await.unwrap().into_inner();
        assert_eq!(reply.sessions[0].stored, 2);
    }
    site
}

fn one(user: &str, item: &str) -> reads::GetPositionRequest {
    reads::GetPositionRequest { user_id: user.into(), item_id: item.into() }
}

fn list(user: &str) -> reads::ListContinueWatchingRequest {
    reads::ListContinueWatchingRequest {
        user_id: user.into(),
        ..reads::ListContinueWatchingRequest::default()
    }
}

fn session(user: &str, session: &str) -> reads::GetSessionRequest {
    reads::GetSessionRequest { user_id: user.into(), session_id: session.into(), read_mask: None }
}

fn items(positions: &[reads::Position]) -> Vec<&str> {
    positions.iter().map(|position| position.item_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_watched_is_read_back() {
    let site = watched_site().await;
    let mut playback = site.playback();
    let half = site.position("half").await.unwrap();
    assert_eq!((half.position_ms, half.duration_ms, half.finished), (3_000_000, Some(6_000_000), false));
    assert_eq!((half.session_id.as_str(), half.watched, half.watched_at_ms), ("s1", false, None));
    let whole = site.position("whole").await.unwrap();
    assert_eq!((whole.finished, whole.watched, whole.watched_at_ms), (true, true, Some(whole.at_ms)));
    let ids = ["whole", "nothing", "half"].map(str::to_owned).to_vec();
    let request = reads::BatchGetPositionsRequest { user_id: "ann".into(), item_ids: ids };
    let batch = playback.batch_get_positions(by("ann", request)).await.unwrap().into_inner().positions;
    assert_eq!(items(&batch), ["whole", "half"]);
    let page = playback.list_continue_watching(by("ann", list("ann"))).await.unwrap().into_inner();
    assert_eq!((items(&page.positions), page.next_page_token.as_str()), (vec!["half"], ""));

    let found = playback.get_session(by("ann", session("ann", "s1"))).await.unwrap().into_inner();
    let summary = found.session.unwrap();
    assert_eq!((summary.account_id.as_str(), summary.device_id.as_str()), ("family", "tv"));
    assert_eq!((summary.event_count, summary.end_reason()), (2, reads::EndReason::Stopped));
    assert_eq!((found.events.len(), found.events[1].kind()), (2, proto::EventKind::Stop));
    for (path, parts) in [("session", (true, 0)), ("events", (false, 2))] {
        let read_mask = Some(prost_types::FieldMask { paths: vec![path.into()] });
        let request = reads::GetSessionRequest { read_mask, ..session("ann", "s1") };
        let found = playback.get_session(by("ann", request)).await.unwrap().into_inner();
        assert_eq!((found.session.is_some(), found.events.len()), parts, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_in_pages() {
    let site = watched_site().await;
    let request = |page_token: String, item_id: &str| {
        let user_id = "ann".into();
        by("", reads::ListSessionsRequest { user_id, page_size: 1, page_token, item_id: item_id.into() })
    };
    let first = site.playback().list_sessions(request(String::new(), "")).await.unwrap().into_inner();
    assert_eq!(first.sessions.len(), 1);
    let second =
        site.playback().list_sessions(request(first.next_page_token, "")).await.unwrap().into_inner();
    assert_eq!((second.sessions.len(), second.next_page_token.as_str()), (1, ""));
    assert_ne!(first.sessions[0].session_id, second.sessions[0].session_id);
    let of_item = site.playback().list_sessions(request(String::new(), "half")).await.unwrap().into_inner();
    assert_eq!((of_item.sessions[0].session_id.as_str(), of_item.next_page_token.as_str()), ("s1", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_durable_when_answered() {
    let site = Site::start().await;
    let mut playback = site.playback();
    let set = reads::SetPositionRequest { user_id: "ann".into(), item_id: "m".into(), position_ms: 77_000 };
    let position = playback.set_position(by("ann", set)).await.unwrap().into_inner().position.unwrap();
    assert_eq!((position.position_ms, position.session_id.as_str()), (77_000, ""));
    assert_eq!(site.position("m").await.unwrap(), position);
    for watched in [true, false] {
        let mark = reads::MarkWatchedRequest { user_id: "ann".into(), item_id: "m".into(), watched };
        playback.mark_watched(by("ann", mark)).await.unwrap();
        let position = site.position("m").await.unwrap();
        assert_eq!((position.watched, position.finished), (watched, watched));
    }
    let forget = reads::ForgetItemRequest { user_id: "ann".into(), item_id: "m".into() };
    playback.forget_item(by("ann", forget)).await.unwrap();
    assert_told(&site.position("m").await.unwrap_err(), Code::NotFound, "NOT_FOUND", "", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_data_looks_absent_and_cannot_be_changed() {
    let site = watched_site().await;
    let mut playback = site.playback();
    let (user_id, item_id) = ("ann".to_owned(), "half".to_owned());
    let denied = [
        playback.get_position(by("bob", one("ann", "half"))).await.map(drop),
        playback.list_continue_watching(by("bob", list("ann"))).await.map(drop),
        playback.get_session(by("bob", session("ann", "s1"))).await.map(drop),
        playback
            .list_sessions(by(
                "bob",
                reads::ListSessionsRequest { user_id: user_id.clone(), ..Default::default() },
            ))
            .await
            .map(drop),
        playback
            .batch_get_positions(by(
                "bob",
                reads::BatchGetPositionsRequest { user_id: user_id.clone(), item_ids: vec![item_id.clone()] },
            ))
            .await
            .map(drop),
        playback
            .set_position(by(
                "bob",
                reads::SetPositionRequest {
                    user_id: user_id.clone(),
                    item_id: item_id.clone(),
                    position_ms: 1,
                },
            ))
            .await
            .map(drop),
        playback
            .mark_watched(by(
                "bob",
                reads::MarkWatchedRequest {
                    user_id: user_id.clone(),
                    item_id: item_id.clone(),
                    watched: true,
                },
            ))
            .await
            .map(drop),
        playback
            .forget_item(by("bob", reads::ForgetItemRequest { user_id: user_id.clone(), item_id }))
            .await
            .map(drop),
        playback.erase_user(by("bob", reads::EraseUserRequest { user_id })).await.map(drop),
    ];
    for answer in denied {
        assert_told(&answer.unwrap_err(), Code::NotFound, "NOT_FOUND", "", "");
    }
    let absent = playback.get_position(by("bob", one("bob", "half"))).await.unwrap_err();
    let denied = playback.get_position(by("bob", one("ann", "half"))).await.unwrap_err();
    assert_eq!((absent.message(), absent.details()), (denied.message(), denied.details()));
    let own = site.position("half").await.unwrap();
    assert_eq!((own.position_ms, own.watched), (3_000_000, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_user_has_nothing() {
    let site = watched_site().await;
    let erase = reads::EraseUserRequest { user_id: "ann".into() };
    let erased = site.playback().erase_user(by("", erase)).await.unwrap().into_inner();
    assert!(erased.erased_through_ms <= now_ms());
    assert_eq!(site.position("half").await.unwrap_err().code(), Code::NotFound);
    let page = site.playback().list_continue_watching(by("ann", list("ann"))).await.unwrap().into_inner();
    assert_eq!(page.positions, vec![]);
    let gone = site.playback().get_session(by("ann", session("ann", "s1"))).await.unwrap_err();
    assert_told(&gone, Code::NotFound, "NOT_FOUND", "", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_name_field_value_and_range() {
    let site = Site::start().await;
    let mut playback = site.playback();
    let ids = "1 to 128 bytes without control characters";
    let bad = Code::InvalidArgument;
    let status = playback.get_position(by("", one("", "m"))).await.unwrap_err();
    assert_told(&status, bad, "BAD_TEXT", "user_id", &format!("is \"\"; allowed is {ids}"));
    let status = playback.get_position(by("", one("ann", ""))).await.unwrap_err();
    assert_told(&status, bad, "BAD_TEXT", "item_id", &format!("is \"\"; allowed is {ids}"));
    let status = playback.get_session(by("", session("ann", ""))).await.unwrap_err();
    assert_told(&status, bad, "BAD_TEXT", "session_id", &format!("is \"\"; allowed is {ids}"));
    for (count, value) in [(0, "0"), (101, "101")] {
        let request =
            reads::BatchGetPositionsRequest { user_id: "ann".into(), item_ids: vec!["m".into(); count] };
        let status = playback.batch_get_positions(by("", request)).await.unwrap_err();
        let description = format!("is {value:?}; allowed is 1 to 100 items");
        assert_told(&status, bad, "BATCH_TOO_LARGE", "item_ids", &description);
    }
    let item_ids = vec!["m".into(), String::new()];
    let request = reads::BatchGetPositionsRequest { user_id: "ann".into(), item_ids };
    let status = playback.batch_get_positions(by("", request)).await.unwrap_err();
    assert_told(&status, bad, "BAD_TEXT", "item_ids[1]", &format!("is \"\"; allowed is {ids}"));
    let request = reads::ListContinueWatchingRequest { page_size: 101, ..list("ann") };
    let status = playback.list_continue_watching(by("", request)).await.unwrap_err();
    assert_told(&status, bad, "MALFORMED", "page_size", "is \"101\"; allowed is 0 (meaning 20) to 100");
    let request = reads::ListContinueWatchingRequest { page_token: "made up".into(), ..list("ann") };
    let status = playback.list_continue_watching(by("", request)).await.unwrap_err();
    let description = "is \"made up\"; allowed is next_page_token of an earlier answer, as it is";
    assert_told(&status, bad, "MALFORMED", "page_token", description);
    let read_mask = Some(prost_types::FieldMask { paths: vec!["events".into(), "secrets".into()] });
    let request = reads::GetSessionRequest { read_mask, ..session("ann", "s1") };
    let status = playback.get_session(by("", request)).await.unwrap_err();
    let description = "is \"secrets\"; allowed is session, events or *";
    assert_told(&status, bad, "MALFORMED", "read_mask.paths[1]", description);
    let set = reads::SetPositionRequest { user_id: "ann".into(), item_id: "m".into(), position_ms: -1 };
    let status = playback.set_position(by("", set)).await.unwrap_err();
    let description = "is \"-1\"; allowed is 0 to 9007199254740991 (ms)";
    assert_told(&status, bad, "POSITION_OUT_OF_RANGE", "position_ms", description);
    let path = "/playhead.playback.v1.PlaybackService/GetPosition";
    let status =
        call_raw::<reads::GetPositionResponse>(&site.channel, "", path, field(1, b"\xff")).await.unwrap_err();
    let (code, reason, field, _) = told(&status);
    assert_eq!((code, reason.as_str(), field.as_str()), (bad, "MALFORMED", "message"));
}
