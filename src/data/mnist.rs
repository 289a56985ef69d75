//! MNIST's images of handwritten digits: four files in the IDX format.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::augment::Shape;
use super::input::{Input, Kind};
use super::{Labelled, Missing, Split, fetch, reworded};
use crate::system::memory;
use crate::system::wording::{by_number, plural};

/// Rows of an image, and its columns.
const SIDE: usize = 28;
/// The size of an image.
pub const SHAPE: Shape = Shape { height: SIDE, width: SIDE, depth: 1 };
/// The digits.
pub const CLASSES: usize = 10;

/// The files with the 60,000 training images and with their labels, without `.gz`.
const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
/// The files with the 10,000 test images and with their labels.
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Reads a split from the two files of `folder`, each as it is or compressed (`.gz`). 0 is the
/// background of an image.
///
/// # Errors
/// A file is missing, damaged or truncated; images of another size; numbers of images and labels
/// that differ; a label above 9. The set has no validation split. File and, for a label, record are
/// named.
pub fn load(folder: &Path, split: Split) -> Result<Labelled> {
    read_pair(folder, split).map_err(|error| {
        let command = fetch::command_for("mnist", folder);
        let text = format!(
            "{error:#}; run `{command}` to download the missing files; add --force to replace \
             wrong ones too"
        );
        reworded(&error, text)
    })
}

fn read_pair(folder: &Path, split: Split) -> Result<Labelled> {
    let files = match split {
        Split::Train => TRAIN,
        Split::Valid => bail!("MNIST has no validation split of its own"),
        Split::Test => TEST,
    };
    let [images, labels] = files.map(|name| find(folder, name));
    let (images_path, labels_path) = (images?, labels?);
    let (images, labels) = (read(&images_path, &[SIDE as u32; 2])?, read(&labels_path, &[])?);
    let (images_place, labels_place) = (images_path.display(), labels_path.display());
    let count = images.sizes[0];
    ensure!(count > 0, "{images_place} contains no images");
    let labels = labels.values;
    ensure!(
        count == labels.len(),
        "{images_place} has {count} {}, but {labels_place} has {} {}",
        plural(count, "image"),
        labels.len(),
        plural(labels.len(), "label")
    );
    if let Some(record) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        let label = labels[record];
        return Err(anyhow!(
            "{labels_place}: record {record} has label {label}, but labels are 0 to 9"
        ));
    }
    Ok(Labelled::new(SHAPE, images.values, labels))
}

/// Type of the values: the one that MNIST has.
const UNSIGNED_BYTE: u8 = 8;

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The size of each dimension.
    pub sizes: Vec<usize>,
    /// The values, the last dimension running fastest.
    pub values: Vec<u8>,
}

/// Reads a file of records of the sizes `record`; its first bytes, not its name, tell whether it is
/// compressed.
///
/// # Errors
/// The file cannot be read, is not an idx file of such records of bytes, is truncated, or has extra
/// bytes. The file is named.
pub fn read(path: &Path, record: &[u32]) -> Result<Idx> {
    let input = Input::open(path)?;
    let packed = if matches!(input.kind, Kind::Gzip { .. }) { " (gzip)" } else { "" };
    let max_bytes = input.max_bytes();
    parse(input.reader, record, max_bytes).with_context(|| format!("{}{packed}", path.display()))
}

/// The file `name` in `folder`: as `name`.gz or, where that is not there, as it is.
///
/// # Errors
/// Neither is there.
pub fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let zipped = format!("{name}.gz");
    let found =
        [zipped.as_str(), name].map(|name| folder.join(name)).into_iter().find(|p| p.is_file());
    let missing = || Missing(format!("{} has neither {zipped} nor {name}", folder.display()));
    Ok(found.ok_or_else(missing)?)
}

