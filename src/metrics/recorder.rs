//! Where a run's records go: `metrics.jsonl` and TensorBoard's event file, together.

use std::path::Path;

use anyhow::{Context, Result};

use super::events::EventFile;
use super::jsonl::Appender;
use super::{ELAPSED, FILE_NAME, Record, Summary, rewind};
use crate::atomic;

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

    /// Goes on from a checkpoint that was written after `step` steps, when [`Recorder::lines`]
    /// was `lines_kept`.
    ///
    /// Later lines are moved to `metrics.orphan-N.jsonl`, and a new event file tells TensorBoard
    /// to drop its values of later steps. May be killed and called again at any instant.
    ///
    /// # Errors
    /// When `metrics.jsonl` holds fewer lines than the checkpoint counts, or a file cannot be
    /// read or written.
    pub fn resume(run_dir: &Path, lines_kept: u64, step: u64) -> Result<Self> {
        let path = run_dir.join(FILE_NAME);
        let bytes = rewind::keep_lines(&path, lines_kept)?;
        let lines = Appender::open(path, bytes, lines_kept)?;
        // Where no line is kept, a value of the step itself is not kept either.
        let restart_step = if lines_kept == 0 { 0 } else { step + 1 };
        let recorder = Self { lines, events: EventFile::create(run_dir, Some(restart_step))? };
        atomic::sync_folder(run_dir)
            .with_context(|| format!("cannot sync {}", run_dir.display()))?;
        Ok(recorder)
    }

    /// Holds `metrics.jsonl` to have at least the lines that a checkpoint counts. Changes nothing.
    ///
    /// # Errors
    /// It has fewer, or cannot be read.
    pub fn expect_lines(run_dir: &Path, lines: u64) -> Result<()> {
        rewind::split(&run_dir.join(FILE_NAME), lines).map(drop)
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

    /// The lines that `metrics.jsonl` holds.
    pub fn lines(&self) -> u64 {
        self.lines.lines()
    }

    /// Waits until everything recorded is on the disk. A checkpoint that remembers
    /// [`Recorder::lines`] is written after this.
    ///
    /// # Errors
    /// Names the file that could not be synced.
    pub fn sync(&self) -> Result<()> {
        self.lines.sync()?;
        self.events.sync()
    }
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
        assert_eq!(recorder.lines(), 2);
        (3..=6).for_each(|step| recorder.record(&at(step)).unwrap());
        assert_eq!(recorder.lines(), 6);

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
}
