//! The user's images: one folder per class, every image identified by its content.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ring::digest;

use super::super::pictures::named;
use crate::console;
use crate::data::photo::is_picture;
use crate::system::wording::{by_number, counted};

/// The number of images per class below which a warning is logged.
const FEW: usize = 20;
/// Classes that a message names.
const MAX_NAMED: usize = 10;
/// The most classes.
const MAX_CLASSES: usize = 10_000;
/// Bytes that are read at a time.
const BUFFER: usize = 1 << 16;

/// The SHA-256 of a file: files with the same content are one image.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The hash of a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let (mut file, mut buffer) = (File::open(path)?, [0; BUFFER]);
        let mut context = digest::Context::new(&digest::SHA256);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Self::new(context.finish())),
                n => context.update(&buffer[..n]),
            }
        }
    }

    /// The hash of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(digest::digest(&digest::SHA256, bytes))
    }

    fn new(digest: digest::Digest) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest.as_ref());
        Self(hash)
    }

    /// The first 64 bits.
    pub fn number(self) -> u64 {
        self.0.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
    }
}

impl fmt::Debug for ContentHash {
    /// The first 64 bits in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.number())
    }
}

/// An image of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its file.
    pub path: PathBuf,
    /// The number of its class.
    pub label: u32,
    /// Its content.
    pub hash: ContentHash,
}

/// The images of a folder, by class and by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The names of the folders, sorted.
    pub classes: Vec<String>,
    /// The images of the first class, sorted by name, and so on.
    pub pictures: Vec<Picture>,
    /// Files that cannot be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// The images of each folder in `dir`, by the folder's name, including its subfolders. Names that
/// begin with a dot are skipped.
///
/// # Errors
/// A folder that cannot be listed or has no images, or no folder at all.
pub fn class_folders(dir: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let cannot = || format!("cannot list {}", dir.display());
    let (mut folders, mut loose) = (BTreeMap::new(), 0_u64);
    for entry in fs::read_dir(dir).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            folders.insert(name, named(&[path])?);
        } else if is_picture(&path) {
            loose += 1;
        }
    }
    if loose > 0 {
        let lie = by_number(loose, "image lies", "images lie");
        let are = by_number(loose, "is", "are");
        let dir = dir.display();
        tracing::warn!("{loose} {lie} in {dir} itself, in no class folder, and {are} not used");
    }
    ensure!(
        !folders.is_empty(),
        "{} has no folders: it needs one folder of images per class",
        dir.display()
    );
    Ok(folders)
}

impl Listing {
    /// Lists `dir` and reads its files once, for their hashes.
    ///
    /// # Errors
    /// As [`class_folders`]; fewer than two classes.
    pub fn read(dir: &Path) -> Result<Self> {
        let folders = class_folders(dir)?;
        ensure!(
            (2..=MAX_CLASSES).contains(&folders.len()),
            "{} has {} (data.images), but training needs 2 to {MAX_CLASSES} classes: \
            make one folder of images per class",
            dir.display(),
            counted(folders.len(), "class folder")
        );
        let (mut done, total) = (0, folders.values().map(Vec::len).sum::<usize>() as u64);
        let mut listing = Self::default();
        for (label, (class, files)) in (0..).zip(folders) {
            listing.classes.push(class);
            for path in files {
                done += 1;
                console::progress("reading pictures", done, total);
                match ContentHash::of_file(&path) {
                    Ok(hash) => listing.pictures.push(Picture { path, label, hash }),
                    Err(error) => listing.unreadable.push((path, error.to_string())),
                }
            }
        }
        console::clear();
        Ok(listing)
    }

    /// Pictures of each class.
    fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.pictures.iter().for_each(|picture| counts[picture.label as usize] += 1);
        counts
    }

    /// Refuses a class without images.
    ///
    /// # Errors
    /// A class without a readable image.
    pub fn check(&self) -> Result<()> {
        for (class, count) in self.classes.iter().zip(self.counts()) {
            ensure!(
                count > 0,
                "the class {class:?} has no readable image: put some into its folder, or remove the \
                folder"
            );
        }
        Ok(())
    }

    /// Warns of classes with few images, and of images that are in several classes.
    pub fn warn(&self) {
        let few = self.classes.iter().zip(self.counts()).filter(|(_, count)| *count < FEW);
        let few: Vec<_> = few.map(|(class, count)| format!("{class} {count}")).collect();
        if !few.is_empty() {
            tracing::warn!(
                "classes with fewer than {FEW} images may not be learnt well: {}",
                some(&few)
            );
        }
        let mut known: BTreeMap<ContentHash, &Picture> = BTreeMap::new();
        for picture in &self.pictures {
            let first = *known.entry(picture.hash).or_insert(picture);
            if first.label != picture.label {
                tracing::warn!(
                    "{} and {} are the same image in two classes",
                    first.path.display(),
                    picture.path.display()
                );
            }
        }
    }
}

/// The first few of many names.
pub fn some(names: &[String]) -> String {
    match names.get(..MAX_NAMED) {
        Some(first) if first.len() < names.len() => {
            format!("{} and {} more", first.join(", "), names.len() - first.len())
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    #[test]
    fn pictures_are_listed_by_class_and_name() {
        let dir = folder(&[
            ("b/2.jpg", "two"),
            ("b/1.PNG", "one"),
            ("a/x.gif", "one"),
            ("a/.hidden.jpg", ""),
            (".git/x.jpg", ""),
            ("notes.txt", ""),
        ]);
        let listing = Listing::read(dir.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let name = |picture: &Picture| {
            (picture.path.file_name().unwrap().to_str().unwrap().to_owned(), picture.label)
        };
        let names: Vec<_> = listing.pictures.iter().map(name).collect();
        assert_eq!(names, [("x.gif".into(), 0), ("1.PNG".into(), 1), ("2.jpg".into(), 1)]);
        assert_eq!(listing.pictures[0].hash, listing.pictures[1].hash);
        // hashlib.sha256(b"one").hexdigest()
        assert_eq!(format!("{:?}", listing.pictures[0].hash), "7692c3ad3540bb80");
        assert_eq!(ContentHash::of(b"one"), listing.pictures[0].hash);
        listing.check().unwrap();
    }

    #[test]
    fn classes_are_two_or_more_and_none_is_empty() {
        let error = |files: &[(&str, &str)]| {
            let dir = folder(files);
            let listed = Listing::read(dir.path()).and_then(|listing| listing.check());
            format!("{:#}", listed.unwrap_err())
        };
        assert!(error(&[("a.jpg", "")]).contains("has no folders"));
        assert!(error(&[("a/1.jpg", "")]).contains("has 1 class folder (data.images)"));
        assert!(error(&[("a/1.jpg", ""), ("b/x.txt", "")]).contains("there are no images in"));
        let mut listing =
            Listing::read(folder(&[("a/1.jpg", "1"), ("b/2.jpg", "2")]).path()).unwrap();
        listing.pictures.pop();
        let error = listing.check().unwrap_err().to_string();
        assert!(error.starts_with("the class \"b\" has no readable image"), "{error}");
    }
}
