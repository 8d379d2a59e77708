//! The play button: a decision, then what a player needs to begin.
//!
//! In this order: whether the user may, where the user was, a slot of the account, a view where the plan counts them, a
//! token. What fails before the slot takes nothing. A view is taken last, so a viewer without a slot pays none; whoever
//! loses the last view to another keeps the slot that was taken meanwhile for three beats' time, which nobody renews.
//! Repeated for the same session and item, it takes nothing twice.

use std::{sync::Arc, time::Duration};

use playhead_ingest::{
    button::{Beginning, PlayButton, Slot},
    identity::{OwnTokens, Pass, Viewer},
};
use playhead_store::{
    DeviceId, ItemKind, SessionId, SessionKey,
    catalog::{Item, Kind},
    entitlement::{Decision, Streams, plan},
    lease::{AtLimit, Stop, StreamRules, Terms},
    position::PositionRow,
};

use crate::{
    CatalogError,
    entitlement::{
        Entitlement,
        check::{Decided, Question},
    },
    items::View,
    records::Stored,
};

/// Authorises playing.
pub struct Play {
    rights: Arc<Entitlement>,
    parts: PlayParts,
    store_patience: Duration,
}

/// What playing is authorised with, besides rights.
#[derive(Clone)]
pub struct PlayParts {
    /// Asks for slots and places.
    pub button: PlayButton,
    /// Signs session tokens.
    pub tokens: Arc<OwnTokens>,
    /// How long a session token counts, ms.
    pub token_ms: i64,
}

/// Who wants to begin which session.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who wants to play what.
    pub question: Question,
    /// The session.
    pub session: SessionId,
    /// Where.
    pub device: DeviceId,
    /// What kind of device, and how many streams the account may run, as far as the caller's token says.
    pub terms: Arc<Terms>,
}

/// What came of the button.
#[derive(Debug, Clone)]
pub struct Authorized {
    /// Whether the user may play, and why not.
    pub decision: Decision,
    /// The rest, where the user may.
    pub outcome: Outcome,
}

/// What came of it, where the user may play.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The user may not.
    Refused,
    /// The account has no slot.
    NoSlot(Arc<Stop>),
    /// It may begin.
    Begins(Box<Beginner>),
}

/// What a player needs to begin.
#[derive(Debug, Clone)]
pub struct Beginner {
    /// The item.
    pub item: Arc<Stored<Item>>,
    /// Where the user was in it.
    pub place: Option<PositionRow>,
    /// How the session holds its slot; `None` for what is not played.
    pub slot: Option<Slot>,
    /// The session's token, and until when it counts, Unix s; `None` for what is not played.
    pub token: Option<(String, i64)>,
    /// How often the player beats, ms.
    pub next_beat_ms: u32,
}

impl Play {
    /// By these rights, with a store that may take so long, ms.
    #[must_use]
    pub fn new(rights: Arc<Entitlement>, parts: PlayParts, store_ms_max: u64) -> Self {
        Self { rights, parts, store_patience: Duration::from_millis(store_ms_max) }
    }

    /// Decides, and takes what beginning takes.
    ///
    /// # Errors
    /// `Absent` for an item that the caller does not see, `State` for a container, `Changed` when too many race for the
    /// last view, and the stores'.
    pub async fn authorize(&self, wish: &Wish, view: View) -> Result<Authorized, CatalogError> {
        let decided = self.rights.check_access(&wish.question, view).await?;
        let kind = kind(&decided.item.value)?;
        if !decided.decision.allowed {
            return Ok(Authorized { decision: decided.decision, outcome: Outcome::Refused });
        }
        let place = self.place(wish).await?;
        let terms = terms(&wish.terms, decided.streams(view.now_ms));
        let mut slot = None;
        if let Some(kind) = kind {
            match self.parts.button.ask(&beginning(wish, kind, &terms), view.now_ms).await {
                Slot::Refused(stop) => {
                    return Ok(Authorized { decision: decided.decision, outcome: Outcome::NoSlot(stop) });
                }
                held => slot = Some(held),
            }
        }
        if !self.view(wish, &decided).await? {
            return self.used_up(wish, view).await;
        }
        let token = kind.map(|kind| self.token(wish, &decided, kind, &terms, view.now_ms)).transpose()?;
        let next_beat_ms = self.parts.button.next_beat_ms();
        let beginner = Beginner { item: decided.item, place, slot, token, next_beat_ms };
        Ok(Authorized { decision: decided.decision, outcome: Outcome::Begins(Box::new(beginner)) })
    }

    async fn place(&self, wish: &Wish) -> Result<Option<PositionRow>, CatalogError> {
        let place = self.parts.button.place(&wish.question.user, &wish.question.item);
        match tokio::time::timeout(self.store_patience, place).await {
            Ok(place) => Ok(place?),
            Err(_) => {
                Err(CatalogError::Slow(u64::try_from(self.store_patience.as_millis()).unwrap_or(u64::MAX)))
            }
        }
    }

