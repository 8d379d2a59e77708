//! The CQL driver used by hand: the rows that a flush writes, as prepared statements, one by one or batched by partition.

use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    errors::{ExecutionError, NewSessionError, PrepareError},
    serialize::{
        SerializationError,
        row::{RowSerializationContext, SerializeRow},
        writers::RowWriter,
    },
    statement::{
        Consistency,
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
};

/// A connected driver.
pub struct CqlLoop {
    session: Session,
    event: PreparedStatement,
    said: PreparedStatement,
    position: PreparedStatement,
}

/// What a flush writes of one session.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Whose it is.
    pub user: String,
    /// Its name.
    pub session: String,
    /// What it plays.
    pub item: String,
    /// When, Unix ms.
    pub at_ms: i64,
    /// The numbers of its events.
    pub seqs: std::ops::RangeInclusive<i64>,
}

/// How large the values are, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// An event.
    pub event: usize,
    /// What was said of its session.
    pub said: usize,
    /// A position.
    pub position: usize,
}

/// The driver does not do it.
#[derive(Debug, thiserror::Error)]
pub enum CqlError {
    /// No node answers.
    #[error(transparent)]
    Connecting(#[from] NewSessionError),
    /// The tables are not there.
    #[error(transparent)]
    Preparing(#[from] PrepareError),
    /// A row was not written.
    #[error(transparent)]
    Writing(#[from] ExecutionError),
}

impl CqlLoop {
    /// Connects to a keyspace that has Playhead's tables.
    ///
    /// # Errors
    /// When no node answers, or the tables are not there.
    pub async fn connect(contact_point: &str, keyspace: &str) -> Result<Self, CqlError> {
        let profile = ExecutionProfile::builder().consistency(Consistency::LocalQuorum).build();
        let session = SessionBuilder::new()
            .known_node(contact_point)
            .default_execution_profile_handle(profile.into_handle())
            .build()
            .await?;
        let prepare = async |text: &str| {
            let mut prepared = session.prepare(text.replace("KEYSPACE", keyspace)).await?;
            prepared.set_is_idempotent(true);
            Ok::<_, CqlError>(prepared)
        };
        let (event, said, position) = (prepare(EVENT).await?, prepare(SAID).await?, prepare(POSITION).await?);
        Ok(Self { session, event, said, position })
    }

    /// Writes each row by itself, many under way at a time.
    ///
    /// # Errors
    /// The first row's that was not written.
    pub async fn one_by_one(&self, rows: &[Rows], sizes: Sizes) -> Result<(), CqlError> {
        let bytes = Bytes::of(sizes);
        let written = stream::iter(rows).map(Ok).try_for_each_concurrent(SESSIONS_AT_ONCE, async |rows| {
            self.session.execute_unpaged(&self.said, said(rows, &bytes)).await?;
            self.session.execute_unpaged(&self.position, position(rows, &bytes)).await?;
            let events = stream::iter(rows.seqs.clone()).map(Ok::<_, ExecutionError>);
            let each = events.try_for_each_concurrent(ROWS_AT_ONCE, async |seq| {
                self.session.execute_unpaged(&self.event, event(rows, seq, &bytes)).await.map(drop)
            });
            each.await
        });
        Ok(written.await?)
    }

    /// Writes a session's events in one unlogged batch, and its position by itself.
    ///
    /// # Errors
    /// The first batch's that was not written.
    pub async fn by_partition(&self, rows: &[Rows], sizes: Sizes) -> Result<(), CqlError> {
        let bytes = Bytes::of(sizes);
        let written = stream::iter(rows).map(Ok).try_for_each_concurrent(BATCHES_AT_ONCE, async |rows| {
            let mut batch = Batch::new(BatchType::Unlogged);
            batch.set_is_idempotent(true);
            batch.append_statement(self.said.clone());
            let mut values = vec![Row::Said(said(rows, &bytes))];
            for seq in rows.seqs.clone() {
                batch.append_statement(self.event.clone());
                values.push(Row::Event(event(rows, seq, &bytes)));
            }
            self.session.batch(&batch, values).await?;
            self.session.execute_unpaged(&self.position, position(rows, &bytes)).await.map(drop)
        });
        Ok(written.await?)
    }

    /// How many writes a table has had by the coordinator's own count, if it counts them as Cassandra does.
    pub async fn writes(&self, keyspace: &str, table: &str) -> Option<i64> {
        let answer = self.session.query_unpaged(WRITES, (keyspace, table)).await.ok()?;
        let (count,) = answer.into_rows_result().ok()?.maybe_first_row::<(i64,)>().ok()??;
        Some(count)
    }
}

/// Values of the same length as those that are measured against these.
struct Bytes {
    event: Vec<u8>,
    said: Vec<u8>,
    position: Vec<u8>,
}

impl Bytes {
    fn of(sizes: Sizes) -> Self {
        let bytes = |length| vec![0x5a; length];
        Self { event: bytes(sizes.event), said: bytes(sizes.said), position: bytes(sizes.position) }
    }
}

type Event<'a> = (i64, i32, i64, &'a [u8], &'a str, &'a str, i64);
type Said<'a> = (i64, i32, &'a [u8], i64, &'a str, &'a str);
type Position<'a> = (i64, &'a [u8], &'a str, &'a str);

fn event<'a>(rows: &'a Rows, seq: i64, bytes: &'a Bytes) -> Event<'a> {
    let Rows { user, session, at_ms, .. } = rows;
    (at_ms * 1_000, TTL_S, *at_ms, &bytes.event, user, session, seq)
}

fn said<'a>(rows: &'a Rows, bytes: &'a Bytes) -> Said<'a> {
    let Rows { user, session, at_ms, .. } = rows;
    (at_ms * 1_000, TTL_S, &bytes.said, *at_ms, user, session)
}

fn position<'a>(rows: &'a Rows, bytes: &'a Bytes) -> Position<'a> {
    (rows.at_ms * 1_000, &bytes.position, &rows.user, &rows.item)
}

/// A row of a batch.
enum Row<'a> {
    Event(Event<'a>),
    Said(Said<'a>),
}

impl SerializeRow for Row<'_> {
    fn serialize(
        &self,
        to: &RowSerializationContext<'_>,
        out: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        match self {
            Self::Event(values) => values.serialize(to, out),
            Self::Said(values) => values.serialize(to, out),
        }
    }

    fn is_empty(&self) -> bool {
        false
    }
}

const EVENT: &str = "UPDATE KEYSPACE.events USING TIMESTAMP ? AND TTL ? SET at_ms = ?, event = ? \
    WHERE user_id = ? AND session_id = ? AND seq = ?";
const SAID: &str = "UPDATE KEYSPACE.events USING TIMESTAMP ? AND TTL ? SET said[?] = ? \
    WHERE user_id = ? AND session_id = ?";
const POSITION: &str =
    "UPDATE KEYSPACE.positions USING TIMESTAMP ? SET settled = ? WHERE user_id = ? AND item_id = ?";
const WRITES: &str = "SELECT count FROM system_views.coordinator_write_latency \
    WHERE keyspace_name = ? AND table_name = ?";
const TTL_S: i32 = 34_560_000;
/// As many requests under way as Playhead has at most: 16 sessions with 8 rows each, or 128 batches.
const SESSIONS_AT_ONCE: usize = 16;
const ROWS_AT_ONCE: usize = 8;
const BATCHES_AT_ONCE: usize = 128;
