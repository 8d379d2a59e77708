//! gRPC: a session is one call of Connect.

use std::{sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use playhead_proto::ingest::v1::{ClientFrame, ServerFrame, ingest_service_client::IngestServiceClient};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use tower::{BoxError, service_fn};

use super::{
    FRAMES_MAX, Inbound, KEEP_ALIVE, Line, OPEN_PATIENCE, Outbound, SILENCE_MAX, TargetError, target::Target,
};
use crate::{LineError, Next, Trust};

/// A connection that makes itself anew.
pub(super) struct Grpc {
    endpoint: Endpoint,
    tls: Option<Arc<Tls>>,
    channel: Channel,
}

/// What a stream hears.
pub(super) type Heard = Streaming<ServerFrame>;

impl Grpc {
    pub(super) fn plain(target: &Target) -> Result<Self, TargetError> {
        Ok(Self::over(endpoint(target, "http")?, None))
    }

    pub(super) fn tls(target: &Target, trust: &Trust) -> Result<Self, TargetError> {
        let config = trust.config(b"h2")?;
        let name = ServerName::try_from(target.host.clone());
        let name = name.map_err(|_| TargetError::Url {
            url: target.host.clone(),
            problem: "its host is no name that a certificate can bear".to_owned(),
        })?;
        let tls =
            Tls { connector: Arc::new(config).into(), name, target: target.clone(), trust: trust.clone() };
        Ok(Self::over(endpoint(target, "https")?, Some(Arc::new(tls))))
    }

    fn over(endpoint: Endpoint, tls: Option<Arc<Tls>>) -> Self {
        let channel = match &tls {
            None => endpoint.connect_lazy(),
            Some(tls) => {
                let tls = Arc::clone(tls);
                endpoint.connect_with_connector_lazy(service_fn(move |_| {
                    let tls = Arc::clone(&tls);
                    async move { tls.connect().await.map(TokioIo::new) }
                }))
            }
        };
        Self { endpoint, tls, channel }
    }

    pub(super) fn another(&self) -> Self {
        Self::over(self.endpoint.clone(), self.tls.clone())
    }

    /// Over TLS, that a handshake succeeds is all that is asked.
    pub(super) async fn connect(&self) -> Result<(), LineError> {
        let connected = match &self.tls {
            None => self.endpoint.connect().await.map(|_| ()).map_err(|error| chain(&error)),
            Some(tls) => tls.connect().await.map(|_| ()).map_err(|error| error.to_string()),
        };
        connected.map_err(|message| LineError::retry("UNREACHABLE", &message))
    }

    pub(super) async fn open(&self, hello: ClientFrame, token: &str) -> Result<Line, LineError> {
        let (frames, rx) = mpsc::channel(FRAMES_MAX);
        // The channel is new and has room.
        let _ = frames.try_send(hello);
        let request = request(token, rx)?;
        let mut client = IngestServiceClient::new(self.channel.clone());
        let opened = tokio::time::timeout(OPEN_PATIENCE, client.connect(request)).await;
        let opened =
            opened.map_err(|_| LineError::retry("UNREACHABLE", "the server did not answer in time"))?;
        let heard = opened.map_err(|status| explained(&status))?.into_inner();
        Ok(Line {
            outbound: Outbound { frames, datagrams: None },
            inbound: Inbound(super::Heard::Grpc(heard)),
        })
    }
}

/// The next frame of a stream.
pub(super) async fn next(heard: &mut Heard) -> Result<Option<ServerFrame>, LineError> {
    heard.message().await.map_err(|status| explained(&status))
}

fn endpoint(target: &Target, scheme: &str) -> Result<Endpoint, TargetError> {
    let url = format!("{scheme}://{}", target.authority());
    let wrong = |problem: String| TargetError::Url { url: url.clone(), problem };
    let origin =
        url.parse().map_err(|error: tonic::codegen::http::uri::InvalidUri| wrong(error.to_string()))?;
    // TLS is the connector's, so what tonic itself would do for `https` must not come on top.
    let endpoint = Endpoint::from_shared(format!("http://{}", target.authority()));
    let endpoint = endpoint.map_err(|error| wrong(error.to_string()))?;
    Ok(endpoint
        .origin(origin)
        .connect_timeout(OPEN_PATIENCE)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(SILENCE_MAX))
}

fn request(
    token: &str,
    frames: mpsc::Receiver<ClientFrame>,
) -> Result<Request<ReceiverStream<ClientFrame>>, LineError> {
    let mut request = Request::new(ReceiverStream::new(frames));
    if !token.is_empty() {
        let bearer: Result<MetadataValue<Ascii>, _> = format!("Bearer {token}").parse();
        let bearer = bearer.map_err(|_| LineError {
            next: Next::NewToken,
            ..LineError::retry("TOKEN_UNSENDABLE", "the token has characters that no header takes")
        })?;
        request.metadata_mut().insert("authorization", bearer);
    }
    Ok(request)
}

/// What a status says, with the server's own reason where it gave one.
fn explained(status: &Status) -> LineError {
    let reason = status.get_details_error_info().map(|info| info.reason);
    let reason = reason.unwrap_or_else(|| format!("{:?}", status.code()));
    let retry_after =
        status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or(Duration::ZERO);
    let code = i32::from(status.code()).unsigned_abs();
    LineError::said(code, reason, status.message().to_owned(), retry_after)
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(Some(error), |error| error.source());
    behind.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How to get TLS to a server.
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
    target: Target,
    trust: Trust,
}

impl Tls {
    async fn connect(&self) -> Result<TlsStream<TcpStream>, BoxError> {
        let address = self.target.address().await?;
        if !self.trust.allows(address.ip()) {
            return Err(format!("{address} is not on loopback, and nothing else says whom to trust").into());
        }
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(self.name.clone(), stream).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_status_is_explained_by_the_servers_own_word() {
        let mut details = ErrorDetails::with_error_info("BUSY", "playhead", HashMap::new());
        details.set_retry_info(Some(Duration::from_millis(250)));
        let busy = explained(&Status::with_error_details(Code::ResourceExhausted, "no room", details));
        assert_eq!((busy.next, &*busy.reason), (Next::Retry, "BUSY"));
        assert_eq!(busy.retry_after, Duration::from_millis(250));
        let bare = explained(&Status::unauthenticated("who?"));
        assert_eq!((bare.next, &*bare.reason), (Next::NewToken, "Unauthenticated"));
    }

    #[test]
    fn a_token_that_no_header_takes_is_asked_for_again() {
        let (_, rx) = mpsc::channel(1);
        assert_eq!(request("a\nb", rx).unwrap_err().next, Next::NewToken);
    }
}
