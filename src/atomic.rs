//! Placing a whole file at once: a reader, or a run after a kill, sees the old content or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What is handed to the system at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes `bytes` to a temporary name beside `path`, on to the disk, and renames it to `path`.
/// Where another process writes the same file, this one waits for it, and then replaces it. A link
/// stays, and the file that it names is replaced.
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
    let path = behind_link(path);
    let _own = prepare_with(&path, content)?;
    place(&path)
}

/// The file that a link names, which is written in place of the link; any other path as it is.
fn behind_link(path: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
    let target = if is_link { path.canonicalize().ok() } else { None };
    target.unwrap_or_else(|| path.to_owned())
}

/// Writes `bytes` to the [`temporary`] name of `path`, on to the disk; [`place`] does the rest.
///
/// # Errors
/// Names the file that could not be written; the temporary one is removed.
pub fn prepare(path: &Path, bytes: &[u8]) -> Result<()> {
    prepare_with(path, |file| Ok(file.write_all(bytes)?)).map(drop)
}

/// The temporary file, which is this process's own as long as it is open.
fn prepare_with(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<File> {
    expect_plain(path)
        .and_then(|()| write_synced(&temporary(path), content))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Renames what [`prepare`] has written to `path`.
///
/// # Errors
/// Names the file that could not be placed; the temporary one is removed.
pub fn place(path: &Path) -> Result<()> {
    let temporary = temporary(path);
    let placed = fs::rename(&temporary, path);
    if placed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    placed
        .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The name under which `path` is written: one for all attempts, so that what a killed one has left
/// behind, the next one removes.
pub fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(format!(".{}.tmp", name.to_string_lossy()))
}

/// Checks that `path` is a plain file or absent: a device or a pipe is neither replaced nor waited
/// for.
///
/// # Errors
/// Something else is there.
pub fn expect_plain(path: &Path) -> Result<()> {
    let is_plain = fs::metadata(path).map_or(true, |there| there.is_file());
    ensure!(is_plain, "{} is not a plain file; give another name", path.display());
    Ok(())
}

/// Whether `path` is still the name of `file`, which is open: it may have been moved or replaced.
#[cfg(unix)]
pub fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let id = |file: fs::Metadata| (file.dev(), file.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(own), Ok(there)) => id(own) == id(there),
        _ => false,
    }
}

/// A file that is open can neither be moved nor replaced here.
#[cfg(not(unix))]
pub fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Makes `folder` and those above it where they are absent; their names last through a power cut.
///
/// # Errors
/// Names the folder that could not be made, or whose name may not last.
pub fn create_folder(folder: &Path) -> Result<()> {
    let place = folder.display();
    let absent: Vec<_> = folder.ancestors().take_while(|path| !named(path).exists()).collect();
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {place}"))?;
    let mut parents = absent.iter().filter_map(|path| path.parent());
    parents.try_for_each(sync_folder).with_context(|| {
        format!("the folder {place} was created, but its entry cannot be synced to disk")
    })
}

/// Makes the names in `folder` last through a power cut.
///
/// # Errors
/// The disk fails. A file system on which folders cannot be synced does so itself, or not at all.
#[cfg(unix)]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};

    match File::open(named(folder)).and_then(|folder| folder.sync_all()) {
        Err(error) if [InvalidInput, PermissionDenied, Unsupported].contains(&error.kind()) => {
            Ok(())
        }
        synced => synced,
    }
}

/// Folders cannot be synced where they cannot be opened as files; the system does so itself.
#[cfg(not(unix))]
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a file, which is removed where that fails.
fn write_synced(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<File> {
    let own = create_own(path)?;
    let write = |file: File| -> Result<()> {
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        content(&mut writer)?;
        let file = writer.into_inner().map_err(|error| error.into_error())?;
        Ok(file.sync_all()?)
    };
    let written = own.try_clone().map_err(Into::into).and_then(write);
    if written.is_err() {
        // The first error says what is wrong; a temporary file that stays does no harm.
        let _ = fs::remove_file(path);
    }
    written.map(|()| own)
}

/// Creates a file that no other process has, as long as it is open. Waits for one that has it, and
/// removes what a killed one has left.
fn create_own(path: &Path) -> io::Result<File> {
    /// Where files are never found under their names, nobody waits for ever.
    const ATTEMPTS: usize = 10_000;
    for _ in 0..ATTEMPTS {
        if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
            // Not into whatever else has this name.
            fs::remove_file(path)?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        // Without locks nobody is waited for.
        let _ = file.lock();
        if !is_at(&file, path) {
            continue;
        }
        if file.metadata()?.len() == 0 {
            return Ok(file);
        }
        fs::remove_file(path)?;
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "other processes write it"))
}

/// A bare file name has the parent "", which is the current folder but cannot be opened as such.
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
    fn writers_of_one_file_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        // What a killed one has left.
        fs::write(temporary(&path), "half").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        let piece = [writer; 4096];
                        let content = |file: &mut BufWriter<File>| {
                            (0..4).try_for_each(|_| Ok(file.write_all(&piece)?))
                        };
                        write_with(path, content).unwrap();
                        let found = fs::read(path).unwrap();
                        assert!(found.len() == 4 * 4096 && found.iter().all(|&b| b == found[0]));
                    }
                });
            }
        });
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
        let error = format!("{:#}", write(&taken, b"x").unwrap_err());
        assert!(error.ends_with("taken is not a plain file; give another name"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        // A device that every user may open; the link to it is in a folder of the test's own.
        let device = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        let error = format!("{:#}", write(&device, b"x").unwrap_err());
        assert!(error.contains("null is not a plain file"), "{error}");
        // A link in place of the temporary file is not followed.
        let (path, precious) = (folder.path().join("a.txt"), folder.path().join("precious"));
        fs::write(&precious, "mine").unwrap();
        std::os::unix::fs::symlink(&precious, temporary(&path)).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(
            (fs::read(&precious).unwrap(), fs::read(&path).unwrap()),
            (b"mine".to_vec(), b"new".to_vec())
        );
        assert!(device.is_symlink() && !temporary(&path).exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let [folder, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (file, link) = (other.path().join("a.txt"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(link.is_symlink());
    }

    #[test]
    fn folders_are_made_with_those_above_them() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b/c");
        create_folder(&folder).unwrap();
        create_folder(&folder).unwrap();
        assert!(folder.is_dir());
        fs::write(root.path().join("file"), "").unwrap();
        let error = format!("{:#}", create_folder(&root.path().join("file/x")).unwrap_err());
        assert!(error.starts_with("cannot create the folder "), "{error}");
    }
}
