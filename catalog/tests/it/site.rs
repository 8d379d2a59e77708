//! A served catalog, and those who call it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use playhead_catalog::{
    Settings,
    grpc::Services,
    play::PlayParts,
    urls::{Opens, Urls},
};
use playhead_ingest::{
    button::PlayButton,
    edge::{
        Now,
        grpc::{self, Inside, Switch},
        http as edge_http,
    },
    engine::{Engine, Parts, Threads},
    identity::{
        OwnTokens, TokenRules, TokenVerifier, Verifier,
        keyring::Keyring,
        keys::{Algorithm, KeySet},
        signer::Signer,
    },
    journal::{self, FsDisk},
    settings::Settings as EngineSettings,
};
use playhead_proto::{
    catalog::v1::{
        self as proto, catalog_service_client::CatalogServiceClient,
        opinion_service_client::OpinionServiceClient,
    },
    entitlement::v1::{self as rights, entitlement_service_client::EntitlementServiceClient},
    screen::v1::screen_service_client::ScreenServiceClient,
};
use playhead_store::{
    durable::{Durable, documents::Documents},
    hot::Hot,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Handle, task::JoinHandle};
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::stores::{self, Stores};

/// When it begins, Unix ms: 2027-01-15T08:00:00Z.
pub const BEGIN_MS: i64 = 1_800_000_000_000;
/// In which the proxy of those who believe one says where viewers are.
pub const COUNTRY_HEADER: &str = "x-country";
/// How long session tokens count, ms.
pub const TOKEN_MS: i64 = 3_600_000;
/// How long what an engine took may need to rest.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// A served catalog whose clock stands still until it is moved.
pub struct Site {
    pub channel: Channel,
    pub clock: Arc<AtomicI64>,
    /// Where HTTP listens.
    http: String,
    signer: Signer,
    serving: Vec<JoinHandle<()>>,
    engine: Option<Engine>,
    _journal: Option<TempDir>,
    /// Its stores, where they are its own.
    stores: Option<Stores>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
        // An engine that is not stopped goes on writing, and the next test has its stores by then.
        if let Some(engine) = self.engine.take().filter(|_| !std::thread::panicking()) {
            tokio::task::block_in_place(|| Handle::current().block_on(engine.stop(STOPPED_WITHIN)));
        }
    }
}

/// Who issues tokens, who is believed, and what time it is.
struct Kit {
    clock: Arc<AtomicI64>,
    now: Now,
    signer: Signer,
    own: Arc<OwnTokens>,
    verifier: Arc<dyn Verifier>,
}

impl Kit {
    fn new() -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN_MS));
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.load(Ordering::SeqCst))
        };
        let signer = Signer::generate(Algorithm::EdDsa).unwrap().0.named("ed").unwrap();
        let own = OwnTokens::new(Signer::generate(Algorithm::EdDsa).unwrap().0, rules()).unwrap();
        let verifier = own.beside(verifier(&signer, &now), Arc::clone(&now), None);
        Self { clock, now, signer, own: Arc::new(own), verifier }
    }

    fn services(&self, documents: Arc<dyn Documents>, settings: &Settings) -> Services {
        Services::new(documents, settings, Arc::clone(&self.verifier), Arc::clone(&self.now))
    }

    fn play(&self, button: PlayButton) -> PlayParts {
        PlayParts { button, tokens: Arc::clone(&self.own), token_ms: TOKEN_MS }
    }
}

impl Site {
    /// On stores of its own.
    pub async fn start() -> Self {
        let stores = Stores::fresh().await;
        let hot = Arc::clone(&stores.hot);
        Self::sharing(stores, hot, &stores::engine_settings()).await
    }

    /// The same before this hot store, with these settings of streams.
    pub async fn before(hot: Arc<dyn Hot>, settings: &EngineSettings) -> Self {
        Self::sharing(Stores::fresh().await, hot, settings).await
    }

    async fn sharing(stores: Stores, hot: Arc<dyn Hot>, settings: &EngineSettings) -> Self {
        let kit = Kit::new();
        let button = PlayButton::of_stores(stores.durable.clone(), hot, settings);
        let services = kit.services(stores.documents.clone(), &stores::settings());
        let services = services.with_play(kit.play(button)).with_history(stores.durable.clone());
        Self::serve(kit, services, None, None).await.keeping(stores)
    }

    /// On a store of its own, where nobody presses play.
    pub async fn alone() -> Self {
        let stores = Stores::fresh().await;
        Self::on(stores.documents.clone(), stores::settings()).await.keeping(stores)
    }

