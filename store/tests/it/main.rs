//! The embedded backends, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail loudly"
)]

use playhead_store::{
    UserId,
    contract::Dice,
    durable::{
        Durable,
        documents::{Change, DocumentKey, Documents, Own},
    },
};

mod durable_embedded;
mod durable_scylla;
mod hot_embedded;
mod hot_redis;

/// Erasing a user takes the user's own documents, and leaves another one's.
async fn erases_own_documents(durable: &dyn Durable, documents: &dyn Documents) {
    let mut dice = Dice::new();
    let (user, other) = (dice.user(), dice.user());
    let key = |own: Own, user: &UserId| DocumentKey::new(own.of(user), "d-1");
    let keys = |user: &UserId| Own::ALL.map(|own| key(own, user));
    let change = |key: DocumentKey| Change::new(key, 0, "{}".to_owned());
    let changes: Vec<_> = keys(&user).into_iter().chain(keys(&other)).map(change).collect();
    documents.put(&changes).await.unwrap();
    for _ in 0..2 {
        durable.erase(&user, 5).await.unwrap();
        assert!(documents.get(&keys(&user)).await.unwrap().iter().all(Option::is_none));
        assert!(documents.get(&keys(&other)).await.unwrap().iter().all(Option::is_some));
    }
    documents.put(&[change(key(Own::Grants, &user))]).await.unwrap();
}
