//! Reaches the cluster: a session of the driver, which keeps connections to all nodes of the datacenter and makes them
//! again, and the statements prepared on them.

use std::{sync::Arc, time::Duration};

use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    policies::{
        load_balancing::{DefaultPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy},
        retry::DefaultRetryPolicy,
    },
    statement::Consistency,
};

use super::{ScyllaSettings, documents, fault, migrate, shapes::Shapes, statements::Statements};
use crate::StoreError;

/// A cluster that was reached and has our schema.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) statements: Statements,
    pub(super) shapes: Shapes,
    pub(super) documents: documents::Statements,
}

impl Connection {
    pub(super) async fn open(settings: &ScyllaSettings) -> Result<Self, StoreError> {
        let session = connect(settings, Duration::from_millis(settings.request_ms_max)).await?;
        migrate::check(&session, &settings.keyspace).await?;
        let statements = Statements::prepare(&session, &settings.keyspace).await?;
        let documents = documents::Statements::prepare(&session, &settings.keyspace).await?;
        Ok(Self { session, statements, shapes: Shapes::default(), documents })
    }
}

/// A session in which every request goes to a replica of the datacenter and needs its local quorum. What may be repeated
/// is tried on another node when the first breaks off or is overloaded.
pub(super) async fn connect(settings: &ScyllaSettings, patience: Duration) -> Result<Session, StoreError> {
    let policy = DefaultPolicy::builder().prefer_datacenter(settings.datacenter.clone()).token_aware(true);
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(patience))
        .load_balancing_policy(policy.build())
        .retry_policy(Arc::new(DefaultRetryPolicy::new()))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&settings.contact_points)
        .prefer_datacenter(settings.datacenter.clone())
        .default_execution_profile_handle(profile.into_handle())
        .keyspaces_to_fetch([&settings.keyspace])
        .tls_context(settings.tls.clone());
    if !settings.addresses.is_empty() {
        let mut addresses = settings.addresses.clone();
        // Contact points are named as they are reached.
        addresses.extend(settings.addresses.values().map(|&address| (address, address)));
        builder = builder.address_translator(Arc::new(addresses));
    }
    if let Some(credentials) = &settings.credentials {
        builder = builder.user(&credentials.username, &credentials.password);
    }
    builder.build().await.map_err(fault::in_connecting)
}

/// Has one node of the cluster, which is there, coordinate all that this session asks from now on.
pub(super) fn stay_with_one_node(session: &Session) {
    let cluster = session.get_cluster_state();
    let Some(node) = cluster.get_nodes_info().iter().find(|node| node.is_connected()) else { return };
    let mut handle = session.get_default_execution_profile_handle().clone();
    let policy = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(Arc::clone(node)), None);
    let profile = handle.pointee_to_builder().load_balancing_policy(policy).build();
    handle.map_to_another_profile(profile);
}
