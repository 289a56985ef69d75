//! A cache file of computed features: one record per image, keyed by its content.
//!
//! ```text
//! magic, u32 length, description            what the features are of
//! SHA-256, u32 values, f32 …, u32 CRC-32C   a record, little-endian; and so on
//! ```
//!
//! Records are appended as they are computed, so a killed computation continues where it stopped: an
//! incomplete record at the end is truncated. A lock makes a second process wait until the first is
//! done; it then finds the features. The file can be deleted at any time.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::listing::ContentHash;
use crate::atomic;

const MAGIC: &[u8; 16] = b"tfm features 1\n\0";
/// The most values of a record.
const MAX_VALUES: usize = 1 << 24;
/// The most bytes of a description.
const MAX_DESCRIPTION: usize = 1 << 16;

/// The shared features of an image.
pub type Row = Arc<[f32]>;

/// The features of images by content.
#[derive(Debug)]
pub struct FeatureCache {
    path: PathBuf,
    /// None if it cannot be written.
    file: Option<File>,
    rows: HashMap<ContentHash, Row>,
}

impl FeatureCache {
    /// Opens the file `name` in `folder`, whose features `description` identifies, and reads those of
    /// `wanted`. If it cannot be written, it logs a warning and the cache is not used.
    ///
    /// # Errors
    /// Something else than a plain file has its name, or the disk fails.
    pub fn open(
        folder: &Path,
        name: &str,
        description: &str,
        wanted: &HashSet<ContentHash>,
    ) -> Result<Self> {
        let path = folder.join(name);
        let mut cache = Self { path, file: None, rows: HashMap::new() };
        atomic::expect_plain(&cache.path)?;
        let opened = atomic::create_folder(folder).and_then(|()| {
            let mut options = OpenOptions::new();
            Ok(options.read(true).write(true).create(true).truncate(false).open(&cache.path)?)
        });
        let path = cache.path.display().to_string();
        let kept = match opened {
            Ok(file) => {
                cache.wait_for(&file);
                let read = cache.read(&file, description, wanted);
                let (head, end) = read.with_context(|| format!("cannot read {path}"))?;
                begin(&file, &head, end).map(|()| cache.file = Some(file)).map_err(Into::into)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!("features are not cached: cannot write {path}: {error:#}");
        }
        Ok(cache)
    }

    /// Waits until no other process has the file. One without locks is used all the same.
    fn wait_for(&self, file: &File) {
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            tracing::info!("Waiting for another process that is computing {}", self.path.display());
            let _ = file.lock();
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many contents have known features.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The features of a content, if they are known.
    pub fn get(&self, hash: &ContentHash) -> Option<&Row> {
        self.rows.get(hash)
    }

    /// Keeps features for good.
    pub fn add(&mut self, rows: Vec<(ContentHash, Row)>) {
        let bytes: Vec<u8> = rows.iter().flat_map(|(hash, row)| record(hash, row)).collect();
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(&bytes)
        {
            let path = self.path.display();
            tracing::warn!("features are no longer cached: cannot write {path}: {error}");
            // A torn record there would hide the records after it.
            self.file = None;
        }
        self.rows.extend(rows);
    }

    /// Reads the header and the complete records; returns where they end.
    fn read(
        &mut self,
        file: &File,
        description: &str,
        wanted: &HashSet<ContentHash>,
    ) -> Result<(Vec<u8>, u64)> {
        let head = [&MAGIC[..], &(description.len() as u32).to_le_bytes(), description.as_bytes()];
        let head = head.concat();
        ensure!(description.len() <= MAX_DESCRIPTION, "the description is too long");
        let mut reader = BufReader::new(file);
        let mut found = vec![0; head.len()];
        let is_own = fill(&mut reader, &mut found)? && found == head;
        let mut end = if is_own { head.len() as u64 } else { 0 };
        while is_own && let Some((hash, row, bytes)) = next(&mut reader)? {
            end += bytes;
            if wanted.contains(&hash) {
                self.rows.insert(hash, row);
            }
        }
        Ok((head, end))
    }
}

/// Truncates the file after the last complete record; without any, the file is started again.
fn begin(mut file: &File, head: &[u8], end: u64) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::End(0))?;
    if end == 0 { file.write_all(head) } else { Ok(()) }
}

