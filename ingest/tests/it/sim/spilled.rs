//! What waits in the journal alone while the store is away, step by step: it is seen, it is known again, it survives, it
//! goes to the store when that is back, and it has bounds.

use playhead_ingest::{
    admission::RawEvent, edge::Doors, engine::Engine, intake::Admitted, live::Opening, page::PageRequest,
    playback::Reading, settings::SpillSettings, ticket::Ticket,
};
use playhead_store::{EventKind, UserId};

use super::{
    show::Show,
    stage::Sim,
    world::{BEGIN_MS, Defect, Weather, World},
};

const AWAY: Weather = Weather { durable_fails: 100, ..Weather::CALM };

/// Memory holds one event for the store; all else spills.
fn scene(events_max: usize) -> Sim {
    let mut sim = Sim::with(&World::new(1, Defect::None, false), false);
    let limits = &mut sim.settings.limits;
    (limits.batch_events_max, limits.shard_events_max) = (1, 1);
    (limits.sessions_max, limits.session_events_max) = (10, 1_000);
    sim.settings.backlog_events_max = 1;
    sim.settings.commit_events_max = 1;
    sim.settings.flush_events_max = 10;
    sim.settings.flush_age_ms = 0;
    sim.settings.trim_every_ms = 10;
    sim.settings.session_idle_ms = 1_000;
    sim.settings.spill = SpillSettings { events_max, ..SpillSettings::REMOTE };
    sim
}

fn ann() -> UserId {
    UserId::new("ann").unwrap()
}

fn opening(sim: &Sim) -> Opening {
    Show::new(&sim.world, &ann(), "tv", "evening").opening
}

/// Offers the beat of this number, one minute further on, and says whether it was new: none when nobody answered.
async fn beat(sim: &Sim, doors: &Doors, opening: &Opening, seq: u64) -> Option<bool> {
    let session = doors.intake.open(opening.clone(), None, sim.world.now_ms()).await.unwrap();
    let (at_ms, position_ms) = (BEGIN_MS + seq.cast_signed(), 60_000 * seq.cast_signed());
    let event =
        RawEvent { position_ms: Some(position_ms), ..RawEvent::new(EventKind::Beat, seq, Some(at_ms)) };
    let (ticket, playing) = (Ticket::default(), &session.playing);
    let admitted =
        doors.intake.offer(&session, playing, std::iter::once(Ok(event)), sim.world.now_ms(), &ticket);
    if admitted != Admitted::Taken {
        return None;
    }
    let settled = tokio::time::timeout(std::time::Duration::from_secs(2), ticket.finished()).await.ok()?;
    assert_eq!(settled.stored + settled.duplicate, 1, "{settled:?}");
    Some(settled.stored == 1)
}

async fn beats(sim: &Sim, engine: &Engine, opening: &Opening, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        assert_eq!(beat(sim, &engine.doors(), opening, seq).await, Some(true), "{seq}");
    }
}

/// Reads all that there is of the session in every way, with the store there and the hot store empty.
async fn sees(sim: &Sim, engine: &Engine, opening: &Opening, events: u64) {
    sim.hot.forget().await;
    let playback = engine.doors().playback;
    let Reading { view, events: found, .. } = playback.session(&opening.key).await.unwrap().unwrap();
    let seqs: Vec<_> = found.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=events).collect::<Vec<_>>());
    assert_eq!((view.row.event_count, view.row.first_at_ms), (events, BEGIN_MS + 1));
    let page = PageRequest::new(100, "").unwrap();
    let listed = playback.sessions(&ann(), None, &page).await.unwrap().entries;
    assert_eq!(listed, [view]);
    let item = &opening.playing.playable.item;
    let row = playback.position(&ann(), item).await.unwrap().unwrap();
    assert_eq!(row.current().unwrap().1, 60_000 * events.cast_signed());
}

#[test]
fn what_waits_in_the_journal_alone_is_seen_and_goes_to_the_store_when_it_is_back() {
    let sim = scene(1_000);
    let opening = opening(&sim);
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        sim.world.set_weather(AWAY);
        beats(sim, &engine, &opening, 1..=50).await;
        assert!(engine.levels().spill.events >= 48, "{:?}", engine.levels());
        // The store answers, and before any other loop runs everything is read from where it waits.
        sim.world.set_weather(Weather::CALM);
        sees(sim, &engine, &opening, 50).await;
        sim.come_to_rest(&engine).await;
        assert_eq!(engine.levels().spill.segments, 0);
        assert!(engine.meters().caught_up.get() >= 48);
        assert_eq!(sim.durable.content().session(&opening.key).unwrap().1.len(), 50);
        assert!(sim.durable.content().position(&ann(), &opening.playing.playable.item).is_some());
        sees(sim, &engine, &opening, 50).await;
    });
}

