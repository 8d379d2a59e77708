//! What the play button answers.

use playhead_ingest::button::Slot;
use playhead_proto::{entitlement::v1 as proto, ingest::v1 as ingest};
use playhead_store::{
    PlayerState,
    catalog::Asset,
    lease::{DeviceType, Lease, Stop},
    position::PositionRow,
};

use super::item::asset;
use crate::play::Beginner;

/// What a player needs to begin; its assets as they are given.
pub(crate) fn playback(beginner: &Beginner, assets: &[Asset], expires_s: Option<i64>) -> proto::Playback {
    let item = &beginner.item.value;
    let (session_token, token_expires_s) = beginner.token.clone().unwrap_or_default();
    let slot = match &beginner.slot {
        Some(Slot::Held) => proto::SlotState::Held,
        Some(Slot::Unanswered) => proto::SlotState::Unconfirmed,
        Some(Slot::Refused(_)) | None => proto::SlotState::NotNeeded,
    };
    let ms = |seconds: i64| seconds.saturating_mul(1_000);
    proto::Playback {
        session_token,
        token_expires_at_ms: ms(token_expires_s),
        slot: slot.into(),
        next_beat_ms: beginner.next_beat_ms,
        resume: beginner.place.as_ref().and_then(resume),
        item_kind: item.kind.playable().map_or(0, |kind| kind.number().into()),
        duration_ms: item.duration_ms,
        credits_ms: item.credits_ms,
        assets: assets.iter().map(asset).collect(),
        urls_expire_at_ms: expires_s.map(ms),
    }
}

/// Where to begin: where the user was, or at the start of what was finished. Nothing where all was forgotten.
fn resume(row: &PositionRow) -> Option<proto::Resume> {
    let (finished, watched) = (row.is_finished(), row.watched.since_ms().is_some());
    match row.current() {
        None if !finished && !watched => None,
        current => Some(proto::Resume {
            position_ms: current.filter(|_| !finished).map_or(0, |(_, position_ms)| position_ms),
            at_ms: current.map(|(register, _)| register.at_ms),
            finished,
            watched,
        }),
    }
}

/// Why there is no slot.
pub(crate) fn terminate(stop: &Stop) -> ingest::Terminate {
    ingest::Terminate {
        reason: stop.reason.to_string(),
        by_device: stop.by_device.as_ref().map(ToString::to_string).unwrap_or_default(),
        code: stop.reason.number().into(),
        in_the_way: stop.in_the_way.iter().map(in_the_way).collect(),
    }
}

fn in_the_way(lease: &Lease) -> ingest::StreamInTheWay {
    let state = if lease.is_playing { PlayerState::Playing } else { PlayerState::Paused };
    ingest::StreamInTheWay {
        stop_code: lease.stop_code().to_string(),
        device_id: lease.device.to_string(),
        device_type: lease.device_type.as_ref().map_or("", DeviceType::as_str).to_owned(),
        item_id: lease.item.to_string(),
        item_kind: lease.kind.number().into(),
        since_ms: lease.since_ms,
        state: state.number().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_begins_where_one_was_and_what_is_finished_at_its_start() {
        let of = |row: PositionRow| {
            resume(&row).map(|resume| (resume.position_ms, resume.at_ms, resume.finished, resume.watched))
        };
        assert_eq!(of(PositionRow::default()), None);
        assert_eq!(of(PositionRow::set(600_000, 9)), Some((600_000, Some(9), false, false)));
        assert_eq!(of(PositionRow::mark_watched(true, 9)), Some((0, None, true, true)));
        assert_eq!(of(PositionRow::forget(9)), None);
        let ended = PositionRow::set(99_000, 9).in_item_of(Some(100_000), Default::default());
        assert_eq!(of(ended), Some((0, Some(9), true, true)));
    }
}
