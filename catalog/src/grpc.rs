//! The catalog's gRPC services. `caller` says who calls and what may be done, `status` how errors are told. The rpcs are
//! `catalog`, with what it needs in `reading` and `segments`; `entitlement`, with `asking` and `play`; `opinion`; `screen`.

use std::{sync::Arc, time::Duration};

use playhead_ingest::{
    edge::{Now, grpc::Switch},
    identity::Verifier,
};
use playhead_store::{
    durable::{Durable, documents::Documents},
    hot::Hot,
};

use self::service::{
    catalog_service_server::CatalogServiceServer, entitlement_service_server::EntitlementServiceServer,
    opinion_service_server::OpinionServiceServer, screen_service_server::ScreenServiceServer,
};
use crate::{
    Settings,
    bookmarks::Bookmarks,
    cache::Figures,
    categories::Categories,
    collections::Collections,
    entitlement::Entitlement,
    history::History,
    items::Items,
    opinions::Opinions,
    play::{Play, PlayParts},
    records::Records,
    screens::Screens,
    segments::Segments,
    stale::{self, Noted},
    urls::Urls,
};

mod asking;
mod caller;
mod catalog;
mod entitlement;
mod opinion;
mod play;
mod reading;
mod screen;
mod segments;
mod status;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod service {
    include!(concat!(env!("OUT_DIR"), "/playhead.catalog.v1.CatalogService.rs"));
    include!(concat!(env!("OUT_DIR"), "/playhead.catalog.v1.OpinionService.rs"));
    include!(concat!(env!("OUT_DIR"), "/playhead.entitlement.v1.EntitlementService.rs"));
    include!(concat!(env!("OUT_DIR"), "/playhead.screen.v1.ScreenService.rs"));
}

/// What the services work with. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    items: Arc<Items>,
    collections: Arc<Collections>,
    categories: Arc<Categories>,
    segments: Arc<Segments>,
    opinions: Arc<Opinions>,
    bookmarks: Arc<Bookmarks>,
    rights: Arc<Entitlement>,
    /// None where streams are shared with no engine.
    play: Option<Arc<Play>>,
    /// None where positions are.
    screens: Option<Arc<Screens>>,
    /// None where what viewers did is nobody's that is known here.
    history: Option<Arc<History>>,
    urls: Arc<Urls>,
    records: Records,
    outbox: Noted,
    verifier: Arc<dyn Verifier>,
    /// In which a trusted proxy says where viewers are.
    country_header: Option<Arc<str>>,
    now: Now,
    settings: Settings,
}

impl Services {
    /// Services on these documents, for callers that this verifier knows. Nobody presses play, no history is erased, URLs
    /// are not signed, and no proxy is believed.
    pub fn new(
        documents: Arc<dyn Documents>,
        settings: &Settings,
        verifier: Arc<dyn Verifier>,
        now: Now,
    ) -> Self {
        let (records, outbox) = (Records::new(documents, settings.store_ms_max), Noted::default());
        let items = Arc::new(Items::new(records.clone(), outbox.clone(), settings));
        let among = Collections::new(records.clone(), Arc::clone(&items), outbox.clone(), settings);
        let collections = Arc::new(among);
        let (about, among) = (Arc::clone(&items), Arc::clone(&collections));
        let rights = Entitlement::new(records.clone(), about, among, outbox.clone(), settings);
        Self {
            outbox,
            rights: Arc::new(rights),
            segments: Arc::new(Segments::new(records.clone(), Arc::clone(&items))),
            opinions: Arc::new(Opinions::new(records.clone(), Arc::clone(&items))),
            bookmarks: Arc::new(Bookmarks::new(records.clone(), Arc::clone(&items))),
            categories: Arc::new(Categories::new(records.clone())),
            records,
            items,
            collections,
            play: None,
            screens: None,
            history: None,
            urls: Arc::default(),
            verifier,
            country_header: None,
            now,
            settings: *settings,
        }
    }

    /// Lets viewers press play, and shows them how far they are.
    #[must_use]
    pub fn with_play(self, parts: PlayParts) -> Self {
        let (items, collections) = (Arc::clone(&self.items), Arc::clone(&self.collections));
        let (rights, places) = (Arc::clone(&self.rights), parts.button.places().clone());
        let screens = Screens::new(items, collections, rights, places, &self.settings);
        let play = Play::new(Arc::clone(&self.rights), parts, self.settings.store_ms_max);
        Self { play: Some(Arc::new(play)), screens: Some(Arc::new(screens)), ..self }
    }

    /// Lets items be deleted with what everybody did there, which rests in this store.
    #[must_use]
    pub fn with_history(self, durable: Arc<dyn Durable>) -> Self {
        let history = History::new(durable, self.records.clone());
        Self { history: Some(Arc::new(history)), ..self }
    }

    /// Gives URLs so.
    #[must_use]
    pub fn with_urls(self, urls: Urls) -> Self {
        Self { urls: Arc::new(urls), ..self }
    }

    /// Believes the proxy that sets this header where viewers are. Whoever reaches the server past the proxy can say
    /// anything.
    #[must_use]
    pub fn with_country_header(self, name: &str) -> Self {
        Self { country_header: Some(name.into()), ..self }
    }

    /// Makes what there is searchable, and looks every so often for what other nodes wrote; without that it ends when all
    /// is searchable.
    pub async fn keep_searchable(self, look_again: Option<Duration>) {
        if let Err(error) = self.items.keep_searchable(look_again).await {
            tracing::error!(%error, "there is no search");
        }
    }

    /// Keeps what is remembered here in step with what other nodes write, which share this hot store: tells them of what is
    /// written here from now on, and hears what they tell. Does not end before the store does.
    pub fn in_step(&self, hot: Arc<dyn Hot>) -> impl Future<Output = ()> + Send + use<> {
        let (notices, from) = (hot.stale(), rand::random_range(1..=u64::MAX));
        self.outbox.open();
        let Self { items, collections, rights, outbox, .. } = self.clone();
        async move {
            let heard = stale::hear(notices, from, |stale| {
                items.hear(stale);
                collections.hear(stale);
                rights.hear(stale);
            });
            tokio::select! {
                () = heard => {}
                () = outbox.tell(&*hot, from) => {}
            }
        }
    }

    /// How the caches fare, by their names.
    #[must_use]
    pub fn caches(&self) -> Vec<(&'static str, Figures)> {
        let items = [("items", self.items.figures()), ("collections", self.collections.figures())];
        items.into_iter().chain(self.rights.figures()).collect()
    }

    /// Adds the services to what a listener serves.
    pub fn add_to(self, switch: &mut Switch) {
        let bytes_max = self.settings.message_bytes_max;
        switch
            .add(CatalogServiceServer::new(self.clone()).max_decoding_message_size(bytes_max))
            .add(OpinionServiceServer::new(self.clone()).max_decoding_message_size(bytes_max))
            .add(ScreenServiceServer::new(self.clone()).max_decoding_message_size(bytes_max))
            .add(EntitlementServiceServer::new(self).max_decoding_message_size(bytes_max));
    }
}
