//! Playhead's import: what another system has of catalog, plans, rights, opinions and of what was watched, through a
//! mapping, into a server.
//!
//! The path of a row, in reading order:
//! 1. [`mapping`] is the file that says what of the other system's tables becomes what here, checked as a whole.
//! 2. `read` makes rows of a dump, a table or a feed, one at a time.
//! 3. `row` makes of a row what a rule says: a noun, or a part of one.
//! 4. `gather` does that for all rows of all files and gives the parts to `sort`, which has room for any number.
//! 5. `assemble` puts nouns together from sorted parts, those that others need first.
//! 6. [`send`] writes them, a bounded number at once, through the API, and counts how each ended.
//!
//! [`run()`] is all of it, [`resume`] what lets it go on after a break, [`report`] what it tells in the end.
//!
//! Whatever is imported again changes nothing: ids come from the other system's ids alone, and the server does not write what
//! says the same. What is wrong with a row is told with file, line, table, row, column, value and what is allowed.

pub mod mapping;

mod read;

mod row;

mod gather;

mod part;

mod sort;

mod assemble;

pub mod noun;

pub mod send;

pub mod run;

pub mod resume;

pub mod report;

pub mod complaint;

pub mod error;

pub use complaint::Complaint;
pub use error::ImportError;
pub use mapping::{Mapping, MappingError, shape::NounKind};
pub use noun::Noun;
pub use read::{Dialect, Format};
pub use report::{Counts, Report};
pub use run::{Job, Progress, run};
