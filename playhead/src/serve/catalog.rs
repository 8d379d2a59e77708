//! The catalog: beside the engine on its gRPC listener, or by itself.

use std::{io, sync::Arc, time::Duration};

use playhead_catalog::{grpc::Services, play::PlayParts, urls::Urls};
use playhead_ingest::{
    button::PlayButton,
    edge::{
        Now,
        grpc::{self, Inside, Switch},
        http,
    },
    identity::Verifier,
};
use playhead_store::{
    durable::{Durable, documents::Documents},
    hot::Hot,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    ADMIN_PATIENCE, DRAIN_MS_MAX, EDGES, EDGES_PATIENCE, ServeError, bind, certificate, edges,
    guarded::Guards, hot, now, stopped, tell_if_ended, unless_stopped,
};
use crate::{
    admin::{Admin, Phase},
    auth::{self, Auth},
    config::{Config, DurableSettings, Listen, Role, UrlKey},
    durable::{self, Stores},
};

/// What the catalog's services are made with, besides who calls.
pub(super) struct With {
    /// Where all of it rests.
    pub(super) documents: Arc<dyn Documents>,
    /// Where what viewers do rests.
    pub(super) durable: Arc<dyn Durable>,
    /// How URLs are given.
    pub(super) urls: Urls,
    /// What the play button asks; none where streams are shared with nobody.
    pub(super) button: Option<PlayButton>,
    /// By which nodes tell each other of what they write; none where there is no other.
    pub(super) hot: Option<Arc<dyn Hot>>,
}

/// The catalog of a server: nothing, where the server is for something else.
pub(super) struct Catalog {
    /// Its services, for a listener.
    pub(super) switch: Switch,
    services: Option<Services>,
    hot: Option<Arc<dyn Hot>>,
    /// How often the search reads all items anew; never, where nobody else writes them.
    look_again: Option<Duration>,
}

impl Catalog {
    /// The catalog that the configuration wants.
    pub(super) fn new(config: &Config, with: With, auth: &Auth, now: Now) -> Self {
        let look_again = match &config.durable {
            DurableSettings::Embedded => None,
            DurableSettings::Cluster(_) => Some(Duration::from_secs(config.catalog.search_refresh_s)),
        };
        let (mut switch, hot) = (Switch::default(), with.hot.clone());
        let services = (config.role != Role::Ingest).then(|| services(config, with, auth, now));
        if let Some(services) = &services {
            services.clone().add_to(&mut switch);
        }
        Self { switch, services, hot, look_again }
    }

    /// Lets it do, until it is to stop, what it does besides answering: it makes all there is searchable and keeps in step
    /// with other nodes. The admin port tells how it fares.
    pub(super) fn begin(&self, admin: &Admin, stops: &watch::Receiver<bool>) {
        let Some(services) = self.services.clone() else { return };
        admin.attach_catalog(services.clone());
        if let Some(hot) = &self.hot {
            tokio::spawn(unless_stopped(stops.clone(), services.in_step(Arc::clone(hot))));
        }
        tokio::spawn(unless_stopped(stops.clone(), services.keep_searchable(self.look_again)));
    }
}

fn services(config: &Config, with: With, auth: &Auth, now: Now) -> Services {
    let message_bytes_max = config.engine.limits.message_bytes_max;
    let rules = config.engine.rules;
    let settings = playhead_catalog::Settings { message_bytes_max, rules, ..config.catalog.general };
    let With { documents, durable, urls, button, .. } = with;
    let services = Services::new(documents, &settings, Arc::clone(&auth.verifier), now);
    let mut services = services.with_history(durable).with_urls(urls);
    if let Some(header) = &config.catalog.country_header {
        services = services.with_country_header(header);
    }
    if let Some(button) = button {
        let (tokens, token_ms) = (Arc::clone(&auth.own), config.catalog.session_token_ms);
        services = services.with_play(PlayParts { button, tokens, token_ms });
    }
    services
}

/// The same services as JSON, where there are any.
pub(super) fn rest(config: &Config, switch: &Switch, verifier: &Arc<dyn Verifier>) -> Option<http::Beside> {
    (config.role != Role::Ingest).then(|| http::Beside {
        calls: Arc::new(Inside(switch.clone())),
        verifier: Arc::clone(verifier),
        routes: playhead_catalog::rest::ROUTES,
        body_bytes_max: config.engine.limits.message_bytes_max,
    })
}