    /// On this store, where nobody presses play.
    pub async fn on(documents: Arc<dyn Documents>, settings: Settings) -> Self {
        Self::looking_every(None, documents, settings).await
    }

    /// On this store, to which others write: its search looks for that every so often.
    pub async fn looking_every(
        pause: Option<Duration>,
        documents: Arc<dyn Documents>,
        settings: Settings,
    ) -> Self {
        let kit = Kit::new();
        let services = kit.services(documents, &settings);
        Self::serve(kit, services, None, pause).await
    }

    /// One of several nodes that are on this store and tell each other of their writes by a hot store.
    pub async fn node(documents: Arc<dyn Documents>, hot: Arc<dyn Hot>) -> Self {
        let kit = Kit::new();
        let services = kit.services(documents, &stores::settings());
        let in_step = tokio::spawn(services.in_step(hot));
        let mut site = Self::serve(kit, services, None, Some(Duration::from_secs(3_600))).await;
        site.serving.push(in_step);
        site
    }

    /// Beside an engine, with signed URLs and a proxy that is believed.
    pub async fn beside_an_engine() -> Self {
        Self::beside(None, stores::settings()).await
    }

    /// The same with these settings, its documents elsewhere than the engine's record if some are given.
    pub async fn beside(elsewhere: Option<Arc<dyn Documents>>, settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (stores, kit) = (Stores::fresh().await, Kit::new());
        let parts = Parts {
            durable: stores.durable.clone(),
            hot: stores.hot.clone(),
            disk: Some(Arc::new(FsDisk::open(dir.path().join("journal")).unwrap())),
            journal: journal::Settings::default(),
            verifier: Arc::clone(&kit.verifier),
            now: Arc::clone(&kit.now),
            seed: 7,
            threads: Threads::Own,
        };
        let engine = Engine::start(stores::engine_settings(), parts).await.unwrap();
        let button = PlayButton::of_engine(&engine.doors());
        let services = kit
            .services(elsewhere.unwrap_or_else(|| stores.documents.clone()), &settings)
            .with_play(kit.play(button))
            .with_history(stores.durable.clone())
            .with_urls(Urls::signed("k1", &[7; 32], 1_800_000, Opens::File))
            .with_country_header(COUNTRY_HEADER);
        let mut site = Self::serve(kit, services, Some(engine), None).await.keeping(stores);
        site._journal = Some(dir);
        site
    }

    fn keeping(mut self, stores: Stores) -> Self {
        self.stores = Some(stores);
        self
    }

    /// The lasting record, where it is the site's own.
    pub fn durable(&self) -> &Arc<dyn Durable> {
        &self.stores.as_ref().unwrap().durable
    }

    async fn serve(
        kit: Kit,
        services: Services,
        engine: Option<Engine>,
        look_again: Option<Duration>,
    ) -> Self {
        let mut switch = Switch::default();
        let mut filling = tokio::spawn(services.clone().keep_searchable(look_again));
        if look_again.is_none() {
            // A store that does not answer fills no index.
            let _ = tokio::time::timeout(Duration::from_secs(1), &mut filling).await;
        }
        services.add_to(&mut switch);
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (over_grpc, over_http) = (listen().await, listen().await);
        let (grpc_at, http_at) = (over_grpc.local_addr().unwrap(), over_http.local_addr().unwrap());
        let doors = engine.as_ref().map(Engine::doors);
        let mut serving = vec![filling];
        let rest = edge_http::Beside {
            calls: Arc::new(Inside(switch.clone())),
            verifier: Arc::clone(&kit.verifier),
            routes: playhead_catalog::rest::ROUTES,
            body_bytes_max: 1 << 20,
        };
        let engines = doors.clone();
        serving.push(tokio::spawn(async move {
            let options = edge_http::Options::default();
            let never = std::future::pending();
            edge_http::serve_beside(engines, Some(rest), over_http, options, never).await.unwrap();
        }));
        serving.push(tokio::spawn(async move {
            let options = grpc::Options::default();
            grpc::serve_beside(doors, switch, over_grpc, options, std::future::pending()).await.unwrap();
        }));
        Self {
            channel: Endpoint::from_shared(format!("http://{grpc_at}")).unwrap().connect_lazy(),
            clock: kit.clock,
            http: format!("http://{http_at}"),
            signer: kit.signer,
            serving,
            engine,
            _journal: None,
            stores: None,
        }
    }

