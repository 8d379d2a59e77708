//! HTTP/1.1 POSTs over connections that are kept, one under way on each.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Done, Lane, run_all};

/// Writes the request number `n` of connection number `index`.
pub type Write = fn(out: &mut Vec<u8>, index: usize, n: u64);

/// Open connections.
#[derive(Debug)]
pub struct Post(Vec<Caller>);

impl Post {
    /// Opens so many.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr, connections: usize, write: Write) -> io::Result<Self> {
        let mut callers = Vec::with_capacity(connections);
        for index in 0..connections {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            callers.push(Caller { socket, index, write, sent: 0, buffer: Vec::new() });
        }
        Ok(Self(callers))
    }

    /// Posts for so long, then waits for the last answers.
    ///
    /// # Errors
    /// When an answer is neither 2xx nor busy.
    pub async fn run(&mut self, lasting: Duration) -> io::Result<Done> {
        run_all(&mut self.0, lasting).await
    }
}

/// One request after the other.
#[derive(Debug)]
struct Caller {
    socket: TcpStream,
    index: usize,
    write: Write,
    sent: u64,
    buffer: Vec<u8>,
}

impl Caller {
    async fn exchange(&mut self) -> io::Result<u16> {
        self.buffer.clear();
        (self.write)(&mut self.buffer, self.index, self.sent + 1);
        self.socket.write_all(&self.buffer).await?;
        self.buffer.clear();
        loop {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = status_of_whole(&self.buffer) {
                return Ok(status);
            }
        }
    }
}

impl Lane for Caller {
    async fn run(&mut self, until: Instant) -> io::Result<(u64, u64)> {
        let (sent_before, mut busy) = (self.sent, 0);
        while Instant::now() < until {
            match self.exchange().await? {
                200..=299 => self.sent += 1,
                429 | 503 => {
                    busy += 1;
                    tokio::time::sleep(RETRY).await;
                }
                _ => return Err(io::Error::other(String::from_utf8_lossy(&self.buffer).into_owned())),
            }
        }
        Ok((self.sent - sent_before, busy))
    }
}

/// The status, once head and body are all there.
fn status_of_whole(response: &[u8]) -> Option<u16> {
    let head_bytes = response.windows(END.len()).position(|at| at == END)? + END.len();
    let head = std::str::from_utf8(response.get(..head_bytes)?).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    (response.len() >= head_bytes + length.unwrap_or(0)).then_some(status)
}

const END: &[u8] = b"\r\n\r\n";
const RETRY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_counts_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(status_of_whole(whole), Some(200));
        assert_eq!(status_of_whole(&whole[..whole.len() - 1]), None, "a byte of the body is missing");
        assert_eq!(status_of_whole(&whole[..30]), None, "the head has no end");
        assert_eq!(status_of_whole(b"HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n"), Some(204));
    }
}
