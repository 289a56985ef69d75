//! `notes.json`: what the user says of a run.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::atomic;

/// The file's name in the run folder.
pub(super) const NAME: &str = "notes.json";
/// Letters of a tag at most.
const MAX_TAG: usize = 64;

/// A note and tags, which the user gave a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotations {
    /// A text of any length; empty for none.
    pub note: String,
    /// Words to find the run by.
    pub tags: BTreeSet<String>,
}

impl Annotations {
    /// Reads those of the run at `path`; of a run that has none, empty ones.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let file = path.join(NAME);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.with_context(|| format!("cannot read {}", file.display()))?,
        };
        serde_json::from_str(&text)
            .with_context(|| format!("{} does not hold the notes of a run", file.display()))
    }

    /// Writes them to the run at `path`, which may be training meanwhile.
    ///
    /// # Errors
    /// The file cannot be written; the old one is then still there.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self).context("the notes are not JSON")?;
        json.push(b'\n');
        atomic::write(&path.join(NAME), &json)
    }
}

/// Checks that a tag is one word of a sensible length.
///
/// # Errors
/// The tag, and the rule that it breaks.
pub fn check_tag(tag: &str) -> Result<()> {
    let is_word = |c: char| !c.is_whitespace() && !c.is_control() && c != ',';
    ensure!(
        (1..=MAX_TAG).contains(&tag.chars().count()) && tag.chars().all(is_word),
        "{tag:?} is no tag; give a word of at most {MAX_TAG} letters without commas"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_tags_are_read_back() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Annotations::read(root.path()).unwrap(), Annotations::default());
        let tags = BTreeSet::from(["good".to_owned()]);
        let notes = Annotations { note: "two\nlines".to_owned(), tags };
        notes.write(root.path()).unwrap();
        assert_eq!(Annotations::read(root.path()).unwrap(), notes);
        fs::write(root.path().join(NAME), "[").unwrap();
        assert!(Annotations::read(root.path()).is_err());
    }

    #[test]
    fn a_tag_is_a_word() {
        check_tag("läuft-gut").unwrap();
        for tag in ["", "a b", "a,b", "a\n", &"x".repeat(65)] {
            assert!(check_tag(tag).unwrap_err().to_string().contains("is no tag"));
        }
    }
}
