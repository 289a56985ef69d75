//! What of a data set is in the data folder, and whether it is what it should be.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;
use flate2::bufread::MultiGzDecoder;

use super::LocalContext;
use super::hash::{Hash, for_each_piece};
use super::sets::{DataFile, DataSet, sets};
use crate::data::input::newlines;
use crate::system::wording::plural;

/// How much of a data set is in its folder, by names and sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Every file is there with its size; [`verify`] reads them through.
    Present,
    /// Some files are there, or a size is wrong.
    Partial,
    /// None is there.
    Missing,
}

impl Presence {
    /// `present`, `partial` or `missing`.
    pub fn as_str(self) -> &'static str {
        match self {
            Presence::Present => "present",
            Presence::Partial => "partial",
            Presence::Missing => "missing",
        }
    }
}

/// One line of `tfm data list`.
#[derive(Debug, Clone)]
pub struct SetStatus {
    /// The data set.
    pub set: &'static DataSet,
    /// How much of it is there.
    pub presence: Presence,
    /// Its folder, which need not exist.
    pub path: PathBuf,
    /// Bytes that its files take in the folder now.
    pub bytes: u64,
}

/// What a file of a data set turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// The content is the table's.
    Ok,
    /// The file does not exist.
    Missing,
    /// The content is another; `found` describes it ("md5 …, 12 bytes").
    Wrong {
        /// The description.
        found: String,
    },
}

/// One line of `tfm data verify`.
#[derive(Debug, Clone)]
pub struct FileCheck {
    /// The file's entry in the table, with the hash or the lines that it should have.
    pub file: &'static DataFile,
    /// Where it should be.
    pub path: PathBuf,
    /// What was found there.
    pub state: FileState,
}

/// Every data set of the table with what of it is below `data_dir`. Only names and sizes are looked
/// at, so this is quick at any size.
pub fn list(data_dir: &Path) -> Vec<SetStatus> {
    sets().iter().map(|set| status(set, data_dir)).collect()
}

/// Reads every file of `set` below `data_dir` and compares its hash, or its lines.
///
/// # Errors
/// A file exists but cannot be read. A missing or wrong file is not an error but a [`FileState`].
pub fn verify(set: &'static DataSet, data_dir: &Path) -> Result<Vec<FileCheck>> {
    set.files
        .iter()
        .map(|file| {
            let path = data_dir.join(&set.name).join(&file.name);
            let state = check_file(&path, file)?;
            Ok(FileCheck { file, path, state })
        })
        .collect()
}

fn status(set: &'static DataSet, data_dir: &Path) -> SetStatus {
    let path = data_dir.join(&set.name);
    let sizes: Vec<Option<u64>> =
        set.files.iter().map(|file| file_size(&path.join(&file.name))).collect();
    let right = |(file, size): (&DataFile, &Option<u64>)| match size {
        Some(0) => false,
        Some(size) if file.min_bytes.is_some_and(|least| *size < least) => false,
        Some(size) => file.is_gzip() || file.bytes.is_none_or(|bytes| bytes == *size),
        None => false,
    };
    let presence = if sizes.iter().all(Option::is_none) {
        Presence::Missing
    } else if set.files.iter().zip(&sizes).all(right) {
        Presence::Present
    } else {
        Presence::Partial
    };
    SetStatus { set, presence, path, bytes: sizes.into_iter().flatten().sum() }
}

fn file_size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(|meta| meta.is_file()).map(|meta| meta.len())
}

/// Compares the content of the file at `path` with the table's entry.
pub(super) fn check_file(path: &Path, file: &DataFile) -> Result<FileState> {
    let handle = match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(FileState::Missing);
        }
        handle => handle.local(|| format!("open {}", path.display()))?,
    };
    if handle.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Ok(FileState::Wrong { found: "a folder".into() });
    }
    let content = BufReader::with_capacity(1 << 16, handle);
    let digest = if file.is_gzip() {
        // One byte more than expected shows that the content is too long; no bomb is read further.
        let most = file.bytes.unwrap_or(u64::MAX).saturating_add(1);
        content_of(file, MultiGzDecoder::new(content).take(most))
    } else {
        content_of(file, content)
    };
    match digest {
        Ok(content) if file.is(&content) => Ok(FileState::Ok),
        Ok(content) => Ok(FileState::Wrong { found: content.in_words(file) }),
        Err(error) if file.is_gzip() && is_bad_gzip(&error) => {
            Ok(FileState::Wrong { found: format!("damaged gzip data: {error}") })
        }
        error => error.map(|_| FileState::Ok).local(|| format!("read {}", path.display())),
    }
}

fn is_bad_gzip(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof
    )
}

/// What a content is known by.
#[derive(Debug)]
pub(super) struct FileContent {
    /// The hash that the table has of the file, or its MD5, in lower-case hexadecimal.
    pub(super) hash: String,
    pub(super) bytes: u64,
    pub(super) lines: u64,
}

