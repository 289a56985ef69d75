//! One process a run folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::atomic;

/// The lock's file in the run folder.
pub(super) const NAME: &str = "lock";
/// Whoever asks whether a run is alive holds its lock for an instant: a run that begins then tries
/// so often, so far apart.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);
/// A process number and a line break are shorter.
const LONGEST: u64 = 32;

/// An advisory lock of the operating system on the file `lock`, which goes with the
/// process. The file itself stays: to remove it would let two processes lock two files of
/// one name.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Locks the run folder `dir`.
    pub fn acquire(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let foreign = || format!("{} is not the lock of a run; move it away", path.display());
        let is_plain = fs::symlink_metadata(&path).map_or(true, |there| there.is_file());
        ensure!(is_plain, foreign());
        let mut file = open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        match lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "the run {} is in use by another process{}; wait for it to end, or choose another run",
                dir.display(),
                holder(&path)
            ),
            // Some network file systems have no locks; a run there is better than none.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(
                    "{} cannot be locked ({error}): make sure that no other process uses this run",
                    path.display()
                );
            }
        }
        ensure!(is_number(&file), foreign());
        // The number serves the message above alone.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// Whether the file that is locked is still the one of this name.
    pub fn is_in_place(&self) -> bool {
        atomic::is_at(&self.file, &self.path)
    }
}

/// Locks the file, if need be when nobody looks at it any more.
fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
            tried => return tried,
        }
    }
    file.try_lock()
}

/// Whether a process holds the lock of the run folder `dir`; `None` if the system cannot tell.
pub(super) fn is_held(dir: &Path) -> Option<bool> {
    let file = match File::open(dir.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(false),
        file => file.ok()?,
    };
    match file.try_lock_shared() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// Opens the file of the lock, or makes it.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    options.open(path)
}

/// Whether the file is empty or holds the number of a process: another one is not of tfm's making,
/// and is left alone.
fn is_number(file: &File) -> bool {
    let mut text = String::new();
    let is_text = file.take(LONGEST).read_to_string(&mut text).is_ok();
    let number = text.trim_end();
    is_text && (number.is_empty() || number.parse::<u32>().is_ok())
}

/// ` (process 1234)`, or nothing where a locked file cannot be read.
fn holder(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().parse::<u32>().map_or_else(|_| String::new(), |id| format!(" (process {id})"))
}
