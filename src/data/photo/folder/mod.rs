//! A folder of pictures, one folder a class.

mod list;
mod read;
mod split;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::SQUARE;
use crate::data::Labelled;
use list::Class;
use read::Decoded;

/// A file among the pictures that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What a folder of pictures holds. Everything is in the order of names.
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
/// `DIR` holds `train` and `test`, or the same with capitals. Of the first kind, about a tenth of
/// each class is held out: a picture's own name and `seed` decide, so that more pictures do not move
/// others.
///
/// Each picture is reduced to its middle square of 32×32 pixels as soon as it is decoded, by
/// `n_threads` threads; the result is the same for any number of them. Names that begin with a
/// dot are passed over. A file that is no picture is listed, and no error.
///
/// # Errors
/// A folder cannot be listed; there are fewer than two classes, or more than 256; a class has no
/// picture that can be read, or a single one where some are to be held out; the classes of `train`
/// and `test` differ. Each says how to put it right.
pub fn read_folder(dir: &Path, seed: u64, n_threads: usize) -> Result<Folder> {
    let parts = list::parts(dir)?;
    let mut unreadable = Vec::new();
    let mut read = |classes: &[Class]| read::read(dir, classes, n_threads, &mut unreadable);
    let (classes, train, test) = match &parts {
        list::Parts::Whole(classes) => {
            let (train, test) = split::hold_out(read(classes)?, classes.len(), seed);
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

/// The pictures of one side.
fn labelled(pictures: Vec<Decoded>) -> Labelled {
    let mut images = Labelled::empty(SQUARE);
    pictures.iter().for_each(|picture| images.push(picture.label, &picture.pixels));
    images
}

/// Every class needs pictures on both sides.
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
                "class {:?} has {} picture{} that can be read, but needs at least 2, one to train \
                 on and one to hold out; add some, or move the folder {} away",
                class.name,
                of_train + of_test,
                if of_train + of_test == 1 { "" } else { "s" },
                class.dir.display(),
            );
        }
        let side = if of_train == 0 { "train" } else { "test" };
        ensure!(
            of_train > 0 && of_test > 0,
            "class {:?} has 0 pictures that can be read in {side}/{}, but needs at least 1; add \
             some .png, .jpg or .jpeg files, or take the class out of train/ and test/",
            class.name,
            class.name,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