fn record(hash: &ContentHash, row: &[f32]) -> Vec<u8> {
    let mut bytes = hash.0.to_vec();
    bytes.extend((row.len() as u32).to_le_bytes());
    bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// The next record and its bytes; none at the end or if the record is incomplete.
fn next(reader: &mut impl Read) -> io::Result<Option<(ContentHash, Row, u64)>> {
    let mut start = [0; 36];
    if !fill(reader, &mut start)? {
        return Ok(None);
    }
    let (mut hash, mut count) = ([0; 32], [0; 4]);
    hash.copy_from_slice(&start[..32]);
    count.copy_from_slice(&start[32..]);
    let count = u32::from_le_bytes(count) as usize;
    if count > MAX_VALUES {
        return Ok(None);
    }
    let mut values = vec![0; 4 * count + 4];
    if !fill(reader, &mut values)? {
        return Ok(None);
    }
    let (values, checksum) = values.split_at(4 * count);
    let own = crc32c::crc32c_append(crc32c::crc32c(&start), values);
    if checksum != own.to_le_bytes() {
        return Ok(None);
    }
    let (values, _) = values.as_chunks::<4>();
    let row = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(Some((ContentHash(hash), row, (start.len() + 4 * count + 4) as u64)))
}

/// Whether there are enough bytes.
fn fill(reader: &mut impl Read, to: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rows() -> Vec<(ContentHash, Row)> {
        let row =
            |i: u8| (ContentHash::of(&[i]), Row::from([f32::from(i), 0.1, f32::MIN_POSITIVE]));
        (0..4).map(row).collect()
    }

    fn open(folder: &Path, description: &str) -> FeatureCache {
        let wanted = rows().into_iter().map(|(hash, _)| hash).collect();
        FeatureCache::open(folder, "a.features", description, &wanted).unwrap()
    }

    #[test]
    fn rows_come_back_and_those_of_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cache");
        let mut cache = open(&folder, "graph 1");
        assert!(cache.get(&rows()[0].0).is_none());
        cache.add(rows()[..2].to_vec());
        cache.add(rows()[2..].to_vec());
        drop(cache);
        let cache = open(&folder, "graph 1");
        assert!(rows().iter().all(|(hash, row)| cache.get(hash) == Some(row)));
        drop(cache);
        let few = HashSet::from([rows()[3].0]);
        let cache = FeatureCache::open(&folder, "a.features", "graph 1", &few).unwrap();
        assert!(cache.get(&rows()[0].0).is_none() && cache.get(&rows()[3].0).is_some());
        drop(cache);
        assert!(open(&folder, "graph 2").get(&rows()[0].0).is_none());
    }

    #[test]
    fn what_is_cut_or_changed_is_computed_again() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), "graph").add(rows());
        let path = dir.path().join("a.features");
        let whole = fs::read(&path).unwrap();
        let head = MAGIC.len() + 4 + "graph".len();
        let bytes = (whole.len() - head) / 4;
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut cache = open(dir.path(), "graph");
            let known = rows().iter().filter(|(hash, _)| cache.get(hash).is_some()).count();
            assert_eq!(known, cut.saturating_sub(head) / bytes, "cut at {cut}");
            cache.add(rows()[known..].to_vec());
            drop(cache);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
        for place in head..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            let cache = open(dir.path(), "graph");
            let known = rows().iter().filter(|(hash, _)| cache.get(hash).is_some()).count();
            assert_eq!(known, (place - head) / bytes, "changed at {place}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("cache"), "a file").unwrap();
        let mut cache = open(&dir.path().join("cache"), "graph");
        cache.add(rows());
        assert!(cache.get(&rows()[1].0).is_some());
    }
}
