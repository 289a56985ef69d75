//! What TensorFlow makes of the same files, and files that are meant to do harm.

mod hostile;
mod pixels;

use std::path::{Path, PathBuf};

/// A small image of `tests/files`, where `make.py` made them.
fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join("files").join(name)).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/jpeg/tests")
}
