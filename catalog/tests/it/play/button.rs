//! What the button gives, and what a session does with it.

use playhead_proto::ingest::v1::{StopReason, Verdict};
use tonic::Request;

use super::*;
use crate::site::{COUNTRY_HEADER, TOKEN_MS, by};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_plays_by_its_token_and_the_next_one_begins_where_it_was() {
    let site = Site::beside_an_engine().await;
    site.put(film("film")).await;
    let ann = on(&site, "ann", "tv");
    let first = begins(site.play(&ann, "film", "s-1").await);
    assert_eq!((first.slot(), first.next_beat_ms, &first.resume), (proto::SlotState::Held, 10_000, &None));
    assert_eq!((first.duration_ms, first.credits_ms), (Some(FILM_MS), Some(FILM_MS - 60_000)));
    assert_eq!(first.item_kind(), ingest::ItemKind::Movie);
    assert_eq!(first.token_expires_at_ms, BEGIN_MS + TOKEN_MS);
    // What is being made cannot be played.
    let [asset] = &*first.assets else { panic!("{:?}", first.assets) };
    assert_eq!(first.urls_expire_at_ms, Some(BEGIN_MS + 1_800_000));
    let query =
        format!("?playhead-key=k1&playhead-expires={}&playhead-path=/film/", (BEGIN_MS + 1_800_000) / 1_000);
    for (url, file) in [(&asset.url, "main.m3u8"), (&asset.variants[0].playlist_url, "hd.m3u8")] {
        let expect = format!("https://cdn.example/film/{file}{query}{file}&playhead-signature=");
        assert!(url.starts_with(&expect) && url.len() == expect.len() + 64, "{url}");
    }

    let token = &first.session_token;
    let told = publish(&site, token, ingest::Session::default(), beat(1, 600_000)).await.unwrap();
    assert_eq!((told.stored, told.session_id.as_str(), told.verdict()), (1, "", Verdict::Play), "{told:?}");
    let event = json!({ "session": {}, "events": [{ "kind": "BEAT", "seq": 2, "position_ms": 900_000 }] });
    let (status, told) = site.post(token, "/v1/events", &event).await;
    assert_eq!(
        (status, &told["acked_through_seq"], &told["verdict"]),
        (200, &2.into(), &"PLAY".into()),
        "{told}"
    );

    let second = begins(site.play(&ann, "film", "s-2").await).resume.unwrap();
    assert_eq!((second.position_ms, second.at_ms), (900_000, Some(BEGIN_MS)));
    assert!(!second.finished && !second.watched, "{second:?}");
    let bens = begins(site.play(&on(&site, "ben", "phone"), "film", "s-1").await);
    assert_eq!(bens.resume, None, "where ann was is hers");

    // The length comes with the token, so the end is known for one.
    site.later(1_000);
    publish(&site, token, ingest::Session::default(), beat(3, FILM_MS - 1_000)).await.unwrap();
    let again = begins(site.play(&ann, "film", "s-3").await).resume.unwrap();
    assert_eq!((again.position_ms, again.finished, again.watched), (0, true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_who_is_in_the_way_can_be_stopped_for_the_next_try() {
    let site = Site::beside_an_engine().await;
    site.put(for_subscribers("film")).await;
    let (ann, ben) = (on(&site, "ann", "tv"), on(&site, "ben", "phone"));
    assert_eq!(reasons(site.play(&ann, "film", "s-1").await), "NO_SUBSCRIPTION");
    subscribe(&site, one_stream(proto::AtLimit::DenyNewest)).await;
    let anns = begins(site.play(&ann, "film", "s-1").await);
    assert_eq!(begins(site.play(&ann, "film", "s-1").await).slot(), proto::SlotState::Held, "safe to repeat");
    let denied = no_slot(site.play(&ben, "film", "s-1").await);
    assert_eq!(denied.code(), StopReason::StreamLimit);
    let [way] = &*denied.in_the_way else { panic!("{denied:?}") };
    assert_eq!((way.device_id.as_str(), way.item_id.as_str()), ("tv", "film"));
    // The plan's rule goes with the token, and ingest holds the session to it.
    let told = publish(&site, &anns.session_token, ingest::Session::default(), beat(1, 1_000)).await.unwrap();
    assert_eq!(told.verdict(), Verdict::Play);
    assert_eq!(no_slot(site.play(&ben, "film", "s-1").await).in_the_way.len(), 1);

    stop(&site, &ben, &way.stop_code).await;
    let bens = begins(site.play(&ben, "film", "s-1").await);
    let told = publish(&site, &bens.session_token, ingest::Session::default(), beat(1, 1_000)).await.unwrap();
    assert_eq!(told.verdict(), Verdict::Play);
    let told = publish(&site, &anns.session_token, ingest::Session::default(), beat(2, 2_000)).await.unwrap();
    assert_eq!((told.stored, told.verdict()), (1, Verdict::Stop), "stored all the same");
    assert_eq!(told.terminate.unwrap().code(), StopReason::Stopped);
    let refused = no_slot(site.play(&ann, "film", "s-1").await);
    assert_eq!((refused.code(), refused.by_device.as_str()), (StopReason::Stopped, "phone"), "for good");
    assert_eq!(no_slot(site.play(&ann, "film", "s-2").await).code(), StopReason::StreamLimit);
    // A slot that nobody begins to use runs out.
    site.later(30_001);
    begins(site.play(&ann, "film", "s-2").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_other_rule_the_oldest_is_stopped() {
    let site = Site::beside_an_engine().await;
    site.put(for_subscribers("film")).await;
    subscribe(&site, one_stream(proto::AtLimit::EvictOldest)).await;
    let anns = begins(site.play(&on(&site, "ann", "tv"), "film", "s-1").await);
    publish(&site, &anns.session_token, ingest::Session::default(), beat(1, 1_000)).await.unwrap();
    begins(site.play(&on(&site, "ben", "phone"), "film", "s-1").await);
    let told = publish(&site, &anns.session_token, ingest::Session::default(), beat(2, 2_000)).await.unwrap();
    assert_eq!(told.terminate.map(|terminate| terminate.code()), Some(StopReason::Evicted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_token_is_for_its_session_its_item_and_its_time() {
    let site = Site::beside_an_engine().await;
    site.put(film("film")).await;
    let ann = on(&site, "ann", "tv");
    let token = begins(site.play(&ann, "film", "s-1").await).session_token;
    let named = |session_id: &str, item_id: &str| ingest::Session {
        session_id: session_id.into(),
        item_id: item_id.into(),
        ..Default::default()
    };
    assert_eq!(publish(&site, &token, named("s-1", "film"), beat(1, 1_000)).await.unwrap().stored, 1);
    for (wrong, field) in [(named("s-2", ""), "session.session_id"), (named("", "other"), "session.item_id")]
    {
        let told = publish(&site, &token, wrong, beat(2, 1_000)).await.unwrap();
        let [rejected] = &*told.rejected else { panic!("{told:?}") };
        assert_eq!((rejected.reason(), rejected.field.as_str()), (ingest::RejectReason::NotAllowed, field));
    }
    let event = json!({ "session": {}, "user_id": "ben", "events": [{ "kind": "BEAT", "seq": 3 }] });
    let (_, told) = site.post(&token, "/v1/events", &event).await;
    assert!(told.to_string().contains("NOT_ALLOWED"), "{told}");

    let event = json!({ "session": {}, "events": [{ "kind": "BEAT", "seq": 4, "position_ms": 1 }] });
    let refused = async |token: &str| {
        let over_grpc = publish(&site, token, ingest::Session::default(), beat(4, 1)).await.unwrap_err();
        let (status, told) = site.post(token, "/v1/events", &event).await;
        assert_eq!((over_grpc.0, status), (Code::Unauthenticated, 401));
        assert_eq!(told["error"]["reason"], over_grpc.1.as_str(), "both say the same");
        over_grpc.1
    };
    let other = begins(Site::beside_an_engine_with_a_film().await.play_as_ann().await).session_token;
    assert_eq!(refused(&other).await, "TOKEN_INVALID", "another server's");
    let bens = begins(site.play(&on(&site, "ben", "tv"), "film", "s-1").await).session_token;
    let (parts, bens): (Vec<&str>, Vec<&str>) = (token.split('.').collect(), bens.split('.').collect());
    let altered = format!("{}.{}.{}", parts[0], bens[1], parts[2]);
    assert_eq!(refused(&altered).await, "TOKEN_INVALID");

    let pressed = site.play(&token, "film", "s-1").await.unwrap_err();
    assert_eq!(told_in_short(&pressed), (Code::PermissionDenied, "SESSION_TOKEN".into()));
    site.later(TOKEN_MS + 30_000);
    assert_eq!(refused(&token).await, "TOKEN_EXPIRED");
    let renewed = begins(site.play(&on(&site, "ann", "tv"), "film", "s-1").await).session_token;
    assert_eq!(publish(&site, &renewed, named("s-1", ""), beat(5, 2_000)).await.unwrap().stored, 1);
}

fn told_in_short(status: &Status) -> (Code, String) {
    let (code, reason, _) = told(status);
    (code, reason)
}

impl Site {
    async fn beside_an_engine_with_a_film() -> Self {
        let site = Self::beside_an_engine().await;
        site.put(film("film")).await;
        site
    }

    async fn play_as_ann(&self) -> Result<proto::AuthorizePlaybackResponse, Status> {
        self.play(&on(self, "ann", "tv"), "film", "s-1").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_outlives_the_right() {
    let site = Site::start().await;
    let window = catalog::AvailabilityWindow { ends_at_ms: Some(BEGIN_MS + 90_000), ..Default::default() };
    site.put(catalog::Item { windows: vec![window], ..film("film") }).await;
    let playback = begins(site.play(&on(&site, "ann", "tv"), "film", "s-1").await);
    assert_eq!(playback.token_expires_at_ms, BEGIN_MS + 90_000);
    assert_eq!(playback.urls_expire_at_ms, None, "this server signs none");
    assert_eq!(playback.assets[0].url, "https://cdn.example/film/main.m3u8");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_opened_and_a_container_is_neither() {
    let site = Site::start().await;
    site.put(catalog::Item { kind: Kind::Reading.into(), ..film("manual") }).await;
    site.put(item("series", Kind::Series, "", 0)).await;
    let ann = on(&site, "ann", "tv");
    let playback = begins(site.play(&ann, "manual", "s-1").await);
    assert_eq!((playback.slot(), playback.session_token.as_str()), (proto::SlotState::NotNeeded, ""));
    assert_eq!((playback.token_expires_at_ms, playback.assets.len()), (0, 1));
    let refused = site.play(&ann, "series", "s-1").await.unwrap_err();
    assert_eq!(told_in_short(&refused), (Code::FailedPrecondition, "NOT_PLAYABLE".into()));
    let refused = site.play(&ann, "nothing", "s-1").await.unwrap_err();
    assert_eq!(told_in_short(&refused), (Code::NotFound, "NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_named() {
    let site = Site::start().await;
    site.put(film("film")).await;
    let ann = site.token("ann", &json!({ "device": "tv", "device_type": "tv" }));
    let ask = async |token: &str, change: fn(&mut proto::AuthorizePlaybackRequest)| {
        let mut request = proto::AuthorizePlaybackRequest {
            item_id: "film".into(),
            session_id: "s-1".into(),
            ..Default::default()
        };
        change(&mut request);
        site.rights()
            .authorize_playback(by(token, request))
            .await
            .map(drop)
            .map_err(|status| told(&status).2.concat())
    };
    let field = |field: &str| Err(field.to_owned());
    assert_eq!(ask(&ann, |request| request.session_id.clear()).await, field("session_id"));
    assert_eq!(ask(&ann, |request| request.item_id.clear()).await, field("item_id"));
    assert_eq!(ask(&ann, |request| request.device_id = "phone".into()).await, field("device_id"));
    assert_eq!(ask(&ann, |request| request.device_type = "mobile".into()).await, field("device_type"));
    assert_eq!(ask(&ann, |request| request.country = "KR".into()).await, field("country"));
    assert_eq!(ask(&ann, |request| request.consistency = 9).await, field("consistency"));
    assert_eq!(
        ask(&ann, |request| (request.device_id, request.device_type) = ("tv".into(), "tv".into())).await,
        Ok(())
    );
    let service = site.service("playback:authorize");
    assert_eq!(ask(&service, |_| {}).await, field("user_id"));
    let named = |request: &mut proto::AuthorizePlaybackRequest| {
        (request.user_id, request.account_id, request.country) = ("ann".into(), "family".into(), "KR".into());
    };
    assert_eq!(ask(&service, named).await, Ok(()));
    let wrong = |request: &mut proto::AuthorizePlaybackRequest| {
        (request.user_id, request.account_id, request.device_type) =
            ("ann".into(), "family".into(), "a b".into());
    };
    assert_eq!(ask(&service, wrong).await, field("device_type"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_viewer_is_the_token_says_or_the_proxy() {
    let site = Site::beside_an_engine().await;
    let window = catalog::AvailabilityWindow { countries: vec!["KR".into()], ..Default::default() };
    site.put(catalog::Item { windows: vec![window], ..film("local") }).await;
    let ask = async |claim: Option<&str>, headers: &[&'static str]| {
        let token = match claim {
            Some(country) => site.token("ann", &json!({ "country": country })),
            None => site.viewer("ann"),
        };
        let with = |mut request: Request<proto::CheckAccessRequest>| {
            for value in headers {
                request.metadata_mut().append(COUNTRY_HEADER, value.parse().unwrap());
            }
            request
        };
        let request = proto::CheckAccessRequest { item_id: "local".into(), ..Default::default() };
        let answer = site.rights().check_access(with(by(&token, request))).await.unwrap().into_inner();
        let checked = answer.decision.unwrap().allowed;
        if headers.is_empty() {
            let pressed = site.play(&token, "local", "s-1").await.unwrap();
            assert_eq!(pressed.playback.is_some(), checked, "the button decides likewise");
        }
        checked
    };
    for (claim, headers, may) in [
        (None, &[][..], false),
        (Some("KR"), &[], true),
        (Some("kr"), &[], true),
        (Some("US"), &[], false),
        (None, &["KR"], true),
        (Some("KR"), &["US"], false),
        (Some("US"), &["KR"], true),
        (Some("KR"), &["XX"], false),
        (Some("KR"), &["T1"], false),
        (Some("KR"), &["KR", "KR"], false),
    ] {
        assert_eq!(ask(claim, headers).await, may, "{claim:?} {headers:?}");
    }
}

/// Without a proxy that is believed, a header says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_where_they_are_by_a_header_of_their_own() {
    let site = Site::start().await;
    let window = catalog::AvailabilityWindow { countries: vec!["KR".into()], ..Default::default() };
    site.put(catalog::Item { windows: vec![window], ..film("local") }).await;
    let mut request =
        site.watch("ann", proto::CheckAccessRequest { item_id: "local".into(), ..Default::default() });
    request.metadata_mut().insert(COUNTRY_HEADER, "KR".parse().unwrap());
    let answer = site.rights().check_access(request).await.unwrap().into_inner();
    assert!(!answer.decision.unwrap().allowed);
}
