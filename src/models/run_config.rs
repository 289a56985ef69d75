//! The config of a training run: the common part, around the model's own tables.

use std::ops::{Deref, DerefMut};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::config::{Config, Expect, Invalid, check_expect, leaves, to_toml};
use crate::nn::optimizer::OptimizerConfig;
use crate::train::CheckpointConfig;

/// The tables of a config that are a model's own, such as `[network]`, `[data]` and `[train]`.
///
/// All fields are tables, since they come after the top-level values of the file.
pub trait Settings: Default + Serialize + DeserializeOwned + JsonSchema {
    /// The model that they are of.
    const ENTRY: &'static Entry;

    /// As [`Config::RETIRED`].
    const RETIRED: &'static [(&'static str, &'static str)] = &[];

    /// As [`Config::RENAMED`].
    const RENAMED: &'static [(&'static str, &'static str)] = &[];

    /// The default checkpoint schedule.
    fn checkpoint() -> CheckpointConfig {
        CheckpointConfig::default()
    }

    /// Checks the range of every value, and what holds between values.
    ///
    /// # Errors
    /// The first value that breaks a rule.
    fn validate(&self) -> Result<(), Invalid>;

    /// The keys that these settings make useless: what makes them so, such as `data.source =
    /// "grammar"`, with the keys. One that has another value than by default is an error: whoever set
    /// it meant something by it.
    fn unused(&self) -> Vec<Unused> {
        Vec::new()
    }
}

/// A setting, and the keys that have no effect with it.
pub type Unused = (&'static str, &'static [&'static str]);

/// A whole experiment. It dereferences to the model's own tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, bound = "C: Settings")]
#[schemars(bound = "C: Settings")]
pub struct RunConfig<C> {
    /// The model's name.
    pub model: String,
    /// The seed of every random stream.
    pub seed: u64,
    #[serde(flatten)]
    own: C,
    /// The checkpoint schedule.
    pub checkpoint: CheckpointConfig,
    /// The expected scores, published or measured.
    pub expect: Expect,
}

/// Whether a key of a config distinguishes experiments: the seed, the checkpoint schedule and the
/// expected scores do not.
pub fn decides(key: &str) -> bool {
    key != "seed" && !["checkpoint.", "expect."].iter().any(|table| key.starts_with(table))
}

impl<C: Settings> Default for RunConfig<C> {
    fn default() -> Self {
        Self {
            model: C::ENTRY.name.to_string(),
            seed: 1,
            own: C::default(),
            checkpoint: C::checkpoint(),
            expect: Expect::default(),
        }
    }
}

impl<C> Deref for RunConfig<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.own
    }
}

impl<C> DerefMut for RunConfig<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.own
    }
}

impl<C: Settings> Config for RunConfig<C> {
    const FREE_TABLES: &'static [&'static str] = &["expect"];
    const RETIRED: &'static [(&'static str, &'static str)] = C::RETIRED;
    const RENAMED: &'static [(&'static str, &'static str)] = C::RENAMED;

    fn validate(&self) -> Result<(), Invalid> {
        self.own.validate()?;
        self.check_unused()?;
        self.checkpoint.validate()?;
        check_expect("expect", &self.expect, C::ENTRY.scores)
    }
}

impl<C: Settings> RunConfig<C> {
    fn check_unused(&self) -> Result<(), Invalid> {
        let unused = self.own.unused();
        if unused.is_empty() {
            return Ok(());
        }
        let values =
            |config: &Self| -> Option<_> { Some(leaves(&to_toml(config).ok()?.parse().ok()?)) };
        let (own, default) = (values(self), values(&Self::default()));
        let (Some(own), Some(default)) = (own, default) else { return Ok(()) };
        for (setting, keys) in unused {
            if let Some(key) = keys.iter().find(|key| own.get(**key) != default.get(**key)) {
                let value = default.get(*key).map(|value| format!(" (its default is {value})"));
                let value = value.unwrap_or_default();
                let rule =
                    format!("has no effect with {setting}: change that, or leave it out{value}");
                return Err(Invalid::new(*key, rule));
            }
        }
        Ok(())
    }
}

