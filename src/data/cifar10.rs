//! The binary files of CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny
//! Images", 2009), as `read_cifar10` of the reference reads them.
//!
//! A record is a byte with the label and 3,072 bytes with the image in the order
//! [depth, height, width]. In memory an image is [height, width, depth].

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::augment::Shape;
use super::{Labelled, Split, fetch, input};
use crate::system::wording::counted;

/// Rows of an image, and its columns.
pub const SIDE: usize = 32;
/// Channels of an image: red, green and blue.
pub const DEPTH: usize = 3;
/// The size of an image.
pub const SHAPE: Shape = Shape { height: SIDE, width: SIDE, depth: DEPTH };
/// Bytes of an image.
pub const IMAGE_BYTES: usize = SIDE * SIDE * DEPTH;
/// The classes of the published set.
pub const CLASSES: usize = 10;
/// What the published set calls its classes.
pub const CLASS_NAMES: [&str; CLASSES] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The folder that the published archive unpacks to.
const FOLDER: &str = "cifar-10-batches-bin";
const RECORD_BYTES: usize = 1 + IMAGE_BYTES;
const PLANE: usize = SIDE * SIDE;

/// The 50,000 training images.
const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
/// The 10,000 test images.
const TEST: [&str; 1] = ["test_batch.bin"];

/// An image (depth, height, width) as (height, width, depth).
fn interleaved(planes: &[u8]) -> [u8; IMAGE_BYTES] {
    let mut image = [0; IMAGE_BYTES];
    for (i, pixel) in image.chunks_exact_mut(DEPTH).enumerate() {
        pixel.copy_from_slice(&[planes[i], planes[PLANE + i], planes[2 * PLANE + i]]);
    }
    image
}

/// Reads all files of a split. `folder` holds `cifar-10-batches-bin`, or is it.
///
/// # Errors
/// A file is missing, truncated, empty or has a label above 9: file and record are named.
/// The set has no validation split.
pub fn load(folder: &Path, split: Split) -> Result<Labelled> {
    let folder = files_folder(folder);
    let files = match split {
        Split::Train => &TRAIN[..],
        Split::Valid => bail!("CIFAR-10 has no validation split"),
        Split::Test => &TEST[..],
    };
    let mut images = Labelled::empty(SHAPE);
    for name in files {
        append(&folder.join(name), &mut images)?;
    }
    Ok(images)
}

/// The names of the classes, from `batches.meta.txt` where the folder has it, else
/// [`CLASS_NAMES`]. `folder` is as in [`load`].
///
/// # Errors
/// The file cannot be read, or has not ten names, each its own.
pub fn class_names(folder: &Path) -> Result<Vec<String>> {
    let path = files_folder(folder).join("batches.meta.txt");
    let text = match path.exists() {
        true => input::read_to_string(&path)?,
        false => CLASS_NAMES.join("\n"),
    };
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty()).map(String::from);
    let names: Vec<String> = names.collect();
    ensure!(
        names.len() == CLASSES,
        "{}: {}, there must be {CLASSES}; without this file the standard names are \
         used",
        path.display(),
        counted(names.len(), "class name")
    );
    if let Some(i) = (1..CLASSES).find(|&i| names[..i].contains(&names[i])) {
        bail!(
            "{}: two classes are called {:?}, but class names must be unique; without this file \
             the standard names are used",
            path.display(),
            names[i]
        );
    }
    Ok(names)
}

fn files_folder(folder: &Path) -> PathBuf {
    let below = folder.join(FOLDER);
    if below.is_dir() { below } else { folder.to_path_buf() }
}

