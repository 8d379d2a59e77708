//! Finds what the .proto files are compared with: the states that others may already build on.

use std::path::Path;

use super::{Workshop, command};

/// A state of the tree that landed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Landed {
    /// The full commit id.
    pub(super) commit: String,
    /// The same in words.
    pub(super) which: &'static str,
}

/// Lists the states to compare with: the newest tag, and the latest state that landed. That is where this work left
/// origin/main; on main itself the commit before this one, or this one while the .proto files are being edited. Says why
/// if there is none.
pub(super) fn find(workshop: &Workshop) -> Result<Vec<Landed>, &'static str> {
    let Some(head) = commit_of(workshop, "HEAD") else {
        return Err("nothing is committed yet, or this is no git checkout");
    };
    let is_edited =
        git(workshop, &["status", "--porcelain", "--", "proto"]).is_some_and(|changes| !changes.is_empty());
    let older = |commit: &String| is_edited || *commit != head;
    let tag = git(workshop, &["describe", "--tags", "--abbrev=0"]).and_then(|tag| commit_of(workshop, &tag));
    let origin = git(workshop, &["merge-base", "HEAD", "origin/main"]).filter(older);
    let before = if is_edited { "HEAD" } else { "HEAD~1" };
    let latest = match origin {
        Some(commit) => Some(Landed { commit, which: "origin/main" }),
        None => commit_of(workshop, before).map(|commit| Landed { commit, which: before }),
    };
    let tag = tag.filter(older).map(|commit| Landed { commit, which: "the newest tag" });
    with_protos(workshop, tag.into_iter().chain(latest).collect())
}

fn with_protos(workshop: &Workshop, mut states: Vec<Landed>) -> Result<Vec<Landed>, &'static str> {
    if states.is_empty() {
        return Err("this is the first commit, or a shallow clone that lacks the one before");
    }
    states.retain(|state| {
        git(workshop, &["cat-file", "-e", &format!("{}:proto/buf.yaml", state.commit)]).is_some()
    });
    if states.is_empty() { Err("the .proto files are new, nothing of them has landed") } else { Ok(states) }
}

fn commit_of(workshop: &Workshop, name: &str) -> Option<String> {
    git(workshop, &["rev-parse", "--verify", &format!("{name}^{{commit}}")])
}

fn git(workshop: &Workshop, args: &[&str]) -> Option<String> {
    command::ask(workshop.program(Path::new("git")).args(args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A repository in a folder of its own.
    struct Repository(tempfile::TempDir, Workshop);

    impl Repository {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let workshop = Workshop { root: folder.path().to_path_buf() };
            let repository = Self(folder, workshop);
            repository.git(&["init", "--quiet"]);
            repository
        }

        fn git(&self, args: &[&str]) {
            let who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
            assert!(git(&self.1, &[&who, args].concat()).is_some(), "git {args:?} failed");
        }

        fn write(&self, text: &str) {
            fs::create_dir_all(self.0.path().join("proto")).unwrap();
            fs::write(self.0.path().join("proto/buf.yaml"), text).unwrap();
        }

        fn commit(&self) {
            self.git(&["add", "--all"]);
            self.git(&["commit", "--quiet", "--allow-empty", "--message", "a"]);
        }

        fn check(&self, expected: Result<&[&str], &str>) {
            let found = find(&self.1);
            let words =
                found.as_ref().map(|states| states.iter().map(|state| state.which).collect::<Vec<_>>());
            match (words, expected) {
                (Ok(words), Ok(expected)) => assert_eq!(words, expected),
                (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
                (words, expected) => panic!("{words:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn the_first_commits_have_nothing_to_compare_with() {
        let repository = Repository::new();
        repository.check(Err("nothing is committed"));
        repository.commit();
        repository.check(Err("first commit"));
        repository.write("a");
        repository.commit();
        repository.check(Err("new"));
    }

    #[test]
    fn later_ones_are_compared_with_what_landed() {
        let repository = Repository::new();
        repository.write("a");
        repository.commit();
        repository.git(&["tag", "v0.1.0"]);
        repository.commit();
        repository.commit();
        repository.check(Ok(&["the newest tag", "HEAD~1"]));
        repository.write("b");
        repository.check(Ok(&["the newest tag", "HEAD"]));
        repository.commit();
        repository.git(&["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
        repository.check(Ok(&["the newest tag", "origin/main"]));
    }
}
