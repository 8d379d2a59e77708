//! The play button: from the decision over the session's token to the ingest edges, and back to where the user was.

mod away;
mod button;
mod views;

use playhead_proto::{
    catalog::v1::{self as catalog, Kind},
    entitlement::v1 as proto,
    ingest::v1 as ingest,
    playback::v1 as playback,
};
use prost::Message as _;
use serde_json::json;
use tonic::{Code, Status};

use crate::site::{BEGIN_MS, Site, item, told};

const PUBLISH: &str = "/playhead.ingest.v1.IngestService/Publish";
const STOP: &str = "/playhead.playback.v1.PlaybackService/StopSession";
const FILM_MS: i64 = 5_400_000;

/// A film that everybody may play.
fn film(id: &str) -> catalog::Item {
    let variant = catalog::Variant {
        id: "hd".into(),
        playlist_url: "https://cdn.example/film/hd.m3u8".into(),
        ..Default::default()
    };
    let asset = |id: &str, ready| catalog::Asset {
        id: id.into(),
        kind: catalog::AssetKind::Video.into(),
        url: format!("https://cdn.example/film/{id}.m3u8"),
        ready,
        variants: vec![variant.clone()],
        ..Default::default()
    };
    catalog::Item {
        duration_ms: Some(FILM_MS),
        credits_ms: Some(FILM_MS - 60_000),
        assets: vec![asset("main", true), asset("being-made", false)],
        access: ways(catalog::AccessWay { everybody: true, ..Default::default() }),
        ..item(id, Kind::Movie, "", 0)
    }
}

fn ways(way: catalog::AccessWay) -> Option<catalog::AccessPolicy> {
    Some(catalog::AccessPolicy { ways: vec![way] })
}

/// A film for those who subscribe.
fn for_subscribers(id: &str) -> catalog::Item {
    let subscription = Some(catalog::SubscriptionNeed::default());
    catalog::Item { access: ways(catalog::AccessWay { subscription, ..Default::default() }), ..film(id) }
}

/// A month of this plan for the family.
async fn subscribe(site: &Site, plan: proto::Plan) {
    let plan_id = plan.id.clone();
    site.rights().upsert_plan(site.keep(proto::UpsertPlanRequest { plan: Some(plan) })).await.unwrap();
    let subscription = Some(proto::Subscription {
        id: "s-1".into(),
        account_id: "family".into(),
        plan_id,
        status: proto::SubscriptionStatus::Active.into(),
        period_start_ms: BEGIN_MS,
        period_end_ms: BEGIN_MS + 30 * 24 * 3_600_000,
        interval: Some(proto::Interval { months: 1, days: 0 }),
        auto_renew: true,
        ..Default::default()
    });
    let request = site.keep(proto::UpsertSubscriptionRequest { subscription });
    site.rights().upsert_subscription(request).await.unwrap();
}

/// A plan of one stream, be it by this rule.
fn one_stream(at_limit: proto::AtLimit) -> proto::Plan {
    let rules = proto::StreamRules { streams_max: 1, at_limit: at_limit.into(), devices_max: None };
    proto::Plan { id: "basic".into(), active: true, tier: 1, stream_rules: Some(rules), ..Default::default() }
}

/// Somebody of the family's, on a device.
fn on(site: &Site, user: &str, device: &str) -> String {
    site.token(user, &json!({ "device": device }))
}

fn begins(answer: Result<proto::AuthorizePlaybackResponse, Status>) -> proto::Playback {
    let answer = answer.unwrap();
    answer.playback.clone().unwrap_or_else(|| panic!("{answer:?}"))
}

/// The reasons against, in short.
fn reasons(answer: Result<proto::AuthorizePlaybackResponse, Status>) -> String {
    let answer = answer.unwrap();
    assert!(answer.playback.is_none() && answer.no_slot.is_none(), "{answer:?}");
    let reasons = answer.decision.unwrap().refusals.into_iter();
    let reasons = reasons.map(|refusal| refusal.reason().as_str_name().replace("ACCESS_REASON_", ""));
    reasons.collect::<Vec<_>>().join(" ")
}

fn no_slot(answer: Result<proto::AuthorizePlaybackResponse, Status>) -> ingest::Terminate {
    let answer = answer.unwrap();
    assert!(answer.playback.is_none(), "{answer:?}");
    answer.no_slot.clone().unwrap_or_else(|| panic!("{answer:?}"))
}

/// Publishes one event by a session's token, which says all but the event: what became of it.
async fn publish(
    site: &Site,
    token: &str,
    session: ingest::Session,
    event: ingest::Event,
) -> Result<ingest::SessionOutcome, (Code, String)> {
    let batch = ingest::SessionEvents { session: Some(session), events: vec![event], ..Default::default() };
    let request = ingest::PublishRequest { sessions: vec![batch] };
    let answer = site.call(token, PUBLISH, request.encode_to_vec()).await.map_err(|status| {
        let (code, reason, _) = told(&status);
        (code, reason)
    })?;
    Ok(ingest::PublishResponse::decode(answer).unwrap().sessions.remove(0))
}

fn beat(seq: u64, position_ms: i64) -> ingest::Event {
    let kind = ingest::EventKind::Beat.into();
    ingest::Event { kind, seq, position_ms: Some(position_ms), ..Default::default() }
}

/// Stops the session with this code.
async fn stop(site: &Site, token: &str, stop_code: &str) {
    let request = playback::StopSessionRequest { stop_code: stop_code.into(), ..Default::default() };
    site.call(token, STOP, request.encode_to_vec()).await.unwrap();
}
