//! The noun, or the part of one, that a row tells of.

use super::{Reading, Wrong, item, opinion, right, session};
use crate::{mapping::shape::NounKind, noun::Noun};

/// What a rule for this kind makes of a row of this table, and where it stands among the parts of its noun.
pub(crate) fn noun(
    kind: NounKind,
    row: &Reading<'_>,
    table: &str,
    is_deleted: bool,
) -> Result<(Noun, i64), Wrong> {
    let noun = match kind {
        NounKind::Category => Noun::Category(item::category(row, table)?),
        NounKind::Item => Noun::Item(Box::new(item::item(row, table)?)),
        NounKind::Collection => {
            let (held, order) = item::held(row)?;
            return Ok((Noun::Collection(held), order));
        }
        NounKind::Segments => {
            let (segments, order) = item::segment(row)?;
            return Ok((Noun::Segments(segments), order));
        }
        NounKind::Plan => Noun::Plan(right::plan(row, table)?),
        NounKind::Subscription => Noun::Subscription(right::subscription(row, table)?),
        NounKind::Seat => Noun::Seat(right::seat(row)?),
        NounKind::Grant => Noun::Grant(right::grant(row, table, is_deleted)?),
        NounKind::Limits => Noun::Limits(right::limits(row)?),
        NounKind::Rating => Noun::Rating(opinion::rating(row)?),
        NounKind::Bookmark => Noun::Bookmark(opinion::bookmark(row)?),
        NounKind::Session => Noun::Session(session::session(row)?),
    };
    Ok((noun, 0))
}
