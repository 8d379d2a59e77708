//! Which servers are wanted.

/// Which servers are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    /// Nodes of the CQL cluster: 1, or 3 on 127.0.0.1 to 127.0.0.3.
    pub(crate) cql_nodes: u8,
    /// A CQL server besides that wants a password and speaks TLS alone.
    pub(crate) cql_secure: bool,
    /// CQL nodes with the memory of a server instead of a test's.
    pub(crate) cql_roomy: bool,
    /// Three Redis masters as a cluster, beside the single one.
    pub(crate) redis_cluster: bool,
    /// A replica of the single one.
    pub(crate) redis_replica: bool,
}

impl Options {
    /// What the tests need.
    pub(crate) const FOR_TESTS: Self =
        Self { cql_secure: true, redis_cluster: true, redis_replica: true, ..Self::PLAIN };
    /// What there is if nothing is said.
    const PLAIN: Self = Self {
        cql_nodes: 1,
        cql_secure: false,
        cql_roomy: false,
        redis_cluster: false,
        redis_replica: false,
    };

    /// Reads the words behind `services up`.
    ///
    /// # Errors
    /// A word that is none of ours.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::PLAIN;
        let mut rest = words;
        while let [flag, value, after @ ..] = rest {
            match (*flag, *value) {
                ("--cql-nodes", "1") => options.cql_nodes = 1,
                ("--cql-nodes", "3") => options.cql_nodes = 3,
                ("--cql", "secure") => options.cql_secure = true,
                ("--cql", "roomy") => options.cql_roomy = true,
                ("--redis", "single") => {}
                ("--redis", "cluster") => options.redis_cluster = true,
                ("--redis", "replica") => options.redis_replica = true,
                _ => return Err(format!("{flag} {value}: {ALLOWED}")),
            }
            rest = after;
        }
        match rest {
            [] => Ok(options),
            [word, ..] => Err(format!("{word}: {ALLOWED}")),
        }
    }

    /// As one word, to compare with what runs.
    pub(super) fn shape(self) -> String {
        let Self { cql_nodes, cql_secure, cql_roomy, redis_cluster, redis_replica } = self;
        format!(
            "cql={cql_nodes},secure={cql_secure},roomy={cql_roomy},cluster={redis_cluster},replica={redis_replica}"
        )
    }
}

const ALLOWED: &str =
    "allowed is --cql-nodes 1 or 3, --cql secure or roomy, --redis single, cluster or replica";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_or_named() {
        assert_eq!(Options::parse(&[]), Ok(Options::PLAIN));
        assert_eq!(Options::parse(&["--cql", "roomy"]), Ok(Options { cql_roomy: true, ..Options::PLAIN }));
        let words = ["--cql-nodes", "3", "--cql", "secure", "--redis", "cluster", "--redis", "replica"];
        assert_eq!(Options::parse(&words), Ok(Options { cql_nodes: 3, ..Options::FOR_TESTS }));
        for wrong in [&["--cql-nodes", "2"][..], &["--redis"], &["--redis", "sentinel"], &["up"]] {
            assert!(Options::parse(wrong).is_err_and(|text| text.contains(wrong[0])), "{wrong:?}");
        }
    }
}
