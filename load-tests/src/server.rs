//! What the server says of itself while it is loaded: its admin metrics, read once a second. A server that restarts
//! begins to count anew; what it counted before is kept.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::law::Law;

/// What was read at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample {
    /// CPU time of the process, seconds.
    pub(crate) cpu_s: Option<f64>,
    /// Resident memory.
    pub(crate) rss_bytes: Option<u64>,
    pub(crate) law: Law,
}

/// What a server came to while it was watched.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    last: Option<Sample>,
    /// CPU time since the first sample, seconds.
    pub(crate) cpu_s: Option<f64>,
    pub(crate) rss_bytes_start: u64,
    pub(crate) rss_bytes_max: u64,
    pub(crate) rss_bytes_end: u64,
    /// Events by their ending since the first sample.
    pub(crate) endings: BTreeMap<String, u64>,
    /// When, the memory then, and the CPU time since the sample before.
    pub(crate) samples: Vec<(Instant, u64, f64)>,
}

impl Sample {
    /// Reads a metrics page.
    pub(crate) fn read(page: &str) -> Self {
        let value = |name: &str| {
            page.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse::<f64>().ok())
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes are whole and positive"
        )]
        let rss_bytes = value("process_resident_memory_bytes").map(|bytes| bytes as u64);
        Self { cpu_s: value("process_cpu_seconds_total"), rss_bytes, law: Law::read(page) }
    }
}

impl Watched {
    /// Takes the next sample.
    pub(crate) fn take(&mut self, sample: Sample, now: Instant) {
        let rss = sample.rss_bytes.unwrap_or(0);
        let mut cpu_s = 0.0;
        match &self.last {
            None => {
                self.rss_bytes_start = rss;
                self.cpu_s = sample.cpu_s.map(|_| 0.0);
            }
            Some(last) => {
                let (before, after) = (last.cpu_s.unwrap_or(0.0), sample.cpu_s.unwrap_or(0.0));
                cpu_s = if after >= before { after - before } else { after };
                self.cpu_s = sample.cpu_s.map(|_| self.cpu_s.unwrap_or(0.0) + cpu_s);
                let restarted = sample.law.offered < last.law.offered;
                for (ending, &events) in &sample.law.ended {
                    let before = last.law.ended.get(ending).filter(|_| !restarted).copied().unwrap_or(0);
                    *self.endings.entry(ending.clone()).or_default() += events.saturating_sub(before);
                }
            }
        }
        self.rss_bytes_max = self.rss_bytes_max.max(rss);
        self.rss_bytes_end = rss;
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push((now, rss, cpu_s));
        }
        self.last = Some(sample);
    }
}

/// Fetches and reads the metrics page. `None` while the server does not answer: it may be restarting.
pub(crate) async fn sample(admin: SocketAddr) -> Option<Sample> {
    let page = tokio::time::timeout(PATIENCE, page(admin)).await.ok()?.ok()?;
    Some(Sample::read(&page))
}

async fn page(admin: SocketAddr) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(admin).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    let request =
        Request::get("/metrics").header(http::header::HOST, "playhead").body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let body = Limited::new(answer.into_body(), PAGE_BYTES_MAX).collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

const PATIENCE: Duration = Duration::from_secs(2);
const PAGE_BYTES_MAX: usize = 4 << 20;
/// A day of seconds.
const SAMPLES_MAX: usize = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_s: f64, rss: u64, offered: u64, stored: u64) -> Sample {
        Sample::read(&format!(
            "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total {cpu_s}\n\
             process_resident_memory_bytes {rss}\nplayhead_events_offered_total {offered}\n\
             playhead_events_ended_total{{ending=\"STORED\",reason=\"\"}} {stored}\n"
        ))
    }

    #[test]
    fn what_was_there_before_does_not_count_and_a_restart_loses_nothing() {
        let mut watched = Watched::default();
        let now = Instant::now();
        watched.take(sample(5.0, 100, 50, 50), now);
        watched.take(sample(6.5, 300, 80, 70), now);
        watched.take(sample(0.25, 200, 10, 5), now);
        assert_eq!(watched.cpu_s, Some(1.75));
        assert_eq!(watched.endings.get("stored"), Some(&25));
        let rss = (watched.rss_bytes_start, watched.rss_bytes_max, watched.rss_bytes_end);
        assert_eq!(rss, (100, 300, 200));
    }
}
