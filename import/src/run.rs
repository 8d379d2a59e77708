//! One import from beginning to end: read and sort all rows, then write noun after noun.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    assemble::{self, Assembler, Made},
    error::ImportError,
    gather::{Gathered, Gatherer, Pace},
    mapping::Mapping,
    report::Report,
    resume::keep::Keep,
    send::{Sender, Target},
    sort::Sorted,
};

/// What is to be imported.
#[derive(Debug)]
pub struct Job {
    /// What becomes of what.
    pub mapping: Mapping,
    /// The files, at least one.
    pub files: Vec<PathBuf>,
    /// What the target is called in the state that is kept.
    pub to: String,
    /// How many rows and nouns may be wrong; with one more it ends.
    pub errors_max: usize,
    /// How many nouns are written at once, 1 or more.
    pub calls_max: usize,
    /// Where to keep how far it came, and to go on from there if it did before. `None`: nowhere.
    pub resume: Option<PathBuf>,
    /// True where the target writes nothing.
    pub is_dry: bool,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It reads; so many bytes of so many. Lookups are read before, and count twice.
    Reading {
        /// Read so far.
        bytes: u64,
        /// Of all files.
        bytes_all: u64,
    },
    /// It writes; so many nouns are done.
    Writing {
        /// Done so far.
        nouns: u64,
    },
}

/// Imports.
///
/// When `stop` is done it writes no more, waits for the calls that were made, and reports that it was stopped.
///
/// # Errors
/// An [`ImportError`] where it cannot go on. What was written until then stays; doing it again changes nothing of that.
pub async fn run(
    job: Job,
    target: Arc<dyn Target>,
    mut tell: impl FnMut(Progress),
    stop: impl Future<Output = ()>,
) -> Result<Report, ImportError> {
    let mut keep = Keep::begin(&job)?;
    let job = Arc::new(job);
    tokio::pin!(stop);
    let gathered = tokio::select! {
        gathered = gather(&job, &mut tell) => gathered?,
        () = &mut stop => return Ok(Report { is_stopped: true, is_dry: job.is_dry, ..Report::default() }),
    };
    if let Some(keep) = &mut keep {
        keep.check(&gathered.hashes)?;
    }
    let mut sender = Sender::new(&job.mapping, target, job.calls_max.max(1), job.errors_max);
    sender.complaints = gathered.complaints;
    sender.counts = keep.as_ref().map(Keep::counts).unwrap_or_default();
    let nouns = nouns(&job, gathered.sorter.sorted().map_err(ImportError::Sort)?);
    let is_stopped = write(nouns, &mut sender, keep.as_mut(), &mut tell, stop).await?;
    if let Some(keep) = keep.filter(|_| !is_stopped) {
        keep.end()?;
    }
    let Sender { counts, complaints, .. } = sender;
    Ok(Report { counts, complaints, notes: gathered.notes, is_stopped, is_dry: job.is_dry })
}

/// Writes noun after noun. True where it was stopped.
async fn write(
    mut nouns: mpsc::Receiver<Result<Made, ImportError>>,
    sender: &mut Sender<'_>,
    mut keep: Option<&mut Keep>,
    tell: &mut impl FnMut(Progress),
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<bool, ImportError> {
    let skip = keep.as_ref().map_or(0, |keep| keep.skip());
    let is_stopped = loop {
        let made = tokio::select! {
            biased;
            () = &mut stop => break true,
            made = nouns.recv() => made,
        };
        match made {
            None => break false,
            Some(made) if sender.done < skip => sender.pass(&made?),
            Some(made) => tokio::select! {
                biased;
                // A noun that was not taken yet is the next one's first.
                () = &mut stop => break true,
                taken = sender.take(made?) => taken?,
            },
        }
        sender.taken += 1;
        if sender.taken.is_multiple_of(KEEP_NOUNS) {
            sender.settle_all().await?;
            if let Some(keep) = keep.as_deref_mut().filter(|_| sender.done > skip) {
                keep.note(sender.done, &sender.counts)?;
            }
            tell(Progress::Writing { nouns: sender.done });
        }
    };
    sender.settle_all().await?;
    if let Some(keep) = keep.filter(|_| sender.done >= skip) {
        keep.note(sender.done, &sender.counts)?;
    }
    tell(Progress::Writing { nouns: sender.done });
    Ok(is_stopped)
}

/// Reads all files on a thread of its own.
async fn gather(job: &Arc<Job>, tell: &mut impl FnMut(Progress)) -> Result<Gathered, ImportError> {
    let pace = StoppedWithUs(Arc::default());
    let bytes_all =
        job.files.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|file| file.len()).sum();
    let reading = {
        let (job, pace) = (Arc::clone(job), Arc::clone(&pace.0));
        tokio::task::spawn_blocking(move || {
            Gatherer::new(&job.mapping, &job.files, job.errors_max, pace).run()
        })
    };
    tokio::pin!(reading);
    loop {
        let tick = tokio::time::sleep(TELL_EVERY);
        tokio::select! {
            gathered = &mut reading => {
                return gathered.unwrap_or_else(|error| Err(ImportError::Sort(std::io::Error::other(error))));
            }
            () = tick => tell(Progress::Reading { bytes: pace.0.bytes.load(Ordering::Relaxed), bytes_all }),
        }
    }
}

/// Ends the reading when nobody waits for it any more.
struct StoppedWithUs(Arc<Pace>);

impl Drop for StoppedWithUs {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
    }
}

/// Puts nouns together on a thread of its own, no more of them ahead than are written in a moment.
fn nouns(job: &Arc<Job>, sorted: Sorted) -> mpsc::Receiver<Result<Made, ImportError>> {
    let (tx, rx) = mpsc::channel(NOUNS_AHEAD_MAX);
    let job = Arc::clone(job);
    tokio::task::spawn_blocking(move || {
        let files = assemble::names(&job.files);
        let mut assembler = Assembler::new(&job.mapping, &files, sorted);
        // Whoever stops listening has heard enough.
        while let Some(made) = assembler.next().transpose() {
            let is_last = made.is_err();
            if tx.blocking_send(made).is_err() || is_last {
                break;
            }
        }
    });
    rx
}

/// After so many nouns is noted how far it came: what a repetition costs at most.
const KEEP_NOUNS: u64 = 5_000;
const NOUNS_AHEAD_MAX: usize = 256;
const TELL_EVERY: Duration = Duration::from_millis(500);
