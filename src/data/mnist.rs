//! MNIST's images of handwritten digits: four files in the [`super::idx`] format.

use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};

use super::augment::Shape;
use super::{Labelled, Split, idx, reworded};

/// Rows of an image, and its columns.
const SIDE: usize = 28;
/// The size of an image.
pub const SHAPE: Shape = Shape { height: SIDE, width: SIDE, depth: 1 };
/// The digits.
pub const CLASSES: usize = 10;

const HINT: &str = "`tfm data fetch mnist` brings what is missing, with --force also in the \
                       place of what is wrong";

/// The files with the 60,000 training images and with their labels, without `.gz`.
const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
/// The files with the 10,000 test images and with their labels.
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Reads a split from the two files of `folder`, each as it is or compressed (`.gz`). 0 is the
/// background of an image.
///
/// # Errors
/// A file is missing, damaged or truncated; images of another size; numbers of images and labels
/// that differ; a label above 9. The set has no validation split. File and, for a label, record are named.
pub fn load(folder: &Path, split: Split) -> Result<Labelled> {
    read_pair(folder, split).map_err(|error| reworded(&error, format!("{error:#}; {HINT}")))
}

fn read_pair(folder: &Path, split: Split) -> Result<Labelled> {
    let files = match split {
        Split::Train => TRAIN,
        Split::Valid => bail!("MNIST has no validation split of its own"),
        Split::Test => TEST,
    };
    let [images, labels] = files.map(|name| idx::find(folder, name));
    let (images_path, labels_path) = (images?, labels?);
    let (images, labels) =
        (idx::read(&images_path, &[SIDE as u32; 2])?, idx::read(&labels_path, &[])?);
    let (images_place, labels_place) = (images_path.display(), labels_path.display());
    let count = images.sizes[0];
    ensure!(count > 0, "{images_place} holds no images");
    let labels = labels.values;
    ensure!(
        count == labels.len(),
        "{images_place} has {count} images and {labels_place} {} labels, they must be as many",
        labels.len()
    );
    if let Some(record) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        let label = labels[record];
        return Err(anyhow!(
            "{labels_place}: record {record} has label {label}, it must be from 0 to 9"
        ));
    }
    Ok(Labelled::new(SHAPE, images.values, labels))
}

#[cfg(test)]
mod tests {
    use super::super::idx::tests::{gzip, idx};
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    /// A folder with a test set of these labels; pixel `i` of all images has the value `i % 256`.
    fn folder(sizes: [u32; 3], labels: &[u8]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let values = sizes.iter().product::<u32>();
        let pixels: Vec<u8> = (0..values).map(|i| i as u8).collect();
        let [images, digits] = TEST;
        fs::write(folder.path().join(images), idx(&sizes, &pixels)).unwrap();
        let zipped = gzip(&idx(&[labels.len() as u32], labels));
        fs::write(folder.path().join(format!("{digits}.gz")), zipped).unwrap();
        folder
    }

    fn error_of(sizes: [u32; 3], labels: &[u8]) -> String {
        let error = load(folder(sizes, labels).path(), Split::Test).unwrap_err().to_string();
        assert!(error.ends_with(HINT), "{error}");
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
        let error = error_of([3, 28, 28], &[1, 2]);
        assert!(error.contains("has 3 images and") && error.contains("2 labels"), "{error}");
        let error = error_of([1, 32, 28], &[1]);
        assert!(
            error.contains("its records have 32 × 28 values, they must have 28 × 28"),
            "{error}"
        );
        let error = error_of([2, 28, 28], &[1, 10]);
        assert!(error.contains("t10k-labels-idx1-ubyte.gz: record 1 has label 10"), "{error}");
        assert!(error_of([0, 28, 28], &[]).contains("holds no images"));
        let folder = folder([1, 28, 28], &[1]);
        let error = load(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("neither train-images-idx3-ubyte.gz nor"), "{error}");
    }
}
