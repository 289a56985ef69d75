//! The bytes of a file, without a copy where the system has a way.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;
use std::sync::Once;

use memmap2::{Mmap, MmapOptions};

/// The bytes of a file, or a part of them.
#[derive(Debug)]
pub enum Mapped {
    /// They are read as they are looked at.
    Mapped(Mmap),
    /// They are in memory.
    Read(Vec<u8>),
}

impl Mapped {
    /// Gives the memory of pages that were looked at back to the system; they are read again when
    /// they are looked at again.
    #[cfg(unix)]
    pub fn release(&self) {
        if let Self::Mapped(map) = self {
            // SAFETY: nothing was written to the mapping, which is of a file: the pages come back with
            // what the file has.
            let released = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // Failure is ignored.
            drop(released);
        }
    }

    /// Other systems do so on their own.
    #[cfg(not(unix))]
    pub fn release(&self) {}
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Read(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// All bytes of the file `path`.
///
/// # Errors
/// It cannot be read, or is a pipe or a device, which would be waited for.
pub fn open(path: &Path) -> io::Result<Mapped> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::other("a pipe or a device: save it to a file first"));
    }
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    whole(file, len)
}

/// A file of `len` bytes. Where the file system cannot map it, it is read, which is said once.
fn whole(mut file: File, len: u64) -> io::Result<Mapped> {
    let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let len = usize::try_from(len).map_err(too_large)?;
    if len == 0 {
        // Some systems cannot map nothing.
        return Ok(Mapped::Read(Vec::new()));
    }
    // SAFETY: nothing else reads the mapping. A checkpoint is never written to under its name, only
    // replaced by a rename or removed; where another program shortens a text meanwhile, this
    // process ends with a signal instead of a wrong result.
    match unsafe { MmapOptions::new().len(len).map(&file) } {
        Ok(map) => Ok(Mapped::Mapped(map)),
        Err(error) => {
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                tracing::warn!(
                    "files cannot be memory-mapped here ({error}): reading them into memory"
                );
            });
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(len)?;
            bytes.resize(len, 0);
            file.read_exact(&mut bytes)?;
            Ok(Mapped::Read(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_and_read_bytes_are_the_file_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"0123456789").unwrap();
        assert_eq!(&*open(&path).unwrap(), b"0123456789");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(&*open(&path).unwrap(), b"");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_mapped() {
        let error = open(Path::new("/dev/null")).unwrap_err();
        assert!(error.to_string().starts_with("a pipe or a device"), "{error}");
    }
}
