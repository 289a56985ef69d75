//! The working folder of a fetch: a file is written there as the data folder keeps it, is checked,
//! and moves into the data folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use flate2::bufread::MultiGzDecoder;

use super::LocalContext;
use super::hash::for_each_piece;
use super::sets::{DataFile, DataSet};
use super::verify::{FileState, check_file};
use crate::atomic::{self, sync_folder};
use crate::system::wording::plural;

/// `<data_dir>/.partial/<set>/`: partial downloads, which outlive a failed call, and `unpack/`,
/// which does not. It is in the data folder so that files move by a rename. A lock keeps a second
/// process out.
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
        let folder = root.join(&set.name);
        let unpack = folder.join("unpack");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
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
        fs::create_dir(&unpack).with_context(|| format!("cannot create {}", unpack.display()))?;
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

    /// Moves the checked `files` to their names below `target`, with one rename for all if `target`
    /// does not exist yet. The caller has checked that every file there may be replaced. Returns
    /// the new paths.
    pub(super) fn place(&self, files: &[&DataFile], target: &Path) -> Result<Vec<PathBuf>> {
        let _ = sync_folder(&self.unpack);
        if fs::symlink_metadata(target).is_err() {
            fs::rename(&self.unpack, target)
                .with_context(|| format!("cannot move the files to {}", target.display()))?;
        } else {
            for file in files {
                move_file(&self.unpack.join(&file.name), &target.join(&file.name))?;
            }
            let _ = sync_folder(target);
        }
        if let Some(parent) = target.parent() {
            let _ = sync_folder(parent);
        }
        Ok(files.iter().map(|file| target.join(&file.name)).collect())
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
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    match fs::rename(from, to) {
        // The set's folder may be a link to another disk.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => atomic::write_with(to, |file| {
            io::copy(&mut File::open(from)?, file)?;
            Ok(())
        }),
        result => Ok(result?),
    }
    .with_context(|| format!("cannot move a file to {}", to.display()))
}

/// Writes `content`, served under the name `served`, to `target`, uncompresses it where it is
/// served compressed and kept plain, brings it to the disk, and checks it against the table.
///
/// # Errors
/// Content that cannot be read, exceeds `limit` bytes, or is not the table's is the source's fault;
/// such a `target` is removed.
pub(super) fn store(
    content: impl Read,
    served: &str,
    file: &DataFile,
    limit: u64,
    target: &Path,
) -> Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).local(|| format!("make {}", parent.display()))?;
    }
    let result = write(content, served, file, limit, target).and_then(|()| check(file, target));
    if result.is_err() {
        // The folder is a temporary one and goes as a whole, should this removal fail.
        let _ = fs::remove_file(target);
    }
    result
}

fn write(
    content: impl Read,
    served: &str,
    file: &DataFile,
    limit: u64,
    target: &Path,
) -> Result<()> {
    let mut content = BufReader::with_capacity(1 << 16, content);
    let start = content.fill_buf().map_err(|error| bad_content(file, error))?;
    // The magic number decides too, because an HTTP layer may have uncompressed the body.
    let gunzip = served.ends_with(".gz") && !file.is_gzip() && start.starts_with(&[0x1f, 0x8b]);
    let mut output = File::create(target).local(|| format!("create {}", target.display()))?;
    let content: Box<dyn Read> =
        if gunzip { Box::new(MultiGzDecoder::new(content)) } else { Box::new(content) };
    let (most, mut done) = (file.most(limit), 0);
    for_each_piece(content, |piece| {
        let piece = piece.map_err(|error| bad_content(file, error))?;
        output.write_all(piece).local(|| format!("write {}", target.display()))?;
        done += piece.len() as u64;
        if done > most {
            let (name, bytes, remark) = (&file.name, plural(most, "byte"), html_remark(target));
            bail!("wrong content: {name} is longer than its {most} {bytes}{remark}");
        }
        Ok(())
    })?;
    output.sync_all().local(|| format!("write {}", target.display()))
}

fn check(file: &DataFile, target: &Path) -> Result<()> {
    match check_file(target, file)? {
        FileState::Ok => Ok(()),
        FileState::Missing => bail!("{} vanished", target.display()),
        FileState::Wrong { found } => bail!(
            "wrong content: {} has {found}, expected {}{}",
            file.name,
            file.expectation(),
            html_remark(target)
        ),
    }
}

/// Says so where wrong content is a page of HTML: the usual face of a mirror that has moved, or of
/// a login page in between.
fn html_remark(target: &Path) -> &'static str {
    let mut start = Vec::new();
    if let Ok(file) = File::open(target) {
        // What cannot be read again is not remarked upon.
        let _ = file.take(512).read_to_end(&mut start);
    }
    let text = String::from_utf8_lossy(&start).trim_start().to_ascii_lowercase();
    let is_html = text.starts_with("<!doctype html") || text.starts_with("<html");
    if is_html { "; it is an HTML page" } else { "" }
}

fn bad_content(file: &DataFile, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("{} is truncated", file.name),
        _ => anyhow!("{} is broken: {error}", file.name),
    }
}
