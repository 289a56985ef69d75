//! All pictures of some classes, decoded side by side.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

use super::super::square::square;
use super::Unreadable;
use super::list::Class;
use crate::system::threads;

/// A picture that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) name: String,
    pub(super) label: u8,
    pub(super) pixels: Vec<u8>,
}

/// Decodes the pictures of `classes`, which lie below `root`, in the order of their names. What
/// cannot be read is added to `unreadable`.
pub(super) fn read(
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
