//! What a sweep is: a model, a config, settings that are fixed and settings that vary.
//!
//! ```toml
//! name = "rates"                                  # the file's stem otherwise
//! model = "ptb"
//! config = "ptb-small"                            # a preset or a file
//! skip = ["train.learning_rate > 0.5 and seed = 3"]
//!
//! [set]                                           # the same in every run
//! train.max_max_epoch = 4
//!
//! [vary]                                          # every combination
//! train.learning_rate = [0.5, 1.0]
//! train.keep_prob = { from = 0.5, to = 1.0, step = 0.25 }
//! train.max_grad_norm = { from = 0.1, to = 10.0, count = 3, scale = "log" }
//! seed = { from = 1, to = 3 }
//!
//! [[zip]]                                         # values that go together
//! network.hidden_size = [200, 650]
//! train.num_steps = [20, 35]
//!
//! [random]                                        # draws so many points in place of a grid
//! points = 20
//! seed = 1
//!
//! [stop]                                          # see `rule`
//! rule = "asha"
//! steps = [500, 1500]
//! ```

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::axis::Axis;
use super::rule::StopRule;
use crate::analysis::Objective;
use crate::analysis::filter::Condition;
use crate::models::Entry;

/// Letters of a sweep's name at most.
const MAX_NAME: usize = 64;

/// The file of a sweep.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// What the sweep is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The model.
    pub model: String,
    /// A preset or a file; the model's default preset where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Conditions, joined by `and`; a point for which all hold is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<String>,
    /// Settings that are the same in every run.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub set: Table,
    /// Settings that vary.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub vary: Table,
    /// Settings that vary together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zip: Vec<Table>,
    /// How many points are drawn in place of a grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<Random>,
    /// When a run is stopped early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopRule>,
}

/// Points that are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// How many there are in all.
    pub points: u64,
    /// The seed of what is drawn.
    #[serde(default = "first_seed")]
    pub seed: u64,
}

fn first_seed() -> u64 {
    1
}

/// A sweep that is understood.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What the sweep is called; fit for the name of a folder.
    pub name: String,
    /// The model.
    pub model: String,
    /// A preset or a file.
    pub config: Option<String>,
    /// Settings that are the same in every run.
    pub fixed: Vec<(String, Value)>,
    /// Settings that vary, the last one fastest.
    pub axes: Vec<Axis>,
    /// Points for which all conditions of a list hold are left out.
    pub skip: Vec<Vec<Condition>>,
    /// How many points are drawn in place of a grid.
    pub random: Option<Random>,
    /// When a run is stopped early.
    pub stop: Option<StopRule>,
}

impl Spec {
    /// Reads the text of a sweep's file; messages call it `label`, and `stem` is its name where it
    /// says none.
    ///
    /// # Errors
    /// TOML syntax or an unknown key, with its line; invalid names, values and conditions.
    pub fn parse(label: &str, stem: &str, text: &str) -> Result<Self> {
        let file: SweepFile = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|&byte| byte == b'\n').count();
            let message: Vec<_> = error.message().lines().map(str::trim).collect();
            anyhow::anyhow!("{label}:{line}: {}", message.join("; "))
        })?;
        Self::of(file, stem).with_context(|| label.to_owned())
    }

    fn of(file: SweepFile, stem: &str) -> Result<Self> {
        let name = file.name.unwrap_or_else(|| stem.to_owned());
        check_name(&name)?;
        let fixed = flat(&file.set, false);
        let mut axes = Vec::new();
        for zip in &file.zip {
            axes.push(Axis::zip(&flat(zip, false))?);
        }
        let mut vary = flat(&file.vary, true);
        // Replicas of an experiment follow each other.
        vary.sort_by_key(|(key, _)| key == "seed");
        for (key, value) in &vary {
            axes.push(Axis::new(key, value)?);
        }
        ensure!(!axes.is_empty(), "nothing varies; add a setting to [vary] or [[zip]]");
        let mut keys: Vec<&String> = axes.iter().flat_map(|axis| &axis.keys).collect();
        keys.extend(fixed.iter().map(|(key, _)| key));
        keys.sort();
        if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("{} is set twice; give it in only one of [set], [vary] and [[zip]]", twice[0]);
        }
        let skip = file.skip.iter().map(|text| conditions(text)).collect::<Result<Vec<_>>>()?;
        for condition in skip.iter().flatten() {
            let known = keys.binary_search(&&condition.key).is_ok();
            ensure!(known, "skip: {} is not a setting of this sweep", condition.key);
            // No value of a setting holds such a sign: the two were to be two conditions.
            let is_one = !condition.constant.contains(['=', '<', '>']);
            ensure!(
                is_one,
                "skip: {} is not a value; put \" and \" between conditions",
                condition.constant
            );
        }
        if let Some(random) = file.random {
            ensure!(random.points > 0, "random.points must be at least 1");
        }
        if let Some(stop) = &file.stop {
            stop.check()?;
        }
        let (model, config) = (file.model, file.config);
        Ok(Self { name, model, config, fixed, axes, skip, random: file.random, stop: file.stop })
    }

    /// Lets ranges of keys that are floats in the model's config have any number between their ends.
    ///
    /// # Errors
    /// A default of the config that TOML cannot hold.
    pub fn take_types_of(&mut self, model: &Entry) -> Result<()> {
        let keys = (model.keys)()?;
        let is_float = |name: &String| keys.iter().any(|key| key.key == *name && key.is_float());
        for axis in &mut self.axes {
            if axis.keys.iter().all(is_float) {
                axis.take_floats();
            }
        }
        Ok(())
    }

    /// The score that points are compared by: that of the rule, or the one that settings of the model are
    /// chosen by.
    ///
    /// # Errors
    /// The model has no such score, or has none where there is a rule.
    pub fn objective(&self, model: &Entry) -> Result<Option<Objective>> {
        let metric = self.stop.as_ref().and_then(|stop| stop.metric.as_deref());
        let objective = match metric {
            Some(name) => {
                let objective = Objective::named(model, name)?;
                let is_recorded = model.scores.contains(&name) || name.starts_with("train_");
                let scores = model.scores.join(", ");
                let model = model.name;
                ensure!(
                    is_recorded,
                    "stop.metric = \"{name}\": {model} records no such score; its scores are: {scores}"
                );
                Some(objective)
            }
            None => Objective::of(model),
        };
        ensure!(
            self.stop.is_none() || objective.is_some(),
            "[stop] needs a score, and the model has none"
        );
        Ok(objective)
    }
}

