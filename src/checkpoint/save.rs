//! Writing a checkpoint.

use std::cmp::Reverse;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use safetensors::View;

use super::Meta;
use super::folder::{self, BEST};
use super::header::Header;
use crate::atomic::sync_folder;

const BUFFER_BYTES: usize = 1 << 20;

/// Which files stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How many steps, the newest included; 0 counts as 1. The best stays besides.
    pub last: usize,
}

/// Writes a checkpoint into the folder `dir` and returns its path; with `best`, `best.safetensors`
/// becomes the same file. The folder must exist: one that was moved away is not created again in
/// the middle of a run.
///
/// The tensors are written one after another: no second copy of them all is held. The file
/// appears whole, on the disk, under its name or not at all. Then steps beyond the last
/// `keep.last` go, and any after `meta.step`, which belong to a future the run has left.
///
/// # Errors
/// The file cannot be written: the older ones are still there and no temporary one is.
pub fn save<V: View>(
    dir: &Path,
    meta: &Meta,
    tensors: impl IntoIterator<Item = (String, V)>,
    keep: Retention,
    best: bool,
) -> Result<PathBuf> {
    let path = folder::step_path(dir, meta.step);
    ensure!(dir.is_dir(), "the checkpoint folder {} is gone", dir.display());
    folder::remove_temporary(dir)?;
    let mut tensors: Vec<(String, V)> = tensors.into_iter().collect();
    // Wide types first keep every tensor aligned in the file.
    tensors.sort_by(|(left_name, left), (right_name, right)| {
        (Reverse(left.dtype()), left_name).cmp(&(Reverse(right.dtype()), right_name))
    });
    place(&path, meta, &tensors, best)
        .with_context(|| format!("cannot write the checkpoint {}", path.display()))?;
    if let Err(error) = folder::prune(dir, meta.step, keep.last) {
        // The new checkpoint exists: one file too many is not a reason to stop a run.
        tracing::warn!("{error:#}");
    }
    Ok(path)
}

/// Writes to a temporary name, which is gone afterwards in any case, and renames.
fn place<V: View>(path: &Path, meta: &Meta, tensors: &[(String, V)], best: bool) -> Result<()> {
    let temporary = folder::temporary(path);
    let result = write_file(&temporary, meta, tensors).and_then(|()| {
        // The best comes first: killed in between, the run does this step again and
        // places both, while a step that counts as the best would not be placed again.
        if best {
            link_best(&temporary, &path.with_file_name(BEST))?;
        }
        Ok(fs::rename(&temporary, path)?)
    });
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(())
}

/// Makes `best` another name of `file`, or a copy where the file system has no links.
fn link_best(file: &Path, best: &Path) -> Result<()> {
    let temporary = folder::temporary(best);
    let result = fs::hard_link(file, &temporary)
        .or_else(|_| {
            fs::copy(file, &temporary)?;
            OpenOptions::new().write(true).open(&temporary)?.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, best));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result.with_context(|| format!("cannot place {}", best.display()))
}

fn write_file<V: View>(path: &Path, meta: &Meta, tensors: &[(String, V)]) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file);
    write(&mut writer, meta, tensors)?;
    let file: File = writer.into_inner().map_err(|error| error.into_error())?;
    file.sync_all()?;
    Ok(())
}

/// Header without checksums, tensors, then the header again with them.
fn write<V: View>(
    writer: &mut (impl Write + Seek),
    meta: &Meta,
    tensors: &[(String, V)],
) -> Result<()> {
    let mut header = Header::new(meta, tensors)?;
    let blank = header.to_bytes()?;
    writer.write_all(&blank)?;
    for (name, tensor) in tensors {
        let data = tensor.data();
        let (given, expected) = (data.len(), tensor.data_len());
        ensure!(
            given == expected,
            "tensor {name} has {given} bytes, but its shape needs {expected}"
        );
        header.set_checksum(name, crc32c::crc32c(&data));
        writer.write_all(&data)?;
    }
    let header = header.to_bytes()?;
    ensure!(header.len() == blank.len(), "the length of the header changed");
    writer.seek(SeekFrom::Start(0))?;
    writer.write_all(&header)?;
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, ErrorKind};

    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;

    /// A disk with room for this many bytes.
    struct Disk {
        file: Cursor<Vec<u8>>,
        room: u64,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.file.position() + bytes.len() as u64 > self.room {
                return Err(ErrorKind::StorageFull.into());
            }
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_ends() {
        let data = [7; 400];
        let tensor = || TensorView::new(Dtype::F32, vec![100], &data).unwrap();
        let tensors = [("a".to_owned(), tensor()), ("b".to_owned(), tensor())];
        let write = |room| {
            let mut disk = Disk { file: Cursor::default(), room };
            write(&mut disk, &Meta::new("toy", 1), &tensors).map(|()| disk.file.into_inner().len())
        };
        let full = write(u64::MAX).unwrap() as u64;
        assert_eq!(write(full).unwrap() as u64, full);
        for room in [0, 8, 400, full - 401, full - 1] {
            let error = write(room).unwrap_err();
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            assert_eq!(kind, Some(ErrorKind::StorageFull), "{room}");
        }
    }
}
