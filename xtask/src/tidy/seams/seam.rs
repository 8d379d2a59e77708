//! What a seam is.

/// One seam: these names, in these files only.
pub(super) struct Seam {
    pub(super) rule: &'static str,
    pub(super) reason: &'static str,
    /// The files that are held, as beginnings of their paths; none means all.
    pub(super) within: &'static [&'static str],
    /// Paths that must not be mentioned, with all that lies below them; a trailing `*` matches any ending.
    pub(super) names: &'static [&'static str],
    /// Paths below those that may be mentioned all the same.
    pub(super) but: &'static [&'static str],
    /// Files that may mention them, as beginnings of their paths.
    pub(super) only_in: &'static [&'static str],
}

/// A seam that forbids nothing yet; entries fill in what they need.
pub(super) const NONE: Seam = Seam { rule: "", reason: "", within: &[], names: &[], but: &[], only_in: &[] };

impl Seam {
    pub(super) fn holds(&self, file: &str) -> bool {
        let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| file.starts_with(beginning));
        (self.within.is_empty() || begins(self.within)) && !begins(self.only_in)
    }

    pub(super) fn forbids(&self, mentioned: &str) -> bool {
        let matches = |names: &[&str]| names.iter().any(|name| lies_below(mentioned, name));
        matches(self.names) && !matches(self.but)
    }
}

/// Says whether a path is a name or lies below it: `tonic::Status` below `tonic`, `tonic_web::x` below `tonic_*`.
fn lies_below(path: &str, name: &str) -> bool {
    if let Some(beginning) = name.strip_suffix('*') {
        return path.starts_with(beginning);
    }
    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
