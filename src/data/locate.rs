//! Where a file that a config names is.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A bare name refers to a file in the data set's `folder`, or else in the current one; any other
/// path is used as it is.
pub fn locate(folder: &Path, name: &str) -> PathBuf {
    let in_folder = folder.join(name);
    let is_bare = Path::new(name).components().count() == 1;
    if is_bare && (in_folder.exists() || !Path::new(name).exists()) {
        in_folder
    } else {
        PathBuf::from(name)
    }
}

/// The error of data that is not there at all, as told from data that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Missing {}

/// The same failure in other words.
pub fn reworded(error: &anyhow::Error, words: String) -> anyhow::Error {
    if is_missing(error) { Missing(words).into() } else { anyhow::anyhow!(words) }
}

/// Whether something could not be read since it is not there.
pub fn is_missing(error: &anyhow::Error) -> bool {
    let not_found = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    error.chain().any(|cause| {
        cause.is::<Missing>() || cause.downcast_ref::<io::Error>().is_some_and(not_found)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn bare_names_lie_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(locate(folder.path(), "text.txt"), folder.path().join("text.txt"));
        assert_eq!(locate(folder.path(), "./text.txt"), Path::new("./text.txt"));
        // The tests run where the manifest is.
        assert_eq!(locate(folder.path(), "Cargo.toml"), Path::new("Cargo.toml"));
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(locate(folder.path(), "Cargo.toml"), folder.path().join("Cargo.toml"));
    }

    #[test]
    fn what_is_missing_is_told_from_what_is_damaged() {
        let absent = std::fs::read("no such file").context("cannot read it").unwrap_err();
        assert!(is_missing(&absent));
        assert!(is_missing(&anyhow!(Missing("x".into())).context("a text")));
        assert!(!is_missing(&anyhow!("images.gz is damaged")));
        let again = reworded(&absent, "give a file".to_owned());
        assert!(is_missing(&again) && again.to_string() == "give a file");
    }
}
