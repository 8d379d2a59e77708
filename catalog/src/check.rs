//! What can be seen of a write by itself, without a store: for whoever wants to know before sending it.

pub use crate::wire::check::{
    bookmark, category, collection, grant, item, limits, plan, rating, seat, segments, subscription,
};
