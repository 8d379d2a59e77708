//! A viewer's other hand: marks positions, erases, and reads all the time, each read held against the ledger.

use std::collections::BTreeSet;

use playhead_ingest::{
    edge::Doors, intake::Admitted, page::PageRequest, playback::SessionView, ticket::Ticket,
};
use playhead_store::{Event, ItemId, SeqOrder, SessionKey, UserId, fold::fold, position::PositionRow};

use super::{
    reading::Before,
    show::{ITEMS, item},
    stage::Sim,
};

/// Does something so many times, with pauses.
pub async fn use_remote(sim: &Sim, doors: &Doors, user: &UserId, steps: usize) {
    for _ in 0..steps {
        sim.pause(0, 800).await;
        let item = item(sim.world.count(0, ITEMS - 1));
        match sim.world.between(0, 19) {
            0..=5 => mark(sim, doors, user, &item).await,
            6 => erase(sim, doors, user).await,
            7..=11 => {
                let before = sim.ledger.borrow().before(user);
                read_position(sim, doors, &before, &item).await;
            }
            12..=14 => drop(list(sim, doors, user).await),
            _ => {
                let keys: Vec<_> =
                    sim.ledger.borrow().sessions.keys().filter(|key| key.user == *user).cloned().collect();
                if !keys.is_empty() {
                    let key = &keys[sim.world.count(0, keys.len() - 1)];
                    let before = sim.ledger.borrow().before(user);
                    read_session(sim, doors, &before, key).await;
                }
            }
        }
    }
}

async fn mark(sim: &Sim, doors: &Doors, user: &UserId, item: &ItemId) {
    let (world, now_ms) = (&sim.world, sim.world.now_ms());
    let row = match world.between(0, 3) {
        0 => PositionRow::set(1_234_567, now_ms),
        1 => PositionRow::mark_watched(true, now_ms),
        2 => PositionRow::mark_watched(false, now_ms),
        _ => PositionRow::forget(now_ms),
    };
    let ticket = Ticket::default();
    let admitted = doors.intake.offer_mark(user, item.clone(), row.clone(), &ticket);
    world.say(|| format!("{user} marks {item}: {admitted:?}, {row:?}"));
    sim.ledger.borrow_mut().counts.offered += 1;
    if admitted != Admitted::Taken {
        sim.ledger.borrow_mut().counts.busy += 1;
        return;
    }
    let number = sim.ledger.borrow_mut().mark(user, item, row);
    sim.ledger.borrow_mut().tickets.push(ticket.clone());
    let settled = ticket.finished().await;
    if !settled.abandoned && settled.turned_away == 0 {
        world.expect((settled.stored, settled.outstanding) == (1, 0), || {
            format!("a mark was told {settled:?}")
        });
        sim.ledger.borrow_mut().mark_acked(number);
    }
}

async fn erase(sim: &Sim, doors: &Doors, user: &UserId) {
    let now_ms = sim.world.now_ms();
    sim.ledger.borrow_mut().erasing(user, now_ms);
    let done = doors.playback.erase(user, now_ms).await;
    sim.world.say(|| format!("{user} is erased through {now_ms}: {done:?}"));
    if done.is_ok() {
        sim.ledger.borrow_mut().erased(user, now_ms);
    }
}

/// Reads a position and checks it.
async fn read_position(sim: &Sim, doors: &Doors, before: &Before, item: &ItemId) -> Option<PositionRow> {
    let found = doors.playback.position(before.user(), item).await.ok()?;
    sim.ledger.borrow().check_position(&sim.world, before, item, found.as_ref());
    found
}

/// Reads a session and checks it. Returns its events.
async fn read_session(sim: &Sim, doors: &Doors, before: &Before, key: &SessionKey) -> Vec<Event> {
    let Ok(found) = doors.playback.session(key).await else { return Vec::new() };
    let (view, events) = match found {
        Some(reading) => (Some(reading.view.clone()), reading.events.clone()),
        None => (None, Vec::new()),
    };
    let ledger = sim.ledger.borrow();
    ledger.check_events(&sim.world, before, key, &events);
    if let Some(view) = view {
        check_view(sim, key, &view, &events, ledger.is_plain(key));
    }
    events
}

