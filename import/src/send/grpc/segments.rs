//! Segments of variants.

use playhead_proto::catalog::v1 as catalog;
use tonic::Status;

use super::{GrpcTarget, Outcome, there};

impl GrpcTarget {
    /// Writes the segments of a variant, if it has others. Those with other numbers stay.
    pub(super) async fn segments(&self, wanted: &catalog::UpsertSegmentsRequest) -> Result<Outcome, Status> {
        let present = self.present_segments(wanted).await?;
        let is_there = |segment: &catalog::Segment| present.contains(segment);
        if wanted.segments.iter().all(is_there) {
            return Ok(Outcome::Unchanged);
        }
        for segments in wanted.segments.chunks(SEGMENTS_MAX) {
            let request = catalog::UpsertSegmentsRequest { segments: segments.to_vec(), ..names(wanted) };
            self.catalog.clone().upsert_segments(self.request(request)).await?;
        }
        Ok(if present.is_empty() { Outcome::Created } else { Outcome::Changed })
    }

    async fn present_segments(
        &self,
        of: &catalog::UpsertSegmentsRequest,
    ) -> Result<Vec<catalog::Segment>, Status> {
        let (mut present, mut page_token) = (Vec::new(), String::new());
        loop {
            let catalog::UpsertSegmentsRequest { item_id, asset_id, variant_id, .. } = names(of);
            let request =
                catalog::ListSegmentsRequest { item_id, asset_id, variant_id, page_size: 100, page_token };
            // A variant that is not there is told when it is written.
            let Some(page) = there(self.catalog.clone().list_segments(self.request(request)).await)? else {
                return Ok(present);
            };
            present.extend(page.segments);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(present);
            }
        }
    }
}

fn names(of: &catalog::UpsertSegmentsRequest) -> catalog::UpsertSegmentsRequest {
    catalog::UpsertSegmentsRequest {
        item_id: of.item_id.clone(),
        asset_id: of.asset_id.clone(),
        variant_id: of.variant_id.clone(),
        segments: Vec::new(),
    }
}

/// The most segments that the server takes at once.
const SEGMENTS_MAX: usize = 1_000;
