//! Placing a whole file at once: a reader, or a run after a kill, sees the old content or the new.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// What is handed to the system at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes `bytes` to a temporary name beside `path`, on to the disk, and renames it to `path`.
/// Two processes must not write the same file at the same time.
///
/// # Errors
/// Names the file that could not be written; the temporary one is removed.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| Ok(file.write_all(bytes)?))
}

/// As [`write`], of a file that `content` writes piece by piece.
///
/// # Errors
/// Those of `content` too.
pub fn write_with(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let name = path.file_name().context("a path without a file name cannot be written")?;
    // One name for all attempts: what a killed one has left behind, the next one takes away.
    let temporary = path.with_file_name(format!(".{}.tmp", name.to_string_lossy()));
    let placed = write_synced(&temporary, content).and_then(|()| Ok(fs::rename(&temporary, path)?));
    if placed.is_err() {
        // The first error says what is wrong; a temporary file that stays does no harm.
        let _ = fs::remove_file(&temporary);
    }
    placed
        .and_then(|()| Ok(path.parent().map_or(Ok(()), sync_folder)?))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the names in `folder` last through a power cut.
///
/// # Errors
/// The folder cannot be opened or synced.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(named(folder))?.sync_all()
}

/// Folders cannot be synced where they cannot be opened as files; the system does so itself.
#[cfg(not(unix))]
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn write_synced(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
    content(&mut writer)?;
    let file = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(file.sync_all()?)
}

/// A bare file name has the parent "", which is the current folder but cannot be opened as such.
#[cfg(unix)]
fn named(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn content_that_fails_half_way_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"old").unwrap();
        let fails = |file: &mut BufWriter<File>| {
            file.write_all(&[7; 2 << 20])?;
            anyhow::bail!("no more")
        };
        let error = format!("{:#}", write_with(&path, fails).unwrap_err());
        assert!(error.ends_with("a.txt: no more"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_file_and_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/a.txt");
        let error = format!("{:#}", write(&missing, b"x").unwrap_err());
        assert!(error.contains("cannot write") && error.contains("a.txt"), "{error}");
        // A folder in the file's place cannot be replaced by a file.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        write(&taken, b"x").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
