//! A folder of images, one subfolder per class.

mod list;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use list::Class;

use super::{SQUARE, square};
use crate::data::Labelled;
use crate::rng::Stream;
use crate::system::threads;
use crate::system::wording::counted;

/// A file among the images that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What a folder of images holds. Everything is in the order of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// The names of the classes, sorted.
    pub classes: Vec<String>,
    /// What is trained on; a label is a place in `classes`.
    pub train: Labelled,
    /// What is held out.
    pub test: Labelled,
    /// The files that were left out.
    pub unreadable: Vec<Unreadable>,
}

/// Reads `DIR/<class>/*.png|jpg|jpeg`, or `DIR/train/<class>/…` and `DIR/test/<class>/…` where
/// `DIR` holds `train` and `test`, or the same with capitals. Without `train` and `test`, about a
/// tenth of each class is held out by a hash of the image's name and `seed`, so that added images
/// do not move others.
///
/// Each image is reduced to its middle square of 32×32 pixels as soon as it is decoded, by
/// `n_threads` threads; the result is the same for any number of them. Names that begin with a dot
/// are skipped. A file that is not an image is listed as unreadable; it is not an error.
///
/// # Errors
/// A folder cannot be listed; there are fewer than two classes, or more than 256; a class has no
/// image that can be read, or a single one where some are to be held out; the classes of `train`
/// and `test` differ. Each message says how to fix it.
pub fn read_folder(dir: &Path, seed: u64, n_threads: usize) -> Result<Folder> {
    let parts = list::parts(dir)?;
    let mut unreadable = Vec::new();
    let mut read = |classes: &[Class]| read(dir, classes, n_threads, &mut unreadable);
    let (classes, train, test) = match &parts {
        list::Parts::Whole(classes) => {
            let (train, test) = hold_out(read(classes)?, classes.len(), seed);
            (classes, train, test)
        }
        list::Parts::Split { train, test } => (train, read(train)?, read(test)?),
    };
    let (train, test) = (labelled(train), labelled(test));
    let held_out = matches!(parts, list::Parts::Whole(_));
    ensure_pictures(classes, &train, &test, held_out)?;
    let classes = classes.iter().map(|class| class.name.clone()).collect();
    Ok(Folder { classes, train, test, unreadable })
}

/// The images of one side.
fn labelled(pictures: Vec<Decoded>) -> Labelled {
    let mut images = Labelled::empty(SQUARE);
    pictures.iter().for_each(|picture| images.push(picture.label, &picture.pixels));
    images
}

/// Every class needs images on both sides.
fn ensure_pictures(
    classes: &[Class],
    train: &Labelled,
    test: &Labelled,
    held_out: bool,
) -> Result<()> {
    for (label, class) in (0..=u8::MAX).zip(classes) {
        let count = |side: &Labelled| side.labels().iter().filter(|&&of| of == label).count();
        let (of_train, of_test) = (count(train), count(test));
        if held_out {
            ensure!(
                of_train > 0 && of_test > 0,
                "class {:?} has {}, but needs at least 2, one to train on and \
                 one to hold out; add some, or move the folder {} away",
                class.name,
                counted(of_train + of_test, "readable image"),
                class.dir.display(),
            );
        }
        let side = if of_train == 0 { "train" } else { "test" };
        ensure!(
            of_train > 0 && of_test > 0,
            "class {:?} has 0 readable images in {side}/{}, but needs at least 1; add some .png, \
             .jpg or .jpeg files, or remove the class from train/ and test/",
            class.name,
            class.name,
        );
    }
    Ok(())
}

/// An image that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decoded {
    name: String,
    label: u8,
    pixels: Vec<u8>,
}

/// Decodes the images of `classes`, which are below `root`, in the order of their names. What
/// cannot be read is added to `unreadable`.
fn read(
    root: &Path,
    classes: &[Class],
    n_threads: usize,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<Decoded>> {
    let files: Vec<(u8, &Path)> = (0..=u8::MAX)
        .zip(classes)
        .flat_map(|(label, class)| class.files.iter().map(move |path| (label, path.as_path())))
        .collect();
    let mut pictures = Vec::with_capacity(files.len());
    for ((label, path), pixels) in files.iter().zip(decode_all(&files, n_threads)?) {
        match pixels {
            Ok(pixels) => {
                pictures.push(Decoded { name: name(root, path), label: *label, pixels });
            }
            Err(reason) => unreadable.push(Unreadable { path: path.to_path_buf(), reason }),
        }
    }
    let others = classes.iter().flat_map(|class| &class.others);
    unreadable.extend(others.map(|path| Unreadable {
        path: path.clone(),
        reason: if path.is_dir() {
            "is a folder inside a class folder".to_owned()
        } else {
            "does not end in .png, .jpg or .jpeg".to_owned()
        },
    }));
    unreadable.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(pictures)
}

/// The pixels of each file, or what is wrong with it. A thread takes the next file when it is done
/// with one, since their sizes differ.
fn decode_all(files: &[(u8, &Path)], n_threads: usize) -> Result<Vec<Result<Vec<u8>, String>>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, path)) = files.get(index) else { return done };
            done.push((index, square(path).map_err(|error| format!("{error:#}"))));
        }
    };
    let n_threads = n_threads.clamp(1, files.len().max(1));
    let mut all = threads::for_each(0..n_threads, |_| work())?.concat();
    all.sort_unstable_by_key(|&(index, _)| index);
    Ok(all.into_iter().map(|(_, pixels)| pixels).collect())
}

/// The path below `root`, the same on every system.
fn name(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// One image in this many is held out.
const HELD_OUT: u64 = 10;

/// Holds out about a tenth of each class by a hash of the images' names.
///
/// A class of two images or more has some on both sides. Where the hash would leave one side empty,
/// the image with the lowest hash is held out, or the one with the highest is not: this alone may
/// change when images are added.
fn hold_out(pictures: Vec<Decoded>, n_classes: usize, seed: u64) -> (Vec<Decoded>, Vec<Decoded>) {
    let mut classes: Vec<Vec<(u64, Decoded)>> = (0..n_classes).map(|_| Vec::new()).collect();
    for picture in pictures {
        classes[picture.label as usize].push((hash(seed, &picture.name), picture));
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for class in classes {
        let limit = limit(class.iter().map(|(hash, _)| *hash).collect());
        for (hash, picture) in class {
            if hash < limit { test.push(picture) } else { train.push(picture) }
        }
    }
    (train, test)
}

/// The hash below which an image is held out.
fn limit(mut hashes: Vec<u64>) -> u64 {
    let tenth = u64::MAX / HELD_OUT;
    hashes.sort_unstable();
    match hashes.as_slice() {
        [lowest, .., highest] => tenth.clamp(lowest.saturating_add(1), *highest),
        _ => tenth,
    }
}

fn hash(seed: u64, name: &str) -> u64 {
    let [low, high, ..] = Stream::new(seed, &format!("held-out/{name}")).block(0, 0);
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests;
