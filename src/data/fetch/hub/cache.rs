//! The hub's cache on this machine, as `huggingface_hub` lays it out.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::metadata::is_hash;
use crate::atomic;
use crate::data::fetch::LocalContext;
use crate::data::fetch::partial::Partial;

/// What the cache has of a repository.
pub(super) struct Cache {
    /// The folder of the repository.
    folder: PathBuf,
    /// The folder of its locks.
    locks: PathBuf,
}

impl Cache {
    /// The part of the cache in `root` for `OWNER/REPO`.
    pub(super) fn new(root: &Path, repo: &str) -> Self {
        let name = format!("models--{}", repo.replace('/', "--"));
        Self { folder: root.join(&name), locks: root.join(".locks").join(name) }
    }

    /// The commit that a branch or tag stood for when it was last asked for.
    pub(super) fn commit_of(&self, revision: &str) -> Option<String> {
        let commit = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        Some(commit.trim().to_owned())
    }

    /// Notes the commit of a branch or tag.
    pub(super) fn note_commit(&self, revision: &str, commit: &str) -> Result<()> {
        let path = self.folder.join("refs").join(revision);
        if revision == commit || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        make_parent(&path)?;
        atomic::write(&path, commit.as_bytes())
    }

    /// A file of a commit, where it is there.
    pub(super) fn snapshot(&self, commit: &str, file: &str) -> Option<PathBuf> {
        let path = self.name_of(commit, file);
        (is_hash(commit) && path.is_file()).then_some(path)
    }

    /// The content of a hash, where it is there.
    pub(super) fn blob(&self, etag: &str) -> Option<PathBuf> {
        Some(self.folder.join("blobs").join(etag)).filter(|path| path.is_file())
    }

    /// The folder of the contents, which is made.
    pub(super) fn blobs(&self) -> Result<PathBuf> {
        let folder = self.folder.join("blobs");
        atomic::create_folder(&folder).local(|| "write into the hub's cache")?;
        Ok(folder)
    }

    /// Keeps other processes from downloading the same content; waits for one that does.
    pub(super) fn lock(&self, etag: &str) -> Result<File> {
        let path = self.locks.join(format!("{etag}.lock"));
        make_parent(&path)?;
        let lock = File::create(&path).local(|| format!("create {}", path.display()))?;
        // A file system without locks is not a reason to refuse the work.
        let _ = lock.lock();
        Ok(lock)
    }

    /// Gives a download, which is checked, the name of its content.
    pub(super) fn place(&self, partial: &Partial, etag: &str) -> Result<()> {
        let path = self.folder.join("blobs").join(etag);
        let written = File::open(partial.path()).and_then(|file| file.sync_all());
        written
            .and_then(|()| fs::rename(partial.path(), &path))
            .local(|| format!("write {}", path.display()))?;
        partial.discard();
        Ok(())
    }

    /// Makes a content a file of a commit. The caller has its [`Self::lock`].
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<PathBuf> {
        let path = self.name_of(commit, file);
        if path.is_file() {
            return Ok(path);
        }
        make_parent(&path)?;
        // From the folder of the file to that of the repository.
        let up: PathBuf = file.split('/').map(|_| "..").chain([".."]).collect();
        let (blob, target) = (self.folder.join("blobs").join(etag), up.join("blobs").join(etag));
        // A link that leads nowhere may be left of a content that was removed.
        let _ = fs::remove_file(&path);
        link(&target, &blob, &path).local(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    fn name_of(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit).join(file)
    }
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    atomic::create_folder(parent).local(|| "write into the hub's cache")
}

/// Links `path` to the file `blob`, which is at `target` as seen from it.
#[cfg(unix)]
fn link(target: &Path, _blob: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Links need a privilege here: the file gets a second name.
#[cfg(not(unix))]
fn link(_target: &Path, blob: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(blob, path).or_else(|_| fs::copy(blob, path).map(|_| ()))
}
