//! Where a server is.

use std::net::SocketAddr;

use tokio::net::lookup_host;

use super::TargetError;
use crate::LineError;

/// How to speak with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    Quic,
}

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, TargetError> {
        let wrong = |problem: &str| TargetError::Url { url: url.to_owned(), problem: problem.to_owned() };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (scheme, port) = match scheme {
            "http" => (Scheme::Http, Some(80)),
            "https" => (Scheme::Https, Some(443)),
            "quic" => (Scheme::Quic, None),
            _ => return Err(wrong("its scheme is not known")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(wrong("there is more than a host and a port"));
        }
        let (host, said) = match authority.rsplit_once(':') {
            // The colons of an address without a port are within its brackets.
            Some((host, said)) if !said.ends_with(']') => (host, Some(said)),
            _ => (authority, None),
        };
        let port = match said {
            Some(said) => said.parse().ok().filter(|&port| port > 0),
            None => port,
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match (host, port) {
            ("", _) => Err(wrong("it has no host")),
            (_, None) => Err(wrong("it has no port from 1 to 65535")),
            (host, Some(port)) => Ok(Self { scheme, host: host.to_owned(), port }),
        }
    }

    /// `HOST:PORT` as URLs have it.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Its address now.
    pub(super) async fn address(&self) -> Result<SocketAddr, LineError> {
        let unknown = |problem: &dyn ToString| {
            LineError::retry("NO_ADDRESS", &format!("{}: {}", self.host, problem.to_string()))
        };
        let mut found = lookup_host((&*self.host, self.port)).await.map_err(|error| unknown(&error))?;
        found.next().ok_or_else(|| unknown(&"the host has no address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (url, scheme, host, port) in [
            ("http://127.0.0.1:7450", Scheme::Http, "127.0.0.1", 7450),
            ("https://play.example/", Scheme::Https, "play.example", 443),
            ("quic://[::1]:7443", Scheme::Quic, "::1", 7443),
            ("http://[::1]", Scheme::Http, "::1", 80),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.scheme, &*target.host, target.port), (scheme, host, port), "{url}");
        }
        assert_eq!(Target::parse("quic://[::1]:7443").unwrap().authority(), "[::1]:7443");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (url, problem) in [
            ("127.0.0.1:7450", "no scheme"),
            ("ftp://a:1", "not known"),
            ("http://:80", "no host"),
            ("quic://localhost", "no port"),
            ("http://a:0", "no port"),
            ("http://a:99999", "no port"),
            ("http://a:1/v1", "more than a host"),
        ] {
            let said = Target::parse(url).unwrap_err().to_string();
            assert!(said.contains(problem) && said.contains("allowed are http://HOST:PORT"), "{url}: {said}");
        }
    }
}
