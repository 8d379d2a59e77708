//! Opens connections: to the one server of several that is the master, or to a cluster.

use super::settings::RedisHotSettings;
use futures_util::future::join_all;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionInfo, IntoConnectionInfo, Pipeline,
    ProtocolVersion, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
};
use std::{io, time::Duration};

/// The servers that the settings name.
pub(super) struct Servers {
    /// One for each URL.
    clients: Vec<Client>,
    cluster: Option<ClusterClient>,
    patience: Duration,
}

/// A connection that many calls share.
#[derive(Clone)]
pub(super) enum Connection {
    /// To a master, which is the server of this number.
    Master(MultiplexedConnection, usize),
    /// To all nodes of a cluster; it follows their changes by itself.
    Cluster(ClusterConnection),
}

impl Servers {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// A URL, certificate or combination of them that cannot be used.
    pub(super) fn new(settings: &RedisHotSettings) -> RedisResult<Self> {
        if settings.is_tls() {
            // The crate asks for the process's provider. If there is one already, it is this one too.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let infos = settings
            .urls
            .iter()
            .map(|url| info(url, settings))
            .collect::<RedisResult<Vec<ConnectionInfo>>>()?;
        let clients = infos.iter().map(|info| client(info.clone(), settings)).collect::<RedisResult<_>>()?;
        let cluster = settings.is_cluster.then(|| cluster(infos, settings)).transpose()?;
        Ok(Self { clients, cluster, patience: Duration::from_millis(settings.connect_ms_max) })
    }

    /// Connects to the cluster, or to the first server that says it is the master.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        if let Some(cluster) = &self.cluster {
            // Its nodes are asked one after another, each for as long as one server may take.
            let patience =
                self.patience.saturating_mul(u32::try_from(self.clients.len()).unwrap_or(u32::MAX));
            let connection = within(patience, cluster.get_async_connection()).await?;
            return Ok(Connection::Cluster(connection));
        }
        let mut why = RedisError::from(io::Error::other("no server is named"));
        for (index, client) in self.clients.iter().enumerate() {
            match within(self.patience, connect_to_master(client)).await {
                Ok(connection) => return Ok(Connection::Master(connection, index)),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    /// A connection for messages: to the server of this number, or the one that comes to it when counting round.
    pub(super) async fn connect_for_messages(&self, index: usize) -> RedisResult<PubSub> {
        let index = index.checked_rem(self.clients.len()).unwrap_or_default();
        match self.clients.get(index) {
            Some(client) => within(self.patience, client.get_async_pubsub()).await,
            None => Err(io::Error::other("no server is named").into()),
        }
    }

    /// How long connecting to a server may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }
}

impl Connection {
    /// Sends all calls at once and waits for their replies, one for each, in their order.
    ///
    /// # Errors
    /// The connection failed; any of them may have been done.
    pub(super) async fn send(&self, calls: &Pipeline) -> RedisResult<Vec<RedisResult<Value>>> {
        match self {
            Self::Master(connection, _) => {
                let replies = connection.clone().send_packed_commands(calls, 0, calls.len()).await?;
                Ok(replies.into_iter().map(reply).collect())
            }
            // A pipeline has to keep to one slot there, so each call goes by itself; the crate pipelines per node.
            Self::Cluster(connection) => {
                Ok(join_all(calls.cmd_iter().map(|call| one(connection.clone(), call))).await)
            }
        }
    }

    /// True while the other end is what it was: a master that answers. Clusters look after themselves.
    pub(super) async fn is_good(&self, patience: Duration) -> bool {
        match self {
            Self::Master(connection, _) => {
                within(patience, is_master(connection.clone())).await.unwrap_or(false)
            }
            Self::Cluster(_) => true,
        }
    }

    /// True for a cluster's.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

async fn one(mut connection: ClusterConnection, call: &Cmd) -> RedisResult<Value> {
    connection.req_packed_command(call).await.and_then(reply)
}

fn reply(value: Value) -> RedisResult<Value> {
    match value {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}

async fn connect_to_master(client: &Client) -> RedisResult<MultiplexedConnection> {
    // Calls have a time-out of their own, which covers their repetitions too.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    match is_master(connection.clone()).await? {
        true => Ok(connection),
        false => {
            Err(io::Error::other(format!("{} is a replica", client.get_connection_info().addr())).into())
        }
    }
}

async fn is_master(mut connection: MultiplexedConnection) -> RedisResult<bool> {
    let role: Value = redis::cmd("ROLE").query_async(&mut connection).await?;
    Ok(matches!(role, Value::Array(parts) if parts.first() == Some(&Value::BulkString(b"master".to_vec()))))
}

/// What this comes to, unless it takes too long.
pub(super) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

/// Where a server is, and who we are to it.
fn info(url: &str, settings: &RedisHotSettings) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let mut who = RedisConnectionInfo::default().set_db(info.redis_settings().db()).set_skip_set_lib_name();
    if let Some(user) = &settings.user {
        who = who.set_username(user);
    }
    if let Some(password) = &settings.password {
        who = who.set_password(password.text());
    }
    Ok(info.set_redis_settings(who).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn client(info: ConnectionInfo, settings: &RedisHotSettings) -> RedisResult<Client> {
    match certificates(settings) {
        Some(certificates) if settings.is_tls() => Client::build_with_tls(info, certificates),
        _ => Client::open(info),
    }
}

fn cluster(infos: Vec<ConnectionInfo>, settings: &RedisHotSettings) -> RedisResult<ClusterClient> {
    let patience = Duration::from_millis(settings.call_ms_max);
    let mut builder: ClusterClientBuilder = ClusterClient::builder(infos)
        // With it the client hears of a broken connection at once, and not with the next call.
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(Duration::from_millis(settings.connect_ms_max))
        .response_timeout(patience)
        .overall_response_timeout(Some(patience))
        .retries(CLUSTER_RETRIES)
        .tcp_settings(TcpSettings::default().set_nodelay(true));
    if let Some(certificates) = certificates(settings).filter(|_| settings.is_tls()) {
        builder = builder.certs(certificates);
    }
    builder.build()
}

fn certificates(settings: &RedisHotSettings) -> Option<TlsCertificates> {
    let client_tls: Option<ClientTlsConfig> = None;
    settings.ca_pem.clone().map(|ca_pem| TlsCertificates { client_tls, root_cert: Some(ca_pem) })
}

/// A call may be sent again so often: moved once, asked elsewhere once, its node's connection made anew once, and more.
const CLUSTER_RETRIES: u32 = 6;