/// Checks the table `[optimizer]`.
///
/// # Errors
/// The key and the rule that its value breaks.
pub fn check_optimizer(config: &OptimizerConfig) -> Result<(), Invalid> {
    config.check().map_err(|(key, rule)| Invalid::new(format!("optimizer.{key}"), rule))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{ValueOrigin, at_least, resume, to_toml};
    use crate::models::fake;

    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Given,
        Shuffled,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Train {
        rate: f64,
        decay: f32,
        batch: usize,
        order: Order,
    }

    impl Default for Train {
        fn default() -> Self {
            Self { rate: 1.0, decay: 0.1, batch: 8, order: Order::Given }
        }
    }

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Tables {
        train: Train,
    }

    impl Settings for Tables {
        const ENTRY: &'static Entry = &fake::TOY;
        const RETIRED: &'static [(&'static str, &'static str)] = &[("train.dtype", "f32")];
        const RENAMED: &'static [(&'static str, &'static str)] = &[("train.speed", "train.rate")];

        fn checkpoint() -> CheckpointConfig {
            CheckpointConfig { every_epoch: false, ..Default::default() }
        }

        fn validate(&self) -> Result<(), Invalid> {
            at_least("train.batch", self.train.batch, 1)
        }

        fn unused(&self) -> Vec<Unused> {
            match self.train.order {
                Order::Given => vec![("train.order = \"given\"", &["train.decay"])],
                Order::Shuffled => vec![],
            }
        }
    }

    fn read(text: &str) -> anyhow::Result<crate::config::Loaded<RunConfig<Tables>>> {
        Ok(resume("toy", Path::new("x.toml"), text, &[])?.loaded)
    }

    #[track_caller]
    fn refuses(text: &str, expect: &str) {
        let error = read(text).map(|loaded| loaded.config).expect_err("is refused");
        assert_eq!(format!("{error:#}"), expect);
    }

    #[test]
    fn a_key_may_have_the_name_that_it_had_once() {
        assert_eq!(read("[train]\nspeed = 3.0").unwrap().config.train.rate, 3.0);
        let set = ["train.speed=4.0".to_string()];
        let resumed = resume::<RunConfig<Tables>>("toy", Path::new("x.toml"), "", &set).unwrap();
        assert_eq!(resumed.loaded.config.train.rate, 4.0);
    }

    #[test]
    fn the_tables_of_a_model_stand_between_what_all_have() {
        let config = RunConfig::<Tables>::default();
        let text = to_toml(&config).unwrap();
        let keys = text.lines().filter(|line| line.starts_with(['m', 's', '[']));
        let keys: Vec<_> = keys.map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(keys, ["model", "seed", "[train]", "[checkpoint]", "[expect]"]);
        assert!(
            text.starts_with("model = \"toy\"\nseed = 1\n\n[train]\nrate = 1.0\ndecay = 0.1\n")
        );
        assert!(!config.checkpoint.every_epoch);
    }

    #[test]
    fn numbers_of_the_model_come_back_to_the_bit() {
        let mut config = RunConfig::<Tables>::default();
        for (rate, decay) in [(0.1 + 0.2, 0.1), (f64::MIN_POSITIVE, f32::MAX), (1e22, 1.0 / 3.0)] {
            (config.train.rate, config.train.decay) = (rate, decay);
            config.train.order = Order::Shuffled;
            let text = to_toml(&config).unwrap();
            assert_eq!(read(&text).unwrap().config, config);
            assert_eq!(toml::from_str::<RunConfig<Tables>>(&text).unwrap(), config);
        }
    }

    #[test]
    fn what_is_wrong_in_the_tables_of_a_model_is_named_with_its_line() {
        refuses(
            "[train]\nbach = 1",
            "x.toml:2: unknown key \"train.bach\"; did you mean \"train.batch\"?",
        );
        refuses(
            "seed = 2\n[own.train]\nbatch = 1",
            "x.toml:2: unknown key \"own\"; the top-level keys are: checkpoint, expect, model, \
             seed, train",
        );
        refuses(
            "[train]\nrate = 2.0\nbatch = -1",
            "train.batch = -1: invalid value: integer `-1`, expected a whole number, 0 or more (x.toml:3)",
        );
        refuses(
            "[train]\norder = \"sorted\"",
            "train.order = \"sorted\": unknown variant `sorted`, expected `given` or `shuffled` (x.toml:2)",
        );
        refuses("[train]\ndecay = 1e300", "train.decay is too large for its type (x.toml:2)");
        refuses("train = 5", "train = 5 is an integer; it must be a table (x.toml:1)");
        refuses("[train]\nbatch = 0", "train.batch = 0 must be at least 1 (x.toml:2)");
    }

    #[test]
    fn a_key_that_there_was_once_is_read_over_with_the_value_that_worked() {
        let loaded = read("[train]\ndtype = \"f32\"\nbatch = 3").unwrap();
        assert_eq!(loaded.config.train, Train { batch: 3, ..Train::default() });
        assert!(!to_toml(&loaded.config).unwrap().contains("dtype"));
        let error = read("[train]\ndtype = \"f16\"").map(|loaded| loaded.config).unwrap_err();
        let expect = "x.toml:2: unknown key \"train.dtype\"; ";
        assert!(error.to_string().starts_with(expect), "{error}");
    }

    #[test]
    fn a_key_that_nobody_reads_is_no_silent_one() {
        refuses(
            "[train]\nrate = 2.0\ndecay = 0.5",
            "train.decay = 0.5 has no effect with train.order = \"given\": change that, or leave it out \
             (its default is 0.1) (x.toml:3)",
        );
        read("[train]\ndecay = 0.1").unwrap();
        read("[train]\ndecay = 0.5\norder = \"shuffled\"").unwrap();
    }

    #[test]
    fn what_all_have_is_checked_once() {
        refuses("[checkpoint]\nkeep = 0", "checkpoint.keep = 0 must be at least 1 (x.toml:2)");
        refuses(
            "[expect]\nprecision = { value = 1, tolerance = 0 }",
            "expect.precision is not a metric; the metrics are: test_perplexity (x.toml:2)",
        );
        refuses("model = \"ptb\"", "this is a config of model \"ptb\", not of \"toy\" (x.toml:1)");
        let loaded = read("[train]\nbatch = 3").unwrap();
        assert_eq!((loaded.config.train.batch, loaded.config.checkpoint.every_epoch), (3, false));
        assert_eq!(loaded.place("seed"), ValueOrigin::Default);
    }
}
