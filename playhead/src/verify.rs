//! `playhead verify`: reads all of a stopped server's journal and store, changes nothing of value, and says what is
//! damaged.

use std::{io, process::ExitCode};

use playhead_ingest::journal::{self, FsDisk, FsDiskError, Report, SegmentId};
use playhead_store::{
    StoreError,
    durable::embedded::{self, StoreReport},
};
use serde_json::{Value, json};

use crate::{
    CommandError,
    check::{DataError, journal_dir, store_dir},
    cli::{Output, Verify},
    config::{self, DurableSettings},
    print,
};

/// Journal or store could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// The journal's folder cannot be opened.
    #[error("journal: {0}")]
    Disk(#[from] FsDiskError),
    /// The journal's folder cannot be read.
    #[error("journal: {0}")]
    Journal(io::Error),
}

/// Looks at both and prints a report.
pub(crate) fn run(asked: &Verify) -> Result<ExitCode, CommandError> {
    let config = config::load(&asked.config.settings())?.config;
    let data_dir = config.data_dir;
    let (journal_dir, store_dir) = (journal_dir(&data_dir), store_dir(&data_dir));
    if !journal_dir.is_dir() && !store_dir.is_dir() {
        return Err(DataError::Missing { path: data_dir }.into());
    }
    let disk = FsDisk::open_read_only(journal_dir).map_err(VerifyError::Disk)?;
    let journal = journal::verify(&disk).map_err(VerifyError::Journal)?;
    // A store that cannot be read is a finding, not a failure to look.
    let is_here = config.durable == DurableSettings::Embedded;
    let store = is_here.then(|| embedded::verify(&store_dir));
    let verdict = Verdict { journal, store };
    let text = match asked.output {
        Output::Text => verdict.text(),
        Output::Json => format!("{:#}\n", verdict.json()),
    };
    print::text(&text)?;
    Ok(if verdict.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Verdict {
    journal: Report,
    /// `None` when the record is a cluster's.
    store: Option<Result<StoreReport, StoreError>>,
}

impl Verdict {
    fn is_sound(&self) -> bool {
        self.journal.is_sound() && matches!(self.store, None | Some(Ok(StoreReport { damaged: 0, .. })))
    }

    fn text(&self) -> String {
        let Report { segments, records, bytes, torn_bytes, unreadable_bytes, quarantined, .. } = self.journal;
        let damaged = &self.journal.damaged;
        let mut lines = vec![
            format!("journal  {segments} segments, {records} records, {bytes} bytes of records"),
            format!("         {torn_bytes} bytes torn at the end of a segment, never acknowledged"),
            format!(
                "         {} damaged places, {} bytes; {unreadable_bytes} bytes unreadable",
                damaged.places, damaged.bytes
            ),
            format!(
                "         {} truncated segments, {} gaps, {quarantined} set aside earlier",
                self.journal.truncated.len(),
                self.journal.missing.len()
            ),
        ];
        lines.extend(self.places());
        lines.push(match &self.store {
            None => "store    is a cluster, which looks after its own".to_owned(),
            Some(Ok(store)) => format!(
                "store    {} sessions, {} events, {} positions, {} erased users, {} documents, {} damaged rows",
                store.sessions,
                store.events,
                store.positions,
                store.erasures,
                store.documents,
                store.damaged
            ),
            Some(Err(error)) => format!("store    cannot be read: {error}"),
        });
        lines.push(if self.is_sound() { "sound".to_owned() } else { "DAMAGED".to_owned() });
        lines.join("\n") + "\n"
    }

    /// Where the journal is damaged, the first places.
    fn places(&self) -> Vec<String> {
        let listed = self.journal.damaged.listed.iter().take(PLACES_SHOWN);
        let mut lines: Vec<String> = listed
            .map(|damage| {
                format!("         segment {} at {}: {} bytes", damage.segment, damage.offset, damage.bytes)
            })
            .collect();
        let gap = |gap: &journal::Gap| format!("         segments {} to {} are missing", gap.first, gap.last);
        lines.extend(self.journal.missing.iter().take(PLACES_SHOWN).map(gap));
        lines
    }

    fn json(&self) -> Value {
        let journal = &self.journal;
        let ids = |ids: &[SegmentId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let gap =
            |gap: &journal::Gap| json!({ "first": gap.first.to_string(), "last": gap.last.to_string() });
        let listed = journal.damaged.listed.iter();
        let places: Vec<Value> = listed
            .map(|at| json!({ "segment": at.segment.to_string(), "offset": at.offset, "bytes": at.bytes }))
            .collect();
        json!({
            "sound": self.is_sound(),
            "journal": {
                "segments": journal.segments, "records": journal.records, "bytes": journal.bytes,
                "torn_bytes": journal.torn_bytes, "unreadable_bytes": journal.unreadable_bytes,
                "damaged_places": journal.damaged.places, "damaged_bytes": journal.damaged.bytes, "damaged": places,
                "truncated": ids(&journal.truncated), "unfinished": ids(&journal.unfinished),
                "missing": journal.missing.iter().map(gap).collect::<Vec<_>>(),
                "quarantined": journal.quarantined, "foreign": journal.foreign,
            },
            "store": match &self.store {
                None => Value::Null,
                Some(Ok(store)) => json!({
                    "sessions": store.sessions, "events": store.events, "positions": store.positions,
                    "erasures": store.erasures, "item_erasures": store.item_erasures,
                    "documents": store.documents, "entries": store.entries,
                    "damaged": store.damaged,
                }),
                Some(Err(error)) => json!({ "error": error.to_string() }),
            },
        })
    }
}

/// How many damaged places the text names; JSON lists more.
const PLACES_SHOWN: usize = 10;
