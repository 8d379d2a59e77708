//! The play button.

use std::sync::Arc;

use playhead_ingest::identity::{Scope, UNKNOWN_DEVICE, Viewer};
use playhead_proto::entitlement::v1 as proto;
use playhead_store::{
    DeviceId, ItemId, SessionId,
    catalog::Fault,
    lease::{DeviceType, Terms},
};
use tonic::{Request, Status};

use super::{
    Services,
    caller::Caller,
    status::{self, bad, of},
};
use crate::{
    CatalogError,
    entitlement::check::Question,
    play::{Authorized, Beginner, Outcome, Wish},
    wire::{self, play, right},
};

impl Services {
    /// Authorises playing, or says why not.
    pub(super) async fn authorize(
        &self,
        request: Request<proto::AuthorizePlaybackRequest>,
    ) -> Result<proto::AuthorizePlaybackResponse, Status> {
        let caller = self.caller(&request).await?;
        // Whoever could make new tokens of one that expires soon had one that never does.
        if caller.viewer().is_some_and(|viewer| viewer.pass.is_some()) {
            return Err(status::session_token());
        }
        let request = request.into_inner();
        let wish = wish(&caller, &request)?;
        let view = caller.view(!caller.is_viewer(), request.consistency)?;
        let play = self.play.as_ref().ok_or_else(|| of(&no_streams()))?;
        let Authorized { decision, outcome } =
            play.authorize(&wish, view).await.map_err(|error| of(&error))?;
        let until_ms = decision.until_ms;
        let (no_slot, playback) = match outcome {
            Outcome::Refused => (None, None),
            Outcome::NoSlot(stop) => (Some(play::terminate(&stop)), None),
            Outcome::Begins(beginner) => (None, Some(self.playback(&beginner, caller.now_ms, until_ms)?)),
        };
        Ok(proto::AuthorizePlaybackResponse { decision: Some(right::decision(decision)), no_slot, playback })
    }

    fn playback(
        &self,
        beginner: &Beginner,
        now_ms: i64,
        until_ms: Option<i64>,
    ) -> Result<proto::Playback, Status> {
        let expires_s = self.urls.expires_s(now_ms, until_ms);
        let ready = beginner.item.value.assets.iter().filter(|asset| asset.ready);
        let mut assets: Vec<_> = ready.cloned().collect();
        let signed = assets.iter_mut().try_for_each(|asset| self.urls.sign_asset(asset, expires_s));
        signed.map_err(|error| of(&CatalogError::Signing(error)))?;
        Ok(play::playback(beginner, &assets, expires_s))
    }
}

fn wish(caller: &Caller, request: &proto::AuthorizePlaybackRequest) -> Result<Wish, Status> {
    let scope = Scope::PlaybackAuthorize;
    let question = Question {
        user: caller.user(scope, &request.user_id)?,
        account: caller.account(scope, &request.account_id)?,
        item: wire::id("item_id", &request.item_id, ItemId::new).map_err(|fault| bad(&fault))?,
        country: caller.country(&request.country)?,
        share_token: Some(request.share_token.clone()).filter(|token| !token.is_empty()),
    };
    let session = wire::id("session_id", &request.session_id, SessionId::new).map_err(|fault| bad(&fault))?;
    let place = match caller.viewer() {
        Some(viewer) => of_viewer(viewer, request),
        None => of_service(request),
    };
    let (device, terms) = place.map_err(|fault| bad(&fault))?;
    Ok(Wish { question, session, device, terms })
}

/// A viewer's device is its token's.
fn of_viewer(
    viewer: &Viewer,
    request: &proto::AuthorizePlaybackRequest,
) -> Result<(DeviceId, Arc<Terms>), Fault> {
    let own_type = viewer.terms.device_type.as_ref().map_or("", DeviceType::as_str);
    for (field, named, own) in [
        ("device_id", &*request.device_id, viewer.device.as_str()),
        ("device_type", &*request.device_type, own_type),
    ] {
        if !named.is_empty() && named != own {
            return Err(Fault::new(field, named, "what the caller's token says, or nothing"));
        }
    }
    Ok((viewer.device.clone(), Arc::clone(&viewer.terms)))
}

fn of_service(request: &proto::AuthorizePlaybackRequest) -> Result<(DeviceId, Arc<Terms>), Fault> {
    let named = Some(&*request.device_id).filter(|device| !device.is_empty()).unwrap_or(UNKNOWN_DEVICE);
    let device = wire::id("device_id", named, DeviceId::new)?;
    let allowed = "1 to 32 letters, digits, - and _, or nothing";
    let device_type = match &*request.device_type {
        "" => return Ok((device, Terms::unlimited())),
        word => DeviceType::new(word).ok_or_else(|| Fault::new("device_type", word, allowed))?,
    };
    Ok((device, Arc::new(Terms { device_type: Some(device_type), rules: None })))
}

/// A server that shares its streams with nobody cannot say whether there is room for one more.
fn no_streams() -> CatalogError {
    let message =
        "this server has no engine and no hot store that it shares with one: set hot.backend = \"redis\"";
    CatalogError::state("NO_STREAMS", message)
}
