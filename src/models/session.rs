//! Loading a run to use it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Entry;
use super::experiment::Experiment;
use super::run_config::RunConfig;
use crate::checkpoint::{self, Selector};
use crate::config;
use crate::models;
use crate::run::RunDir;
use crate::system::shell::quoted;

/// The file of a run folder that holds the words of a model of text.
pub const VOCABULARY: &str = "vocab.txt";

/// A run with its trained model at a checkpoint.
pub struct Session<E: Experiment> {
    /// The run folder.
    pub run: RunDir,
    /// The run's config.
    pub config: RunConfig<E::Settings>,
    /// The trained model of the checkpoint.
    pub trained: E::Trained,
    /// The step of the checkpoint.
    pub step: u64,
}

impl<E: Experiment> Session<E> {
    /// Reads a checkpoint of the run at `path`.
    ///
    /// # Errors
    /// When the folder is not a run of this model, or the checkpoint cannot be read.
    pub fn open(path: &Path, choice: Selector) -> Result<Self> {
        let run = read_run(E::ENTRY, path, None)?;
        let (preset, file) = (&run.manifest().preset, run.config_path());
        let config = config::resume(preset, &file, run.config_text(), &[])?.loaded.config;
        let checkpoint = checkpoint::open(&run.checkpoints_dir(), choice)?;
        let trained = E::trained(&run, &config, &checkpoint)?;
        Ok(Self { run, config, trained, step: checkpoint.meta.step })
    }

    /// The fields that the JSON of every verb on a run begins with.
    pub fn head(&self) -> Value {
        head(&self.run, self.step)
    }

    /// The same and `metrics`.
    pub fn summary(&self, metrics: Value) -> Value {
        summary(&self.run, self.step, metrics)
    }
}

/// The JSON of a verb that makes or uses a run.
pub fn summary(run: &RunDir, step: u64, metrics: Value) -> Value {
    let mut json = head(run, step);
    json["metrics"] = metrics;
    json
}

fn head(run: &RunDir, step: u64) -> Value {
    json!({
        "model": run.manifest().model,
        "preset": run.manifest().preset,
        "run_dir": run.path().to_string_lossy(),
        "step": step,
    })
}

/// Opens a run of `model` for reading. The error for a run of another model shows how to give it to
/// `verb`, if that model has the verb.
///
/// # Errors
/// The folder is not a run, or a run of another model.
pub fn read_run(model: &Entry, path: &Path, verb: Option<&str>) -> Result<RunDir> {
    let run = RunDir::read(path)?;
    check_model(model, &run, verb)?;
    Ok(run)
}

/// Checks that a run is one of `model`; `verb` as for [`read_run`].
///
/// # Errors
/// It is a run of another model.
pub fn check_model(model: &Entry, run: &RunDir, verb: Option<&str>) -> Result<()> {
    let (path, name, other) = (run.path(), model.name, &run.manifest().model);
    let hint = match verb {
        Some(verb) if has_verb(other, verb) => {
            format!("use `tfm {verb} {other} --run {}`", quoted(path))
        }
        _ => verbs_of(other),
    };
    let path = path.display();
    ensure!(other == name, "{path} is a run of {other}, not of {name}; {hint}");
    Ok(())
}

fn has_verb(model: &str, verb: &str) -> bool {
    models::find(model).is_some_and(|entry| entry.verb(verb).is_some())
}

/// The verbs of a model in words: not every model has every verb.
fn verbs_of(model: &str) -> String {
    let Some(entry) = models::find(model) else {
        return format!("this tfm has no model {model}");
    };
    let verbs: Vec<_> = entry.verbs.iter().map(|verb| verb.name).collect();
    format!("{model} has: {}", verbs.join(", "))
}

/// The words of a run: `read` reads the text of the file, and the manifest's data begin with
/// the `fingerprint`.
///
/// # Errors
/// When the file is missing, damaged, or not the one that the run began with.
pub fn vocabulary_of<V>(
    run: &RunDir,
    read: fn(&str) -> Result<V>,
    fingerprint: fn(&V) -> String,
) -> Result<V> {
    let path = run.path().join(VOCABULARY);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the vocabulary {}", path.display()))?;
    let vocabulary = read(&text).with_context(|| path.display().to_string())?;
    let (own, begun) = (fingerprint(&vocabulary), &run.manifest().data);
    ensure!(
        begun.starts_with(&own),
        "{} is not the vocabulary that the run began with: {own} here, {begun} in run.json",
        path.display()
    );
    Ok(vocabulary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    #[test]
    fn a_run_of_another_model_is_refused_with_a_hint_where_there_is_one() {
        let root = tempfile::tempdir().unwrap();
        let path = fake::run_of(root.path(), "a", "alexnet", "");
        let refuse = |verb| read_run(&fake::TOY, &path, verb).unwrap_err().to_string();
        let expect = format!("{} is a run of alexnet, not of toy; ", path.display());
        assert_eq!(refuse(None), expect.clone() + "alexnet has: bench");
        assert_eq!(refuse(Some("plot")), expect.clone() + "alexnet has: bench");
        let hint = format!("use `tfm bench alexnet --run {}`", path.display());
        assert_eq!(refuse(Some("bench")), expect + &hint);
        read_run(&fake::ALEXNET, &path, None).unwrap();
    }

    #[test]
    fn words_of_another_run_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = fake::run_of(root.path(), "a", "toy", "");
        let run = RunDir::read(&path).unwrap();
        let words = || vocabulary_of(&run, |text| Ok(text.to_owned()), |text| text.clone());
        assert!(words().unwrap_err().to_string().starts_with("cannot read the vocabulary"));
        run.write(VOCABULARY, b"none").unwrap();
        assert_eq!(words().unwrap(), "none");
        run.write(VOCABULARY, b"some").unwrap();
        let error = words().unwrap_err().to_string();
        assert!(error.ends_with("began with: some here, none in run.json"), "{error}");
    }
}
