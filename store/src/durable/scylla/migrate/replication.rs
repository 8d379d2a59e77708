//! How many copies a keyspace has, and where.

use std::{fmt, str::FromStr};

/// Copies by datacenter, such as `datacenter1:3` or `east:3,west:3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replication(Vec<(String, u8)>);

/// Why a text is no replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("allowed is datacenter:copies, with commas between, such as datacenter1:3; copies are 1 to 9")]
pub struct ReplicationError;

impl FromStr for Replication {
    type Err = ReplicationError;

    fn from_str(text: &str) -> Result<Self, ReplicationError> {
        let one = |part: &str| {
            let (name, copies) = part.trim().split_once(':')?;
            let copies: u8 = copies.parse().ok().filter(|copies| (1..=9).contains(copies))?;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            (!name.is_empty() && name.bytes().all(is_plain)).then(|| (name.to_owned(), copies))
        };
        let parts: Option<Vec<_>> = text.split(',').map(one).collect();
        parts.map(Self).ok_or(ReplicationError)
    }
}

/// As CQL writes it.
impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{'class': 'NetworkTopologyStrategy'")?;
        for (name, copies) in &self.0 {
            write!(f, ", '{name}': {copies}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_said_by_datacenter() {
        let cql = |text: &str| text.parse::<Replication>().map(|replication| replication.to_string());
        assert_eq!(
            cql("east:3, west-2:2"),
            Ok("{'class': 'NetworkTopologyStrategy', 'east': 3, 'west-2': 2}".to_owned())
        );
        for text in ["", "3", "east", "east:0", "east:10", "east:3,", ":3", "ea'st:3", "east:3;"] {
            assert_eq!(cql(text), Err(ReplicationError), "{text}");
        }
    }
}
