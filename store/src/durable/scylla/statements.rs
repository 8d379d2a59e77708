//! All that is ever asked of the cluster, prepared. Every statement may be repeated without harm.

use scylla::{client::session::Session, statement::prepared::PreparedStatement};

use super::{fault, row::Row};
use crate::StoreError;

/// The statements, by what they are for.
pub(super) struct Statements {
    event: PreparedStatement,
    said: PreparedStatement,
    listed: PreparedStatement,
    settled: PreparedStatement,
    opening: PreparedStatement,
    mark: PreparedStatement,
    completed_last: PreparedStatement,
    completed_first: PreparedStatement,
    pub(super) erasure: PreparedStatement,
    pub(super) item_erasure: PreparedStatement,
    pub(super) erase_session: PreparedStatement,
    pub(super) erase_listed: PreparedStatement,
    pub(super) erase_position: PreparedStatement,
    pub(super) erase_completed_first: PreparedStatement,
    pub(super) read_erasure: PreparedStatement,
    pub(super) read_item_erasure: PreparedStatement,
    pub(super) read_item_erasures: PreparedStatement,
    pub(super) read_events: PreparedStatement,
    pub(super) read_seqs: PreparedStatement,
    pub(super) read_said: PreparedStatement,
    pub(super) read_summary: PreparedStatement,
    pub(super) read_listed: PreparedStatement,
    pub(super) read_position: PreparedStatement,
    pub(super) read_positions: PreparedStatement,
}

impl Statements {
    pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, StoreError> {
        let prepare = async |text: &str| {
            let text = text.replace("KEYSPACE.", &format!("{keyspace}."));
            let mut prepared = session.prepare(text).await.map_err(fault::in_preparing)?;
            prepared.set_is_idempotent(true);
            Ok::<_, StoreError>(prepared)
        };
        Ok(Self {
            event: prepare(EVENT).await?,
            said: prepare(SAID).await?,
            listed: prepare(LISTED).await?,
            settled: prepare(SETTLED).await?,
            opening: prepare(OPENING).await?,
            mark: prepare(MARK).await?,
            completed_last: prepare(COMPLETED_LAST).await?,
            completed_first: prepare(COMPLETED_FIRST).await?,
            erasure: prepare(ERASURE).await?,
            item_erasure: prepare(ITEM_ERASURE).await?,
            erase_session: prepare(ERASE_SESSION).await?,
            erase_listed: prepare(ERASE_LISTED).await?,
            erase_position: prepare(ERASE_POSITION).await?,
            erase_completed_first: prepare(ERASE_COMPLETED_FIRST).await?,
            read_erasure: prepare(READ_ERASURE).await?,
            read_item_erasure: prepare(READ_ITEM_ERASURE).await?,
            read_item_erasures: prepare(READ_ITEM_ERASURES).await?,
            read_events: prepare(READ_EVENTS).await?,
            read_seqs: prepare(READ_SEQS).await?,
            read_said: prepare(READ_SAID).await?,
            read_summary: prepare(READ_SUMMARY).await?,
            read_listed: prepare(READ_LISTED).await?,
            read_position: prepare(READ_POSITION).await?,
            read_positions: prepare(READ_POSITIONS).await?,
        })
    }

    /// The statement that writes a row.
    pub(super) fn of(&self, row: &Row) -> &PreparedStatement {
        match row {
            Row::Event { .. } => &self.event,
            Row::Said { .. } => &self.said,
            Row::Listed { .. } => &self.listed,
            Row::Settled { .. } => &self.settled,
            Row::Opening { .. } => &self.opening,
            Row::Mark { .. } => &self.mark,
            Row::CompletedLast { .. } => &self.completed_last,
            Row::CompletedFirst { .. } => &self.completed_first,
        }
    }
}

// An UPDATE leaves no row marker, so a row is there for as long as one of its cells is.
const EVENT: &str = "UPDATE KEYSPACE.events USING TIMESTAMP ? AND TTL ? SET at_ms = ?, event = ? \
    WHERE user_id = ? AND session_id = ? AND seq = ?";
