//! What lists, reports and sweeps know of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Objective;
use super::table::number;
use crate::checkpoint;
use crate::config::leaves;
use crate::metrics::{self, ELAPSED, Record};
use crate::models::verbs::last_metrics;
use crate::models::{self, Entry};
use crate::run::{Annotations, Manifest, RunDir, State, Status, is_alive};

/// A run in a few hundred bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its folder.
    pub path: PathBuf,
    /// What it was made from.
    pub manifest: Manifest,
    /// Where it stood when this was read.
    pub state: State,
    /// Steps done: those of the last record where it trains.
    pub step: u64,
    /// Steps of the whole run; none in a run of an older tfm.
    pub total_steps: Option<u64>,
    /// Why it failed or was stopped; else empty.
    pub reason: String,
    /// What the user says of it.
    pub annotations: Annotations,
    /// Every value of its config by the dotted key.
    pub config: BTreeMap<String, Value>,
    /// Those that differ from the preset, or from the model's default where the config was a file.
    pub settings: BTreeMap<String, Value>,
    /// The last value of every metric, as `<phase>_<metric>`; null where it was not finite.
    pub metrics: Map<String, Value>,
    /// The best value of the score that settings are chosen by.
    pub best: Option<Best>,
    /// Seconds of training and evaluation, without pauses.
    pub seconds: f64,
}

/// The best value of a score in the course of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The score, such as `valid_perplexity`.
    pub name: String,
    /// Its best value.
    pub value: f64,
    /// The step that it was measured at.
    pub step: u64,
}

impl RunSummary {
    /// Reads what there is of a run; `presets` is asked for the values of a preset.
    ///
    /// # Errors
    /// A file of the run is damaged.
    pub(super) fn of(run: &RunDir, presets: &mut Presets) -> Result<Self> {
        let path = run.path();
        let records = records(path)?;
        let manifest = run.manifest().clone();
        let tree: toml::Table = run
            .config_text()
            .parse()
            .with_context(|| format!("cannot read {}", run.config_path().display()))?;
        let config = values(&tree);
        let status = Status::read(path)?;
        let model = models::find(&manifest.model);
        let best = model.and_then(Objective::of).and_then(|objective| {
            let (step, value) = objective.best(&records)?;
            Some(Best { name: objective.name, value, step })
        });
        let last = records.last();
        Ok(Self {
            path: path.to_owned(),
            state: state(path, status.as_ref()),
            step: last.map(|record| record.step).max(status.as_ref().map(|s| s.step)).unwrap_or(0),
            total_steps: status.as_ref().map(|status| status.total_steps),
            reason: status.map(|status| status.reason).unwrap_or_default(),
            annotations: Annotations::read(path)?,
            settings: presets.differences(model, &manifest.preset, &config),
            config,
            metrics: last_metrics(&records),
            best,
            seconds: last.and_then(|record| record.timing.get(ELAPSED)).map_or(0.0, seconds),
            manifest,
        })
    }

    /// The last value of a metric such as `test_perplexity`, where there is a finite one.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name)?.as_f64()
    }

    /// The score that the run is known by, and its last value: of the test, else of validation.
    pub fn headline(&self) -> Option<(String, f64)> {
        let model = models::find(&self.manifest.model)?;
        let objectives = [Objective::of_finished(model), Objective::of(model)];
        let value = |objective: Objective| Some((objective.metric_of(self)?, objective.name));
        let (value, name) = objectives.into_iter().flatten().find_map(value)?;
        Some((name, value))
    }

    /// The headline as `test_perplexity 116.2`, also of a run that has diverged, whose score is not
    /// finite.
    pub fn score_in_words(&self) -> Option<String> {
        if let Some((name, value)) = self.headline() {
            return Some(format!("{name} {}", number(value)));
        }
        let model = models::find(&self.manifest.model)?;
        let objectives = [Objective::of_finished(model), Objective::of(model)];
        let is_lost = |of: &Objective| self.metrics.get(&of.name).is_some_and(Value::is_null);
        let lost = objectives.into_iter().flatten().find(is_lost)?;
        Some(format!("{} not finite", lost.name))
    }

    /// The value of a key of the config, of a metric, or of `step`, `seconds` and the like.
    pub fn value(&self, key: &str) -> Option<Value> {
        let own = match key {
            "step" => Some(self.step.into()),
            "seconds" => Some(self.seconds.into()),
            "state" => Some(self.state.to_string().into()),
            "preset" => Some(self.manifest.preset.clone().into()),
            _ => None,
        };
        own.or_else(|| self.config.get(key).or_else(|| self.metrics.get(key)).cloned())
    }

    /// The settings but for the seed: what tells one experiment from another.
    pub fn settings_without_seed(&self) -> BTreeMap<&str, &Value> {
        let settings = self.settings.iter().map(|(key, value)| (&**key, value));
        settings.filter(|(key, _)| *key != "seed").collect()
    }

    /// The name of its folder.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The records of the run.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn records(&self) -> Result<Vec<Record>> {
        records(&self.path)
    }

    /// The run as other programs read it.
    pub fn in_json(&self) -> Value {
        serde_json::json!({
            "run": self.path.to_string_lossy(),
            "model": self.manifest.model,
            "preset": self.manifest.preset,
            "state": self.state,
            "step": self.step,
            "total_steps": self.total_steps,
            "seed": self.manifest.seed,
            "settings": self.settings,
            "metrics": self.metrics,
            "best": self.best,
            "seconds": self.seconds,
            "started": self.manifest.started,
            "point": self.manifest.provenance.point,
            "note": self.annotations.note,
            "tags": self.annotations.tags,
            "reason": self.reason,
        })
    }
}

