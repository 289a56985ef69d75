//! Who trains a point.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::atomic;

/// A lock on the file of a point. It is handed to the process that trains the point, as its
/// standard input, and lasts until the last of those that have it has ended: when a sweep is killed
/// and its worker continues, nobody else takes the point.
#[derive(Debug)]
pub(super) struct Claim(File);

impl Claim {
    /// Takes the point whose file is `path`; `None` if another process has it.
    pub fn take(path: &Path) -> Result<Option<Self>> {
        let context = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            atomic::create_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.with_context(context)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Without locks the run's own status tells whether somebody is at work.
            Err(TryLockError::Error(error)) => {
                tracing::warn!("{} cannot be locked: {error}", path.display());
                Ok(Some(Self(file)))
            }
        }
    }

    /// The claim as the standard input of a process.
    pub fn hand_on(&self) -> Result<Stdio> {
        Ok(Stdio::from(self.0.try_clone().context("cannot pass a claim to the worker")?))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_claim_lasts_as_long_as_the_process_that_it_was_handed_to() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("claims/0001");
        let claim = Claim::take(&path).unwrap().unwrap();
        assert!(Claim::take(&path).unwrap().is_none());
        let mut child =
            Command::new("sleep").arg("60").stdin(claim.hand_on().unwrap()).spawn().unwrap();
        drop(claim);
        assert!(Claim::take(&path).unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Claim::take(&path).unwrap().is_some());
    }
}
