//! Files out of a `.tgz` or a `.zip` that may be hostile.
//!
//! Nothing is ever written to a path that the archive names: each wanted member goes to the path
//! that the table gives it, in a fresh folder. An archive that tries anyway (`..`, an absolute
//! path, a link in the way of a wanted member) is refused as a whole.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Error, Result, anyhow, bail};
use flate2::CrcReader;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use tar::{Archive, Entry, EntryType};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::place::store;
use super::sets::DataFile;
use super::{Event, LocalContext};

/// Bytes of an archive that are read at a time.
const READ_AT_ONCE: usize = 1 << 16;

/// An archive that tells how much of it has been read.
struct Told<'a> {
    file: File,
    done: u64,
    total: u64,
    on_event: &'a mut dyn FnMut(Event<'_>),
}

impl Read for Told<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.done += count as u64;
        (self.on_event)(Event::Unpacked { done: self.done.min(self.total), total: self.total });
        Ok(count)
    }
}

impl Seek for Told<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.done = self.file.seek(to)?;
        Ok(self.done)
    }
}

/// Writes the members of `files` that the archive has to their names below `folder`. `limit` is the
/// largest size in bytes to which the archive may unpack.
///
/// # Errors
/// A file that is not an archive, an archive that is truncated, hostile or oversized, and one
/// without any of the files count as faults of the source.
pub(super) fn extract(
    archive: &Path,
    files: &[&DataFile],
    limit: u64,
    folder: &Path,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<()> {
    let mut file = File::open(archive).local(|| format!("open {}", archive.display()))?;
    let start = sniff(&mut file).local(|| format!("read {}", archive.display()))?;
    let total = file.metadata().local(|| format!("read {}", archive.display()))?.len();
    let file = BufReader::with_capacity(READ_AT_ONCE, Told { file, done: 0, total, on_event });
    if start.starts_with(b"PK\x03\x04") {
        return extract_zip(file, files, limit, folder);
    }
    // A plain tar is taken too: some servers send a `.tgz` in such a way that it arrives
    // decompressed.
    let tar: Box<dyn Read + '_> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(file))
    } else if start.get(257..262) == Some(b"ustar") {
        Box::new(file)
    } else {
        let start = String::from_utf8_lossy(&start[..start.len().min(40)]);
        bail!("not a .tgz archive: it starts with {start:?}")
    };
    extract_members(Archive::new(Capped { inner: tar, left: limit, limit }), files, limit, folder)
}

fn extract_members(
    mut archive: Archive<impl Read>,
    files: &[&DataFile],
    limit: u64,
    folder: &Path,
) -> Result<()> {
    let mut left: Vec<&DataFile> = files.to_vec();
    // Raw entries: the long names of GNU and pax archives, which could be made endless, stay
    // unread, and the table's names are short.
    for entry in archive.entries().map_err(bad_archive)?.raw(true) {
        let mut entry = entry.map_err(bad_archive)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        refuse_escape(&path)?;
        let path = path.trim_start_matches("./").trim_end_matches('/');
        refuse_link(path, entry.header().entry_type(), files)?;
        if let Some(at) = left.iter().position(|file| file.member.as_deref() == Some(path)) {
            let file = left.swap_remove(at);
            extract_entry(&mut entry, file, path, limit, folder)?;
        }
        if left.is_empty() {
            return Ok(());
        }
    }
    match left.len() < files.len() {
        true => Ok(()),
        false => bail!("the archive lacks {}", member_names(&left)),
    }
}

/// Finds the members by the directory at the archive's end.
fn extract_zip(
    archive: impl Read + Seek,
    files: &[&DataFile],
    limit: u64,
    folder: &Path,
) -> Result<()> {
    let bad_zip = |error: ZipError| anyhow!("the zip archive is broken: {error}");
    let mut zip = ZipArchive::new(archive).map_err(bad_zip)?;
    let mut has_any = false;
    for file in files {
        let name = member_name(file);
        let Some(index) = zip.index_for_name(name) else { continue };
        // The crate is built without decompressors: the program has its own.
        let entry = zip.by_index_raw(index).map_err(bad_zip)?;
        let (method, checksum) = (entry.compression(), entry.crc32());
        let content: Box<dyn Read + '_> = if method == CompressionMethod::DEFLATE {
            Box::new(DeflateDecoder::new(BufReader::new(entry)))
        } else if method == CompressionMethod::Stored {
            Box::new(entry)
        } else {
            bail!("{name} is compressed with {method}, which is not supported");
        };
        let mut content = CrcReader::new(content);
        store(&mut content, name, file, limit, &folder.join(&file.name))?;
        io::copy(&mut content, &mut io::sink()).map_err(bad_archive)?;
        if content.crc().sum() != checksum {
            bail!("the zip archive is broken: the checksum of {name} is wrong");
        }
        has_any = true;
    }
    match has_any {
        true => Ok(()),
        false => bail!("the archive lacks {}", member_names(files)),
    }
}

