//! A served catalog, what is imported into it, and those who ask it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use playhead_catalog::{Settings, grpc::Services};
use playhead_import::{
    Counts, ImportError, Job, Mapping, NounKind, Report,
    send::{Target, dry::Dry, grpc::GrpcTarget},
};
use playhead_ingest::{
    edge::{
        Now,
        grpc::{self, Beside},
    },
    identity::development::Development,
};
use playhead_proto::{
    catalog::v1::{self as catalog, catalog_service_client::CatalogServiceClient},
    entitlement::v1::{self as rights, entitlement_service_client::EntitlementServiceClient},
};
use playhead_store::durable::embedded::{EmbeddedDurable, EmbeddedSettings};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

/// When it is there, Unix ms: 2027-01-15T08:00:00Z, 17:00 in Seoul.
pub const NOW_MS: i64 = 1_800_000_000_000;
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A served catalog whose clock stands still.
pub struct Site {
    pub channel: Channel,
    serving: JoinHandle<()>,
    pub dir: TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Site {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedDurable::open(&dir.path().join("store"), EmbeddedSettings::default()).unwrap();
        let now: Now = Arc::new(|| NOW_MS);
        let services = Services::new(Arc::new(store), &Settings::default(), Arc::new(Development), now);
        let mut beside = Beside { names: Services::NAMES.to_vec(), ..Beside::default() };
        services.add_to(&mut beside.routes);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let options = grpc::Options::default();
            grpc::serve_beside(None, beside, listener, options, std::future::pending()).await.unwrap();
        });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self { channel, serving, dir }
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
