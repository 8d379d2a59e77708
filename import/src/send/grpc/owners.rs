//! What accounts and users had before the import came to them: asked once for each, and forgotten behind it, since nouns come
//! sorted by their owners.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::{Mutex, OnceCell};
use tonic::Status;

/// The etags of an owner's things by their ids.
pub(super) type Etags = HashMap<String, String>;
type Asked = Arc<OnceCell<Etags>>;

/// The latest owners.
#[derive(Debug, Default)]
pub(super) struct Owners {
    latest: Mutex<VecDeque<(String, Asked)>>,
}

impl Owners {
    /// The etag of an owner's thing, before the import wrote any; `None` where it was not there.
    pub(super) async fn find(
        &self,
        owner: &str,
        id: &str,
        ask: impl Future<Output = Result<Etags, Status>> + Send,
    ) -> Result<Option<String>, Status> {
        let asked = {
            let mut latest = self.latest.lock().await;
            match latest.iter().find(|(name, _)| name == owner) {
                Some((_, asked)) => Arc::clone(asked),
                None => {
                    let asked = Asked::default();
                    latest.push_back((owner.to_owned(), Arc::clone(&asked)));
                    if latest.len() > OWNERS_MAX {
                        latest.pop_front();
                    }
                    asked
                }
            }
        };
        let etags = asked.get_or_try_init(|| ask).await?;
        Ok(etags.get(id).cloned())
    }
}

/// More than calls are made at once.
const OWNERS_MAX: usize = 1_024;
