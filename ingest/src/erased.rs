//! Leaves out what was erased with its item. Reads ask the durable store, each time and for all items at once: what was
//! said of an item on any node counts in the next answer of every node. See ADR 22.

use std::collections::{HashMap, HashSet};

use playhead_store::{
    Event, ItemId, StoreError,
    durable::{Durable, SessionRow},
    erasure::ItemErasure,
    position::PositionRow,
};

/// What is left of a position.
pub(crate) fn left_of_position(
    erasures: &HashMap<ItemId, ItemErasure>,
    item: &ItemId,
    row: PositionRow,
) -> Option<PositionRow> {
    match erasures.get(item) {
        Some(erasure) => erasure.of_position(row),
        None => Some(row),
    }
}

/// Takes out of positions what was erased.
///
/// # Errors
/// The durable store's.
pub(crate) async fn leave_out_positions(
    durable: &dyn Durable,
    known: &mut HashMap<ItemId, PositionRow>,
) -> Result<(), StoreError> {
    let items: Vec<ItemId> = known.keys().cloned().collect();
    for (item, erasure) in durable.item_erasures(&items).await? {
        if let Some(left) = known.remove(&item).and_then(|row| erasure.of_position(row)) {
            known.insert(item, left);
        }
    }
    Ok(())
}

/// Takes those out of sessions of which nothing is left.
///
/// # Errors
/// The durable store's.
pub(crate) async fn leave_out_sessions(
    durable: &dyn Durable,
    rows: &mut Vec<SessionRow>,
) -> Result<(), StoreError> {
    let items: HashSet<ItemId> = rows.iter().map(|row| row.description.playable.item.clone()).collect();
    let items: Vec<ItemId> = items.into_iter().collect();
    let erasures = durable.item_erasures(&items).await?;
    rows.retain(|row| {
        let erasure = erasures.get(&row.description.playable.item);
        erasure.is_none_or(|erasure| erasure.spares(row.last_at_ms))
    });
    Ok(())
}

/// What is left of a session.
///
/// # Errors
/// The durable store's.
pub(crate) async fn left_of_session(
    durable: &dyn Durable,
    row: SessionRow,
    events: Vec<Event>,
) -> Result<Option<(SessionRow, Vec<Event>)>, StoreError> {
    let item = &row.description.playable.item;
    match durable.item_erasures(std::slice::from_ref(item)).await?.get(item) {
        Some(erasure) => Ok(erasure.of_session(row, events)),
        None => Ok(Some((row, events))),
    }
}
