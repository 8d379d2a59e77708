//! An engine with its HTTP edge on a real socket, and a client for it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use playhead_ingest::{
    edge::{
        Doors,
        http::{self as edge, Options},
    },
    engine::{Engine, Parts, Threads},
    identity::Development,
    journal,
    settings::Settings,
    tally::Count,
};
use playhead_store::{
    durable::embedded::{EmbeddedDurable, EmbeddedSettings},
    hot::embedded::EmbeddedHot,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A server with a clock that tests set.
pub struct Server {
    pub address: SocketAddr,
    pub now_ms: Arc<AtomicI64>,
    client: Client<HttpConnector, Full<Bytes>>,
    engine: Engine,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
    _dir: TempDir,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// When tests take place, Unix ms.
pub const NOW_MS: i64 = 1_800_000_000_000;

impl Server {
    pub fn doors(&self) -> Doors {
        self.engine.doors()
    }

    pub async fn start() -> Self {
        Self::with(Settings::default(), Options::default()).await
    }

    pub async fn with(settings: Settings, options: Options) -> Self {
        let dir = TempDir::new().unwrap();
        let now_ms = Arc::new(AtomicI64::new(NOW_MS));
        let clock = Arc::clone(&now_ms);
        let parts = Parts {
            durable: Arc::new(
                EmbeddedDurable::open(&dir.path().join("store"), EmbeddedSettings::default()).unwrap(),
            ),
            hot: Arc::new(EmbeddedHot::default()),
            disk: Some(Arc::new(journal::FsDisk::open(dir.path().join("journal")).unwrap())),
            journal: journal::Settings { segment_bytes: 32 << 20, ..journal::Settings::default() },
            verifier: Arc::new(Development),
            now: Arc::new(move || clock.load(Ordering::Relaxed)),
            seed: 1,
            threads: Threads::Own,
        };
        let engine = Engine::start(settings, parts).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let doors = engine.doors();
        let serving = tokio::spawn(async move {
            edge::serve(doors, listener, options, async { drop(stopped.await) }).await
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, now_ms, client, engine, stop: Some(stop), serving, _dir: dir }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send_with(&self.client, method, path, headers, body).await
    }

    pub async fn send_with(
        &self,
        client: &Client<HttpConnector, Full<Bytes>>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn post_json(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body).await
    }

    /// Waits until every event that was offered has its ending, and counts them.
    pub async fn settled(&self) -> Count {
        let settled = async {
            loop {
                let count = self.engine.tally().count();
                if count.held() == 0 {
                    return count;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap()
    }

    /// Tells the edge to stop, without waiting for it.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops the edge, then the engine. The law of endings must hold.
    pub async fn stop(mut self) -> Count {
        self.begin_stop();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap().unwrap();
        assert!(self.engine.stop(PATIENCE).await, "all is flushed");
        let count = self.engine.tally().count();
        assert_eq!((count.held(), count.lost()), (0, 0), "{count:?}");
        count
    }
}

impl Answer {
    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body of a success.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The error of a failure with this status.
    pub fn error(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()["error"].clone()
    }
}

/// No test takes this long unless something is stuck.
pub const PATIENCE: Duration = Duration::from_secs(20);