fn append(path: &Path, images: &mut Labelled) -> Result<()> {
    let place = path.display();
    let hint = || {
        let command = fetch::command_for("cifar10", path);
        format!("run `{command} --force` to download the published file")
    };
    let mut bytes = Vec::new();
    File::open(path)
        .with_context(|| format!("cannot open {place}"))?
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {place}"))?;
    ensure!(!bytes.is_empty(), "{place} is empty; {}", hint());
    for (record, bytes) in bytes.chunks(RECORD_BYTES).enumerate() {
        let (label, planes) = (bytes[0], &bytes[1..]);
        if bytes.len() < RECORD_BYTES {
            bail!(
                "{place}: record {record} is truncated, {} of {RECORD_BYTES} bytes; {}",
                bytes.len(),
                hint()
            );
        }
        ensure!(
            usize::from(label) < CLASSES,
            "{place}: record {record} has label {label}, but labels are 0 to 9; {}",
            hint()
        );
        images.push(label, &interleaved(planes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(path: &Path) -> Result<Labelled> {
        let mut images = Labelled::empty(SHAPE);
        append(path, &mut images)?;
        Ok(images)
    }

    fn record(label: u8, colour: [u8; 3]) -> Vec<u8> {
        let planes = colour.iter().flat_map(|&value| [value; PLANE]);
        std::iter::once(label).chain(planes).collect()
    }

    /// The records of `testSimple` in the reference's cifar10_input_test.py.
    const RECORDS: [(u8, [u8; 3]); 3] = [(9, [0, 128, 255]), (3, [255, 0, 1]), (0, [254, 255, 0])];

    fn error_of(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cifar.bin");
        fs::write(&path, bytes).unwrap();
        let error = format!("{:#}", read(&path).unwrap_err());
        assert!(error.contains(&path.display().to_string()), "{error}");
        error
    }

    #[test]
    fn gives_the_images_of_the_references_test() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cifar");
        let bytes: Vec<_> = RECORDS.iter().flat_map(|(l, colour)| record(*l, *colour)).collect();
        fs::write(&path, bytes).unwrap();
        let images = read(&path).unwrap();
        assert_eq!((images.len(), images.labels()), (3, &[9, 3, 0][..]));
        for (i, (label, colour)) in RECORDS.into_iter().enumerate() {
            assert!(images.image(i).chunks(3).all(|pixel| pixel == colour));
            let mut pushed = Labelled::empty(SHAPE);
            pushed.push(label, images.image(i));
            assert_eq!((pushed.image(0), pushed.labels()), (images.image(i), &[label][..]));
        }
    }

    #[test]
    fn planes_become_pixels_in_their_places() {
        let planes: Vec<u8> = (0..IMAGE_BYTES).map(|i| (i % 251) as u8).collect();
        let image = interleaved(&planes);
        for (y, x, c) in [(0, 0, 0), (0, 1, 2), (17, 30, 1), (31, 31, 2)] {
            let expected = planes[c * PLANE + y * SIDE + x];
            assert_eq!(image[(y * SIDE + x) * DEPTH + c], expected);
        }
    }

    #[test]
    fn parts_are_read_from_the_folder_of_the_archive_or_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join(FOLDER);
        fs::create_dir(&below).unwrap();
        for (i, name) in TRAIN.iter().chain(&TEST).enumerate() {
            fs::write(below.join(name), record(i as u8, [1, 2, 3])).unwrap();
        }
        for folder in [folder.path(), &below] {
            assert_eq!(load(folder, Split::Train).unwrap().labels(), [0, 1, 2, 3, 4]);
            assert_eq!(load(folder, Split::Test).unwrap().labels(), [5]);
        }
        let error = load(&below, Split::Valid).unwrap_err().to_string();
        assert_eq!(error, "CIFAR-10 has no validation split");
        fs::remove_file(below.join("data_batch_3.bin")).unwrap();
        let error = format!("{:#}", load(folder.path(), Split::Train).unwrap_err());
        assert!(error.contains("cannot open") && error.contains("data_batch_3.bin"), "{error}");
    }

    #[test]
    fn a_damaged_file_is_named_with_its_record_and_a_hint() {
        let good = record(1, [0; 3]);
        let error = error_of(&[&good[..], &good, &good[..100]].concat());
        assert!(error.contains("record 2 is truncated, 100 of 3073 bytes"), "{error}");
        assert!(error.contains("`tfm data fetch cifar10 --force`"), "{error}");
        let error = error_of(&[good, record(10, [0; 3])].concat());
        assert!(error.contains("record 1 has label 10, but labels are 0 to 9"), "{error}");
        assert!(error_of(&[]).contains("is empty"));
        // A last byte alone is a record cut short, whatever it says.
        assert!(error_of(&[77]).contains("record 0 is truncated, 1 of 3073 bytes"));
    }

    #[test]
    fn class_names_are_the_files_or_the_known_ones() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(class_names(folder.path()).unwrap(), CLASS_NAMES);
        let path = folder.path().join("batches.meta.txt");
        fs::write(&path, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
        assert_eq!(class_names(folder.path()).unwrap()[9], "j");
        fs::write(&path, "\u{feff}a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n").unwrap();
        assert_eq!(class_names(folder.path()).unwrap()[0], "a");
        fs::write(&path, "a\nb\n").unwrap();
        let error = class_names(folder.path()).unwrap_err().to_string();
        assert!(error.contains("2 class names, there must be 10"), "{error}");
        fs::write(&path, "a\nb\nc\nd\ne\nf\ng\nh\ni\nb\n").unwrap();
        let error = class_names(folder.path()).unwrap_err().to_string();
        assert!(error.contains("two classes are called \"b\""), "{error}");
    }
}
