//! Ratings and bookmarks: what users think of items, and where in them they want to be again.

use std::sync::Arc;

use playhead_proto::catalog::v1::{self as proto, Kind};
use playhead_store::UserId;
use prost_types::FieldMask;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::site::{BEGIN_MS, Site, item, told};

type Told<T> = Result<T, (Code, String, Vec<String>)>;

fn short<T>(answer: Result<tonic::Response<T>, Status>) -> Told<T> {
    answer.map(tonic::Response::into_inner).map_err(|status| told(&status))
}

async fn site() -> Site {
    let site = Site::start().await;
    site.put(item("film", Kind::Movie, "", 0)).await;
    let draft = proto::PublicationStatus::Draft.into();
    site.put(proto::Item { status: draft, ..item("draft", Kind::Movie, "", 0) }).await;
    site
}

impl Site {
    async fn rate(
        &self,
        user: &str,
        item: &str,
        stars: u32,
        comment: &str,
    ) -> Told<(proto::Rating, Vec<i64>)> {
        let request = proto::RateItemRequest {
            item_id: item.into(),
            stars,
            comment: comment.into(),
            ..Default::default()
        };
        let answer = short(self.opinions().rate_item(self.watch(user, request)).await)?;
        Ok((answer.rating.unwrap(), answer.summary.unwrap().counts))
    }

    async fn rating(&self, user: &str) -> Told<proto::Rating> {
        let request = proto::GetRatingRequest { item_id: "film".into(), ..Default::default() };
        short(self.opinions().get_rating(self.watch(user, request)).await)
            .map(|answer| answer.rating.unwrap())
    }

    async fn take_back(&self, user: &str, etag: &str) -> Told<()> {
        let request =
            proto::DeleteRatingRequest { item_id: "film".into(), etag: etag.into(), ..Default::default() };
        short(self.opinions().delete_rating(self.watch(user, request)).await).map(drop)
    }

    /// How many gave 1 to 5 stars, and the mean.
    async fn summary(&self, item: &str) -> Told<(Vec<i64>, Option<f64>)> {
        let request = proto::GetRatingSummaryRequest { item_id: item.into() };
        let answer = short(self.opinions().get_rating_summary(self.watch("zoe", request)).await)?;
        let summary = answer.summary.unwrap();
        Ok((summary.counts, summary.mean))
    }

    async fn mark(&self, user: &str, bookmark: proto::Bookmark) -> Told<proto::Bookmark> {
        let request = proto::CreateBookmarkRequest { bookmark: Some(bookmark) };
        let answer = short(self.opinions().create_bookmark(self.watch(user, request)).await)?;
        Ok(answer.bookmark.unwrap())
    }

