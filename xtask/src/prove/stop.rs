//! Why a scenario cannot go on, and the waiting that a signal ends.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Why a scenario ended before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Something that has to work did not.
    Failed(String),
    /// It cannot run on this machine; why, and what would help.
    Skipped(String),
    /// Somebody wants the whole to end.
    Interrupted,
}

/// What a step of a scenario gives.
pub(super) type Step<T = ()> = Result<T, Stop>;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) | Self::Skipped(reason) => f.write_str(reason),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Turns an error into a failure that says what was being done.
pub(super) fn failed<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Stop {
    move |error| Stop::Failed(format!("{what}: {error}"))
}

/// SIGINT and SIGTERM as a word to the scenario, so that its guards run: mounts and processes are given back.
pub(super) struct Interrupts {
    came: Arc<AtomicBool>,
    told: Receiver<()>,
}

impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the system refuses to.
    pub(super) fn listen() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let came = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::sync_channel(1);
        let noted = Arc::clone(&came);
        thread::Builder::new().name("signals".into()).spawn(move || {
            for _ in signals.forever() {
                noted.store(true, Ordering::SeqCst);
                // Full: it has been told already.
                let _ = tell.try_send(());
            }
        })?;
        Ok(Self { came, told })
    }

    /// Nobody will ever end anything.
    #[cfg(test)]
    pub(super) fn never() -> Self {
        // Without a sender there is nobody to be told by, and a wait is over at once.
        Self { came: Arc::default(), told: mpsc::sync_channel(1).1 }
    }

    /// Waits for this long, or until somebody wants the whole to end.
    pub(super) fn nap(&self, wait: Duration) -> Step {
        if self.came.load(Ordering::SeqCst) || self.told.recv_timeout(wait).is_ok() {
            return Err(Stop::Interrupted);
        }
        Ok(())
    }

    /// Asks again and again until there is an answer; nothing if there is none in time.
    pub(super) fn until<T>(
        &self,
        patience: Duration,
        mut ask: impl FnMut() -> Step<Option<T>>,
    ) -> Step<Option<T>> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask()? {
                return Ok(Some(answer));
            }
            if begun.elapsed() >= patience {
                return Ok(None);
            }
            self.nap(LOOK_EVERY)?;
        }
    }
}

/// How often something that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_every_wait_from_then_on() {
        let (tell, told) = mpsc::sync_channel(1);
        let interrupts = Interrupts { came: Arc::default(), told };
        assert!(interrupts.nap(Duration::ZERO).is_ok());
        tell.send(()).unwrap();
        interrupts.came.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            assert!(matches!(interrupts.nap(Duration::from_secs(60)), Err(Stop::Interrupted)));
        }
    }

    #[test]
    fn who_waits_in_vain_is_told_so() {
        let (_tell, told) = mpsc::sync_channel(1);
        let interrupts = Interrupts { came: Arc::default(), told };
        let mut asked = 0;
        let answer = interrupts.until(Duration::from_secs(60), || {
            asked += 1;
            Ok((asked == 3).then_some("third"))
        });
        assert!(matches!(answer, Ok(Some("third"))));
        assert!(matches!(interrupts.until(Duration::ZERO, || Ok(None::<()>)), Ok(None)));
    }
}
