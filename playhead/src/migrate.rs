//! `playhead migrate`: brings the cluster's keyspace up to this version.

use std::process::ExitCode;

use playhead_store::{
    StoreError,
    durable::scylla::{self, Outcome},
};

use crate::{
    CommandError, block_on,
    cli::Migrate,
    config::{self, DurableSettings},
    durable::{self, ClusterError},
    print, serve,
};

/// The keyspace was not brought up to this version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    /// There is nothing to migrate.
    #[error("durable.backend is \"embedded\"; allowed is scylla: the embedded store makes its own tables")]
    NoCluster,
    /// The cluster's login or encryption cannot be had.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The cluster did not do it.
    #[error("durable.keyspace is {keyspace:?}: {error}{}", serve::beneath(.error))]
    Store {
        /// Which.
        keyspace: String,
        /// Why not.
        error: StoreError,
    },
}

/// Applies what is missing, or only names it.
pub(crate) fn run(asked: &Migrate) -> Result<ExitCode, CommandError> {
    let config = config::load(&asked.config.settings())?.config;
    let DurableSettings::Cluster(cluster) = config.durable else {
        return Err(MigrateError::NoCluster.into());
    };
    let settings = durable::settings(&cluster).map_err(MigrateError::Cluster)?;
    let migrated = block_on(async {
        let migrated = scylla::migrate(&settings, &cluster.replication, asked.dry_run).await;
        let keyspace = cluster.keyspace.clone();
        Ok(migrated.map_err(|error| MigrateError::Store { keyspace, error })?)
    })?;
    for (migration, outcome) in migrated {
        let outcome = match outcome {
            Outcome::Present => "present",
            Outcome::Applied => "applied",
            Outcome::Pending => "pending",
        };
        print::text(&format!("{:04} {:<12} {outcome}\n", migration.number, migration.name))?;
    }
    Ok(ExitCode::SUCCESS)
}