    /// Takes a view where the subscription that lets the user in counts them. False when there is none left.
    async fn view(&self, wish: &Wish, decided: &Decided) -> Result<bool, CatalogError> {
        let Some(served) = decided.served_by() else { return Ok(true) };
        let Some(views_max) = served.plan.views_max.filter(|_| !served.views.has_this) else {
            return Ok(true);
        };
        let Question { account, item, .. } = &wish.question;
        self.rights.take_view(account, &served.subscription, views_max, item).await
    }

    /// Others took the last view since the decision: it is made again.
    async fn used_up(&self, wish: &Wish, view: View) -> Result<Authorized, CatalogError> {
        let decision = self.rights.check_access(&wish.question, view).await?.decision;
        match decision.allowed {
            true => Err(CatalogError::Changed),
            false => Ok(Authorized { decision, outcome: Outcome::Refused }),
        }
    }

    /// It counts for its time, and no longer than the decision stands.
    fn token(
        &self,
        wish: &Wish,
        decided: &Decided,
        kind: ItemKind,
        terms: &Arc<Terms>,
        now_ms: i64,
    ) -> Result<(String, i64), CatalogError> {
        let Question { user, account, .. } = wish.question.clone();
        let (session, device, terms) = (wish.session.clone(), wish.device.clone(), Arc::clone(terms));
        let viewer = Viewer { user, account, device, pass: None, terms, country: None };
        let &Item { ref id, duration_ms, credits_ms, .. } = &decided.item.value;
        let pass = Pass { session, item: id.clone(), item_kind: kind, duration_ms, credits_ms };
        let ends_ms = now_ms.saturating_add(self.parts.token_ms);
        let ends_ms = decided.decision.until_ms.map_or(ends_ms, |until_ms| until_ms.min(ends_ms));
        let (now_s, expires_s) = (now_ms.div_euclid(1_000), ends_ms.div_euclid(1_000));
        Ok((self.parts.tokens.sign(&viewer, &pass, now_s, expires_s)?, expires_s))
    }
}

/// What kind of item players tell of; `None` for something to read.
fn kind(item: &Item) -> Result<Option<ItemKind>, CatalogError> {
    match item.kind.playable() {
        None if item.kind != Kind::Reading => {
            let message =
                format!("{} is of kind {}, which holds what can be played", item.id, item.kind.name());
            Err(CatalogError::state("NOT_PLAYABLE", message))
        }
        playable => Ok(playable),
    }
}

/// What the caller's token says counts; else what the plan says; else what the server is set up with.
fn terms(said: &Arc<Terms>, streams: Option<Streams>) -> Arc<Terms> {
    match (&said.rules, streams) {
        (None, Some(Streams { streams_max, at_limit, devices_max })) => {
            let at_limit = match at_limit {
                plan::AtLimit::DenyNewest => AtLimit::DenyNewest,
                plan::AtLimit::EvictOldest => AtLimit::EvictOldest,
            };
            let rules = StreamRules { devices_max, ..StreamRules::streams(streams_max, at_limit) };
            Arc::new(Terms { device_type: said.device_type.clone(), rules: Some(rules) })
        }
        _ => Arc::clone(said),
    }
}

fn beginning(wish: &Wish, kind: ItemKind, terms: &Arc<Terms>) -> Beginning {
    let Question { user, account, item, .. } = wish.question.clone();
    let key = SessionKey { user, session: wish.session.clone() };
    Beginning { key, account, device: wish.device.clone(), item, kind, terms: Arc::clone(terms) }
}

#[cfg(test)]
mod tests {
    use playhead_store::{ItemId, lease::DeviceType};

    use super::*;

    #[test]
    fn a_token_wins_over_the_plan_and_the_plan_over_nothing() {
        let plan =
            Some(Streams { streams_max: 2, at_limit: plan::AtLimit::EvictOldest, devices_max: Some(1) });
        let of = |own: Option<u32>, plan| {
            let rules = own.map(|own| StreamRules::streams(own, AtLimit::DenyNewest));
            let terms = terms(&Arc::new(Terms { device_type: DeviceType::new("tv"), rules }), plan);
            assert_eq!(terms.device_type, DeviceType::new("tv"));
            terms.rules.as_ref().map(|rules| (rules.streams_max, rules.at_limit, rules.devices_max))
        };
        assert_eq!(of(None, None), None);
        assert_eq!(of(None, plan), Some((2, AtLimit::EvictOldest, Some(1))));
        assert_eq!(of(Some(5), plan), Some((5, AtLimit::DenyNewest, None)));
    }

    #[test]
    fn what_is_read_needs_no_slot_and_a_container_cannot_be_begun() {
        let of =
            |of: Kind| kind(&Item::new(ItemId::new("i").unwrap(), of)).map_err(|error| error.to_string());
        assert_eq!(of(Kind::Movie), Ok(Some(ItemKind::Movie)));
        assert_eq!(of(Kind::Clip), Ok(Some(ItemKind::Unknown)));
        assert_eq!(of(Kind::Reading), Ok(None));
        assert!(of(Kind::Season).unwrap_err().contains("SEASON"));
    }
}