    pub fn opinions(&self) -> OpinionServiceClient<Channel> {
        OpinionServiceClient::new(self.channel.clone())
    }

    pub fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel.clone())
    }

    pub fn screens(&self) -> ScreenServiceClient<Channel> {
        ScreenServiceClient::new(self.channel.clone())
    }

    pub fn rights(&self) -> EntitlementServiceClient<Channel> {
        EntitlementServiceClient::new(self.channel.clone())
    }

    pub fn token(&self, user: &str, changes: &Value) -> String {
        let now_s = self.clock.load(Ordering::SeqCst) / 1_000;
        let mut claims = json!({
            "iss": "https://id.example", "aud": "playhead", "sub": user, "exp": now_s + 60, "account": "family",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.signer.token(&claims).unwrap()
    }

    pub fn viewer(&self, user: &str) -> String {
        self.token(user, &json!({}))
    }

    pub fn service(&self, scope: &str) -> String {
        self.token("relay", &json!({ "role": "service", "scope": scope }))
    }

    pub fn admin(&self) -> String {
        self.token("root", &json!({ "role": "admin" }))
    }

    /// A request of the administrator's.
    pub fn keep<T>(&self, message: T) -> Request<T> {
        by(&self.admin(), message)
    }

    /// A request of a viewer's, whose account is the family's.
    pub fn watch<T>(&self, user: &str, message: T) -> Request<T> {
        by(&self.viewer(user), message)
    }

    /// Writes an item.
    pub async fn put(&self, item: proto::Item) -> proto::Item {
        let request = proto::UpsertItemRequest { item: Some(item), update_mask: None };
        self.catalog().upsert_item(self.keep(request)).await.unwrap().into_inner().item.unwrap()
    }

    /// Presses play.
    pub async fn play(
        &self,
        token: &str,
        item: &str,
        session: &str,
    ) -> Result<rights::AuthorizePlaybackResponse, Status> {
        let request = rights::AuthorizePlaybackRequest {
            item_id: item.into(),
            session_id: session.into(),
            ..Default::default()
        };
        self.rights().authorize_playback(by(token, request)).await.map(tonic::Response::into_inner)
    }

    /// Moves the clock on.
    pub fn later(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// Posts JSON over HTTP: the status, and what is answered.
    pub async fn post(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let request = http::Request::post(format!("{}{path}", self.http))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::from(body.to_string()))
            .unwrap();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    /// Reads over HTTP, with these headers.
    pub async fn get(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = http::Request::get(format!("{}{path}", self.http))
            .header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = client.request(request.body(Full::default()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Answer { status: head.status.as_u16(), headers: head.headers, json }
    }

    /// Calls any method with any bytes.
    pub async fn call(&self, token: &str, path: &'static str, bytes: Vec<u8>) -> Result<Bytes, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let request = by(token, Bytes::from(bytes));
        let answer = client.unary(request, http::uri::PathAndQuery::from_static(path), Raw).await;
        answer.map(tonic::Response::into_inner)
    }
}

/// What is answered over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    /// Null where there is none.
    pub json: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }
}

fn rules() -> TokenRules {
    TokenRules { issuer: "https://id.example".into(), audience: "playhead".into(), leeway_s: 30 }
}

fn verifier(signer: &Signer, now: &Now) -> Arc<TokenVerifier> {
    let jwk = serde_json::to_value(signer.jwk().unwrap().unwrap()).unwrap();
    let (keys, unusable) = KeySet::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    assert_eq!(unusable, []);
    Arc::new(TokenVerifier::new(rules(), Arc::new(Keyring::fixed(keys)), Arc::clone(now)))
}

/// A request of whoever has this token.
pub fn by<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// A published item of this kind.
pub fn item(id: &str, kind: proto::Kind, parent: &str, order: i32) -> proto::Item {
    proto::Item {
        id: id.into(),
        kind: kind.into(),
        parent_id: parent.into(),
        order,
        status: proto::PublicationStatus::Published.into(),
        ..proto::Item::default()
    }
}

/// What a caller is told: code, reason, the fields at fault.
pub fn told(status: &Status) -> (Code, String, Vec<String>) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(info.domain, "playhead");
    let fields = details.bad_request().map(|bad| &bad.field_violations[..]).unwrap_or_default();
    (status.code(), info.reason.clone(), fields.iter().map(|bad| bad.field.clone()).collect())
}

/// The ids of items.
pub fn ids(items: &[proto::Item]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

/// Bytes as they are.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