    async fn change(&self, user: &str, bookmark: proto::Bookmark, paths: &[&str]) -> Told<proto::Bookmark> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.into()).collect() });
        let request = proto::UpdateBookmarkRequest { bookmark: Some(bookmark), update_mask };
        let answer = short(self.opinions().update_bookmark(self.watch(user, request)).await)?;
        Ok(answer.bookmark.unwrap())
    }

    async fn unmark(&self, user: &str, id: &str, etag: &str) -> Told<()> {
        let request = proto::DeleteBookmarkRequest { id: id.into(), etag: etag.into(), ..Default::default() };
        short(self.opinions().delete_bookmark(self.watch(user, request)).await).map(drop)
    }

    /// The ids of a user's bookmarks, in pages of two.
    async fn marks(&self, user: &str, item: &str) -> Vec<String> {
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let item_id = item.into();
            let request =
                proto::ListBookmarksRequest { item_id, page_size: 2, page_token, ..Default::default() };
            let answer = short(self.opinions().list_bookmarks(self.watch(user, request)).await).unwrap();
            assert!(answer.bookmarks.len() <= 2);
            found.extend(answer.bookmarks.into_iter().map(|bookmark| bookmark.id));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_average_counts_everybody_once() {
    let site = site().await;
    assert_eq!(site.summary("film").await.unwrap(), (vec![0; 5], None));
    let (first, counts) = site.rate("ann", "film", 3, "fine").await.unwrap();
    assert_eq!((first.stars, first.comment.as_str(), first.rated_at_ms), (3, "fine", BEGIN_MS));
    assert_eq!(counts, [0, 0, 1, 0, 0]);
    site.later(1_000);
    assert_eq!(site.rate("ann", "film", 3, "fine").await.unwrap(), (first.clone(), counts), "safe to repeat");
    site.rate("ben", "film", 4, "").await.unwrap();
    let (changed, counts) = site.rate("ann", "film", 5, "a second look").await.unwrap();
    assert_eq!((changed.stars, changed.rated_at_ms, counts), (5, BEGIN_MS + 1_000, vec![0, 0, 0, 1, 1]));
    assert_eq!(site.summary("film").await.unwrap(), (vec![0, 0, 0, 1, 1], Some(4.5)));
    assert_eq!(site.rating("ann").await.unwrap(), changed);

    assert_eq!(site.take_back("ann", &first.etag).await.unwrap_err().1, "CHANGED");
    for _ in 0..2 {
        site.take_back("ann", "").await.unwrap();
        assert_eq!(site.rating("ann").await.unwrap_err().0, Code::NotFound);
        assert_eq!(site.summary("film").await.unwrap(), (vec![0, 0, 0, 1, 0], Some(4.0)));
    }
    site.take_back("zoe", "").await.unwrap();
    let (again, counts) = site.rate("ann", "film", 1, "").await.unwrap();
    assert_eq!(counts, [1, 0, 0, 1, 0]);
    assert_ne!(again.etag, changed.etag);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_raters_are_all_counted_and_none_twice() {
    let site = Arc::new(site().await);
    let mut racers = JoinSet::new();
    for n in 0..16_u32 {
        // The same twice, and a change of mind among them.
        for stars in [n % 5 + 1, n % 5 + 1, 5] {
            let site = Arc::clone(&site);
            racers.spawn(async move { site.rate(&format!("user {n}"), "film", stars, "").await.unwrap() });
        }
    }
    racers.join_all().await;
    let mut expect = vec![0; 5];
    for n in 0..16 {
        let stars = site.rating(&format!("user {n}")).await.unwrap().stars;
        expect[stars as usize - 1] += 1;
    }
    assert_eq!(site.summary("film").await.unwrap().0, expect, "as each user's own record says");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_one_sees_can_be_rated_and_marked() {
    let site = site().await;
    for unseen in ["draft", "nothing"] {
        assert_eq!(site.rate("ann", unseen, 5, "").await.unwrap_err().0, Code::NotFound);
        assert_eq!(site.summary(unseen).await.unwrap_err().0, Code::NotFound);
        let bookmark = proto::Bookmark { id: "b".into(), item_id: unseen.into(), ..Default::default() };
        assert_eq!(site.mark("ann", bookmark).await.unwrap_err().0, Code::NotFound);
    }
    for (stars, comment, field) in [(0, "", "stars"), (6, "", "stars"), (256, "", "stars")] {
        let (code, _, fields) = site.rate("ann", "film", stars, comment).await.unwrap_err();
        assert_eq!((code, fields.concat().as_str()), (Code::InvalidArgument, field));
    }
    let (_, _, fields) = site.rate("ann", "film", 5, &"x".repeat(4_097)).await.unwrap_err();
    assert_eq!(fields, ["comment"]);
    assert_eq!(site.summary("film").await.unwrap().0, [0; 5]);
}

/// A place in the film.
fn place(id: &str, position_ms: i64) -> proto::Bookmark {
    let (title, note) = ("여기".into(), "two\nlines".into());
    proto::Bookmark { id: id.into(), item_id: "film".into(), position_ms, title, note, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn bookmarks_are_made_changed_listed_and_taken_away() {
    let site = site().await;
    site.put(item("other", Kind::Movie, "", 0)).await;
    let made = site.mark("ann", place("b-1", 60_000)).await.unwrap();
    assert_eq!((made.user_id.as_str(), made.created_at_ms), ("ann", BEGIN_MS));
    site.later(1_000);
    assert_eq!(site.mark("ann", place("b-1", 60_000)).await.unwrap(), made, "safe to repeat");
    let (code, reason, fields) = site.mark("ann", place("b-1", 61_000)).await.unwrap_err();
    assert_eq!((code, reason.as_str(), fields.concat().as_str()), (Code::AlreadyExists, "TAKEN", "id"));
    site.mark("ann", place("b-2", 30_000)).await.unwrap();
    site.later(1_000);
    site.mark("ann", proto::Bookmark { item_id: "other".into(), ..place("b-3", 1) }).await.unwrap();
    assert_eq!(site.marks("ann", "").await, ["b-3", "b-2", "b-1"], "the latest first");
    assert_eq!(site.marks("ann", "film").await, ["b-2", "b-1"], "by place");
    assert_eq!(site.marks("ben", "").await, Vec::<String>::new(), "what is ann's is hers");

    let moved =
        site.change("ann", proto::Bookmark { note: "new".into(), ..place("b-1", 10_000) }, &["position_ms"]);
    let moved = moved.await.unwrap();
    assert_eq!(
        (moved.position_ms, moved.note.as_str(), moved.created_at_ms),
        (10_000, "two\nlines", BEGIN_MS)
    );
    assert_eq!(site.marks("ann", "film").await, ["b-1", "b-2"]);
    let stale = proto::Bookmark { etag: made.etag.clone(), ..place("b-1", 20_000) };
    assert_eq!(site.change("ann", stale, &[]).await.unwrap_err().1, "CHANGED");
    let fresh = proto::Bookmark { etag: moved.etag.clone(), ..place("b-1", 20_000) };
    assert_eq!(site.change("ann", fresh, &[]).await.unwrap().position_ms, 20_000);
    assert_eq!(site.change("ann", place("b-9", 1), &[]).await.unwrap_err().0, Code::NotFound);
    let (_, _, fields) = site.change("ann", place("b-1", 1), &["item_id"]).await.unwrap_err();
    assert_eq!(fields, ["update_mask.paths[0]"]);

    assert_eq!(site.unmark("ann", "b-1", &made.etag).await.unwrap_err().1, "CHANGED");
    for _ in 0..2 {
        site.unmark("ann", "b-1", "").await.unwrap();
        assert_eq!(site.marks("ann", "film").await, ["b-2"]);
    }
    let again = site.mark("ann", place("b-1", 60_000)).await.unwrap();
    assert_ne!(again.etag, made.etag, "in the place of the old one, with an etag of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_bookmarks_are_all_made() {
    let site = Arc::new(site().await);
    let mut racers = JoinSet::new();
    for n in 0..10 {
        for _ in 0..2 {
            let site = Arc::clone(&site);
            racers.spawn(async move { site.mark("ann", place(&format!("b-{n}"), n)).await.unwrap() });
        }
    }
    racers.join_all().await;
    let expect: Vec<String> = (0..10).map(|n| format!("b-{n}")).collect();
    assert_eq!(site.marks("ann", "film").await, expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_users_opinions_are_gone_and_the_stars_are_nobodys() {
    let site = site().await;
    site.rate("ann", "film", 2, "said").await.unwrap();
    site.mark("ann", place("b-1", 1)).await.unwrap();
    let ann = UserId::new("ann").unwrap();
    site.durable().erase(&ann, BEGIN_MS).await.unwrap();
    assert_eq!(site.rating("ann").await.unwrap_err().0, Code::NotFound);
    assert_eq!(site.marks("ann", "").await, Vec::<String>::new());
    assert_eq!(site.summary("film").await.unwrap().0, [0, 1, 0, 0, 0]);
}
