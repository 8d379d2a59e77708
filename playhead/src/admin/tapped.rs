//! Tapped events as lines of JSON. A reader that is too slow misses some and is told how many.

use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use playhead_ingest::tap::Tapped;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// Which events to show; absent means all.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    user: Option<String>,
    session: Option<String>,
}

impl Filter {
    fn passes(&self, tapped: &Tapped) -> bool {
        let is = |wanted: &Option<String>, id: &str| wanted.as_deref().is_none_or(|wanted| wanted == id);
        is(&self.user, tapped.key.user.as_str()) && is(&self.session, tapped.key.session.as_str())
    }
}

/// The events that pass, each a line.
pub(super) fn lines(
    events: Receiver<Arc<Tapped>>,
    filter: Filter,
) -> impl Stream<Item = Vec<u8>> + Send + 'static {
    let lines = BroadcastStream::new(events).map(move |event| match event {
        Ok(tapped) => filter.passes(&tapped).then(|| line(&Line::from(&*tapped))),
        Err(BroadcastStreamRecvError::Lagged(missed)) => Some(line(&Missed { missed })),
    });
    lines.filter_map(std::future::ready)
}

/// What stands in the place of events that a slow reader missed, whoever's they were.
#[derive(Serialize)]
struct Missed {
    missed: u64,
}

/// An event as it is shown.
#[derive(Serialize)]
struct Line<'a> {
    user: &'a str,
    session: &'a str,
    item: &'a str,
    item_kind: &'a str,
    account: &'a str,
    device: &'a str,
    seq: u64,
    kind: &'a str,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate_kbps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
}

impl<'a> From<&'a Tapped> for Line<'a> {
    fn from(Tapped { key, playing, event }: &'a Tapped) -> Self {
        Self {
            user: key.user.as_str(),
            session: key.session.as_str(),
            item: playing.playable.item.as_str(),
            item_kind: playing.playable.kind.name(),
            account: playing.account.as_str(),
            device: playing.device.as_str(),
            seq: event.seq,
            kind: event.kind.name(),
            at_ms: event.at_ms,
            position_ms: event.position_ms,
            from_ms: event.from_ms,
            state: event.state.map(|state| state.name()),
            rate: event.rate.map(|rate| rate.factor()),
            bitrate_kbps: event.bitrate_kbps,
            startup_ms: event.startup_ms,
            stall_ms: event.stall_ms,
            duration_ms: event.duration_ms,
            error_code: event.error_code.as_deref(),
        }
    }
}

fn line(value: &impl Serialize) -> Vec<u8> {
    // Texts and numbers always have a JSON form.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use playhead_ingest::live::Playing;
    use playhead_store::{
        AccountId, DeviceId, Event, EventKind, ItemId, ItemKind, Playable, SessionId, SessionKey, UserId,
        lease::Terms,
    };
    use tokio::sync::broadcast;

    fn tapped(user: &str, seq: u64) -> Arc<Tapped> {
        let playable = Playable {
            item: ItemId::new("movie-1").unwrap(),
            kind: ItemKind::Movie,
            duration_ms: None,
            credits_ms: None,
        };
        let account = AccountId::new("home").unwrap();
        let (device, terms) = (DeviceId::new("tv").unwrap(), Terms::unlimited());
        let playing = Arc::new(Playing { playable, account, device, terms });
        let key = SessionKey { user: UserId::new(user).unwrap(), session: SessionId::new("s-1").unwrap() };
        let event = Event { position_ms: Some(12_000), ..Event::new(EventKind::Beat, seq, 1_000) };
        Arc::new(Tapped { key, playing, event })
    }

    async fn shown(sent: &[Arc<Tapped>], capacity: usize, filter: Filter) -> Vec<String> {
        let (tx, rx) = broadcast::channel(capacity);
        for tapped in sent {
            tx.send(Arc::clone(tapped)).unwrap();
        }
        drop(tx);
        lines(rx, filter).map(|line| String::from_utf8(line).unwrap()).collect().await
    }

    #[tokio::test]
    async fn an_event_is_a_line_of_json_without_what_is_unknown() {
        let line = r#"{"user":"ann","session":"s-1","item":"movie-1","item_kind":"MOVIE","account":"home","device":"tv","#;
        let rest = r#""seq":7,"kind":"BEAT","at_ms":1000,"position_ms":12000}"#;
        let shown = shown(&[tapped("ann", 7)], 4, Filter::default()).await;
        assert_eq!(shown, [format!("{line}{rest}\n")]);
    }

    #[tokio::test]
    async fn a_filter_leaves_others_out() {
        let sent = [tapped("ann", 1), tapped("bob", 2)];
        let only = |user: Option<&str>, session: Option<&str>| Filter {
            user: user.map(Into::into),
            session: session.map(Into::into),
        };
        assert_eq!(shown(&sent, 4, only(Some("bob"), None)).await.len(), 1);
        assert_eq!(shown(&sent, 4, only(None, Some("s-1"))).await.len(), 2);
        assert_eq!(shown(&sent, 4, only(None, Some("s-2"))).await.len(), 0);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_it_missed() {
        let sent: Vec<_> = (1..=10).map(|seq| tapped("ann", seq)).collect();
        let shown = shown(&sent, 4, Filter::default()).await;
        assert_eq!(shown.first().map(String::as_str), Some("{\"missed\":6}\n"));
        assert_eq!(shown.len(), 5);
    }
}
