//! The durable store that the configuration names. It is chosen here, once.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use playhead_ingest::tls;
use playhead_store::durable::{
    Durable,
    documents::Documents,
    embedded::EmbeddedDurable,
    scylla::{Credentials, ScyllaDurable, ScyllaSettings},
};
use rustls::ClientConfig;

use crate::{
    auth::up_to,
    check,
    config::{ClusterSettings, Config, DurableSettings, Roots},
    roots,
    serve::ServeError,
};

/// A cluster's login or encryption cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The password cannot be read.
    #[error("durable.password_file is {path:?}: {error}; allowed is a file with one line")]
    Password {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file of roots cannot be read.
    #[error("durable.tls_ca_file is {path:?}: {error}; allowed is a PEM file of certificates")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The system has no roots to trust nodes by.
    #[error("this system has no root certificates ({0}); name some in durable.tls_ca_file")]
    NoRoots(String),
    /// Encryption cannot be set up.
    #[error("transport security cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The two seams of one store.
pub(crate) struct Stores {
    /// Sessions, events and positions.
    pub(crate) durable: Arc<dyn Durable>,
    /// The catalog and who may watch it.
    pub(crate) documents: Arc<dyn Documents>,
}

impl Stores {
    fn of<S: Durable + Documents>(store: S) -> Self {
        let store = Arc::new(store);
        Self { durable: Arc::clone(&store) as Arc<dyn Durable>, documents: store }
    }
}

/// Opens it. A cluster that does not answer is no reason not to start: what is taken waits in the journal, and the store
/// connects as soon as it can.
pub(crate) async fn open(config: &Config) -> Result<Stores, ServeError> {
    let cluster = match &config.durable {
        DurableSettings::Embedded => {
            let store = EmbeddedDurable::open(&check::store_dir(&config.data_dir), config.store);
            let failed = |error| ServeError::Store { path: config.data_dir.clone(), error };
            return Ok(Stores::of(store.map_err(failed)?));
        }
        DurableSettings::Cluster(cluster) => cluster,
    };
    let store = ScyllaDurable::new(settings(cluster)?);
    match tokio::time::timeout(CONNECT_PATIENCE, store.connect()).await {
        Ok(Ok(())) => {}
        Err(_) => tracing::warn!("the cluster does not answer, events wait in the journal"),
        Ok(Err(error)) if error.is_retryable() => {
            let cause = crate::serve::beneath(&error);
            tracing::warn!(%error, cause, "the cluster cannot be reached, events wait in the journal");
        }
        Ok(Err(error)) => return Err(ServeError::Cluster { error }),
    }
    Ok(Stores::of(store))
}

/// What the store needs to know of a cluster, secrets included.
pub(crate) fn settings(cluster: &ClusterSettings) -> Result<ScyllaSettings, ClusterError> {
    let credentials = cluster.login.as_ref().map(|(username, file)| {
        let password =
            password(file).map_err(|error| ClusterError::Password { path: file.clone(), error })?;
        Ok::<_, ClusterError>(Credentials { username: username.clone(), password })
    });
    Ok(ScyllaSettings {
        contact_points: cluster.contact_points.clone(),
        addresses: HashMap::new(),
        keyspace: cluster.keyspace.clone(),
        datacenter: cluster.datacenter.clone(),
        credentials: credentials.transpose()?,
        tls: cluster.tls.as_ref().map(encryption).transpose()?,
        retention_days: cluster.retention_days,
        requests_max: cluster.requests_max,
        request_ms_max: cluster.request_ms_max,
        settles_in_ms: cluster.settles_in_ms,
    })
}

fn password(file: &Path) -> io::Result<String> {
    let text = String::from_utf8(up_to(file, PASSWORD_BYTES_MAX)?).map_err(io::Error::other)?;
    let password = text.trim_end_matches(['\n', '\r']);
    match password.is_empty() || password.contains('\n') {
        true => Err(io::Error::other("it has no line, or several")),
        false => Ok(password.to_owned()),
    }
}

fn encryption(trusted: &Roots) -> Result<Arc<ClientConfig>, ClusterError> {
    let roots = match trusted {
        Roots::System => roots::of_the_system().map_err(ClusterError::NoRoots)?,
        Roots::File(path) => {
            roots::of_file(path).map_err(|error| ClusterError::Roots { path: path.clone(), error })?
        }
    };
    let config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// How long a start waits for the cluster: it is ready in 10 s whether there is one or not.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
const PASSWORD_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            password(&path).ok()
        };
        assert_eq!(read(" secret \r\n"), Some(" secret ".to_owned()));
        assert_eq!((read(""), read("\n"), read("a\nb")), (None, None, None));
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "no certificate").unwrap();
        let refused = encryption(&Roots::File(path)).unwrap_err().to_string();
        assert!(refused.contains("durable.tls_ca_file") && refused.contains("ca.pem"), "{refused}");
    }
}