/// What a file is called in the archive.
fn member_name(file: &DataFile) -> &str {
    file.member.as_deref().unwrap_or(&file.name)
}

fn member_names(files: &[&DataFile]) -> String {
    files.iter().map(|file| member_name(file)).collect::<Vec<_>>().join(", ")
}

fn extract_entry(
    entry: &mut Entry<'_, impl Read>,
    file: &DataFile,
    path: &str,
    limit: u64,
    folder: &Path,
) -> Result<()> {
    let kind = entry.header().entry_type();
    if !matches!(kind, EntryType::Regular | EntryType::Continuous) {
        bail!("the archive's {path} is not a plain file ({kind:?})");
    }
    let declared = entry.size();
    let most = if path.ends_with(".gz") { limit } else { file.most(limit) };
    if declared > most {
        bail!("the archive's {path} declares {declared} bytes, more than the limit of {most}");
    }
    store(entry, path, file, limit, &folder.join(&file.name))
}

/// Refuses a path that would leave the folder where a careless program unpacked it.
fn refuse_escape(path: &str) -> Result<()> {
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\']) || drive || path.split(['/', '\\']).any(|part| part == "..") {
        bail!("hostile archive: {path:?} points outside the folder");
    }
    Ok(())
}

/// Refuses a link that stands for a wanted member or for a folder above it.
fn refuse_link(path: &str, kind: EntryType, files: &[&DataFile]) -> Result<()> {
    let in_the_way = |member: &str| {
        member.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
    if is_link && files.iter().filter_map(|file| file.member.as_deref()).any(in_the_way) {
        bail!("hostile archive: {path:?} is a link instead of a file or a folder");
    }
    Ok(())
}

fn bad_archive(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("the archive is truncated"),
        _ => anyhow!("the archive is broken: {error}"),
    }
}

/// The first bytes of a file, which tell what it is.
fn sniff(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(start)
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
            io::Error::other(format!("it unpacks to more than {} bytes", self.limit))
        })?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::hash::md5_hex;
    use super::*;

    /// ```python
    /// import io, zipfile
    /// z = zipfile.ZipFile(b := io.BytesIO(), "w")
    /// for name, text, method in [("note", b"read me", 0), ("top/a.txt", b"alpha " * 40, 8)]:
    ///     info = zipfile.ZipInfo(name)
    ///     info.compress_type = method
    ///     z.writestr(info, text)
    /// z.close(); print(b.getvalue())
    /// ```
    const ZIP: &[u8] =
        b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00!\x00\xe1xr{\x07\x00\x00\x00\x07\x00\x00\
        \x00\x04\x00\x00\x00noteread mePK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00!\x00\x09:\
        \xf2T\x0b\x00\x00\x00\xf0\x00\x00\x00\x09\x00\x00\x00top/a.txtK\xcc)\xc8HTH\x1c1$\
        \x00PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00!\x00\xe1xr{\x07\x00\x00\x00\
        \x07\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\
        \x00notePK\x01\x02\x14\x03\x14\x00\x00\x00\x08\x00\x00\x00!\x00\x09:\xf2T\x0b\x00\
        \x00\x00\xf0\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01)\
        \x00\x00\x00top/a.txtPK\x05\x06\x00\x00\x00\x00\x02\x00\x02\x00i\x00\x00\x00[\x00\
        \x00\x00\x00\x00";

    fn unpack(member: &str, text: &str) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zip");
        fs::write(&path, ZIP).unwrap();
        let file = DataFile {
            name: "a.txt".to_owned(),
            member: Some(member.to_owned()),
            md5: Some(md5_hex(text.as_bytes())),
            bytes: Some(text.len() as u64),
            ..DataFile::default()
        };
        extract(&path, &[&file], 1 << 20, folder.path(), &mut |_| ())?;
        Ok(fs::read(folder.path().join("a.txt"))?)
    }

    #[test]
    fn a_member_of_a_zip_is_found_wherever_it_lies() {
        assert_eq!(unpack("note", "read me").unwrap(), b"read me");
        let text = "alpha ".repeat(40);
        assert_eq!(unpack("top/a.txt", &text).unwrap(), text.as_bytes());
        let error = unpack("b.txt", "").unwrap_err().to_string();
        assert_eq!(error, "the archive lacks b.txt");
        let error = unpack("top/a.txt", "alpha").unwrap_err().to_string();
        assert!(error.contains("longer than its 5 bytes"), "{error}");
    }
}
