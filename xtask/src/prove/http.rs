//! As much HTTP as the harness needs: one request per connection, and what was answered.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Asks for a page of a server on loopback. No single read or write takes longer than `patience`.
pub(super) fn get(port: u16, path: &str, patience: Duration) -> io::Result<Answer> {
    ask(port, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"), patience)
}

/// Asks for a page as a user.
pub(super) fn get_as(port: u16, path: &str, user: &str, patience: Duration) -> io::Result<Answer> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    ask(port, &format!("{head}authorization: Bearer {user}\r\n\r\n"), patience)
}

/// Posts JSON as a user, which is what development auth makes of a token.
pub(super) fn post(port: u16, path: &str, user: &str, json: &str, patience: Duration) -> io::Result<Answer> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {user}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    );
    ask(port, &request, patience)
}

fn ask(port: u16, request: &str, patience: Duration) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
    parse(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer"))
}

/// Status and body of an answer that came whole. A chunked body is left as it is: our pages have a length.
fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// No page of ours is larger.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_answer_is_status_and_body() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\r\n{}");
        assert_eq!(answer, Some(Answer { status: 503, body: "{}".into() }));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(parse("SSH-2.0-x\r\n\r\n"), None);
    }

    #[test]
    fn a_server_that_says_nothing_is_an_error_in_time() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(get(port, "/", Duration::from_millis(20)).is_err());
    }
}