const SAID: &str = "UPDATE KEYSPACE.events USING TIMESTAMP ? AND TTL ? SET said[?] = ? \
    WHERE user_id = ? AND session_id = ?";
const LISTED: &str = "INSERT INTO KEYSPACE.sessions (user_id, session_id, last_at_ms) VALUES (?, ?, ?) \
    USING TIMESTAMP ? AND TTL ?";
const SETTLED: &str =
    "UPDATE KEYSPACE.positions USING TIMESTAMP ? SET settled = ? WHERE user_id = ? AND item_id = ?";
const OPENING: &str =
    "UPDATE KEYSPACE.positions USING TIMESTAMP ? SET opening = ? WHERE user_id = ? AND item_id = ?";
const MARK: &str =
    "UPDATE KEYSPACE.positions USING TIMESTAMP ? SET mark = ? WHERE user_id = ? AND item_id = ?";
const COMPLETED_LAST: &str =
    "UPDATE KEYSPACE.positions USING TIMESTAMP ? SET completed_last = ? WHERE user_id = ? AND item_id = ?";
const COMPLETED_FIRST: &str = "UPDATE KEYSPACE.positions USING TIMESTAMP ? SET completed_first[?] = ? \
    WHERE user_id = ? AND item_id = ?";

// Whenever it is made: the row says all, and making it again changes nothing.
const ERASURE: &str = "INSERT INTO KEYSPACE.erasures (user_id, through_ms) VALUES (?, ?) USING TIMESTAMP 0";
const ITEM_ERASURE: &str =
    "UPDATE KEYSPACE.item_erasures USING TIMESTAMP ? SET at_ms = ?, through_ms = ? WHERE item_id = ?";
const ERASE_SESSION: &str =
    "DELETE FROM KEYSPACE.events USING TIMESTAMP ? WHERE user_id = ? AND session_id = ?";
const ERASE_LISTED: &str =
    "DELETE FROM KEYSPACE.sessions USING TIMESTAMP ? WHERE user_id = ? AND session_id = ?";
const ERASE_POSITION: &str = "DELETE settled, opening, completed_last, mark FROM KEYSPACE.positions \
    USING TIMESTAMP ? WHERE user_id = ? AND item_id = ?";
const ERASE_COMPLETED_FIRST: &str = "DELETE completed_first[?] FROM KEYSPACE.positions USING TIMESTAMP ? \
    WHERE user_id = ? AND item_id = ?";

const READ_ERASURE: &str = "SELECT through_ms FROM KEYSPACE.erasures WHERE user_id = ? LIMIT 1";
const READ_ITEM_ERASURE: &str =
    "SELECT item_id, at_ms, through_ms FROM KEYSPACE.item_erasures WHERE item_id = ?";
const READ_ITEM_ERASURES: &str =
    "SELECT item_id, at_ms, through_ms FROM KEYSPACE.item_erasures WHERE item_id IN ?";
const READ_EVENTS: &str = "SELECT event FROM KEYSPACE.events WHERE user_id = ? AND session_id = ?";
const READ_SEQS: &str = "SELECT seq, at_ms FROM KEYSPACE.events WHERE user_id = ? AND session_id = ?";
const READ_SAID: &str = "SELECT said FROM KEYSPACE.events WHERE user_id = ? AND session_id = ? LIMIT 1";
const READ_SUMMARY: &str = "SELECT said, COUNT(at_ms), MIN(at_ms), MAX(at_ms) FROM KEYSPACE.events \
    WHERE user_id = ? AND session_id = ?";
const READ_LISTED: &str = "SELECT session_id FROM KEYSPACE.sessions WHERE user_id = ?";
const READ_POSITION: &str = "SELECT item_id, settled, opening, completed_first, completed_last, mark \
    FROM KEYSPACE.positions WHERE user_id = ? AND item_id = ?";
const READ_POSITIONS: &str = "SELECT item_id, settled, opening, completed_first, completed_last, mark \
    FROM KEYSPACE.positions WHERE user_id = ?";