fn parse(mut content: impl Read, record: &[u32], max_bytes: u64) -> Result<Idx> {
    let dimensions = 1 + record.len();
    let header_bytes = 4 + 4 * dimensions;
    let header = read_at_most(&mut content, header_bytes as u64)?;
    let magic = [0, 0, UNSIGNED_BYTE, dimensions as u8];
    let found = &header[..header.len().min(magic.len())];
    ensure!(
        header.len() < magic.len() || found == magic,
        "it starts with {found:02x?}, but an idx file of bytes with {dimensions} dimensions starts \
         with {magic:02x?}"
    );
    ensure!(
        header.len() == header_bytes,
        "truncated: {} of the {header_bytes} bytes of the header",
        header.len()
    );
    let sizes: Vec<u32> = header[4..].chunks(4).map(big_endian).collect();
    let in_words = |sizes: &[u32]| sizes.iter().map(u32::to_string).collect::<Vec<_>>().join(" × ");
    let (shape, found) = (in_words(&sizes), in_words(&sizes[1..]));
    ensure!(
        sizes[1..] == *record,
        "its records have {found} values, but must have {}",
        in_words(record)
    );
    let count = sizes.iter().map(|&size| u64::from(size)).product::<u64>();
    ensure!(
        count <= max_bytes,
        "truncated: it holds at most {max_bytes} {}, but {shape} {} {count}",
        plural(max_bytes, "byte"),
        by_number(count, "value needs", "values need")
    );
    let of = format!("{} of {shape} {}", plural(count, "byte"), plural(count, "value"));
    memory::ensure_fits(count, || format!("{shape} values"))?;
    // One byte more shows that the content is too long, and makes gzip compare its checksum.
    let values = read_at_most(&mut content, count + 1)?;
    let bytes = values.len() as u64;
    ensure!(bytes >= count, "truncated: {bytes} of the {count} {of}");
    ensure!(bytes == count, "it has extra bytes after the {count} {of}");
    // Each size is 32 bits wide, which a usize holds on the machines that the program runs on.
    Ok(Idx { sizes: sizes.into_iter().map(|size| size as usize).collect(), values })
}

/// The next `most` bytes, or fewer where the content ends. Memory grows with what arrives and not
/// with what a header announces.
fn read_at_most(content: &mut impl Read, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(most).read_to_end(&mut bytes).map_err(describe)?;
    Ok(bytes)
}

