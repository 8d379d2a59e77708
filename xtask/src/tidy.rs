//! The checks that are ours alone: what no other tool can know about this tree.
//!
//! [`tree`] reads every text file once; each check looks at what it needs and answers with findings; nothing is
//! changed, except by `--bless`, which writes the present sizes down.

mod attributes;
mod changelog;
mod leftovers;
mod manifests;
mod seams;
mod sizes;
mod tree;

use std::{fmt, fs, path::Path};

use tree::Tree;

/// Something to put right: where, by which rule, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: [{}] {}", self.path, self.line, self.rule, self.text)
    }
}

/// Prints what is untidy and says whether nothing is.
pub(crate) fn report(root: &Path) -> bool {
    let tree = match Tree::read(root) {
        Ok(tree) => tree,
        Err(error) => {
            println!("tidy: the tree cannot be read: {error}");
            return false;
        }
    };
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!(
        "tidy: {} Rust files, {} files in all, {} findings",
        tree.sources.len(),
        tree.files.len(),
        findings.len()
    );
    findings.is_empty()
}

/// Writes the present sizes down as the new bounds and says whether that worked.
pub(crate) fn bless(root: &Path) -> bool {
    let written = Tree::read(root).and_then(|tree| {
        let text = sizes::bless(&tree.sources, tree.file(sizes::RATCHET).unwrap_or(""));
        fs::write(root.join(sizes::RATCHET), text)
    });
    match &written {
        Ok(()) => {
            println!("tidy: sizes written to {}; look at the difference before you commit it", sizes::RATCHET)
        }
        Err(error) => println!("tidy: {} cannot be written: {error}", sizes::RATCHET),
    }
    written.is_ok()
}

fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        findings.extend(seams::check(source));
        findings.extend(attributes::check(source));
        findings.extend(leftovers::check_source(source));
    }
    for (path, text) in &tree.files {
        findings.extend(leftovers::check_text(path, text));
        findings.extend(manifests::check(path, text));
    }
    findings.extend(sizes::check(&tree.sources, tree.file(sizes::RATCHET).unwrap_or("")));
    findings.extend(changelog::check(tree.file(changelog::PATH)));
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        let tree = Tree::read(root).expect("the tree can be read");
        assert!(tree.sources.len() > 10, "only {} Rust files were found", tree.sources.len());
        let findings: Vec<_> = check(&tree).iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    }
}
