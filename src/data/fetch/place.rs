//! The working folder of a fetch, and the move of checked files into the data folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::sets::{DataFile, DataSet};
use crate::atomic::{self, sync_folder};

/// `<data_dir>/.partial/<set>/`: partial downloads, which outlive a failed call, and `unpack/`,
/// which does not. It lies in the data folder so that files move by a rename. A lock keeps a
/// second process out.
#[derive(Debug)]
pub(super) struct Workplace {
    root: PathBuf,
    folder: PathBuf,
    unpack: PathBuf,
    _lock: File,
}

impl Workplace {
    /// Makes the folder, takes the lock and empties what a killed process left unpacked.
    pub(super) fn open(data_dir: &Path, set: &DataSet) -> Result<Self> {
        let root = data_dir.join(".partial");
        let folder = root.join(set.name);
        let unpack = folder.join("unpack");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path);
        let lock = lock.with_context(|| format!("cannot create {}", path.display()))?;
        // A file system without locks is no reason to refuse the work. A file that has lost its
        // name meanwhile was the lock of a process that has just ended.
        let is_taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
        if is_taken || !atomic::is_at(&lock, &path) {
            bail!("another process is fetching {} into {}", set.name, data_dir.display());
        }
        remove_tree(&unpack)?;
        fs::create_dir(&unpack).with_context(|| format!("cannot make {}", unpack.display()))?;
        Ok(Workplace { root, folder, unpack, _lock: lock })
    }

    /// Where partial downloads are kept.
    pub(super) fn partials(&self) -> &Path {
        &self.folder
    }

    /// Where files are unpacked and checked.
    pub(super) fn unpack(&self) -> &Path {
        &self.unpack
    }

    /// Moves the checked `files` to their names below `target`, each by a rename, all of them by
    /// one where `target` is not there yet. The caller has made sure that no file there may not be
    /// replaced. Returns the new paths.
    pub(super) fn place(&self, files: &[&DataFile], target: &Path) -> Result<Vec<PathBuf>> {
        let _ = sync_folder(&self.unpack);
        if fs::symlink_metadata(target).is_err() {
            fs::rename(&self.unpack, target)
                .with_context(|| format!("cannot move the files to {}", target.display()))?;
        } else {
            for file in files {
                move_file(&self.unpack.join(file.name), &target.join(file.name))?;
            }
            let _ = sync_folder(target);
        }
        if let Some(parent) = target.parent() {
            let _ = sync_folder(parent);
        }
        Ok(files.iter().map(|file| target.join(file.name)).collect())
    }

    /// Removes the partial downloads too: the set is complete.
    pub(super) fn finish(self) {
        // Left-overs cost only space, and the next fetch uses or empties them.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // Each removal may find nothing to remove; folders go only where they are empty.
        let _ = fs::remove_dir_all(&self.unpack);
        let _ = fs::remove_file(self.folder.join("lock"));
        let _ = fs::remove_dir(&self.folder);
        let _ = fs::remove_dir(&self.root);
    }
}

fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot empty {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn move_file(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    match fs::rename(from, to) {
        // The set's folder may be a link to another disk.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => copy_then_rename(from, to),
        result => result,
    }
    .with_context(|| format!("cannot move a file to {}", to.display()))
}

fn copy_then_rename(from: &Path, to: &Path) -> io::Result<()> {
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let beside = to.with_file_name(name);
    fs::copy(from, &beside)?;
    File::open(&beside)?.sync_all()?;
    fs::rename(&beside, to)
}