#[test]
fn a_start_while_the_store_is_away_shows_all_and_waits_for_nobody() {
    let sim = scene(1_000);
    let opening = opening(&sim);
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        sim.world.set_weather(AWAY);
        beats(sim, &engine, &opening, 1..=30).await;
        let is_empty = engine.stop(std::time::Duration::from_secs(1)).await;
        assert!(!is_empty, "the journal has what the store lacks");
    });
    sim.incarnation(async |sim| {
        let began_ms = sim.world.now_ms();
        let engine = sim.start().await;
        assert!(sim.world.now_ms() - began_ms < 3_000, "it waits for no store");
        let recovered = engine.recovered().0;
        assert_eq!(recovered.events + recovered.spilled, 30, "{recovered:?}");
        beats(sim, &engine, &opening, 31..=40).await;
        sim.world.set_weather(Weather::CALM);
        sees(sim, &engine, &opening, 40).await;
        sim.come_to_rest(&engine).await;
        sees(sim, &engine, &opening, 40).await;
    });
}

#[test]
fn a_session_that_left_memory_knows_again_what_waits_of_it() {
    let sim = scene(1_000);
    let opening = opening(&sim);
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        let doors = engine.doors();
        sim.world.set_weather(AWAY);
        // Another session keeps memory full, so that nothing of this one waits there.
        let other = Show::new(&sim.world, &ann(), "phone", "other").opening;
        beats(sim, &engine, &other, 1..=1).await;
        beats(sim, &engine, &opening, 1..=5).await;
        for _ in 0..40 {
            sim.pause(1_000, 1_000).await;
        }
        let live = engine.levels().live_sessions;
        assert_eq!(live, 1, "it left: {:?}", engine.levels());
        assert_eq!(beat(sim, &doors, &opening, 3).await, Some(false), "it has been stored");
        assert_eq!(beat(sim, &doors, &opening, 6).await, Some(true));
    });
}

#[test]
fn beyond_its_bounds_the_backlog_is_busy_and_nothing_is_lost() {
    let by_events = scene(10);
    let mut by_age = scene(1_000);
    by_age.settings.spill.age_s_max = 1;
    let mut by_size = scene(1_000);
    by_size.settings.spill.journal_bytes_max = 2 * by_size.journal.segment_bytes as u64;
    for sim in [by_events, by_age, by_size] {
        let opening = opening(&sim);
        sim.incarnation(async |sim| {
            let engine = sim.start().await;
            sim.world.set_weather(AWAY);
            let mut taken = 0;
            while beat(sim, &engine.doors(), &opening, taken + 1).await == Some(true) {
                taken += 1;
                sim.pause(200, 200).await;
                assert!(taken < 500, "no bound: {:?}", engine.levels());
            }
            assert!(taken > 4, "{:?}", engine.levels());
            assert_eq!(engine.meters().backlog_full.get(), 1);
            assert!(engine.meters().outage.now().as_secs() > 0);
            sim.world.set_weather(Weather::CALM);
            sim.come_to_rest(&engine).await;
            // What was taken and not answered in time is there too.
            sees(sim, &engine, &opening, taken + 1).await;
            assert_eq!(engine.meters().outage.now().as_secs(), 0);
        });
    }
}

#[test]
fn catching_up_keeps_to_its_rate() {
    let mut sim = scene(1_000);
    sim.settings.flush_events_max = 5;
    let opening = opening(&sim);
    sim.settings.spill.catch_up_events_s_max = 10;
    sim.incarnation(async |sim| {
        let engine = sim.start().await;
        sim.world.set_weather(AWAY);
        beats(sim, &engine, &opening, 1..=60).await;
        sim.world.set_weather(Weather::CALM);
        // Whoever sleeps between two tries wakes within 5 s.
        sim.pause(7_000, 7_000).await;
        let after_two = engine.meters().caught_up.get();
        assert!((10..=80).contains(&after_two), "{after_two}");
        let began = engine.meters().caught_up.get();
        sim.pause(2_000, 2_000).await;
        let in_two = engine.meters().caught_up.get() - began;
        assert!(in_two <= 25, "{in_two} in 2 s");
        sim.come_to_rest(&engine).await;
        sees(sim, &engine, &opening, 60).await;
    });
}
