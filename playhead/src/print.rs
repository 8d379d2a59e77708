//! Results go to stdout, everything else to stderr.

use std::io::{self, ErrorKind, Write};

/// Prints a result. A reader that has gone is no error: it has seen enough.
pub(crate) fn text(text: &str) -> io::Result<()> {
    bytes(text.as_bytes())
}

/// Prints a result. A reader that has gone is no error: it has seen enough.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    match bytes_or_gone(bytes) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints a part of a result that goes on, and says so when the reader has gone: `BrokenPipe`.
pub(crate) fn bytes_or_gone(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Tells a person something; if nobody can hear it, nothing can be done.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Tells a person something without ending the line.
pub(crate) fn note_part(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
