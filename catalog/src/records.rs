//! How things rest: each as a document, its body the format's number and JSON; and by which lists they are found. See
//! ADR 15.
//!
//! Names in the JSON are those of the nouns in `playhead-store`. A field that is added has a default, and one that is not
//! known is passed over, so most changes need no new format; one that does is refused by an older version, not misread.

use std::{sync::Arc, time::Duration};

use playhead_store::durable::documents::{Change, Document, DocumentKey, Documents, Partition, Put};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    CatalogError,
    cache::Loaded,
    settings::{CONFLICTS_MAX, DOCUMENT_BYTES_MAX},
};

pub mod item;
pub mod opinion;
pub mod right;

/// Reads and writes things as documents, within a time.
#[derive(Clone)]
pub struct Records {
    documents: Arc<dyn Documents>,
    store_ms_max: u64,
}

/// Something at rest, and the version that it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// It.
    pub value: T,
    /// Its version, from 1.
    pub version: u64,
}

/// Something that was written, and what the write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// It, as it rests.
    pub stored: T,
    /// What the write came to.
    pub outcome: Outcome,
}

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It was there, and said something else.
    Changed,
    /// It said the same before.
    Unchanged,
}

impl Outcome {
    /// Of a write over what had this version, 0 where it was not there.
    #[must_use]
    pub fn over(version: u64) -> Self {
        if version == 0 { Self::Created } else { Self::Changed }
    }
}

impl<T> Stored<T> {
    /// Its version for callers: they hand it back as it is.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("v{:x}", self.version)
    }
}

/// The version that an etag stands for; `None` for one that was never given.
#[must_use]
pub fn version_of(etag: &str) -> Option<u64> {
    u64::from_str_radix(etag.strip_prefix('v')?, 16).ok()
}

impl Records {
    /// Of this store, which may take so long to answer, ms.
    pub fn new(documents: Arc<dyn Documents>, store_ms_max: u64) -> Self {
        Self { documents, store_ms_max }
    }

    /// What rests under these keys, in this order.
    ///
    /// # Errors
    /// The store's, and of what cannot be read.
    pub async fn get<T: DeserializeOwned>(
        &self,
        keys: &[DocumentKey],
    ) -> Result<Vec<Option<Loaded<Stored<T>>>>, CatalogError> {
        let documents = self.in_time(self.documents.get(keys)).await?;
        let named = documents.into_iter().zip(keys);
        named
            .map(|(document, key)| document.map(|document| read(&key.partition, document)).transpose())
            .collect()
    }

    /// What rests under this key.
    ///
    /// # Errors
    /// The store's, and of what cannot be read.
    pub async fn get_one<T: DeserializeOwned>(
        &self,
        key: &DocumentKey,
    ) -> Result<Option<Loaded<Stored<T>>>, CatalogError> {
        Ok(self.get(std::slice::from_ref(key)).await?.pop().flatten())
    }

    /// What rests in a partition, from behind a name on, with its names.
    ///
    /// # Errors
    /// The store's, and of what cannot be read.
    pub async fn list<T: DeserializeOwned>(
        &self,
        partition: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Loaded<Stored<T>>)>, CatalogError> {
        let documents = self.in_time(self.documents.list(partition, after, limit)).await?;
        let named = |document: Document| Ok((document.name.clone(), read(partition, document)?));
        documents.into_iter().map(named).collect()
    }

