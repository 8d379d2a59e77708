//! Writes that are made again, or race each other, leave the same cells.

use std::{collections::BTreeMap, sync::Arc};

use playhead_store::{
    Clock, Description, Event, EventKind, ItemId, SessionKey, UserId,
    contract::Dice,
    durable::{
        Durable, PositionWrite, SessionRow, SessionWrite, WriteBatch,
        embedded::{EmbeddedDurable, EmbeddedSettings},
        scylla::ScyllaDurable,
    },
    position::{Place, PositionRow, Register, Watched},
};
use scylla::value::CqlValue;
use tokio::task::JoinSet;

use super::server::Server;

/// Every cell of a user with its write time. The map of first completions has no time that CQL 4.1 would tell; its
/// content is compared.
const DUMPS: [&str; 4] = [
    "SELECT session_id, seq, at_ms, event, said, WRITETIME(at_ms), WRITETIME(event) FROM {}.events \
        WHERE user_id = ? AND session_id IN ?",
    "SELECT session_id, last_at_ms, WRITETIME(last_at_ms) FROM {}.sessions WHERE user_id = ?",
    "SELECT item_id, settled, opening, completed_first, completed_last, mark, WRITETIME(settled), \
        WRITETIME(opening), WRITETIME(completed_last), WRITETIME(mark) FROM {}.positions WHERE user_id = ?",
    "SELECT through_ms FROM {}.erasures WHERE user_id = ?",
];

/// All rows of a user, in an order of their own.
async fn dump(server: &Server, viewer: &Viewer) -> Vec<Vec<String>> {
    let session = server.session().await;
    let sessions: Vec<&str> = viewer.sessions.iter().map(|key| key.session.as_str()).collect();
    let mut dump = Vec::new();
    for text in DUMPS {
        let text = text.replace("{}", server.keyspace());
        let user = viewer.user.as_str();
        let answer = match text.contains(" IN ") {
            true => session.query_unpaged(text, (user, &sessions)).await,
            false => session.query_unpaged(text, (user,)).await,
        };
        let rows = answer.unwrap().into_rows_result().unwrap();
        let shown = |cell: &Option<CqlValue>| format!("{cell:?}");
        let rows = rows.rows::<scylla::value::Row>().unwrap().map(Result::unwrap);
        let mut rows: Vec<String> =
            rows.map(|row| row.columns.iter().map(shown).collect::<Vec<_>>().join("|")).collect();
        rows.sort();
        dump.push(rows);
    }
    dump
}

/// A user with sessions and positions that are written in many parts.
struct Viewer {
    user: UserId,
    sessions: Vec<SessionKey>,
    writes: Vec<WriteBatch>,
}

/// Times in a run lie below this, so that many are equal.
const TIMES_MS: u32 = 40;

impl Viewer {
    fn new(dice: &mut Dice, writes: usize) -> Self {
        let user = dice.user();
        let sessions = vec![dice.session(&user), dice.session(&user)];
        let scripts: Vec<Vec<Event>> = (0..2).map(|_| script(dice)).collect();
        let writes = (0..writes).map(|_| write(dice, &user, &sessions, &scripts)).collect();
        Self { user, sessions, writes }
    }
}

fn script(dice: &mut Dice) -> Vec<Event> {
    let mut event = |seq: u64| {
        let at_ms = dice.ms_below(TIMES_MS);
        dice.event(seq, at_ms)
    };
    let mut events: Vec<Event> = (1..=60).map(&mut event).collect();
    // Beats alone do not list their session each time, which would be seen.
    events
        .iter_mut()
        .filter(|event| event.kind == EventKind::Beat)
        .for_each(|event| event.kind = EventKind::Pause);
    events
}

/// Some events of a session, perhaps with another clock and description, and a position with a tie more often than not.
fn write(dice: &mut Dice, user: &UserId, sessions: &[SessionKey], scripts: &[Vec<Event>]) -> WriteBatch {
    let at = usize::from(dice.one_in(2));
    let mut events = scripts[at].clone();
    dice.shuffle(&mut events);
    events.truncate(usize::try_from(1 + dice.below(20)).unwrap());
    let as_of_ms = events.iter().map(|event| event.at_ms).max().unwrap();
    let description: Description = dice.description(as_of_ms);
    let clock = Clock { fixed_at_ms: dice.ms_below(3), offset_ms: dice.ms_below(3) - 1 };
    let session = SessionWrite { key: sessions[at].clone(), clock, description, events: events.into() };
    let row = PositionRow { settled: register(dice), opening: register(dice), watched: watched(dice) };
    let item = ItemId::new(dice.pick(&["one", "two"])).unwrap();
    let positions = vec![PositionWrite { user: user.clone(), item, row }];
    WriteBatch { sessions: vec![session], positions }
}

fn register(dice: &mut Dice) -> Option<Register> {
    let place = if dice.one_in(4) { Place::Forgotten } else { Place::At(dice.ms_below(3)) };
    let session = dice.pick(&["s", "s1", "t", "영"]);
    let register = Register {
        at_ms: dice.ms_below(4),
        place,
        seq: dice.below(3),
        session: dice.one_in(2).then(|| playhead_store::SessionId::new(session).unwrap()),
        duration_ms: dice.one_in(2).then(|| dice.ms_below(3)),
        finished: dice.one_in(2),
    };
    (!dice.one_in(4)).then_some(register)
}