impl Objective {
    fn metric_of(&self, run: &RunSummary) -> Option<f64> {
        run.metric(&self.name)
    }
}

/// A time that a record has; files are edited, and a time that is none is no reason to fail.
fn seconds(&elapsed: &f64) -> f64 {
    if (0.0..1e12).contains(&elapsed) { elapsed } else { 0.0 }
}

/// The records of the run at `path`: none where it has not come to its first.
fn records(path: &Path) -> Result<Vec<Record>> {
    let file = path.join(metrics::FILE_NAME);
    if file.exists() { metrics::read(file) } else { Ok(Vec::new()) }
}

/// What is true of a run now. One that was killed after its last checkpoint has finished, whatever
/// its status says; a run of an older tfm has no status.
fn state(path: &Path, status: Option<&Status>) -> State {
    let said = match status {
        Some(status) => status.state_now(path),
        None if is_alive(path, None) => State::Running,
        None => State::Interrupted,
    };
    if said != State::Interrupted {
        return said;
    }
    let meta = checkpoint::newest_meta(&path.join("checkpoints")).ok().flatten();
    let finished = meta.and_then(|meta| meta.state.get("loop")?.get("finished")?.as_bool());
    if finished == Some(true) { State::Finished } else { State::Interrupted }
}

/// The values of a config's tree by their dotted keys.
fn values(tree: &toml::Table) -> BTreeMap<String, Value> {
    let json = |value: &toml::Value| serde_json::to_value(value).unwrap_or_default();
    leaves(tree).iter().map(|(key, value)| (key.clone(), json(value))).collect()
}

/// The last lines of a text file, at most `count`; empty if the file does not exist.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// A value of a config or a metric as people read it: strings without quotes.
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The values of presets, each resolved once.
#[derive(Debug, Default)]
pub(super) struct Presets(BTreeMap<(&'static str, String), BTreeMap<String, Value>>);

impl Presets {
    fn differences(
        &mut self,
        model: Option<&'static Entry>,
        preset: &str,
        config: &BTreeMap<String, Value>,
    ) -> BTreeMap<String, Value> {
        let Some(model) = model else { return BTreeMap::new() };
        let base = self.0.entry((model.name, preset.to_owned())).or_insert_with(|| {
            let own = model.presets.iter().any(|known| known.name == preset);
            let text = model.show(own.then_some(preset), &[]).unwrap_or_default();
            values(&text.parse().unwrap_or_default())
        });
        // What a config promises is not a setting.
        let differs = |(key, value): &(&String, &Value)| {
            base.get(*key) != Some(value) && !key.starts_with("expect.")
        };
        let differing = config.iter().filter(differs);
        differing.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    #[test]
    fn a_run_is_read_back() {
        let root = tempfile::tempdir().unwrap();
        let path = fake::run_of(root.path(), "a", "ptb", "");
        let dir = RunDir::read(&path).unwrap();
        let run = RunSummary::of(&dir, &mut Presets::default()).unwrap();
        assert_eq!((run.state, run.step, run.total_steps), (State::Interrupted, 2, None));
        assert_eq!(run.headline(), Some(("test_perplexity".to_owned(), 116.2)));
        assert_eq!(run.score_in_words().unwrap(), "test_perplexity 116.2");
        let mut lost = run.clone();
        lost.metrics.values_mut().for_each(|value| *value = Value::Null);
        assert_eq!(lost.score_in_words().unwrap(), "test_perplexity not finite");
        assert_eq!(run.best.as_ref().map(|best| (best.step, best.value)), Some((2, 121.0)));
        assert_eq!(run.metric("train_perplexity"), None);
        assert_eq!(run.value("model"), Some("ptb".into()));
        assert_eq!(run.value("step"), Some(2.into()));
        assert_eq!(run.name(), "a");
        let json = run.in_json();
        for key in ["run", "model", "preset", "state", "step", "settings", "metrics"] {
            assert!(!json[key].is_null(), "{key}");
        }
    }

    #[test]
    fn settings_are_what_differs_from_the_preset() {
        let model = models::find("ptb").unwrap();
        let sets = ["train.learning_rate=0.5".to_owned(), "seed=3".to_owned()];
        let text = model.show(Some("ptb-small"), &sets).unwrap();
        let config = values(&text.parse().unwrap());
        let mut presets = Presets::default();
        let differences = presets.differences(Some(model), "ptb-small", &config);
        let expect =
            [("seed".to_owned(), 3.into()), ("train.learning_rate".to_owned(), 0.5.into())];
        assert_eq!(differences, BTreeMap::from(expect));
        // A file of the user's is compared with the default.
        assert_eq!(presets.differences(Some(model), "mine", &config), differences);
        assert!(presets.differences(None, "mine", &config).is_empty());
    }
}
