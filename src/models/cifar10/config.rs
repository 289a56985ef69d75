//! The config of the CIFAR-10 model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, in_range, positive};
use crate::data::Split;
use crate::data::augment::{Augment, CROP, Step};
use crate::data::cifar10::SHAPE;
use crate::models::Entry;
use crate::models::classify::{Descent, PictureSettings};
use crate::models::run_config::{RunConfig, Settings, check_optimizer};
use crate::nn::optimizer::OptimizerConfig;
use crate::train::CheckpointConfig;

/// A whole experiment. The seed is that of the initial parameters, of the order of examples and
/// of distortions.
pub type Cifar10Config = RunConfig<Cifar10Settings>;

/// The model's own tables; the default is the reference's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cifar10Settings {
    /// The images.
    pub data: Data,
    /// The training.
    pub train: Train,
    /// The optimizer; the reference uses gradient descent.
    pub optimizer: OptimizerConfig,
    /// The evaluation and the summaries.
    pub eval: Eval,
}

/// The source of the images, unless they are the user's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageSource {
    /// The CIFAR-10 data set.
    #[default]
    Cifar10,
    /// Generated images of shapes.
    #[serde(alias = "drawn")]
    Synthetic,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// "cifar10", or "synthetic" for generated images of shapes.
    pub source: ImageSource,
    /// A folder of your own images, with one folder per class; empty for none.
    pub images: String,
    /// Number of synthetic training images.
    pub n_synthetic: usize,
    /// The preprocessing and augmentation of images.
    pub augment: Vec<Step>,
}

/// The `[train]` table. The weights of local3 and local4 decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Train {
    /// The keys shared by all image models.
    #[serde(flatten)]
    pub descent: Descent,
    /// Total number of steps. The reference script runs 1,000,000; its published score is for 100,000.
    pub max_steps: u64,
    /// Epochs per decay of the learning rate.
    pub epochs_per_decay: f64,
    /// Decay of the exponential moving average (EMA) of the parameters; lower at first:
    /// min(decay, (1 + n) / (10 + n)).
    pub average_decay: f32,
    /// Threads that prepare batches in the background.
    pub workers: usize,
}

/// The `[eval]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Eval {
    /// Evaluates on the test set every N epochs; 0: only at the end.
    pub every_epochs: u64,
    /// Writes histograms and images for TensorBoard every N steps (reference: 100); 0 disables.
    pub summary_steps: u64,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            source: ImageSource::Cifar10,
            images: String::new(),
            n_synthetic: 20_000,
            augment: vec![
                Step::Crop { height: CROP, width: CROP },
                Step::Flip,
                Step::Brightness { max: 63.0 },
                Step::Contrast { min: 0.2, max: 1.8 },
                Step::Standardise,
            ],
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        let descent = Descent {
            batch_size: 128,
            towers: 1,
            learning_rate: 0.1,
            lr_decay: 0.1,
            weight_decay: 0.004,
        };
        let (max_steps, epochs_per_decay) = (100_000, 350.0);
        Self { descent, max_steps, epochs_per_decay, average_decay: 0.9999, workers: 1 }
    }
}

impl Default for Eval {
    fn default() -> Self {
        Self { every_epochs: 10, summary_steps: 1_000 }
    }
}

impl Settings for Cifar10Settings {
    const ENTRY: &'static Entry = &super::ENTRY;
    const RENAMED: &'static [(&'static str, &'static str)] =
        &[("data.drawn_examples", "data.n_synthetic")];

    fn checkpoint() -> CheckpointConfig {
        CheckpointConfig { every_epoch: false, ..Default::default() }
    }

    fn validate(&self) -> Result<(), Invalid> {
        let Self { data, train, .. } = self;
        in_range("data.n_synthetic", data.n_synthetic, 100, 10_000_000)?;
        data.augment().map_err(|rule| Invalid::new("data.augment", rule.to_string()))?;
        train.descent.validate()?;
        check_optimizer(&self.optimizer)?;
        in_range("train.max_steps", train.max_steps, 1, 1_000_000_000)?;
        positive("train.epochs_per_decay", train.epochs_per_decay)?;
        in_range("train.average_decay", f64::from(train.average_decay), 0.0, 1.0)?;
        in_range("train.workers", train.workers, 0, 64)
    }
}

