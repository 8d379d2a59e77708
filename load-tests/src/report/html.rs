//! The report as a page.

use super::Report;

pub(super) fn page(report: &Report) -> String {
    report.table()
}
