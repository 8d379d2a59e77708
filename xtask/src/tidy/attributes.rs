//! Every `allow` and `expect` says why.

use super::Finding;
use crate::source::{Source, item::line_of};

/// Finds lint attributes without a reason, in tests too.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for attribute in ["allow(", "expect("] {
        for (at, _) in source.code.match_indices(attribute) {
            let before = source.code.get(..at).unwrap_or("");
            let inside = source.code.get(at..).unwrap_or("");
            let inside = inside.split_once(']').map_or(inside, |(inside, _)| inside);
            if in_attribute(before) && !inside.contains("reason =") {
                let text = format!("`{attribute}...)` without `reason = \"...\"`");
                let line = line_of(&source.code, at);
                findings.push(Finding { path: source.path.clone(), line, rule: "reason", text });
            }
        }
    }
    findings
}

/// Says whether code that ends like this has just opened an attribute: `#[`, `#![`, `#[cfg_attr(test, `.
fn in_attribute(before: &str) -> bool {
    let opened = before.rfind("#[").max(before.rfind("#!["));
    let since = opened.and_then(|at| before.get(at..)).unwrap_or("]");
    !since.contains(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(code: &str) -> Vec<usize> {
        check(&Source::new("a/src/lib.rs", code)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_attribute_without_a_reason_is_found() {
        assert_eq!(
            lines("#![allow(a)]\n#[expect(\n  b,\n)]\n#[cfg_attr(test, allow(c))]\nfn f() {}"),
            [1, 5, 2]
        );
    }

    #[test]
    fn a_reason_satisfies_and_a_call_is_no_attribute() {
        let code = "#![allow(a, reason = \"x\")]\n#[expect(\n  b,\n  reason = \"y\",\n)]\nfn f() { g.expect(\"z\"); }";
        assert_eq!(lines(code), Vec::<usize>::new());
    }
}
