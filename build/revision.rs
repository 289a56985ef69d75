//! Finds the git revision of the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a revision is found from, and whatever changes with it.
#[derive(Debug, Default, PartialEq)]
pub struct Revision {
    /// 40 hexadecimal digits (64 in repositories of SHA-256).
    pub id: Option<String>,
    /// Files that say when to look again; each exists.
    pub watched: Vec<PathBuf>,
}

/// What the program is made from.
pub const SOURCES: [&str; 7] =
    ["Cargo.toml", "Cargo.lock", "build.rs", "build", "configs", "crates", "src"];

/// Whether the sources in `root` are those of the revision: `clean`, `modified`, or `unknown` where
/// there is no repository or no `git` to ask.
pub fn tree(root: &Path) -> &'static str {
    if git_dir(root).is_none() {
        return "unknown";
    }
    let mut git = Command::new("git");
    // Without the lock: somebody else may be at work in the repository.
    git.args(["--no-optional-locks", "status", "--porcelain", "--"]).args(SOURCES);
    match git.current_dir(root).output() {
        Ok(said) if said.status.success() && said.stdout.is_empty() => "clean",
        Ok(said) if said.status.success() => "modified",
        _ => "unknown",
    }
}

/// The revision of the sources in `root`. Only their own repository counts: packaged sources may be
/// inside of another one.
pub fn revision(root: &Path) -> Revision {
    match git_dir(root) {
        Some(git) => of_repository(&git),
        None => of_package(&root.join(".cargo_vcs_info.json")),
    }
}

/// `.git`, or the folder that a file `.git` of a work tree or submodule names.
fn git_dir(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Reads the repository's own files, so that no `git` need be installed.
fn of_repository(git: &Path) -> Revision {
    let head = git.join("HEAD");
    let Ok(text) = fs::read_to_string(&head) else { return Revision::default() };
    let mut watched = vec![head];
    let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
        return Revision { id: id_in(&text), watched };
    };
    // The branches of a work tree are in the repository that it belongs to.
    let common = fs::read_to_string(git.join("commondir")).unwrap_or_default();
    let common = git.join(common.trim());
    let (loose, packed) = (common.join(name), common.join("packed-refs"));
    watched.extend(loose.ancestors().find(|path| path.exists()).map(Path::to_owned));
    watched.extend(packed.exists().then(|| packed.clone()));
    let id = fs::read_to_string(loose)
        .ok()
        .and_then(|text| id_in(&text))
        .or_else(|| packed_id(&fs::read_to_string(packed).ok()?, name));
    Revision { id, watched }
}

/// The id of the reference `name` in the text of a `packed-refs`.
fn packed_id(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| match line.split_once(' ') {
        Some((id, packed)) if packed == name => id_in(id),
        _ => None,
    })
}

/// What `cargo package` noted: `{"git": {"sha1": "…"}, …}`.
fn of_package(info: &Path) -> Revision {
    let Ok(text) = fs::read_to_string(info) else { return Revision::default() };
    let id =
        text.split_once("\"sha1\"").and_then(|(_, rest)| rest.split('"').nth(1)).and_then(id_in);
    Revision { id, watched: vec![info.to_owned()] }
}

fn id_in(text: &str) -> Option<String> {
    Some(text.trim()).filter(|id| is_id(id)).map(str::to_owned)
}

/// Whether a text can be a revision.
pub fn is_id(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