fn watched(dice: &mut Dice) -> Watched {
    let (a, b) = (dice.ms_below(TIMES_MS), dice.ms_below(TIMES_MS));
    let completed = dice.one_in(2);
    let mark = dice.one_in(2).then(|| (dice.ms_below(3), dice.one_in(2)));
    Watched { first_ms: completed.then_some(a.min(b)), last_ms: completed.then_some(a.max(b)), mark }
}

#[tokio::test(flavor = "multi_thread")]
async fn replaying_a_whole_run_changes_no_cell() {
    let Some(server) = Server::shared().await else { return };
    let mut dice = Dice::new();
    let viewer = Viewer::new(&mut dice, 60);
    let first = ScyllaDurable::new(server.settings());
    for write in &viewer.writes {
        first.write(write).await.unwrap();
    }
    let before = dump(&server, &viewer).await;
    assert!(before.iter().take(3).all(|rows| rows.len() > 1), "{before:?}");
    // Another node, which knows nothing of the first, gets all of it again, in another order.
    let second = ScyllaDurable::new(server.settings());
    let mut writes = viewer.writes.clone();
    dice.shuffle(&mut writes);
    for write in &writes {
        second.write(write).await.unwrap();
    }
    assert_eq!(dump(&server, &viewer).await, before);
    // Nor does it bring back what an erasure took. A completion says less when its user was erased before.
    second.erase(&viewer.user, i64::from(TIMES_MS) / 2).await.unwrap();
    let erased = dump(&server, &viewer).await;
    assert!(erased[0].len() < before[0].len() && erased[0].len() > 1 && erased != before);
    for write in &mut writes {
        write.positions.iter_mut().for_each(|position| position.row.watched.first_ms = None);
        first.write(write).await.unwrap();
    }
    second.erase(&viewer.user, i64::from(TIMES_MS) / 2).await.unwrap();
    assert_eq!(dump(&server, &viewer).await, erased);
}

/// What a store answers of a user, in an order of its own.
async fn answers(
    store: &dyn Durable,
    viewer: &Viewer,
) -> (Vec<SessionRow>, Vec<Vec<Event>>, BTreeMap<ItemId, PositionRow>) {
    let mut sessions = store.sessions(&viewer.user).await.unwrap();
    sessions.sort_by(|a, b| a.key.cmp(&b.key));
    let mut events = Vec::new();
    for key in &viewer.sessions {
        let mut of_session = store.session(key).await.unwrap().map(|(_, events)| events).unwrap_or_default();
        of_session.sort_by_key(|event| event.seq);
        events.push(of_session);
    }
    (sessions, events, store.positions(&viewer.user).await.unwrap().into_iter().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_race_come_to_what_the_embedded_store_has() {
    let Some(server) = Server::shared().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let embedded = EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap();
    let mut dice = Dice::new();
    let nodes = [(); 2].map(|()| Arc::new(ScyllaDurable::new(server.settings())));
    for _ in 0..20 {
        let viewer = Viewer::new(&mut dice, 24);
        let mut race = JoinSet::new();
        for node in &nodes {
            // Each has most of it, in an order of its own, so that both write the same cells at the same time.
            let mut writes: Vec<_> = viewer.writes.clone();
            dice.shuffle(&mut writes);
            for write in writes {
                let node = node.clone();
                race.spawn(async move { node.write(&write).await.unwrap() });
            }
        }
        while let Some(written) = race.join_next().await {
            written.unwrap();
        }
        for write in &viewer.writes {
            embedded.write(write).await.unwrap();
        }
        let expected = answers(&embedded, &viewer).await;
        for node in &nodes {
            assert_eq!(answers(&**node, &viewer).await, expected);
        }
    }
}

/// Nodes that know nothing of each other's erasures: a viewer erased on one stays erased on the other, and what comes
/// later is listed there.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_on_one_node_holds_on_another() {
    let Some(server) = Server::shared().await else { return };
    let [here, there] = [(); 2].map(|()| ScyllaDurable::new(server.settings()));
    let mut dice = Dice::new();
    let user = dice.user();
    let key = dice.session(&user);
    let mut write = |kind: EventKind, seq: u64, at_ms: i64| {
        let (clock, description) = (Clock { fixed_at_ms: 5, offset_ms: 0 }, dice.description(at_ms));
        let events = vec![Event::new(kind, seq, at_ms)].into();
        let session = SessionWrite { key: key.clone(), clock, description, events };
        let row = PositionRow::set(at_ms, at_ms);
        let position = PositionWrite { user: user.clone(), item: ItemId::new("item").unwrap(), row };
        WriteBatch { sessions: vec![session], positions: vec![position] }
    };
    let (first, late, stop) = (
        write(EventKind::Beat, 1, 1_000),
        write(EventKind::Beat, 2, 2_000),
        write(EventKind::Stop, 3, 9_000),
    );
    there.write(&first).await.unwrap();
    here.erase(&user, 5_000).await.unwrap();
    there.write(&late).await.unwrap();
    assert_eq!(
        (there.sessions(&user).await.unwrap(), there.positions(&user).await.unwrap()),
        (vec![], vec![])
    );
    assert_eq!(there.session(&key).await.unwrap(), None);
    there.write(&stop).await.unwrap();
    let sessions = there.sessions(&user).await.unwrap();
    assert_eq!(
        sessions.iter().map(|row| (row.first_at_ms, row.event_count)).collect::<Vec<_>>(),
        [(9_000, 1)]
    );
    assert_eq!(here.positions(&user).await.unwrap().len(), 1);
}
