//! A served catalog, and those who call it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::{Buf, BufMut, Bytes};
use playhead_catalog::{Settings, grpc::Services};
use playhead_ingest::{
    edge::{
        Now,
        grpc::{self, Beside},
    },
    identity::{
        TokenRules, TokenVerifier,
        keyring::Keyring,
        keys::{Algorithm, KeySet},
        signer::Signer,
    },
};
use playhead_proto::{
    catalog::v1::{self as proto, catalog_service_client::CatalogServiceClient},
    entitlement::v1::entitlement_service_client::EntitlementServiceClient,
};
use playhead_store::durable::{
    documents::Documents,
    embedded::{EmbeddedDurable, EmbeddedSettings},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Code, Request, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

/// When it begins, Unix ms: 2027-01-15T08:00:00Z.
pub const BEGIN_MS: i64 = 1_800_000_000_000;

/// A served catalog whose clock stands still until it is moved.
pub struct Site {
    pub channel: Channel,
    pub clock: Arc<AtomicI64>,
    signer: Signer,
    serving: JoinHandle<()>,
    _dir: Option<TempDir>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    /// On an embedded store of its own.
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedDurable::open(dir.path(), EmbeddedSettings::default()).unwrap();
        let mut site = Self::on(Arc::new(store), Settings::default()).await;
        site._dir = Some(dir);
        site
    }

    /// On this store.
    pub async fn on(documents: Arc<dyn Documents>, settings: Settings) -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN_MS));
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.load(Ordering::SeqCst))
        };
        let signer = Signer::generate(Algorithm::EdDsa).unwrap().0.named("ed").unwrap();
        let services = Services::new(documents, &settings, verifier(&signer, &now), now);
        let mut beside = Beside { names: Services::NAMES.to_vec(), ..Beside::default() };
        services.add_to(&mut beside.routes);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let options = grpc::Options::default();
            grpc::serve_beside(None, beside, listener, options, std::future::pending()).await.unwrap();
        });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { channel, clock, signer, serving, _dir: None }
    }

    pub fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel.clone())
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

    /// Calls any method with any bytes.
    pub async fn call(&self, token: &str, path: &'static str, bytes: Vec<u8>) -> Result<Bytes, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let request = by(token, Bytes::from(bytes));
        let answer = client.unary(request, http::uri::PathAndQuery::from_static(path), Raw).await;
        answer.map(tonic::Response::into_inner)
    }
}

fn verifier(signer: &Signer, now: &Now) -> Arc<TokenVerifier> {
    let jwk = serde_json::to_value(signer.jwk().unwrap().unwrap()).unwrap();
    let (keys, unusable) = KeySet::from_jwks(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    assert_eq!(unusable, []);
    let rules = TokenRules { issuer: "https://id.example".into(), audience: "playhead".into(), leeway_s: 30 };
    Arc::new(TokenVerifier::new(rules, Arc::new(Keyring::fixed(keys)), Arc::clone(now)))
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
