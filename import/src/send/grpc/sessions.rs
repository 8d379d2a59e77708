//! What was watched, through ingest like all that players tell: as old as it is, under numbers that come again.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use playhead_proto::{
    catalog::v1 as catalog,
    ingest::v1::{RejectReason, Rejection},
};
use playhead_store::catalog::Fault;
use tonic::Status;

use super::{Failure, GrpcTarget, Outcome, Refusal, there};
use crate::noun::played::{Playable, Played};

/// What the catalog says of items that were played, as many as are remembered.
#[derive(Debug, Default)]
pub(super) struct Playables(Mutex<HashMap<String, Option<Playable>>>);

impl GrpcTarget {
    /// Publishes a session. It was created where all its events are new, and is unchanged where none is.
    pub(super) async fn session(&self, played: &Played) -> Result<Outcome, Failure> {
        let playable = self.playable(&played.item_id).await?;
        let playable =
            playable.ok_or_else(|| Fault::new("item_id", &played.item_id, "an item that is there"))?;
        let (mut stored, mut duplicate) = (0, 0);
        for frame in played.frames(playable)? {
            let outcome = self.publisher.publish(frame).await?;
            if outcome.busy.is_some() {
                return Err(Status::unavailable("there was no room for a session").into());
            }
            if let Some(rejection) = outcome.rejected.into_iter().next() {
                return refused(rejection);
            }
            stored += outcome.stored;
            duplicate += outcome.duplicate;
        }
        Ok(match (stored, duplicate) {
            (0, _) => Outcome::Unchanged,
            (_, 0) => Outcome::Created,
            _ => Outcome::Changed,
        })
    }

    /// What the catalog says of an item; `None` for one that is not there.
    async fn playable(&self, id: &str) -> Result<Option<Playable>, Status> {
        if let Some(known) = self.playables.get(id) {
            return Ok(known);
        }
        let request = catalog::GetItemRequest { id: id.to_owned(), ..Default::default() };
        let found = there(self.catalog.clone().get_item(self.request(request)).await)?;
        let playable = found.and_then(|answer| answer.item).map(|item| Playable::of(&item));
        self.playables.keep(id, playable);
        Ok(playable)
    }
}

impl Playables {
    fn get(&self, id: &str) -> Option<Option<Playable>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    pub(super) fn keep(&self, id: &str, playable: Option<Playable>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PLAYABLES_MAX {
            known.clear();
        }
        known.insert(id.to_owned(), playable);
    }
}

/// What a refusal comes to. Whoever was erased stays erased.
fn refused(rejection: Rejection) -> Result<Outcome, Failure> {
    match rejection.reason() {
        RejectReason::Erased => Ok(Outcome::Absent),
        RejectReason::SessionFull => {
            let text = "the session holds as many events as one may".to_owned();
            Err(Failure::Refused(Refusal::Noun(text)))
        }
        _ => {
            let field = rejection.field.trim_start_matches("session.");
            Err(Fault::new(field, &rejection.value, rejection.allowed).into())
        }
    }
}

/// Some ten MB.
const PLAYABLES_MAX: usize = 100_000;
