//! The hashes by which contents are known.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::{Digest, Md5};
use ring::digest;

/// A hash that is computed piece by piece.
pub(super) enum Hash {
    /// Of the table of data sets.
    Md5(Md5),
    /// SHA-256 of archives and of the hub's large files, SHA-1 of its small ones.
    Sha(digest::Context),
}

impl Hash {
    pub(super) fn md5() -> Self {
        Self::Md5(Md5::new())
    }

    pub(super) fn sha256() -> Self {
        Self::Sha(digest::Context::new(&digest::SHA256))
    }

    /// The hash by which Git knows a file of `bytes` bytes.
    pub(super) fn git_blob(bytes: u64) -> Self {
        let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        context.update(format!("blob {bytes}\0").as_bytes());
        Self::Sha(context)
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(piece),
            Self::Sha(context) => context.update(piece),
        }
    }

    /// In lower-case hexadecimal.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Md5(hasher) => hex(&hasher.finalize()),
            Self::Sha(context) => hex(context.finish().as_ref()),
        }
    }

    /// The hash of a whole file.
    pub(super) fn of_file(mut self, path: &Path) -> io::Result<String> {
        for_each_piece(File::open(path)?, |piece| {
            self.update(piece?);
            Ok::<_, io::Error>(())
        })?;
        Ok(self.finish())
    }
}

/// MD5 of a text in lower-case hexadecimal.
pub(super) fn md5_hex(text: &[u8]) -> String {
    hex(&Md5::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads to the end; an error ends it too.
pub(super) fn for_each_piece<E>(
    mut content: impl Read,
    mut visit: impl FnMut(io::Result<&[u8]>) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => visit(Ok(&buffer[..n]))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return visit(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```sh
    /// printf abc > a; md5sum a; sha256sum a; git hash-object a
    /// ```
    #[test]
    fn hashes_are_those_of_other_programs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let of_file = |hash: Hash| hash.of_file(&path).unwrap();
        assert_eq!(of_file(Hash::md5()), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            of_file(Hash::sha256()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(of_file(Hash::git_blob(3)), "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
        assert_eq!(md5_hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
