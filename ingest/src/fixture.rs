//! Sessions and frames for unit tests.

use std::sync::Arc;

use playhead_store::{
    AccountId, Clock, DeviceId, EventKind, ItemId, ItemKind, Playable, SeqOrder, SessionId, SessionKey,
    UserId, durable::KnownSession, lease::Terms,
};

use crate::{
    admission::RawEvent,
    live::{Live, Opening, Playing, Session},
};

/// When the tests play, Unix ms.
pub(crate) const NOW: i64 = 1_800_000_000_000;

/// Ann plays a movie on her family's television.
pub(crate) fn opening(session: &str) -> Opening {
    Opening {
        key: SessionKey { user: UserId::new("ann").unwrap(), session: SessionId::new(session).unwrap() },
        order: SeqOrder::Native,
        playing: Playing {
            playable: Playable {
                item: ItemId::new("movie").unwrap(),
                kind: ItemKind::Movie,
                duration_ms: None,
                credits_ms: None,
            },
            account: AccountId::new("family").unwrap(),
            device: DeviceId::new("tv").unwrap(),
            terms: Terms::unlimited(),
        },
    }
}

/// A session that no store knows, made live.
pub(crate) async fn open(live: &Live, session: &str) -> Arc<Session> {
    let known = async { (Clock::fix(None, NOW), KnownSession::default()) };
    live.session_or_open(opening(session), NOW, known).await.unwrap()
}

/// A beat at second `seq`.
pub(crate) fn beat(seq: u64) -> RawEvent {
    let position_ms = Some(seq.cast_signed().saturating_mul(1_000));
    RawEvent { position_ms, ..RawEvent::new(EventKind::Beat, seq, Some(NOW)) }
}
