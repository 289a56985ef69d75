//! Files that verbs write where a user asks for them.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::{CHECKPOINTS, CONFIG, MANIFEST, lock};

/// What a run and its models write into the folder of the run, by name.
const OWN: [&str; 11] = [
    MANIFEST,
    CONFIG,
    "vocab.txt",
    "source.vocab.txt",
    "target.vocab.txt",
    "tokenizer.json",
    "metrics.jsonl",
    "status.json",
    "notes.json",
    "log.txt",
    lock::NAME,
];
/// The same, by how names begin.
const OWN_BEGINNINGS: [&str; 2] = ["events.", "metrics.orphan-"];

/// Checks that a verb may write `path`: it is absent, or `force` is given, and it is not one of a
/// run's own files, which `--force` does not mean.
///
/// # Errors
/// It exists, or its run would be lost.
pub fn check_output(path: &Path, force: bool) -> Result<()> {
    let is_free = force || fs::symlink_metadata(path).is_err();
    let place = path.display();
    ensure!(is_free, "{place} already exists; give another name, or --force to replace it");
    ensure!(!is_own(path), "{place} is a file of a run; give another name");
    Ok(())
}

fn is_own(path: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let in_folder = |name| Some(folder.unwrap_or(Path::new(".")).canonicalize().ok()?.join(name));
    // A link is the file that it names; a file that is absent has a name in its folder.
    let path = path.canonicalize().ok().or_else(|| in_folder(path.file_name()?));
    let Some((folder, name)) = path.as_deref().and_then(|path| path.parent().zip(path.file_name()))
    else {
        return false;
    };
    let name = name.to_string_lossy();
    let is_of_run = |folder: &Path| folder.join(MANIFEST).is_file();
    let is_own_name =
        OWN.contains(&&*name) || OWN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    let is_in_checkpoints = folder.file_name() == Some(CHECKPOINTS.as_ref());
    (is_own_name && is_of_run(folder))
        || (is_in_checkpoints && folder.parent().is_some_and(is_of_run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_own_files_are_never_written() {
        let run = tempfile::tempdir().unwrap();
        let file = |name: &str| run.path().join(name);
        let said = |name: &str, force| match check_output(&file(name), force) {
            Ok(()) => String::new(),
            Err(error) => error.to_string().replace(&format!("{}/", run.path().display()), ""),
        };
        // Not yet the folder of a run.
        assert_eq!(said("config.toml", false), "");
        fs::write(file(MANIFEST), "{}").unwrap();
        fs::create_dir(file(CHECKPOINTS)).unwrap();
        let orphans = "metrics.orphan-1.jsonl";
        for name in
            ["config.toml", "run.json", "tokenizer.json", "events.1", orphans, "checkpoints/a"]
        {
            assert_eq!(said(name, true), format!("{name} is a file of a run; give another name"));
        }
        #[cfg(unix)]
        {
            let link = tempfile::tempdir().unwrap();
            let link = link.path().join("page.html");
            std::os::unix::fs::symlink(file(MANIFEST), &link).unwrap();
            assert!(check_output(&link, true).is_err());
        }
        fs::write(file("vectors.bin"), "x").unwrap();
        assert_eq!((said("vectors.bin", true), said("plots/a.png", false)), Default::default());
        let exists = "vectors.bin already exists; give another name, or --force to replace it";
        assert_eq!(said("vectors.bin", false), exists);
    }
}
