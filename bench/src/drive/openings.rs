//! QUIC sessions opened one after the other, each with a handshake of its own, on several lanes.

use std::{io, net::SocketAddr, time::Duration, time::Instant};

use super::{Done, Lane, quic, run_all};

/// Lanes that open sessions.
#[derive(Debug)]
pub struct Openings(Vec<Opener>);

#[derive(Debug)]
struct Opener {
    address: SocketAddr,
    lanes: usize,
    next: usize,
}

impl Openings {
    /// So many lanes.
    #[must_use]
    pub fn new(address: SocketAddr, lanes: usize) -> Self {
        Self((0..lanes).map(|next| Opener { address, lanes, next }).collect())
    }

    /// Opens sessions for so long; each counts as an event.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn run(&mut self, lasting: Duration) -> io::Result<Done> {
        run_all(&mut self.0, lasting).await
    }
}

impl Lane for Opener {
    async fn run(&mut self, until: Instant) -> io::Result<(u64, u64)> {
        let mut opened = 0;
        while Instant::now() < until {
            let client = quic::Client::connect(self.address, false).await?;
            let _line = client.open_session(self.next % SESSIONS).await?;
            client.close();
            self.next += self.lanes;
            opened += 1;
        }
        Ok((opened, 0))
    }
}

/// Far fewer than a server holds: it is the opening that is measured.
const SESSIONS: usize = 1_024;
