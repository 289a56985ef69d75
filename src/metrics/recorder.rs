//! Where a run's records go: `metrics.jsonl` and TensorBoard's event file, together.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::events::EventFile;
use super::jsonl::Appender;
use super::{ELAPSED, FILE_NAME, Record, Recorded, Summary};
use crate::atomic;
use crate::system::wording::plural;

/// Appends [`Record`]s to the files of a run folder.
///
/// A recorder owns the folder's metrics files: the caller keeps other processes out.
pub struct Recorder {
    lines: Appender,
    events: EventFile,
}

impl Recorder {
    /// Starts the files of a new run.
    ///
    /// # Errors
    /// When the folder holds a `metrics.jsonl` already, or a file cannot be created.
    pub fn create(run_dir: &Path) -> Result<Self> {
        let lines = Appender::create(run_dir.join(FILE_NAME))?;
        let recorder = Self { lines, events: EventFile::create(run_dir, None)? };
        atomic::sync_folder(run_dir)
            .with_context(|| format!("cannot sync {}", run_dir.display()))?;
        Ok(recorder)
    }

    /// Continues from a checkpoint that was written after `step` steps, when [`Recorder::recorded`]
    /// had `lines_kept` lines.
    ///
    /// Later lines are moved to `metrics.orphan-N.jsonl`, and a new event file tells TensorBoard
    /// to drop its values of later steps. May be killed and called again at any instant.
    ///
    /// # Errors
    /// When `metrics.jsonl` holds fewer lines than the checkpoint counts, or a file cannot be
    /// read or written.
    pub fn resume(run_dir: &Path, lines_kept: u64, step: u64) -> Result<Self> {
        let path = run_dir.join(FILE_NAME);
        let kept = keep_lines(&path, lines_kept)?;
        let lines = Appender::open(path, &kept)?;
        // Where no line is kept, a value of the step itself is not kept either.
        let restart_step = if lines_kept == 0 { 0 } else { step + 1 };
        let recorder = Self { lines, events: EventFile::create(run_dir, Some(restart_step))? };
        atomic::sync_folder(run_dir)
            .with_context(|| format!("cannot sync {}", run_dir.display()))?;
        Ok(recorder)
    }

    /// The first lines of `metrics.jsonl`; changes nothing.
    ///
    /// # Errors
    /// It has fewer, or cannot be read.
    pub fn first(run_dir: &Path, lines: u64) -> Result<Recorded> {
        split(&run_dir.join(FILE_NAME), lines).map(|(kept, _)| Recorded::of(&kept))
    }

    /// Appends a line, and its numbers as scalars named `phase/name`. Once this returns, killing
    /// the process loses nothing of it; a power cut may, until [`Recorder::sync`].
    ///
    /// # Errors
    /// Names the file that could not be written, as on a full disk.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        self.lines.append(record)?;
        // An event has a time of its own.
        let timing = record.timing.iter().filter(|(name, _)| *name != ELAPSED);
        let scalars = record.metrics.iter().chain(timing);
        let tagged = scalars.map(|(name, &value)| (format!("{}/{name}", record.phase), value));
        self.events.scalars(record.step, tagged)
    }

    /// Appends distributions and pictures to the event file.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn summaries(&mut self, step: u64, summaries: &[Summary]) -> Result<()> {
        match summaries {
            [] => Ok(()),
            _ => self.events.summaries(step, summaries),
        }
    }

    /// What `metrics.jsonl` holds.
    pub fn recorded(&self) -> Recorded {
        self.lines.recorded()
    }

    /// Waits until everything recorded is on the disk. A checkpoint that remembers
    /// [`Recorder::recorded`] is written after this.
    ///
    /// # Errors
    /// Names the file that could not be synced.
    pub fn sync(&self) -> Result<()> {
        self.lines.sync()?;
        self.events.sync()
    }
}

/// Keeps the first `lines_kept` lines of `path` and moves what follows, a cut last line included,
/// to `metrics.orphan-N.jsonl` beside it, under the first free N from 1. Returns the bytes kept.
///
/// The orphans are complete on the disk before the file gives them up, and each of the two files
/// is placed at once: whenever this is killed, calling it again ends in the same state.
///
/// # Errors
/// When the file holds fewer whole lines than `lines_kept`, or a file cannot be read or written.
fn keep_lines(path: &Path, lines_kept: u64) -> Result<Vec<u8>> {
    let (kept, orphans) = split(path, lines_kept)?;
    if !orphans.is_empty() {
        place_orphans(path, &orphans)?;
        atomic::write(path, &kept)?;
    }
    Ok(kept)
}

