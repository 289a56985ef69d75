//! Where a file of token ids is, while no other process makes it.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Preparation;
use super::header::Header;
use crate::atomic;

/// The place of a file, held until the value goes.
pub(super) struct Place {
    pub(super) path: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the folder and takes its lock, for which it waits.
    ///
    /// # Errors
    /// The folder cannot be made, or nothing can be written there.
    pub(super) fn open(what: &Preparation, wanted: &Header) -> Result<Self> {
        atomic::create_folder(what.folder)?;
        let path = what.folder.join(name(what, wanted));
        atomic::expect_plain(&path)?;
        let lock = what.folder.join("lock");
        let file = File::options().create(true).append(true).open(&lock);
        let file = file.with_context(|| format!("cannot write {}", lock.display()))?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            tracing::info!("waiting for another process that uses {}", what.folder.display());
            // A file system without locks is not a reason to refuse the work.
            let _ = file.lock();
        }
        Ok(Self { path, _lock: file })
    }
}

/// A name that the same text has again when its content has changed, and no other text or tokenizer.
fn name(what: &Preparation, wanted: &Header) -> String {
    let paths = what.text.paths();
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let own = paths.iter().map(|path| absolute(path).display().to_string());
    let key = own.chain([wanted.kind()]).collect::<Vec<_>>().join("\n");
    let first = paths.first().and_then(|path| path.file_name()).unwrap_or_default();
    let first = first.to_string_lossy();
    let safe = |c: char| if c.is_alphanumeric() || ".-_".contains(c) { c } else { '_' };
    let first: String = first.chars().map(safe).take(40).collect();
    format!("{first}-{:08x}.ids", crc32c::crc32c(key.as_bytes()))
}
