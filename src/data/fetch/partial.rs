//! What has arrived of a download so far, which is kept from one call to the next.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::hash::md5_hex;

/// A download in progress: a file with the bytes so far, and beside it a note of where they come
/// from. Bytes are continued only from the same address.
#[derive(Debug)]
pub(super) struct Partial {
    url: String,
    body: PathBuf,
    note: PathBuf,
}

impl Partial {
    /// The download of `url`, kept in `folder`, which exists.
    pub(super) fn new(folder: &Path, url: &str) -> Self {
        let stem = format!("{}-{}", &md5_hex(url.as_bytes())[..8], file_name(url));
        Partial {
            url: url.into(),
            body: folder.join(format!("{stem}.part")),
            note: folder.join(format!("{stem}.from")),
        }
    }

    /// The file that holds the bytes so far.
    pub(super) fn path(&self) -> &Path {
        &self.body
    }

    /// The number of bytes that can be continued: 0 if there are none or their origin is unknown.
    pub(super) fn len(&self) -> u64 {
        match self.note_lines() {
            Some((url, _)) if url == self.url => fs::metadata(&self.body).map_or(0, |m| m.len()),
            _ => 0,
        }
    }

    /// The server's name for the version that the bytes belong to (ETag or date), if it gave one.
    pub(super) fn validator(&self) -> Option<String> {
        self.note_lines().map(|(_, validator)| validator).filter(|validator| !validator.is_empty())
    }

    /// Starts from nothing, and notes the origin before the first byte.
    pub(super) fn begin(&self, validator: Option<&str>) -> io::Result<File> {
        // The old bytes go first: a note must never be beside bytes of another version.
        let file = File::create(&self.body)?;
        fs::write(&self.note, format!("{}\n{}\n", self.url, validator.unwrap_or("")))?;
        Ok(file)
    }

    /// Continues after the bytes so far.
    pub(super) fn append(&self) -> io::Result<File> {
        OpenOptions::new().append(true).open(&self.body)
    }

    /// Forgets the bytes. What cannot be removed is overwritten by the next [`Partial::begin`].
    pub(super) fn discard(&self) {
        let _ = fs::remove_file(&self.note);
        let _ = fs::remove_file(&self.body);
    }

    fn note_lines(&self) -> Option<(String, String)> {
        let note = fs::read_to_string(&self.note).ok()?;
        let mut lines = note.lines();
        Some((lines.next()?.into(), lines.next()?.into()))
    }
}

/// The last part of the address's path, reduced to characters that every file system takes.
pub(super) fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path.rsplit('/').next().unwrap_or("");
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = last.chars().map(safe).take(80).collect();
    if name.is_empty() { "download".into() } else { name }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn bytes_are_continued_only_with_a_note_of_the_same_address() {
        let dir = tempfile::tempdir().unwrap();
        let partial = Partial::new(dir.path(), "http://host/a.tgz");
        assert_eq!((partial.len(), partial.validator()), (0, None));
        partial.begin(Some("\"v1\"")).unwrap().write_all(b"abc").unwrap();
        partial.append().unwrap().write_all(b"de").unwrap();
        assert_eq!((partial.len(), partial.validator()), (5, Some("\"v1\"".into())));
        fs::write(&partial.note, "http://other/a.tgz\n\n").unwrap();
        assert_eq!((partial.len(), partial.validator()), (0, None));
        partial.discard();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn file_names_are_harmless() {
        assert_eq!(file_name("http://host/x/a.tgz?y=/../b"), "a.tgz");
        assert_eq!(file_name("http://host/x/"), "download");
        assert_eq!(file_name("http://host/a%2F..\\b:c"), "a_2F.._b_c");
    }
}
