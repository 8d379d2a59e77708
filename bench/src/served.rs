//! A gRPC server behind a socket of this machine, on a runtime of its own with one thread for the network, as if it had
//! one core. The client is whoever calls, on the main thread.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use playhead_ingest::{edge::grpc, engine::Threads, journal::FsDisk, settings::Settings};
use playhead_limits::no_op::{self, Answers};
use playhead_store::durable::embedded::{EmbeddedDurable, EmbeddedSettings};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

use crate::site::{self, Site};

/// A server that stops when it is dropped.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    runtime: Option<Runtime>,
    site: Option<Site>,
}

impl Served {
    /// The whole engine with its embedded stores in this folder, flushing as it does by default.
    ///
    /// # Panics
    /// When it cannot start.
    #[must_use]
    pub fn playhead(folder: &Path) -> Self {
        let (runtime, listener, address) = listen();
        let _entered = runtime.enter();
        let disk = FsDisk::open(folder.join("journal")).expect("a journal of our own");
        let store = EmbeddedDurable::open(&folder.join("store"), EmbeddedSettings::default());
        let store = Arc::new(store.expect("a store of our own"));
        let settings = Settings { flush_age_ms: Settings::default().flush_age_ms, ..site::settings() };
        let site = runtime.block_on(Site::start(settings, Arc::new(disk), store, Threads::Own));
        let served =
            grpc::serve(site.doors.clone(), listener, grpc::Options::default(), std::future::pending());
        runtime.spawn(served);
        Self { address, runtime: Some(runtime), site: Some(site) }
    }

    /// A server that does nothing.
    ///
    /// # Panics
    /// When it cannot start.
    #[must_use]
    pub fn no_op(answers: Answers) -> Self {
        let (runtime, listener, address) = listen();
        runtime.spawn(no_op::serve(listener, answers));
        Self { address, runtime: Some(runtime), site: None }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if let Some(site) = self.site.take() {
            runtime.block_on(site.stop());
        }
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

fn listen() -> (Runtime, TcpListener, SocketAddr) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        // What a thread has cost is forgotten with it.
        .thread_keep_alive(Duration::from_hours(1))
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("its own address");
    (runtime, listener, address)
}
