//! Files out of a `.tgz`, or a `.zip` of one file, that may be hostile.
//!
//! Nothing is ever written to a path that the archive names: each wanted member goes to the path
//! that the table gives it, in a fresh folder. An archive that tries anyway (`..`, an absolute
//! path, a link in the way of a wanted member) is refused as a whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use tar::{Archive, Entry, EntryType};

use super::failure::{Failure, LocalContext};
use super::sets::DataFile;
use super::store::store;

/// Writes the member of each of `files` to its name below `folder`. `limit` is the largest size
/// in bytes to which the archive may unpack.
///
/// # Errors
/// A file that is no archive, a truncated, hostile or oversized one, and a missing member are the
/// source's fault.
pub(super) fn extract(
    archive: &Path,
    files: &[&DataFile],
    limit: u64,
    folder: &Path,
) -> Result<(), Failure> {
    let file = File::open(archive).local(|| format!("open {}", archive.display()))?;
    let tar: Box<dyn Read> = match sniff(file).local(|| format!("read {}", archive.display()))? {
        Sniffed::Gzip(file) => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        Sniffed::Tar(file) => Box::new(BufReader::new(file)),
        Sniffed::Zip(file) => return extract_zip(BufReader::new(file), files, limit, folder),
        Sniffed::Other(start) => {
            return Err(Failure::source(format!("not a .tgz archive: it begins with {start:?}")));
        }
    };
    extract_members(Archive::new(Capped { inner: tar, left: limit, limit }), files, limit, folder)
}

fn extract_members(
    mut archive: Archive<impl Read>,
    files: &[&DataFile],
    limit: u64,
    folder: &Path,
) -> Result<(), Failure> {
    let mut left: Vec<&DataFile> = files.to_vec();
    // Raw entries: the long names of GNU and pax archives, which could be made endless, stay
    // unread, and the table's names are short.
    for entry in archive.entries().map_err(bad_archive)?.raw(true) {
        let mut entry = entry.map_err(bad_archive)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        refuse_escape(&path)?;
        let path = path.trim_start_matches("./").trim_end_matches('/');
        refuse_link(path, entry.header().entry_type(), files)?;
        if let Some(at) = left.iter().position(|file| file.member == Some(path)) {
            let file = left.swap_remove(at);
            extract_entry(&mut entry, file, path, limit, folder)?;
        }
        if left.is_empty() {
            return Ok(());
        }
    }
    let lacking: Vec<&str> = left.iter().map(|file| file.member.unwrap_or(file.name)).collect();
    Err(Failure::source(format!("the archive lacks {}", lacking.join(", "))))
}

/// The first file of a zip archive, by the header that stands before it.
fn extract_zip(
    mut zip: impl BufRead,
    files: &[&DataFile],
    limit: u64,
    folder: &Path,
) -> Result<(), Failure> {
    const DEFLATED: u16 = 8;
    let mut header = [0; 30];
    zip.read_exact(&mut header).map_err(bad_archive)?;
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let mut name = vec![0; usize::from(number(26))];
    zip.read_exact(&mut name).map_err(bad_archive)?;
    let mut extra = vec![0; usize::from(number(28))];
    zip.read_exact(&mut extra).map_err(bad_archive)?;
    let name = String::from_utf8_lossy(&name);
    match files {
        &[file] if file.member == Some(&*name) && number(8) == DEFLATED => {
            store(DeflateDecoder::new(zip), &name, file, limit, &folder.join(file.name))
        }
        _ => {
            let wanted: Vec<&str> = files.iter().filter_map(|file| file.member).collect();
            let rule = format!("begins with {name:?}, and {} is wanted", wanted.join(", "));
            Err(Failure::source(format!("the zip archive {rule}, deflated")))
        }
    }
}

fn extract_entry(
    entry: &mut Entry<'_, impl Read>,
    file: &DataFile,
    path: &str,
    limit: u64,
    folder: &Path,
) -> Result<(), Failure> {
    let kind = entry.header().entry_type();
    if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
        return Err(Failure::source(format!("the archive's {path} is no plain file ({kind:?})")));
    }
    let declared = entry.size();
    let compressed = path.ends_with(".gz");
    let most = if compressed { limit } else { file.bytes.unwrap_or(limit) };
    if declared > most {
        let rule = format!("declares {declared} bytes, more than its {most}");
        return Err(Failure::source(format!("the archive's {path} {rule}")));
    }
    store(entry, path, file, limit, &folder.join(file.name))
}

/// Refuses a path that would leave the folder where a careless program unpacked it.
fn refuse_escape(path: &str) -> Result<(), Failure> {
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\']) || drive || path.split(['/', '\\']).any(|part| part == "..") {
        return Err(Failure::source(format!("hostile archive: {path:?} leaves the folder")));
    }
    Ok(())
}

/// Refuses a link that stands for a wanted member or for a folder above it.
fn refuse_link(path: &str, kind: EntryType, files: &[&DataFile]) -> Result<(), Failure> {
    let in_the_way = |member: &str| {
        member.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
    if is_link && files.iter().filter_map(|file| file.member).any(in_the_way) {
        return Err(Failure::source(format!(
            "hostile archive: {path:?} is a link where a file or a folder is due"
        )));
    }
    Ok(())
}

fn bad_archive(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::UnexpectedEof => Failure::source("the archive is truncated"),
        _ => Failure::source(format!("the archive is broken: {error}")),
    }
}

enum Sniffed {
    Gzip(File),
    Tar(File),
    Zip(File),
    Other(String),
}

/// Tells by the first bytes what a file is. A plain tar is taken too: some servers send a `.tgz`
/// in such a way that it arrives decompressed.
fn sniff(mut file: File) -> io::Result<Sniffed> {
    let mut start = Vec::new();
    (&mut file).take(512).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(if start.starts_with(&[0x1f, 0x8b]) {
        Sniffed::Gzip(file)
    } else if start.starts_with(b"PK\x03\x04") {
        Sniffed::Zip(file)
    } else if start.get(257..262) == Some(b"ustar") {
        Sniffed::Tar(file)
    } else {
        Sniffed::Other(String::from_utf8_lossy(&start[..start.len().min(40)]).into_owned())
    })
}

/// A reader that fails, rather than ends, after `limit` bytes.
struct Capped<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidData,
                format!("it unpacks to more than {} bytes", self.limit),
            )
        })?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::super::verify::md5_hex;
    use super::*;

    #[test]
    fn a_zip_archive_gives_its_first_file() {
        let text = b"anarchism originated as a term of abuse";
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflated.write_all(text).unwrap();
        let mut zip = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
        zip.extend([0; 16]);
        zip.extend(b"\x05\0\x02\0text8xx");
        zip.extend(deflated.finish().unwrap());
        zip.extend(b"PK\x01\x02 and what follows");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        std::fs::write(&path, zip).unwrap();
        let md5 = Box::leak(md5_hex(text).into_boxed_str());
        let file = |member| DataFile { name: "t", member: Some(member), md5, bytes: Some(39) };
        let unpack = |file: &DataFile| extract(&path, &[file], 99, folder.path());
        assert!(unpack(&file("text8")).is_ok());
        assert_eq!(std::fs::read(folder.path().join("t")).unwrap(), text);
        assert!(matches!(unpack(&file("other")), Err(Failure::Source(_))));
    }
}
