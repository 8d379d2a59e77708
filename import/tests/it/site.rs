//! A served catalog, what is imported into it, and those who ask it.

use std::{
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use playhead_catalog::{
    Settings,
    grpc::Services,
    play::PlayParts,
    urls::{Opens, Urls},
};
use playhead_import::{
    Counts, ImportError, Job, Mapping, NounKind, Report,
    send::{Target, dry::Dry, grpc::GrpcTarget},
};
use playhead_ingest::{
    button::PlayButton,
    edge::{
        Now,
        grpc::{self, Switch},
        http as edge_http,
        listener::Places,
        quic,
    },
    engine::{Engine, Parts, Threads},
    identity::{Development, OwnTokens, TokenRules, Verifier, keys::Algorithm, signer::Signer},
    journal::{self, FsDisk},
    settings::Settings as EngineSettings,
    tls::{Source, Tls},
};
use playhead_proto::{
    catalog::v1::{
        self as catalog, catalog_service_client::CatalogServiceClient,
        opinion_service_client::OpinionServiceClient,
    },
    entitlement::v1::{self as rights, entitlement_service_client::EntitlementServiceClient},
    ingest::v1::ingest_service_client::IngestServiceClient,
    playback::v1::playback_service_client::PlaybackServiceClient,
    screen::v1::screen_service_client::ScreenServiceClient,
};
use playhead_store::{
    durable::embedded::{EmbeddedDurable, EmbeddedSettings},
    hot::embedded::EmbeddedHot,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

/// When it is there, Unix ms: 2027-01-15T08:00:00Z, 17:00 in Seoul.
pub const NOW_MS: i64 = 1_800_000_000_000;
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long session tokens count, ms.
const TOKEN_MS: i64 = 3_600_000;

/// A served engine with the catalog beside it, whose clock stands still until it is moved.
pub struct Site {
    pub channel: Channel,
    /// Where gRPC and HTTP are, `http://...`.
    pub grpc: String,
    pub http: String,
    clock: Arc<AtomicI64>,
    engine: Engine,
    serving: Vec<JoinHandle<()>>,
    pub dir: TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

impl Site {
    pub async fn start() -> Self {
        Self::start_with(EngineSettings::default()).await
    }

    pub async fn start_with(settings: EngineSettings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedDurable::open(&dir.path().join("store"), EmbeddedSettings::default()).unwrap();
        let (store, clock) = (Arc::new(store), Arc::new(AtomicI64::new(NOW_MS)));
        let now: Now = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.load(Ordering::SeqCst))
        };
        let rules =
            TokenRules { issuer: "https://id.example".into(), audience: "playhead".into(), leeway_s: 0 };
        let own = OwnTokens::new(Signer::generate(Algorithm::EdDsa).unwrap().0, rules).unwrap();
        let verifier: Arc<dyn Verifier> = own.beside(Arc::new(Development), Arc::clone(&now), None);
        let parts = Parts {
            durable: store.clone(),
            hot: Arc::new(EmbeddedHot::default()),
            disk: Some(Arc::new(FsDisk::open(dir.path().join("journal")).unwrap())),
            journal: journal::Settings::default(),
            verifier: Arc::clone(&verifier),
            now: Arc::clone(&now),
            seed: 7,
            threads: Threads::Own,
        };
        let engine = Engine::start(settings, parts).await.unwrap();
        let button = PlayButton::of_engine(&engine.doors());
        let services = Services::new(store.clone(), &Settings::default(), verifier, now)
            .with_history(store)
            .with_play(PlayParts { button, tokens: Arc::new(own), token_ms: TOKEN_MS })
            .with_urls(Urls::signed("k1", &[7; 32], 1_800_000, Opens::File));
        Self::serve(engine, services, clock, dir).await
    }

    async fn serve(engine: Engine, services: Services, clock: Arc<AtomicI64>, dir: TempDir) -> Self {
        let mut switch = Switch::default();
        services.add_to(&mut switch);
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (over_grpc, over_http) = (listen().await, listen().await);
        let at = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (grpc_at, http_at) = (at(&over_grpc), at(&over_http));
        let (for_grpc, for_http) = (engine.doors(), engine.doors());
        let serving = vec![
            tokio::spawn(async move {
                let options = edge_http::Options::default();
                edge_http::serve(for_http, over_http, options, std::future::pending()).await.unwrap();
            }),
            tokio::spawn(async move {
                let options = grpc::Options::default();
                grpc::serve_beside(Some(for_grpc), switch, over_grpc, options, std::future::pending())
                    .await
                    .unwrap();
            }),
        ];
        let channel = Endpoint::from_shared(grpc_at.clone()).unwrap().connect_lazy();
        Self { channel, grpc: grpc_at, http: http_at, clock, engine, serving, dir }
    }

    /// Opens QUIC, with a development certificate, and says where.
    pub fn open_quic(&mut self) -> SocketAddr {
        let source = Source::Development { folder: self.dir.path().join("tls"), names: Vec::new() };
        let tls = Tls::open(source, NOW_MS).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (at, doors) = (socket.local_addr().unwrap(), self.engine.doors());
        self.serving.push(tokio::spawn(async move {
            let (places, options) = (Places::unlimited(), quic::Options::default());
            quic::serve(
                doors,
                socket,
                &tls,
                places,
                quic::Meters::default(),
                options,
                std::future::pending(),
            )
            .await
            .unwrap();
        }));
        at
    }

    /// Moves the clock on.
    pub fn later(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// What time it is there, Unix ms.
    pub fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// A site with this system's dump in it, imported twice: nothing is wrong, and the second time changes nothing.
    pub async fn with(system: &str) -> (Self, Report) {
        let site = Self::start().await;
        let first = site.import(system).await.unwrap();
        assert_eq!(first.complaints, [], "{}", first.table());
        assert_eq!(first.notes.lines(), Vec::<String>::new());
        let again = site.import(system).await.unwrap();
        let (total, told) = (again.total(), again.table());
        assert_eq!((total.created, total.changed, total.deleted, total.failed), (0, 0, 0, 0), "{told}");
        // Some are changed within the first import: what is told first of a seat, say, is not.
        assert_eq!(total.unchanged, first.total().created + first.total().changed, "{told}{}", first.table());
        (site, first)
    }

    pub async fn import(&self, system: &str) -> Result<Report, ImportError> {
        self.run(job(&mapping(system), &[fixture(&format!("{system}.sql"))])).await
    }

    pub async fn run(&self, job: Job) -> Result<Report, ImportError> {
        let target = GrpcTarget::over(self.channel.clone(), None).unwrap();
        playhead_import::run(job, Arc::new(target), |_| {}, std::future::pending()).await
    }

    /// A text as a file of this name.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel.clone())
    }

    pub fn opinions(&self) -> OpinionServiceClient<Channel> {
        OpinionServiceClient::new(self.channel.clone())
    }

    pub fn screens(&self) -> ScreenServiceClient<Channel> {
        ScreenServiceClient::new(self.channel.clone())
    }

    pub fn playback(&self) -> PlaybackServiceClient<Channel> {
        PlaybackServiceClient::new(self.channel.clone())
    }

    pub fn ingest(&self) -> IngestServiceClient<Channel> {
        IngestServiceClient::new(self.channel.clone())
    }

    pub fn rights(&self) -> EntitlementServiceClient<Channel> {
        EntitlementServiceClient::new(self.channel.clone())
    }

    /// An item as the keeper sees it.
    pub async fn item(&self, id: &str) -> catalog::Item {
        let request = catalog::GetItemRequest { id: id.into(), ..Default::default() };
        self.catalog().get_item(request).await.unwrap().into_inner().item.unwrap()
    }

    /// What lies in a container, in its order, as this viewer sees it.
    pub async fn children(&self, user: &str, parent: &str) -> Vec<catalog::Item> {
        let parent_id = parent.to_owned();
        let request = catalog::ListChildrenRequest { parent_id, page_size: 100, ..Default::default() };
        self.catalog().list_children(by(user, request)).await.unwrap().into_inner().items
    }

    /// Whether a user may play an item; if not, why.
    pub async fn may(&self, user: &str, item: &str) -> Result<(), Vec<rights::AccessReason>> {
        self.may_by(user, item, "").await
    }

    /// The same of one who came by a link. `user` may be `user:account`.
    pub async fn may_by(&self, user: &str, item: &str, link: &str) -> Result<(), Vec<rights::AccessReason>> {
        let (item_id, share_token) = (item.to_owned(), link.to_owned());
        let request = rights::CheckAccessRequest { item_id, share_token, ..Default::default() };
        let decision =
            self.rights().check_access(by(user, request)).await.unwrap().into_inner().decision.unwrap();
        match decision.allowed {
            true => Ok(()),
            false => Err(decision.refusals.iter().map(rights::AccessRefusal::reason).collect()),
        }
    }

    /// Whether an item is none that this viewer knows of.
    pub async fn is_hidden(&self, user: &str, item: &str) -> bool {
        let request = rights::CheckAccessRequest { item_id: item.to_owned(), ..Default::default() };
        let answer = self.rights().check_access(by(user, request)).await;
        answer.is_err_and(|status| status.code() == Code::NotFound)
    }

    /// Whether an account has a subscription that counts, and what its best one comes to.
    pub async fn subscribed(&self, account: &str) -> (bool, Option<rights::Subscribed>) {
        let request =
            rights::CheckSubscriptionRequest { account_id: account.to_owned(), ..Default::default() };
        let answer = self.rights().check_subscription(request).await.unwrap().into_inner();
        (answer.entitled, answer.best)
    }

    /// A user's grants.
    pub async fn grants(&self, user: &str) -> Vec<rights::Grant> {
        let request = rights::ListGrantsRequest { user_id: user.to_owned(), ..Default::default() };
        self.rights().list_grants(request).await.unwrap().into_inner().grants
    }
}

/// A request of a viewer's; of the keeper's where nobody is named.
pub fn by<T>(user: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if !user.is_empty() {
        request.metadata_mut().insert("authorization", format!("Bearer {user}").parse().unwrap());
    }
    request
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The mapping that comes with us for a system.
pub fn mapping(system: &str) -> Mapping {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/mappings");
    Mapping::read(&folder.join(format!("{system}.toml"))).unwrap()
}

/// A mapping of a test's own.
pub fn mapping_of(dir: &Path, text: &str) -> Mapping {
    let path = dir.join("mapping.toml");
    std::fs::write(&path, text).unwrap();
    Mapping::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

pub fn job(mapping: &Mapping, files: &[PathBuf]) -> Job {
    Job {
        mapping: mapping.clone(),
        files: files.to_vec(),
        to: "site".into(),
        errors_max: 10,
        calls_max: 16,
        resume: None,
        is_dry: false,
    }
}

/// Imports into nothing: everything is read and checked.
pub async fn dry(job: Job) -> Result<Report, ImportError> {
    let target: Arc<dyn Target> = Arc::new(Dry);
    playhead_import::run(Job { is_dry: true, ..job }, target, |_| {}, std::future::pending()).await
}

pub fn counts(report: &Report, kind: NounKind) -> Counts {
    report.counts.get(&kind).copied().unwrap_or_default()
}

pub fn ids(items: &[catalog::Item]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

pub fn title<'a>(item: &'a catalog::Item, language: &str) -> &'a str {
    let text = item.texts.iter().find(|text| text.language == language);
    text.map_or("", |text| text.title.as_str())
}
