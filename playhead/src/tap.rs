//! `playhead tap`: prints what a running server's tap shows.

use std::process::ExitCode;

use axum::http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::{
    CommandError, block_on,
    cli::{AdminFlags, Tap},
    config::{self, Flags},
    fetch::{self, FetchError},
    print,
};

/// Prints lines until the limit, the server's end, or the reader's.
pub(crate) fn run(asked: &Tap) -> Result<ExitCode, CommandError> {
    let address = asked.at.address()?;
    block_on(async {
        let (status, body) = fetch::open(address, &path(asked)).await?;
        if status != StatusCode::OK {
            let said = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            print::note(&format!(
                "error: {address} answers {status}: {}",
                String::from_utf8_lossy(&said).trim()
            ));
            return Ok(ExitCode::FAILURE);
        }
        print::note(&format!("tap: watching {address}"));
        let mut lines = Lines { left: asked.limit.unwrap_or(u64::MAX) };
        lines.print(body).await.or_else(|stopped| match stopped {
            Stopped::ReaderGone => Ok(()),
            Stopped::BrokenOff(error) => Err(FetchError::BrokenOff { address, error: error.into() }),
        })?;
        Ok(ExitCode::SUCCESS)
    })
}

impl AdminFlags {
    /// The admin address that was named, or else the configured one.
    pub(crate) fn address(&self) -> Result<std::net::SocketAddr, CommandError> {
        match self.admin {
            Some(address) => Ok(address),
            None => Ok(config::load(&Flags::default())?.config.listen.admin),
        }
    }
}

fn path(asked: &Tap) -> String {
    let filters = [("user", &asked.user), ("session", &asked.session)];
    let said =
        filters.iter().filter_map(|(name, id)| Some(format!("{name}={}", fetch::encoded(id.as_deref()?))));
    format!("/tap?{}", said.collect::<Vec<_>>().join("&"))
}

enum Stopped {
    ReaderGone,
    BrokenOff(hyper::Error),
}

struct Lines {
    left: u64,
}

impl Lines {
    async fn print(&mut self, mut body: Incoming) -> Result<(), Stopped> {
        while self.left > 0 {
            let Some(frame) = body.frame().await else { return Ok(()) };
            let frame = frame.map_err(Stopped::BrokenOff)?;
            let Some(bytes) = frame.data_ref() else { continue };
            let some = self.take(bytes);
            print::bytes_or_gone(some).map_err(|_| Stopped::ReaderGone)?;
        }
        Ok(())
    }

    /// As much as the limit leaves.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        for (at, _) in bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n') {
            self.left -= 1;
            if self.left == 0 {
                return bytes.get(..=at).unwrap_or(bytes);
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_lines_across_chunks() {
        let mut lines = Lines { left: 3 };
        assert_eq!(lines.take(b"a\nb\nc"), b"a\nb\nc");
        assert_eq!(lines.take(b"c\nd\n"), b"c\n");
        assert_eq!(lines.left, 0);
    }

    #[test]
    fn filters_become_a_query() {
        let at = AdminFlags { admin: None };
        let asked = Tap { at, user: Some("ann b".into()), session: Some("s-1".into()), limit: None };
        assert_eq!(path(&asked), "/tap?user=ann%20b&session=s-1");
    }
}
