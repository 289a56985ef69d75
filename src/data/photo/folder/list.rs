//! Which files there are, and of which class.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::system::wording::counted;

/// Endings of images, in small letters.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The most classes: a label is a byte.
const MAX_CLASSES: usize = 256;

/// A folder of images of one class.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// The images' paths, sorted.
    pub(super) files: Vec<PathBuf>,
    /// What else is in the folder, sorted.
    pub(super) others: Vec<PathBuf>,
}

/// How the images are divided.
pub(super) enum Parts {
    /// Some are still to be held out.
    Whole(Vec<Class>),
    /// The user has done so: the same classes on both sides.
    Split { train: Vec<Class>, test: Vec<Class> },
}

/// Lists what `dir` holds.
pub(super) fn parts(dir: &Path) -> Result<Parts> {
    let sides = [side(dir, "train")?, side(dir, "test")?];
    if sides.iter().all(|side| side.is_dir()) {
        let [train, test] = [classes(&sides[0])?, classes(&sides[1])?];
        ensure_same(dir, &train, &test)?;
        return Ok(Parts::Split { train, test });
    }
    for (side, other) in [(0, 1), (1, 0)] {
        if sides[side].is_dir() && holds_folders(&sides[side])? {
            bail!(
                "{} has class folders, but there is no {}; add it, or put the class folders \
                 directly into {}",
                sides[side].display(),
                sides[other].display(),
                dir.display()
            );
        }
    }
    Ok(Parts::Whole(classes(dir)?))
}

/// The folder of one side, in small letters or with capitals.
fn side(dir: &Path, name: &str) -> Result<PathBuf> {
    let exact = dir.join(name);
    let is_side = |path: &PathBuf| {
        path.file_name().is_some_and(|found| found.eq_ignore_ascii_case(name)) && path.is_dir()
    };
    Ok(if exact.is_dir() {
        exact
    } else {
        entries(dir)?.into_iter().find(is_side).unwrap_or(exact)
    })
}

/// The classes of a folder of class folders, sorted by name.
fn classes(dir: &Path) -> Result<Vec<Class>> {
    let mut classes = Vec::new();
    for path in entries(dir)? {
        if path.is_dir() {
            classes.push(class(path)?);
        }
    }
    classes.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(
        classes.len() >= 2,
        "{} has {}, but at least 2 are needed; make one folder per class and put \
         its .png, .jpg or .jpeg files into it",
        dir.display(),
        counted(classes.len(), "class folder")
    );
    ensure!(
        classes.len() <= MAX_CLASSES,
        "{} has {} class folders; the maximum is {MAX_CLASSES}",
        dir.display(),
        classes.len()
    );
    Ok(classes)
}

fn class(dir: PathBuf) -> Result<Class> {
    let name = dir.file_name().and_then(|name| name.to_str()).with_context(|| {
        format!("the folder name {} is not valid Unicode; rename it", dir.display())
    })?;
    let name = name.to_owned();
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        !path.is_dir() && ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
    };
    let (files, others): (Vec<_>, Vec<_>) = entries(&dir)?.into_iter().partition(is_picture);
    ensure!(
        !files.is_empty(),
        "class {name:?} has 0 images, but needs at least 1; put .png, .jpg or .jpeg files into \
         {}, or move the folder away",
        dir.display()
    );
    Ok(Class { name, dir, files, others })
}

fn holds_folders(dir: &Path) -> Result<bool> {
    Ok(entries(dir)?.iter().any(|path| path.is_dir()))
}

/// What is in a folder, sorted, without names that begin with a dot.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list the images in {}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn ensure_same(dir: &Path, train: &[Class], test: &[Class]) -> Result<()> {
    let missing = |from: &[Class], of: &[Class]| -> Vec<String> {
        let known = |class: &&Class| !from.iter().any(|other| other.name == class.name);
        of.iter().filter(known).map(|class| class.name.clone()).collect()
    };
    let (only_train, only_test) = (missing(test, train), missing(train, test));
    ensure!(
        only_train.is_empty() && only_test.is_empty(),
        "the classes of train and test in {} differ: only in train {only_train:?}, only in test \
         {only_test:?}; both need the same class folders",
        dir.display()
    );
    Ok(())
}
