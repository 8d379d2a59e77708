//! What the simulation has found, each in the smallest form.

use playhead_ingest::{
    admission::RawEvent, edge::Doors, intake::Admitted, live::Opening, settings::SpillSettings,
    ticket::Ticket,
};
use playhead_store::{EventKind, UserId, position::PositionRow};

use super::{
    show::{Show, item},
    stage::Sim,
    world::{BEGIN_MS, Defect, Weather, World},
};

fn scene() -> Sim {
    let mut sim = Sim::with(&World::new(1, Defect::None, false), false);
    // Nothing is flushed, trimmed or crowded out by itself.
    sim.settings.limits.sessions_max = 10;
    sim.settings.backlog_events_max = 100;
    sim.settings.spill = SpillSettings::NONE;
    sim.settings.flush_events_max = 100;
    sim.settings.flush_age_ms = 1_000;
    sim.settings.trim_every_ms = 3_600_000;
    sim
}

fn ann() -> UserId {
    UserId::new("ann").unwrap()
}

fn opening(sim: &Sim) -> Opening {
    Show::new(&sim.world, &ann(), "tv", "evening").opening
}

/// Offers a beat at minute 10, sent at the beginning, and waits for its acknowledgement.
async fn beat(sim: &Sim, doors: &Doors, opening: &Opening) {
    let session = doors.intake.open(opening.clone(), None, sim.world.now_ms()).await.unwrap();
    let event = RawEvent { position_ms: Some(600_000), ..RawEvent::new(EventKind::Beat, 1, Some(BEGIN_MS)) };
    let ticket = Ticket::default();
    let playing = &session.playing;
    let admitted =
        doors.intake.offer(&session, playing, std::iter::once(Ok(event)), sim.world.now_ms(), &ticket);
    assert_eq!(admitted, Admitted::Taken);
    assert_eq!(ticket.finished().await.stored, 1);
}

#[test]
fn a_crash_between_an_event_and_its_position_keeps_both() {
    let sim = scene();
    let opening = opening(&sim);
    let item = opening.playing.playable.item.clone();
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        beat(sim, &engine.doors(), &opening).await;
        sim.pause(5_000, 5_000).await;
        assert_eq!(engine.levels().backlog_events, 0);
    });
    sim.durable.keep_sessions_only();
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        sim.hot.forget().await;
        let found = engine.doors().playback.position(&ann(), &item).await.unwrap();
        assert_eq!(found.unwrap().current().unwrap().1, 600_000);
        sim.pause(5_000, 5_000).await;
        assert!(sim.durable.content().position(&ann(), &item).is_some(), "it reaches the store too");
    });
}

#[test]
fn an_erased_mark_does_not_come_back_with_the_journal() {
    let sim = scene();
    let item = item(0);
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        let (ticket, row) = (Ticket::default(), PositionRow::set(600_000, sim.world.now_ms()));
        assert_eq!(engine.doors().intake.offer_mark(&ann(), item.clone(), row, &ticket), Admitted::Taken);
        assert_eq!(ticket.finished().await.stored, 1);
        engine.doors().playback.erase(&ann(), sim.world.now_ms()).await.unwrap();
    });
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        assert_eq!(engine.recovered().0.marks, 1, "the journal still has it");
        assert_eq!(engine.doors().playback.position(&ann(), &item).await.unwrap(), None);
    });
}

#[test]
fn a_session_opened_without_the_store_shows_nothing_that_was_erased() {
    let sim = scene();
    let opening = opening(&sim);
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        engine.doors().playback.erase(&ann(), BEGIN_MS).await.unwrap();
    });
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        sim.world.set_weather(Weather { durable_fails: 100, ..Weather::CALM });
        beat(sim, &engine.doors(), &opening).await;
        sim.world.set_weather(Weather::CALM);
        assert!(engine.doors().playback.session(&opening.key).await.unwrap().is_none());
        let item = &opening.playing.playable.item;
        assert_eq!(engine.doors().playback.position(&ann(), item).await.unwrap(), None);
    });
}

#[test]
fn an_erasure_while_a_session_is_opened_is_not_missed() {
    let mut sim = scene();
    // The hot store is asked last, and takes as long as anybody waits.
    sim.settings.limits.open_ms_max = 50;
    let opening = opening(&sim);
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        let doors = engine.doors();
        sim.world.set_weather(Weather { hot_stalls: 100, ..Weather::CALM });
        let erase = async {
            sim.pause(1, 1).await;
            doors.playback.erase(&ann(), BEGIN_MS).await.unwrap();
        };
        let open = doors.intake.open(opening.clone(), None, sim.world.now_ms());
        let (session, ()) = tokio::join!(open, erase);
        let (session, ticket) = (session.unwrap(), Ticket::default());
        let event = RawEvent::new(EventKind::Beat, 1, Some(BEGIN_MS));
        let playing = &session.playing;
        doors.intake.offer(&session, playing, std::iter::once(Ok(event)), sim.world.now_ms(), &ticket);
        let settled = ticket.finished().await;
        assert_eq!((settled.stored, settled.refused.len()), (0, 1), "{settled:?}");
    });
}