    /// The entries of a list, from behind one on.
    ///
    /// # Errors
    /// The store's.
    pub async fn entries(
        &self,
        list: &Partition,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, CatalogError> {
        self.in_time(self.documents.entries(list, after, limit)).await
    }

    /// Makes a change: the version that it came to, or `None` where another writer was faster.
    ///
    /// # Errors
    /// The store's. Then it may have been made all the same, and may be made again.
    pub async fn put(&self, change: Change) -> Result<Option<u64>, CatalogError> {
        let outcomes = self.in_time(self.documents.put(&[change])).await?;
        match outcomes.first() {
            Some(Put::Done(version)) => Ok(Some(*version)),
            Some(Put::Conflict) | None => Ok(None),
        }
    }

    /// Makes a document what `change` makes of the present one, anew where another writer was faster. Where a version is
    /// named, it must be the present one. What says the same is not written again.
    ///
    /// # Errors
    /// `change`'s, `Changed` where the version is another one or too many race, and the store's.
    pub async fn revise<T: Clone + PartialEq + Serialize + DeserializeOwned>(
        &self,
        key: DocumentKey,
        version: Option<u64>,
        change: impl Fn(Option<T>) -> Result<T, CatalogError>,
    ) -> Result<Written<Stored<T>>, CatalogError> {
        for _ in 0..CONFLICTS_MAX {
            let present = self.get_one::<T>(&key).await?.map(|loaded| loaded.value);
            let present_version = present.as_ref().map_or(0, |present| present.version);
            let value = change(present.as_ref().map(|present| present.value.clone()))?;
            // Whoever writes again, since it got no answer, names the version of before.
            if let Some(same) = present.filter(|present| present.value == value) {
                return Ok(Written { stored: same, outcome: Outcome::Unchanged });
            }
            if version.is_some_and(|version| version != present_version) {
                return Err(CatalogError::Changed);
            }
            let made = Change::new(key.clone(), present_version, body(&value)?);
            if let Some(version) = self.put(made).await? {
                let outcome = Outcome::over(present_version);
                return Ok(Written { stored: Stored { value, version }, outcome });
            }
        }
        Err(CatalogError::Changed)
    }

    /// Takes a partition's documents away for good.
    ///
    /// # Errors
    /// The store's.
    pub async fn purge(&self, partition: &Partition) -> Result<(), CatalogError> {
        self.in_time(self.documents.purge(partition)).await
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, playhead_store::StoreError>>,
    ) -> Result<T, CatalogError> {
        self.within(async { answer.await.map_err(CatalogError::Store) }).await
    }

    /// What somebody reads, within the time that the store may take: whoever waits for another's read waits no longer than
    /// for its own.
    ///
    /// # Errors
    /// The reader's, and `Slow`.
    pub async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, CatalogError>>,
    ) -> Result<T, CatalogError> {
        let answer = tokio::time::timeout(Duration::from_millis(self.store_ms_max), answer).await;
        answer.unwrap_or(Err(CatalogError::Slow(self.store_ms_max)))
    }
}

/// The body of a document that says this.
///
/// # Errors
/// The fault of something too large.
pub fn body<T: Serialize>(value: &T) -> Result<String, CatalogError> {
    let unwritable = |_| CatalogError::Unreadable("what is to be written".to_owned());
    let json = serde_json::to_string(value).map_err(unwritable)?;
    match json.len() < DOCUMENT_BYTES_MAX {
        true => Ok(format!("{FORMAT}{json}")),
        false => {
            let allowed = format!("less than {DOCUMENT_BYTES_MAX} bytes in all");
            let fault =
                playhead_store::catalog::Fault::new("message", format!("{} bytes", json.len()), allowed);
            Err(fault.into())
        }
    }
}

fn read<T: DeserializeOwned>(
    partition: &Partition,
    document: Document,
) -> Result<Loaded<Stored<T>>, CatalogError> {
    let Document { name, version, body } = document;
    let value = body.strip_prefix(FORMAT).and_then(|json| serde_json::from_str(json).ok());
    let unreadable = || CatalogError::Unreadable(format!("{partition:?}/{name}"));
    Ok(Loaded { value: Stored { value: value.ok_or_else(unreadable)?, version }, bytes: body.len() })
}

/// The version of the stored form.
const FORMAT: char = '1';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_read_as_it_was_given() {
        for version in [1, 15, 16, u64::MAX] {
            assert_eq!(version_of(&Stored { value: (), version }.etag()), Some(version));
        }
        for etag in ["", "v", "1", "vg", "v1 ", "w1"] {
            assert_eq!(version_of(etag), None, "{etag}");
        }
    }

    #[test]
    fn another_format_is_refused() {
        let read = |body: &str| {
            let document = Document { name: "n".into(), version: 1, body: body.into() };
            super::read::<u32>(&Partition::new(&["p"]), document).map(|loaded| loaded.value.value)
        };
        assert_eq!(read(&body(&7).unwrap()).unwrap(), 7);
        for wrong in ["", "7", "27", "1", "1x", "1-1"] {
            assert!(matches!(read(wrong), Err(CatalogError::Unreadable(what)) if what == "p/n"), "{wrong}");
        }
    }

    #[test]
    fn what_is_too_large_is_a_fault() {
        let said = body(&"x".repeat(DOCUMENT_BYTES_MAX)).unwrap_err().to_string();
        assert!(
            said.starts_with("message is \"1048578 bytes\"; allowed is less than 1048576 bytes"),
            "{said}"
        );
    }
}