fn check_view(sim: &Sim, key: &SessionKey, view: &SessionView, events: &[Event], is_plain: bool) {
    let order = view.row.description.order;
    let name = format!("{} of {}", key.session, key.user);
    let is_sorted = events.is_sorted_by_key(|event| match order {
        SeqOrder::Native => (0, event.seq),
        SeqOrder::Foreign => (event.at_ms, event.seq),
    });
    sim.world.expect(is_sorted, || format!("{name} is not sorted: {events:?}"));
    sim.world
        .expect(view.summary == fold(order, events), || format!("{name} came to something else: {view:?}"));
    sim.world
        .expect(view.row.event_count == events.len() as u64, || format!("{name} is miscounted: {view:?}"));
    let times = || events.iter().map(|event| event.at_ms);
    let span = (Some(view.row.first_at_ms), Some(view.row.last_at_ms));
    sim.world.expect(!is_plain || span == (times().min(), times().max()), || {
        format!("{name} has another span: {:?}", view.row)
    });
}

/// Lists a user's sessions, and checks that each that must be there is, once.
async fn list(sim: &Sim, doors: &Doors, user: &UserId) -> Vec<SessionKey> {
    let before = sim.ledger.borrow().before(user);
    let page = PageRequest::new(100, "").unwrap();
    let Ok(page) = doors.playback.sessions(user, None, &page).await else { return Vec::new() };
    let keys: Vec<_> = page.entries.into_iter().map(|view| view.row.key).collect();
    let listed: BTreeSet<_> = keys.iter().cloned().collect();
    sim.world.expect(listed.len() == keys.len(), || format!("listed twice: {keys:?}"));
    let sure = sim.ledger.borrow().sessions_for_sure(&before);
    sim.world.expect(sure.is_subset(&listed), || format!("listed {listed:?}, known {sure:?}"));
    keys
}

/// Reads all there is in calm weather and checks it against the ledger; and, once all is flushed and the hot store has
/// forgotten all, against what the durable store holds.
pub async fn check_all(sim: &Sim, doors: &Doors, is_flushed: bool) {
    for user in &sim.users {
        let mut before = sim.ledger.borrow().before(user);
        let keys: Vec<_> =
            sim.ledger.borrow().sessions.keys().filter(|key| key.user == *user).cloned().collect();
        for key in &keys {
            let events = read_session(sim, doors, &before, key).await;
            before.add_found(key, &events, &sim.ledger.borrow());
            if is_flushed {
                let mut stored =
                    sim.durable.content().session(key).map(|(_, events)| events).unwrap_or_default();
                let mut events = events;
                events.sort_by_key(|event| event.seq);
                stored.sort_by_key(|event| event.seq);
                sim.world.expect(events == stored, || {
                    format!("{key:?} rests as\n  {stored:?}\n  not\n  {events:?}")
                });
            }
        }
        list(sim, doors, user).await;
        check_positions(sim, doors, user, &before, is_flushed).await;
    }
}

async fn check_positions(sim: &Sim, doors: &Doors, user: &UserId, before: &Before, is_flushed: bool) {
    let mut in_progress = BTreeSet::new();
    for item in (0..ITEMS).map(item) {
        let found = read_position(sim, doors, before, &item).await;
        if found.as_ref().is_some_and(PositionRow::is_in_progress) {
            in_progress.insert(item.clone());
        }
        let stored = sim.durable.content().position(user, &item);
        let is_same = !is_flushed || found.clone().unwrap_or_default() == stored.clone().unwrap_or_default();
        sim.world.expect(is_same, || format!("{user} in {item} rests as\n  {stored:?}\n  not\n  {found:?}"));
    }
    let page = PageRequest::new(100, "").unwrap();
    if let Ok(page) = doors.playback.continue_watching(user, &page).await {
        let listed: BTreeSet<_> = page.entries.into_iter().map(|(item, _)| item).collect();
        sim.world
            .expect(listed == in_progress, || format!("{user} goes on with {listed:?}, not {in_progress:?}"));
    }
}