fn describe(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => anyhow!("truncated: the compressed data ends early"),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => anyhow!("damaged: {error}"),
        _ => anyhow!("cannot read it: {error}"),
    }
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write;

    /// The bytes of an idx file.
    pub fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, UNSIGNED_BYTE, sizes.len() as u8];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    /// The same bytes compressed.
    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_bytes(bytes: &[u8], record: &[u32]) -> Result<Idx> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x-ubyte");
        fs::write(&path, bytes).unwrap();
        read(&path, record)
    }

    fn error_of(bytes: &[u8], expect: &str) {
        let error = format!("{:#}", read_bytes(bytes, &[3, 4]).unwrap_err());
        assert!(error.contains(expect) && error.contains("x-ubyte"), "{expect:?} not in {error}");
    }

    #[test]
    fn plain_and_compressed_files_are_told_by_their_content() {
        let values: Vec<u8> = (0..24).collect();
        let bytes = idx(&[2, 3, 4], &values);
        let expected = Idx { sizes: vec![2, 3, 4], values };
        assert_eq!(read_bytes(&bytes, &[3, 4]).unwrap(), expected);
        assert_eq!(read_bytes(&gzip(&bytes), &[3, 4]).unwrap(), expected);
        // A gzip file may be several, one after another.
        let halves = [gzip(&bytes[..20]), gzip(&bytes[20..])].concat();
        assert_eq!(read_bytes(&halves, &[3, 4]).unwrap(), expected);
        assert_eq!(
            read_bytes(&idx(&[0], &[]), &[]).unwrap(),
            Idx { sizes: vec![0], values: vec![] }
        );
    }

    #[test]
    fn every_cut_and_every_surplus_is_an_error() {
        let bytes = idx(&[2, 3, 4], &[7; 24]);
        for cut in 0..bytes.len() {
            error_of(&bytes[..cut], "truncated");
        }
        let zipped = gzip(&bytes);
        // Less than the magic number of gzip is a short plain file.
        for cut in 0..zipped.len() {
            error_of(&zipped[..cut], "truncated");
        }
        let longer = [&bytes[..], &[0]].concat();
        error_of(&longer, "it has extra bytes after the 24 bytes of 2 × 3 × 4 values");
        error_of(&gzip(&longer), "it has extra bytes after the 24 bytes");
        error_of(&bytes[..30], "truncated: 14 of the 24 bytes of 2 × 3 × 4 values");
    }

    #[test]
    fn other_content_is_an_error() {
        error_of(&idx(&[24], &[0; 24]), "it starts with [00, 00, 08, 01]");
        error_of(b"<!DOCTYPE html>", "it starts with [3c, 21, 44, 4f]");
        error_of(&idx(&[2, 3, 5], &[0; 30]), "its records have 3 × 5 values, but must have 3 × 4");
        // A small compressed file can go on for long: it is not read to its end.
        error_of(&idx(&[u32::MAX, 3, 4], &[0; 24]), "truncated: it holds at most 40 bytes");
        let mut damaged = gzip(&idx(&[2, 3, 4], &[7; 24]));
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        error_of(&damaged, "damaged");
        let missing = format!("{:#}", read(Path::new("no/such"), &[]).unwrap_err());
        assert!(missing.contains("cannot open no/such"), "{missing}");
    }

    #[test]
    fn either_form_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(folder.path(), "a-ubyte").unwrap_err().to_string();
        assert!(error.ends_with("has neither a-ubyte.gz nor a-ubyte"), "{error}");
        fs::write(folder.path().join("a-ubyte"), "").unwrap();
        assert_eq!(find(folder.path(), "a-ubyte").unwrap(), folder.path().join("a-ubyte"));
        fs::write(folder.path().join("a-ubyte.gz"), "").unwrap();
        assert_eq!(find(folder.path(), "a-ubyte").unwrap(), folder.path().join("a-ubyte.gz"));
    }

    /// A folder with a test set of these labels; pixel `i` of all images has the value `i % 256`.
    fn folder(sizes: [u32; 3], labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let values = sizes.iter().product::<u32>();
        let pixels: Vec<u8> = (0..values).map(|i| i as u8).collect();
        let [images, digits] = TEST;
        fs::write(folder.path().join(images), idx(&sizes, &pixels)).unwrap();
        let zipped = gzip(&idx(&[labels.len() as u32], labels));
        fs::write(folder.path().join(format!("{digits}.gz")), zipped).unwrap();
        folder
    }

    fn load_error(sizes: [u32; 3], labels: &[u8]) -> String {
        let error = load(folder(sizes, labels).path(), Split::Test).unwrap_err().to_string();
        assert!(error.ends_with("to replace wrong ones too"), "{error}");
        error
    }

    #[test]
    fn images_and_labels_come_from_either_form() {
        let digits = load(folder([3, 28, 28], &[9, 0, 4]).path(), Split::Test).unwrap();
        assert_eq!((digits.len(), digits.labels()), (3, &[9, 0, 4][..]));
        assert_eq!(digits.image(1)[..2], [(784 % 256) as u8, (785 % 256) as u8]);
        let mut copy = Labelled::empty(SHAPE);
        (0..3).for_each(|i| copy.push(digits.labels()[i], digits.image(i)));
        assert_eq!(copy, digits);
    }

    #[test]
    fn what_does_not_fit_together_is_an_error() {
        let error = load_error([3, 28, 28], &[1, 2]);
        assert!(error.contains("has 3 images, but") && error.contains("2 labels"), "{error}");
        let error = load_error([1, 32, 28], &[1]);
        assert!(
            error.contains("its records have 32 × 28 values, but must have 28 × 28"),
            "{error}"
        );
        let error = load_error([2, 28, 28], &[1, 10]);
        assert!(error.contains("t10k-labels-idx1-ubyte.gz: record 1 has label 10"), "{error}");
        assert!(load_error([0, 28, 28], &[]).contains("contains no images"));
        let folder = folder([1, 28, 28], &[1]);
        let error = load(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("neither train-images-idx3-ubyte.gz nor"), "{error}");
    }
}
