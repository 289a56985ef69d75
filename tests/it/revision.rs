//! The build script's search for the git revision.

#[path = "../../build/revision.rs"]
mod build;

use std::path::PathBuf;

use crate::dir::Dir;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";

/// Looks in the folder `sources` of `dir`; the watched paths are those given below `dir`.
#[track_caller]
fn check(dir: &Dir, id: Option<&str>, watched: &[&str]) {
    let found = build::revision(&dir.path().join("sources"));
    assert_eq!(found.id.as_deref(), id);
    let place = |path: &PathBuf| path.canonicalize().unwrap();
    let found: Vec<_> = found.watched.iter().map(place).collect();
    let expect: Vec<_> = watched.iter().map(|name| place(&dir.path().join(name))).collect();
    assert_eq!(found, expect);
}

#[test]
fn a_branch_is_found_loose_or_packed() {
    let dir = Dir::new();
    let head = dir.write("sources/.git/HEAD", "ref: refs/heads/a/b\n");
    // A new repository: the first commit makes the branch.
    std::fs::create_dir_all(dir.path().join("sources/.git/refs/heads")).unwrap();
    check(&dir, None, &["sources/.git/HEAD", "sources/.git/refs/heads"]);

    let packed = format!("# pack-refs with: peeled\n{OTHER} refs/heads/a\n{ID} refs/heads/a/b\n");
    dir.write("sources/.git/packed-refs", packed);
    let watched = ["sources/.git/HEAD", "sources/.git/refs/heads", "sources/.git/packed-refs"];
    check(&dir, Some(ID), &watched);

    dir.write("sources/.git/refs/heads/a/b", format!("{OTHER}\n"));
    let watched = ["sources/.git/HEAD", "sources/.git/refs/heads/a/b", "sources/.git/packed-refs"];
    check(&dir, Some(OTHER), &watched);

    std::fs::write(head, format!("{ID}\n")).unwrap();
    check(&dir, Some(ID), &["sources/.git/HEAD"]);
}

#[test]
fn a_work_tree_has_the_branches_of_its_repository() {
    let dir = Dir::new();
    dir.write("sources/.git", "gitdir: ../main/.git/worktrees/w\n");
    dir.write("main/.git/worktrees/w/HEAD", "ref: refs/heads/w\n");
    dir.write("main/.git/worktrees/w/commondir", "../..\n");
    dir.write("main/.git/refs/heads/w", ID);
    check(&dir, Some(ID), &["main/.git/worktrees/w/HEAD", "main/.git/refs/heads/w"]);
}

#[test]
fn packaged_sources_know_theirs_and_others_are_unknown() {
    let dir = Dir::new();
    // Another project's repository around the sources says nothing about them.
    dir.write(".git/HEAD", OTHER);
    std::fs::create_dir(dir.path().join("sources")).unwrap();
    check(&dir, None, &[]);
    let info =
        format!("{{\n  \"git\": {{\n    \"sha1\": \"{ID}\"\n  }},\n  \"path_in_vcs\": \"\"\n}}");
    dir.write("sources/.cargo_vcs_info.json", info);
    check(&dir, Some(ID), &["sources/.cargo_vcs_info.json"]);
    dir.write("sources/.cargo_vcs_info.json", "{}");
    check(&dir, None, &["sources/.cargo_vcs_info.json"]);
}

#[test]
fn a_tree_is_clean_or_modified_or_nobody_knows() {
    let dir = Dir::new();
    let sources = dir.path().join("sources");
    dir.write("sources/src/lib.rs", "");
    assert_eq!(build::tree(&sources), "unknown");
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.current_dir(&sources).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args);
        git.output().is_ok_and(|said| said.status.success())
    };
    if !git(&["init"]) {
        println!("SKIPPED: there is no git");
        return;
    }
    assert_eq!(build::tree(&sources), "modified");
    assert!(git(&["add", "."]) && git(&["commit", "-m", "first"]));
    dir.write("sources/runs/a", "not a source");
    assert_eq!(build::tree(&sources), "clean");
    dir.write("sources/src/lib.rs", "changed");
    assert_eq!(build::tree(&sources), "modified");
}