impl FileContent {
    /// The part of it that does not fit the table's entry.
    fn in_words(&self, file: &DataFile) -> String {
        let Self { hash, bytes, lines } = self;
        let in_bytes = format!("{bytes} {}", plural(*bytes, "byte"));
        match file.hash() {
            Some((name, _)) => format!("{name} {hash}, {in_bytes}"),
            None if file.min_bytes.is_some() => in_bytes,
            None => format!("{lines} {}", plural(*lines, "line")),
        }
    }
}

/// Reads a content to its end.
fn content_of(file: &DataFile, content: impl Read) -> io::Result<FileContent> {
    let mut hash = if file.sha256.is_some() { Hash::sha256() } else { Hash::md5() };
    let (mut bytes, mut lines) = (0, 0);
    for_each_piece(content, |piece| {
        let piece = piece?;
        hash.update(piece);
        bytes += piece.len() as u64;
        lines += newlines(piece);
        Ok::<_, io::Error>(())
    })?;
    Ok(FileContent { hash: hash.finish(), bytes, lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn entry(name: &str) -> DataFile {
        let md5 = Some("900150983cd24fb0d6963f7d28e17f72".into());
        DataFile { name: name.into(), md5, bytes: Some(3), ..DataFile::default() }
    }

    #[test]
    fn plain_file_is_told_ok_wrong_or_missing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, plain) = (dir.path().join("a.txt"), entry("a.txt"));
        assert_eq!(check_file(&path, &plain).unwrap(), FileState::Missing);
        assert_eq!(check_file(&path.join("below"), &plain).unwrap(), FileState::Missing);
        fs::write(&path, "abc").unwrap();
        assert_eq!(check_file(&path, &plain).unwrap(), FileState::Ok);
        fs::write(&path, "").unwrap();
        let found = "md5 d41d8cd98f00b204e9800998ecf8427e, 0 bytes".to_string();
        assert_eq!(check_file(&path, &plain).unwrap(), FileState::Wrong { found });
    }

    #[test]
    fn a_file_without_an_md5_is_judged_by_its_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        let file = DataFile { md5: None, bytes: None, lines: Some(2), ..entry("a.txt") };
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(check_file(&path, &file).unwrap(), FileState::Ok);
        fs::write(&path, "one\ntw").unwrap();
        let found = "1 line".to_string();
        assert_eq!(check_file(&path, &file).unwrap(), FileState::Wrong { found });
        assert_eq!(file.expectation(), "2 lines or more");
    }

    #[test]
    fn a_file_is_judged_by_its_sha256_or_its_size_where_these_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pb");
        fs::write(&path, "abc").unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hashed =
            DataFile { name: "a.pb".into(), sha256: Some(sha256.into()), ..DataFile::default() };
        assert_eq!(check_file(&path, &hashed).unwrap(), FileState::Ok);
        assert_eq!(hashed.expectation(), format!("sha256 {sha256}"));
        let sized =
            |min| DataFile { name: "a.pb".into(), min_bytes: Some(min), ..DataFile::default() };
        assert_eq!(check_file(&path, &sized(3)).unwrap(), FileState::Ok);
        let found = "3 bytes".to_string();
        assert_eq!(check_file(&path, &sized(4)).unwrap(), FileState::Wrong { found });
        assert_eq!(sized(4).expectation(), "4 bytes or more");
        fs::write(&path, "abd").unwrap();
        let state = check_file(&path, &hashed).unwrap();
        assert!(
            matches!(&state, FileState::Wrong { found } if found.starts_with("sha256 a52d")),
            "{state:?}"
        );
    }

    #[test]
    fn gzip_file_is_judged_by_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let (path, gzip) = (dir.path().join("a.gz"), entry("a.gz"));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"abc").unwrap();
        let bytes = encoder.finish().unwrap();
        fs::write(&path, &bytes).unwrap();
        assert_eq!(check_file(&path, &gzip).unwrap(), FileState::Ok);
        for broken in [&bytes[..bytes.len() - 6], b"plain text".as_slice()] {
            fs::write(&path, broken).unwrap();
            let state = check_file(&path, &gzip).unwrap();
            assert!(matches!(&state, FileState::Wrong { found } if found.contains("gzip")));
        }
    }

    #[test]
    fn list_tells_present_partial_and_missing() {
        let dir = tempfile::tempdir().unwrap();
        let presence = || list(dir.path()).iter().find(|s| s.set.name == "ptb").unwrap().presence;
        assert_eq!(presence(), Presence::Missing);
        fs::create_dir(dir.path().join("ptb")).unwrap();
        for file in &super::super::find("ptb").unwrap().files {
            let path = dir.path().join("ptb").join(&file.name);
            File::create(&path).unwrap();
            assert_eq!(presence(), Presence::Partial);
            File::create(&path).unwrap().set_len(file.bytes.unwrap()).unwrap();
        }
        assert_eq!(presence(), Presence::Present);
    }
}