/// Checks that a name can be that of a folder.
///
/// # Errors
/// The name, and what it may consist of.
pub fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    ensure!(
        (1..=MAX_NAME).contains(&name.chars().count())
            && name.chars().all(fits)
            && !name.starts_with(['.', '-']),
        "{name:?} cannot be the name of a sweep; give at most {MAX_NAME} letters, digits, - _ and \
         ., starting with a letter or a digit"
    );
    Ok(())
}

fn conditions(text: &str) -> Result<Vec<Condition>> {
    text.split(" and ").map(|part| part.trim().parse()).collect::<Result<_>>().context("skip")
}

/// The values of a table by their dotted keys. A table with `from` is a range where there are some.
fn flat(table: &Table, ranges: bool) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner)
                if !(ranges && (inner.contains_key("from") || inner.contains_key("to"))) =>
            {
                let below = flat(inner, ranges).into_iter();
                all.extend(below.map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => all.push((name.clone(), value.clone())),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(text: &str) -> String {
        format!("{:#}", Spec::parse("s.toml", "s", text).unwrap_err())
    }

    #[test]
    fn the_file_of_the_head_comment_is_understood() {
        let lines = include_str!("spec.rs").lines();
        let text = lines.skip_while(|line| *line != "//! ```toml").skip(1);
        let text: String = text
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!").trim_start().to_owned() + "\n")
            .collect();
        let spec = Spec::parse("s.toml", "s", &text).unwrap();
        assert_eq!(
            (&*spec.name, &*spec.model, spec.config.as_deref()),
            ("rates", "ptb", Some("ptb-small"))
        );
        assert_eq!(spec.fixed, [("train.max_max_epoch".to_owned(), 4.into())]);
        let keys: Vec<_> = spec.axes.iter().map(|axis| axis.keys.join("+")).collect();
        let expect = [
            "network.hidden_size+train.num_steps",
            "train.keep_prob",
            "train.learning_rate",
            "train.max_grad_norm",
            "seed",
        ];
        assert_eq!(keys, expect);
        assert_eq!(spec.skip[0].len(), 2);
        assert_eq!(spec.random, Some(Random { points: 20, seed: 1 }));
        assert_eq!(spec.stop.unwrap().steps, [500, 1500]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let head = "model = \"ptb\"\n";
        for (text, part) in [
            ("vary.seed = [1]\n", "s.toml:1: missing field `model`"),
            ("model = \"ptb\"\nfoo = 1\n", "s.toml:2: unknown field `foo`"),
            ("model = ptb\n", "s.toml:1: "),
            (head, "s.toml: nothing varies"),
            ("model = \"ptb\"\n[vary]\nseed = []\n", "seed has no values"),
            ("model = \"ptb\"\n[set]\nseed = 1\n[vary]\nseed = [1]\n", "seed is set twice"),
            (
                "model = \"ptb\"\nskip = [\"a = 1\"]\n[vary]\nseed = [1]\n",
                "skip: a is not a setting of this sweep",
            ),
            ("model = \"ptb\"\nskip = [\"a\"]\n[vary]\nseed = [1]\n", "\"a\" is not a condition"),
            (
                "model = \"ptb\"\n[vary]\nseed = [1]\n[random]\npoints = 0\n",
                "random.points must be at least 1",
            ),
        ] {
            let error = refuse(text);
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
    }

    #[test]
    fn a_name_is_that_of_a_folder() {
        for name in ["", ".", "..", "a/b", "../a", "a\nb", "-a", ".a", "a b", &"x".repeat(65)] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("cannot be the name of a sweep"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        check_name("ptb-small_2.läufe").unwrap();
    }
}
