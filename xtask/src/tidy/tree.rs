//! The tree's text files, read once.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::source::Source;

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 4] = [".git", "target", "node_modules", "playhead-data"];

/// Files that tools write.
const GENERATED: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// What a file that we write by hand ends in.
const WRITTEN: [&str; 14] =
    ["rs", "toml", "md", "proto", "yaml", "yml", "json", "cql", "lua", "sh", "txt", "py", "js", "run"];

/// Everything that the checks look at.
pub(crate) struct Tree {
    /// Each text file by its path from the root, with forward slashes.
    pub(crate) files: BTreeMap<String, String>,
    /// The Rust files among them.
    pub(crate) sources: Vec<Source>,
}

impl Tree {
    /// Reads the tree below a root.
    ///
    /// # Errors
    ///
    /// Whatever the file system says, with the path.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type()?.is_dir() {
                    folders.extend((!FOREIGN.contains(&name.as_str())).then(|| entry.path()));
                } else if is_written_by_hand(&name) {
                    files.insert(path_from(root, &entry.path()), read(&entry.path())?);
                }
            }
        }
        Ok(Self { sources: sources(&files), files })
    }

    /// A file's text.
    pub(crate) fn file(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }
}

fn is_written_by_hand(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or(name);
    !GENERATED.contains(&name) && WRITTEN.contains(&ending)
}

fn read(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn path_from(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Reads the Rust files, and marks those that others declare as tests.
fn sources(files: &BTreeMap<String, String>) -> Vec<Source> {
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust.map(|(path, text)| Source::new(path, text)).collect();
    let declared = |source: &Source| {
        let folder = source.children_folder();
        source.test_modules.iter().map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
    };
    let tests: Vec<String> = sources.iter().flat_map(declared).collect();
    for source in &mut sources {
        let inside = |stem: &String| {
            source.path.strip_prefix(stem.as_str()).is_some_and(|rest| rest.starts_with(['.', '/']))
        };
        if tests.iter().any(inside) {
            source.mark_as_tests();
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_declared_under_cfg_test_is_a_test() {
        let files = BTreeMap::from([
            ("a/src/journal.rs".to_owned(), "#[cfg(test)]\nmod disk;\nmod disks;\n".to_owned()),
            ("a/src/journal/disk.rs".to_owned(), "fn one() {}\n".to_owned()),
            ("a/src/journal/disk/deep.rs".to_owned(), "fn one() {}\n".to_owned()),
            ("a/src/journal/disks.rs".to_owned(), "fn one() {}\n".to_owned()),
        ]);
        let counted: Vec<_> = sources(&files).iter().map(Source::lines_without_tests).collect();
        assert_eq!(counted, [1, 0, 0, 1]);
    }

    #[test]
    fn lock_files_and_binaries_are_not_ours() {
        assert!(is_written_by_hand("lib.rs") && is_written_by_hand("run"));
        assert!(!is_written_by_hand("Cargo.lock") && !is_written_by_hand("a.png"));
        assert!(!is_written_by_hand("package-lock.json"));
    }
}
