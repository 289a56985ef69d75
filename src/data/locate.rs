//! Where a file that a config names lies.

use std::path::{Path, PathBuf};

/// A bare name lies in the data set's `folder`, or else in the current one; any other path is
/// taken as it is.
pub fn locate(folder: &Path, name: &str) -> PathBuf {
    let in_folder = folder.join(name);
    let is_bare = Path::new(name).components().count() == 1;
    if is_bare && (in_folder.exists() || !Path::new(name).exists()) {
        in_folder
    } else {
        PathBuf::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_lie_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(locate(folder.path(), "text.txt"), folder.path().join("text.txt"));
        assert_eq!(locate(folder.path(), "./text.txt"), Path::new("./text.txt"));
        // The tests run where the manifest lies.
        assert_eq!(locate(folder.path(), "Cargo.toml"), Path::new("Cargo.toml"));
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(locate(folder.path(), "Cargo.toml"), folder.path().join("Cargo.toml"));
    }
}