/// The first `lines_kept` lines of `path`, and what follows.
///
/// # Errors
/// When the file holds fewer whole lines, or cannot be read.
pub(super) fn split(path: &Path, lines_kept: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    atomic::expect_plain(path)?;
    let mut bytes = match fs::read(path) {
        // A run killed before its first line has nothing to keep; of others all lines are missing.
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let orphans = bytes.split_off(length_of(path, &bytes, lines_kept)?);
    Ok((bytes, orphans))
}

fn length_of(path: &Path, bytes: &[u8], lines: u64) -> Result<usize> {
    let mut ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n').map(|(i, _)| i + 1);
    let (mut length, mut found) = (0, 0);
    while found < lines
        && let Some(end) = ends.next()
    {
        (length, found) = (end, found + 1);
    }
    ensure!(
        found == lines,
        "{} has {found} {}, but the checkpoint was written after {lines}: restore what is missing, \
         or move this checkpoint away to resume from the one before",
        path.display(),
        plural(found, "line")
    );
    Ok(length)
}

fn place_orphans(path: &Path, orphans: &[u8]) -> Result<()> {
    let mut number = 1;
    while orphan_path(path, number).try_exists().context("cannot look for earlier orphans")? {
        number += 1;
    }
    // An earlier call that was killed halfway has placed these very lines already.
    let last = orphan_path(path, number - 1);
    if number > 1 && fs::read(last).is_ok_and(|there| there == orphans) {
        return Ok(());
    }
    atomic::write(&orphan_path(path, number), orphans)
}

fn orphan_path(path: &Path, number: u64) -> PathBuf {
    path.with_file_name(format!("metrics.orphan-{number}.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::metrics::read;

    fn at(step: u64) -> Record {
        Record::new(step, 1, "train").metric("perplexity", 900.0 / step as f64)
    }

    #[test]
    fn a_resumed_run_ends_with_the_lines_of_an_uninterrupted_one() {
        let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut recorder = Recorder::create(whole.path()).unwrap();
        (1..=6).for_each(|step| recorder.record(&at(step)).unwrap());

        let mut recorder = Recorder::create(cut.path()).unwrap();
        (1..=4).for_each(|step| recorder.record(&at(step)).unwrap());
        recorder.sync().unwrap();
        drop(recorder);
        let mut recorder = Recorder::resume(cut.path(), 2, 2).unwrap();
        assert_eq!(recorder.recorded().lines, 2);
        (3..=6).for_each(|step| recorder.record(&at(step)).unwrap());
        assert_eq!(recorder.recorded().lines, 6);

        let text = |folder: &Path| fs::read_to_string(folder.join(FILE_NAME)).unwrap();
        assert_eq!(text(cut.path()), text(whole.path()));
        let orphans = read(cut.path().join("metrics.orphan-1.jsonl")).unwrap();
        assert_eq!(orphans, [at(3), at(4)]);
    }

    #[test]
    fn a_run_folder_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        Recorder::create(folder.path()).unwrap().record(&at(1)).unwrap();
        let error = Recorder::create(folder.path()).err().unwrap().to_string();
        assert!(error.contains("cannot create") && error.contains(FILE_NAME), "{error}");
        assert_eq!(read(folder.path().join(FILE_NAME)).unwrap().len(), 1);
    }

    #[test]
    fn too_few_lines_start_no_event_file() {
        let folder = tempfile::tempdir().unwrap();
        drop(Recorder::create(folder.path()).unwrap());
        assert!(Recorder::resume(folder.path(), 1, 10).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    /// Sets up files by name, calls `keep_lines`, and returns all files, sorted by name.
    fn check(files: &[(&str, &str)], lines_kept: u64) -> Result<Vec<(String, String)>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().join("metrics.jsonl");
        let bytes = keep_lines(&path, lines_kept)?;
        assert_eq!(bytes, fs::read(&path).unwrap_or_default());
        let mut found: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| (name.clone(), fs::read_to_string(folder.path().join(&name)).unwrap()))
            .collect();
        found.sort();
        Ok(found)
    }

    fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn what_follows_the_kept_lines_becomes_an_orphan() {
        let found = check(&[("metrics.jsonl", "a\nb\nc\nd")], 2).unwrap();
        let wanted = [("metrics.jsonl", "a\nb\n"), ("metrics.orphan-1.jsonl", "c\nd")];
        assert_eq!(found, owned(&wanted));
        let found = check(&[("metrics.jsonl", "a\n")], 0).unwrap();
        assert_eq!(found, owned(&[("metrics.jsonl", ""), ("metrics.orphan-1.jsonl", "a\n")]));
    }

    #[test]
    fn nothing_moves_where_nothing_follows() {
        for (text, lines) in [("a\nb\n", 2), ("", 0)] {
            let found = check(&[("metrics.jsonl", text)], lines).unwrap();
            assert_eq!(found, owned(&[("metrics.jsonl", text)]));
        }
    }

    #[test]
    fn a_missing_file_has_no_line() {
        assert_eq!(check(&[], 0).unwrap(), []);
        assert!(check(&[], 1).unwrap_err().to_string().contains("has 0 lines"));
    }

    #[test]
    fn earlier_orphans_stay() {
        let files = [("metrics.jsonl", "a\nc\n"), ("metrics.orphan-1.jsonl", "b\n")];
        let wanted = [
            ("metrics.jsonl", "a\n"),
            ("metrics.orphan-1.jsonl", "b\n"),
            ("metrics.orphan-2.jsonl", "c\n"),
        ];
        assert_eq!(check(&files, 1).unwrap(), owned(&wanted));
    }

    /// The states in which a kill can leave the folder: the orphan's temporary file is being
    /// written, the orphan is in place, the kept part's temporary file is being written.
    #[test]
    fn a_call_that_was_killed_is_completed_by_the_next() {
        let before = ("metrics.jsonl", "a\nb\nc");
        let (kept, orphan) = (("metrics.jsonl", "a\n"), ("metrics.orphan-1.jsonl", "b\nc"));
        let partial = (".metrics.orphan-1.jsonl.tmp", "b");
        assert_eq!(check(&[before, partial], 1).unwrap(), owned(&[kept, orphan]));
        assert_eq!(check(&[before, orphan], 1).unwrap(), owned(&[kept, orphan]));
        let partial = (".metrics.jsonl.tmp", "");
        assert_eq!(check(&[before, orphan, partial], 1).unwrap(), owned(&[kept, orphan]));
        assert_eq!(check(&[kept, orphan], 1).unwrap(), owned(&[kept, orphan]));
    }

    #[test]
    fn too_few_lines_are_an_error_and_change_nothing() {
        let error = check(&[("metrics.jsonl", "a\nb")], 2).unwrap_err().to_string();
        assert!(
            error.contains("metrics.jsonl has 1 line, but the checkpoint was written after 2"),
            "{error}"
        );
    }
}