impl Data {
    /// The steps for pictures of the set; the network takes what they give.
    ///
    /// # Errors
    /// The rule that is broken if a step does not fit its input images.
    pub fn augment(&self) -> anyhow::Result<Augment> {
        Augment::new(&self.augment, SHAPE)
    }
}

impl PictureSettings for Cifar10Settings {
    fn descent(&self) -> &Descent {
        &self.train.descent
    }

    fn optimizer(&self) -> &OptimizerConfig {
        &self.optimizer
    }

    fn average_decay(&self) -> Option<f32> {
        Some(self.train.average_decay)
    }

    fn total_steps(&self, _: usize) -> u64 {
        self.train.max_steps
    }

    /// It falls in stairs.
    fn learning_rate(&self, step: u64, examples: usize) -> f64 {
        let Descent { batch_size, learning_rate, lr_decay, .. } = self.train.descent;
        let steps_per_epoch = examples as f64 / batch_size as f64;
        let decay_steps = ((steps_per_epoch * self.train.epochs_per_decay) as u64).max(1);
        learning_rate * lr_decay.powf((step / decay_steps) as f64)
    }

    fn report_steps(&self) -> u64 {
        10
    }

    fn judged_by(&self, epoch: u64) -> Option<Split> {
        let every = self.eval.every_epochs;
        (every > 0 && (epoch + 1).is_multiple_of(every)).then_some(Split::Test)
    }

    fn workers(&self) -> usize {
        self.train.workers
    }

    fn summary_steps(&self) -> u64 {
        self.eval.summary_steps
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn the_learning_rate_falls_in_the_stairs_of_the_reference() {
        // int(50000 / 128 · 350) = 136718
        let settings = Cifar10Settings::default();
        let rate = |step| settings.learning_rate(step, 50_000);
        assert_eq!((rate(0), rate(136_717)), (0.1, 0.1));
        assert!((rate(136_718) - 0.01).abs() < 1e-12);
    }

    fn invalid(steps: &str) -> String {
        let text = format!("[data]\naugment = {steps}\n");
        let read = config::resume::<Cifar10Config>("cifar10", Path::new("x.toml"), &text, &[]);
        format!("{:#}", read.map(|run| run.loaded.config).expect_err("is refused"))
    }

    #[test]
    fn steps_are_read_and_what_is_wrong_with_them_is_named() {
        let default = Data::default();
        let read = toml::from_str::<Data>("augment = [\"pad-and-crop 4\", \"crop 24\"]").unwrap();
        assert_eq!(read.augment.len(), 2);
        read.augment().unwrap();
        let text = toml::to_string(&default).unwrap();
        let list = "augment = [\"crop 24\", \"flip\", \"brightness 63\", \"contrast 0.2 1.8\", \"standardise\"]";
        assert!(text.contains(list), "{text}");
        // A config of an older run does not have the key.
        assert_eq!(toml::from_str::<Data>("source = \"cifar10\"").unwrap(), default);
        assert_eq!(
            invalid("[\"crop 20\", \"crop 24\"]"),
            "data.augment = [\"crop 20\", \"crop 24\"] must not take a crop of 24 × 24 from images \
             of 20 × 20 (\"crop 24\") (x.toml:2)"
        );
        let error = invalid("[\"crop 24\", \"mirror\"]");
        assert!(error.starts_with("data.augment = [\"crop 24\", \"mirror\"]: "), "{error}");
        assert!(error.contains("\"mirror\" is not a step; the steps are: crop SIDE"), "{error}");
        assert!(error.ends_with("(x.toml:2)"), "{error}");
        let error = invalid("[\"contrast 2 1\"]");
        assert!(error.contains("\"contrast 2 1\": 1 must be a number from 2 to 100"), "{error}");
        let error = invalid("3");
        assert!(error.contains("data.augment = 3 is an integer; it must be an array"), "{error}");
    }
}
