//! Redis as the hot store: a commit's script calls, and the same calls made beforehand, written to a socket in one go and
//! their replies counted.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use playhead_store::{
    Clock,
    hot::{
        Hot, HotUpdate,
        redis::{RedisHot, RedisHotSettings},
    },
    position::{PositionRow, PositionRules},
};
use tokio::{runtime::Runtime, time::timeout};

use crate::sample;

/// Connects, and makes the script known to the server.
///
/// # Errors
/// When no server answers there.
pub async fn connect(url: &str) -> io::Result<RedisHot> {
    let settings = RedisHotSettings {
        urls: vec![url.to_owned()],
        call_ms_max: CALL_MS_MAX,
        ..RedisHotSettings::default()
    };
    let hot = RedisHot::open(&settings).map_err(io::Error::other)?;
    timeout(PATIENCE, hot.connected()).await?;
    hot.apply(&batch(1), 0).await.map_err(io::Error::other)?;
    Ok(hot)
}

/// How long a commit of so many sessions takes.
///
/// # Errors
/// When the server does not answer.
pub fn apply(runtime: &Runtime, hot: &RedisHot, sessions: usize) -> io::Result<Duration> {
    let batch = batch(sessions);
    let started = Instant::now();
    runtime.block_on(hot.apply(&batch, 0)).map_err(io::Error::other)?;
    Ok(started.elapsed())
}

/// How long the same calls take, made beforehand.
///
/// # Errors
/// When the server does not answer, or a call fails.
pub fn call(bare: &mut Bare, hot: &RedisHot, sessions: usize) -> io::Result<Duration> {
    let packed = hot.packed(&batch(sessions));
    let started = Instant::now();
    bare.call(&packed, sessions)?;
    Ok(started.elapsed())
}

/// What a commit says of so many sessions: each beat newer than the one before.
fn batch(sessions: usize) -> Vec<HotUpdate> {
    let now_ms = sample::now_ms();
    let update = |index| {
        let (key, description) = (sample::key(index), sample::description(index, now_ms));
        let beat = sample::beat(now_ms.unsigned_abs(), now_ms);
        let rules = PositionRules::default();
        let row = PositionRow::from_event(&beat, &key.session, &description.playable, rules);
        HotUpdate {
            key,
            account: description.account,
            device: description.device,
            clock: Clock { fixed_at_ms: now_ms, offset_ms: 0 },
            last_at_ms: now_ms,
            position: row.map(|row| (description.playable.item, row)),
            beat: None,
        }
    };
    (0..sessions).map(update).collect()
}

/// A connection that knows no more than how long a reply is.
#[derive(Debug)]
pub struct Bare(TcpStream);

impl Bare {
    /// Connects to the server of a `redis://host:port`.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(url: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(url.trim_start_matches("redis://").trim_end_matches('/'))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Writes beside reading, since a server that cannot answer does not read for ever.
    fn call(&mut self, packed: &[u8], calls: usize) -> io::Result<()> {
        let mut writer = self.0.try_clone()?;
        let mut replies = vec![0; REPLY.len() * calls];
        std::thread::scope(|scope| {
            let writing = (packed.len() > SMALL).then(|| scope.spawn(|| writer.write_all(packed)));
            if writing.is_none() {
                self.0.write_all(packed)?;
            }
            self.0.read_exact(&mut replies)?;
            writing.map_or(Ok(()), |writing| {
                writing.join().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
            })
        })?;
        match replies.chunks(REPLY.len()).all(|reply| reply == REPLY) {
            true => Ok(()),
            false => Err(io::Error::other("a call failed")),
        }
    }
}

const CALL_MS_MAX: u64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(10);
/// What fits into a socket's buffers.
const SMALL: usize = 32 << 10;
/// 1: it may play.
const REPLY: &[u8] = b":1\r\n";