/// How URLs are given, as the configuration wants it.
pub(super) fn urls(config: &Config) -> Result<Urls, ServeError> {
    let Some(UrlKey { file, name, valid_ms, opens }) = &config.catalog.url_key else {
        return Ok(Urls::default());
    };
    Ok(Urls::signed(name, &auth::secret(auth::URL_KEY, file)?, *valid_ms, *opens))
}

/// What the play button asks where there is no engine: the stores, if engines elsewhere use the same.
fn button(config: &Config, durable: Arc<dyn Durable>, hot: Option<&Arc<dyn Hot>>) -> Option<PlayButton> {
    hot.map(|hot| PlayButton::of_stores(durable, Arc::clone(hot), &config.engine))
}

/// What the catalog alone is made with.
async fn alone(config: &Config) -> Result<With, ServeError> {
    let urls = urls(config)?;
    let Stores { durable, documents } = durable::open(config).await?;
    let hot = hot::shared(&config.hot)?;
    let button = button(config, Arc::clone(&durable), hot.as_ref());
    Ok(With { documents, durable, urls, button, hot })
}

/// A server of the catalog alone: no journal, no engine, gRPC, HTTP and the admin port.
pub(crate) struct CatalogServer {
    /// Where it listens, with the ports that it got.
    pub(super) at: Listen,
    /// SHA-256 of the certificate that it shows.
    pub(super) shown: Option<String>,
    admin: Admin,
    stop: watch::Sender<bool>,
    ended: mpsc::Receiver<ServeError>,
    tasks: Vec<JoinHandle<()>>,
    /// What it does besides answering goes on until this is gone: what callers finish is told to other nodes.
    _tending: watch::Sender<bool>,
}

impl CatalogServer {
    /// Starts it. When it returns it is ready.
    pub(crate) async fn start(config: &Config) -> Result<Self, ServeError> {
        let now = now();
        let tls = certificate::open(config, &now)?;
        let auth = auth::open(config, Arc::clone(&now)).await?;
        let (grpc, http, admin_port, at) = bind(config.listen).await?;
        let guards = Guards::new(config, tls.as_ref());
        let ((grpc, _), (http, _)) = (guards.guard(grpc)?, guards.guard(http)?);
        let with = alone(config).await?;
        let shown = certificate::Fingerprints::of(tls.as_ref(), None).tcp;

        let (stop, stops) = watch::channel(false);
        let (tell, ended) = mpsc::channel(EDGES);
        let admin = Admin::new(0);
        let catalog = Catalog::new(config, with, &auth, Arc::clone(&now));
        let (tending, tends) = watch::channel(false);
        catalog.begin(&admin, &tends);
        let rest = rest(config, &catalog.switch, &auth.verifier);
        let options = edges::http_options(config);
        let http_serves = http::serve_beside(None, rest, http, options, stopped(stops.clone()));
        let options = edges::grpc_options(config);
        let serves = grpc::serve_beside(None, catalog.switch, grpc, options, stopped(stops.clone()));
        let serves = async move { serves.await.map_err(io::Error::other) };
        let admin_serves = admin.clone().serve(admin_port, stopped(stops.clone()));
        let tasks = vec![
            tokio::spawn(tell_if_ended("gRPC", serves, tell.clone())),
            tokio::spawn(tell_if_ended("HTTP", http_serves, tell.clone())),
            tokio::spawn(tell_if_ended("admin", admin_serves, tell)),
        ];
        if let Some(keys) = auth.keys {
            tokio::spawn(unless_stopped(stops.clone(), async move { keys.run().await }));
        }
        if let Some(tls) = tls {
            tokio::spawn(unless_stopped(stops, certificate::keep_fresh(tls, config.tls.reload_s, now)));
        }
        admin.enter(Phase::Ready);
        Ok(Self { at, shown, admin, stop, ended, tasks, _tending: tending })
    }

    /// Resolves when the server cannot go on.
    pub(crate) async fn ended(&mut self) -> ServeError {
        match self.ended.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Stops: not ready, calls finish. What was answered is in the store, so nothing else is left to do.
    pub(crate) async fn stop(self, phase: Phase) {
        self.admin.enter(phase);
        self.stop.send_replace(true);
        let patience: Duration = EDGES_PATIENCE + ADMIN_PATIENCE;
        let tasks = futures_util::future::join_all(self.tasks);
        if tokio::time::timeout(patience, tasks).await.is_err() {
            tracing::warn!(
                patience_s = patience.as_secs(),
                drain_ms_max = DRAIN_MS_MAX,
                "callers were too slow"
            );
        }
    }
}
