//! `notes.json`: what the user says of a run.

use std::collections::BTreeSet;
use std::fs::{self, File};
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
            .with_context(|| format!("{} is not the notes file of a run", file.display()))
    }

    /// Changes those of the run at `path`, which may be training meanwhile. Of two processes that do so
    /// one waits for the other, where the system can lock folders.
    ///
    /// # Errors
    /// Those of `change`. The file cannot be read or written; the old one is then still there.
    pub fn change(path: &Path, change: impl FnOnce(&mut Self) -> Result<()>) -> Result<Self> {
        let folder = File::open(path).ok();
        let _locked = folder.as_ref().map(File::lock);
        let mut annotations = Self::read(path)?;
        change(&mut annotations)?;
        let mut json = serde_json::to_vec_pretty(&annotations).context("the notes are not JSON")?;
        json.push(b'\n');
        atomic::write(&path.join(NAME), &json)?;
        Ok(annotations)
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
        "{tag:?} is not a tag; give one word of at most {MAX_TAG} characters without commas"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn notes_and_tags_are_read_back() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Annotations::read(root.path()).unwrap(), Annotations::default());
        let tags = BTreeSet::from(["good".to_owned()]);
        let notes = Annotations { note: "two\nlines".to_owned(), tags };
        let write = |there: &mut Annotations| {
            there.clone_from(&notes);
            Ok(())
        };
        assert_eq!(Annotations::change(root.path(), write).unwrap(), notes);
        assert_eq!(Annotations::read(root.path()).unwrap(), notes);
        fs::write(root.path().join(NAME), "[").unwrap();
        assert!(Annotations::read(root.path()).is_err());
    }

    #[test]
    fn no_tag_is_lost_where_many_are_given_at_once() {
        let root = tempfile::tempdir().unwrap();
        let tag = |number: u32| {
            let insert = |there: &mut Annotations| {
                there.tags.insert(format!("t{number}"));
                Ok(())
            };
            Annotations::change(root.path(), insert).unwrap();
        };
        thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || tag(number));
            }
        });
        assert_eq!(Annotations::read(root.path()).unwrap().tags.len(), 8);
    }

    #[test]
    fn a_tag_is_a_word() {
        check_tag("läuft-gut").unwrap();
        for tag in ["", "a b", "a,b", "a\n", &"x".repeat(65)] {
            assert!(check_tag(tag).unwrap_err().to_string().contains("is not a tag"));
        }
    }
}
