//! Ratings and bookmarks.

use playhead_proto::catalog::v1 as catalog;
use playhead_store::catalog::Fault;
use tonic::{Code, Status};

use super::{Failure, GrpcTarget, Outcome, outcome, owners::Etags, there};

impl GrpcTarget {
    /// Writes a rating, unless the user has given another one since.
    pub(super) async fn rating(&self, rating: &catalog::Rating) -> Result<Outcome, Failure> {
        let catalog::Rating { user_id, item_id, stars, comment, rated_at_ms, .. } = rating.clone();
        let request = catalog::GetRatingRequest { user_id: user_id.clone(), item_id: item_id.clone() };
        let before = there(self.opinions.clone().get_rating(self.request(request)).await)?;
        let before = before.and_then(|answer| answer.rating);
        let is_older = |before: &catalog::Rating| rated_at_ms > 0 && before.rated_at_ms >= rated_at_ms;
        if before.as_ref().is_some_and(is_older) {
            return Ok(Outcome::Unchanged);
        }
        // Whoever rates in between is the newer one.
        let etag = before.map(|before| before.etag).unwrap_or_default();
        let request = catalog::RateItemRequest { user_id, item_id, stars, comment, etag: etag.clone() };
        let rated = self.opinions.clone().rate_item(self.request(request)).await;
        let after = rated.map_err(|status| absent(status, &rating.item_id))?.into_inner().rating;
        Ok(outcome(Some(etag), after.map(|rating| rating.etag)))
    }

    /// Makes a bookmark, or makes the user's bookmark of that id what it is there.
    pub(super) async fn bookmark(&self, bookmark: &catalog::Bookmark) -> Result<Outcome, Failure> {
        let before =
            self.bookmarks.find(&bookmark.user_id, &bookmark.id, self.bookmarks_of(&bookmark.user_id));
        let before = before.await?;
        let request = catalog::CreateBookmarkRequest { bookmark: Some(bookmark.clone()) };
        let made = self.opinions.clone().create_bookmark(self.request(request)).await;
        let after = match made {
            Ok(made) => made.into_inner().bookmark,
            Err(status) if status.code() == Code::AlreadyExists => {
                let bookmark = Some(catalog::Bookmark { etag: String::new(), ..bookmark.clone() });
                let request = catalog::UpdateBookmarkRequest { bookmark, update_mask: None };
                self.opinions.clone().update_bookmark(self.request(request)).await?.into_inner().bookmark
            }
            Err(status) => return Err(absent(status, &bookmark.item_id)),
        };
        Ok(outcome(before, after.map(|bookmark| bookmark.etag)))
    }

    /// The etags of a user's bookmarks.
    async fn bookmarks_of(&self, user_id: &str) -> Result<Etags, Status> {
        let (mut etags, mut page_token) = (Etags::new(), String::new());
        loop {
            let (user_id, item_id) = (user_id.to_owned(), String::new());
            let request = catalog::ListBookmarksRequest { user_id, item_id, page_size: 100, page_token };
            let page = self.opinions.clone().list_bookmarks(self.request(request)).await?.into_inner();
            etags.extend(page.bookmarks.into_iter().map(|bookmark| (bookmark.id, bookmark.etag)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(etags);
            }
        }
    }
}

/// What is not there is the item, which is what the row is wrong about.
fn absent(status: Status, item_id: &str) -> Failure {
    match status.code() {
        Code::NotFound => Fault::new("item_id", item_id, "an item that is there").into(),
        _ => status.into(),
    }
}
