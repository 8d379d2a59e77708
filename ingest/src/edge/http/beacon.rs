//! `POST /v1/beacon/{token}`: what a page's own script sends with `sendBeacon` when it closes. The lines are those of
//! the CMCD front, and so is the answer: accepted, not acknowledged.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};

use super::{Front, cmcd};

/// Takes the lines of a beacon.
pub(super) async fn post(
    State(front): State<Arc<Front>>,
    token: Result<Path<String>, PathRejection>,
    body: Body,
) -> StatusCode {
    cmcd::take_body(&front, token, body, BODY_BYTES_MAX).await
}

/// What browsers let a page send when it closes, bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
