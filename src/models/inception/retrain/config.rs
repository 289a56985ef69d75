//! The config of a last layer that is trained on the features of a frozen graph.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::feeds::Given;
use super::super::options::{GraphOptions, MAX_SIDE, default_graph, local_path};
use crate::config::{Invalid, at_least, in_range};
use crate::data::fetch::HubFile;
use crate::data::graphdef::TensorName;
use crate::data::jpeg::Dct;
use crate::models::Entry;
use crate::models::run_config::{RunConfig, Settings, check_optimizer};
use crate::nn::optimizer::OptimizerConfig;
use crate::train::CheckpointConfig;

/// A whole experiment. The seed is that of the initial weights and of the batches.
pub type InceptionConfig = RunConfig<InceptionSettings>;

/// The model's own tables; the default is that of TensorFlow's `retrain.py`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct InceptionSettings {
    /// The images and the frozen graph.
    pub data: Data,
    /// Overrides of the graph's own preprocessing.
    pub preprocessing: Preprocessing,
    /// The training of the last layer.
    pub train: Train,
    /// The optimizer; the reference uses gradient descent.
    pub optimizer: OptimizerConfig,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The folder of the images, with one folder per class, named after it. A relative path is looked
    /// up in the current folder, then in the data folder.
    pub images: String,
    /// The frozen graph: a file, in the current folder or in the data folder, or
    /// hf:OWNER/REPO[@REVISION]/FILE; empty: the graph that `tfm data fetch inception` downloads.
    pub graph: String,
    /// The tensor that holds the features of an image; empty: the input of the graph's last layer.
    pub features: String,
    /// Percentage of the images that is held out for validation, by a hash of their names.
    pub validation_percentage: f64,
    /// Percentage of the images that is held out for testing, by the same hash.
    pub testing_percentage: f64,
}

/// The `[preprocessing]` table; the defaults leave everything to the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// The tensor that images are fed to; empty: the decoder's input, else the placeholder.
    pub input: String,
    /// Values to feed to other tensors, such as "phase_train=false".
    pub feed: Vec<String>,
    /// Height and width of the graph's input images; empty: as stored in the graph.
    pub size: Vec<usize>,
    /// Mean subtracted from each channel (pixel range 0–255); empty: the known value for this kind
    /// of graph.
    pub mean: Vec<f32>,
    /// Scale applied after subtracting the mean; 0: the known value for this kind of graph.
    pub scale: f32,
    /// Central crop: the fraction of an image's height and width that is kept.
    pub crop: f32,
    /// Inverse DCT for JPEG files: "graph" follows the graph (TensorFlow's default if it names none),
    /// "fast" matches TensorFlow's default, or "accurate".
    pub decode: Decode,
    /// Whether to apply the Exif orientation of photographs, which TensorFlow ignores.
    pub exif: bool,
}

/// An inverse DCT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decode {
    /// The graph's own.
    #[default]
    Graph,
    /// Bit for bit TensorFlow's default.
    Fast,
    /// libjpeg's accurate integer method.
    Accurate,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Batch size; each example draws a class first, then an image of that class.
    pub batch_size: usize,
    /// The learning rate.
    pub learning_rate: f64,
    /// Weight decay λ: an L2 term λ/2 Σ w² in the loss, over the weights; with adamw, decoupled
    /// weight decay.
    pub weight_decay: f32,
    /// Total number of steps.
    pub max_steps: u64,
    /// Prints progress with the validation accuracy every N steps.
    pub eval_frequency: u64,
    /// Steps per epoch; each epoch ends with an evaluation on the validation images.
    pub steps_per_epoch: u64,
}

impl Default for Data {
    fn default() -> Self {
        let empty = String::new;
        Self {
            images: empty(),
            graph: empty(),
            features: empty(),
            validation_percentage: 10.0,
            testing_percentage: 10.0,
        }
    }
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self {
            input: String::new(),
            feed: Vec::new(),
            size: Vec::new(),
            mean: Vec::new(),
            scale: 0.0,
            crop: 1.0,
            decode: Decode::Graph,
            exif: false,
        }
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            batch_size: 100,
            learning_rate: 0.01,
            weight_decay: 0.0,
            max_steps: 4_000,
            eval_frequency: 10,
            steps_per_epoch: 100,
        }
    }
}

impl Settings for InceptionSettings {
    const ENTRY: &'static Entry = &super::super::ENTRY;

    fn checkpoint() -> CheckpointConfig {
        CheckpointConfig { every_epoch: false, ..Default::default() }
    }

    fn validate(&self) -> Result<(), Invalid> {
        let Self { data, preprocessing, train, optimizer } = self;
        data.validate()?;
        preprocessing.validate()?;
        in_range("train.batch_size", train.batch_size, 1, 65_536)?;
        at_least("train.learning_rate", train.learning_rate, 0.0)?;
        at_least("train.weight_decay", f64::from(train.weight_decay), 0.0)?;
        in_range("train.max_steps", train.max_steps, 1, 1_000_000_000)?;
        at_least("train.eval_frequency", train.eval_frequency, 1)?;
        at_least("train.steps_per_epoch", train.steps_per_epoch, 1)?;
        check_optimizer(optimizer)
    }
}

impl Data {
    fn validate(&self) -> Result<(), Invalid> {
        check_tensor("data.features", &self.features)?;
        in_range("data.validation_percentage", self.validation_percentage, 0.0, 90.0)?;
        in_range("data.testing_percentage", self.testing_percentage, 0.0, 90.0)?;
        let held_out = self.validation_percentage + self.testing_percentage;
        if held_out > 90.0 {
            let validation = self.validation_percentage;
            let rule =
                format!("and data.validation_percentage = {validation} must add up to at most 90");
            return Err(Invalid::new("data.testing_percentage", rule));
        }
        Ok(())
    }
}

impl Preprocessing {
    fn validate(&self) -> Result<(), Invalid> {
        check_tensor("preprocessing.input", &self.input)?;
        for given in &self.feed {
            if let Err(error) = given.parse::<Given>() {
                return Err(Invalid::new(
                    "preprocessing.feed",
                    format!("must be TENSOR=VALUE: {error}"),
                ));
            }
        }
        let is_size = |side: &usize| (1..=MAX_SIDE).contains(side);
        if !matches!(self.size.len(), 0 | 2) || !self.size.iter().all(is_size) {
            let rule = format!("must be empty, or a height and a width from 1 to {MAX_SIDE}");
            return Err(Invalid::new("preprocessing.size", rule));
        }
        if !matches!(self.mean.len(), 0 | 1 | 3) || !self.mean.iter().all(|mean| mean.is_finite()) {
            let rule = "must be empty, one number, or one each for red, green and blue";
            return Err(Invalid::new("preprocessing.mean", rule));
        }
        in_range("preprocessing.scale", self.scale, -1e6, 1e6)?;
        in_range("preprocessing.crop", self.crop, 0.01, 1.0)
    }
}

/// A name of a tensor, or none.
fn check_tensor(key: &str, name: &str) -> Result<(), Invalid> {
    match name.parse::<TensorName>() {
        Err(error) if !name.is_empty() => {
            Err(Invalid::new(key, format!("must name a tensor: {error}")))
        }
        _ => Ok(()),
    }
}

/// A tensor that the config names, if it names one.
fn tensor(name: &str) -> Result<Option<TensorName>> {
    if name.is_empty() { Ok(None) } else { name.parse().map(Some) }
}

impl InceptionSettings {
    /// The folder of the images.
    pub fn images(&self, data_dir: &Path) -> PathBuf {
        here_or_below(data_dir, &self.data.images)
    }

    /// The tensor of the features, if the config names one.
    ///
    /// # Errors
    /// An invalid name, which [`Settings::validate`] refuses.
    pub fn features(&self) -> Result<Option<TensorName>> {
        tensor(&self.data.features)
    }

    /// The graph and its preprocessing.
    ///
    /// # Errors
    /// The default graph is missing, or a file on the Hugging Face Hub is not available.
    pub fn graph(&self, data_dir: &Path) -> Result<GraphOptions> {
        let path = match &*self.data.graph {
            "" => default_graph(data_dir)?,
            name if HubFile::is_meant(name) => local_path(Path::new(name))?,
            name => {
                let path = here_or_below(data_dir, name);
                ensure!(
                    path.exists(),
                    "data.graph = {name:?} is neither here nor in {}; name the folder that contains it with \
                    --data-dir or TFM_DATA_DIR",
                    data_dir.display()
                );
                path
            }
        };
        let Preprocessing { input, feed, size, mean, scale, crop, decode, exif } =
            &self.preprocessing;
        Ok(GraphOptions {
            input: tensor(input)?,
            feed: feed.iter().map(|given| given.parse()).collect::<Result<_>>()?,
            size: size.as_slice().try_into().ok(),
            mean: match mean[..] {
                [one] => Some([one; 3]),
                _ => mean.as_slice().try_into().ok(),
            },
            scale: (*scale != 0.0).then_some(*scale),
            crop: *crop,
            decode: match decode {
                Decode::Graph => None,
                Decode::Fast => Some(Dct::Fast),
                Decode::Accurate => Some(Dct::Accurate),
            },
            exif: *exif,
            ..GraphOptions::of(&path)
        })
    }
}

/// A path relative to the current folder or, if there is no such file, to the data folder.
fn here_or_below(data_dir: &Path, name: &str) -> PathBuf {
    let below = data_dir.join(name);
    if !Path::new(name).exists() && below.exists() { below } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::inception::ENTRY;

    #[track_caller]
    fn refuses(set: &str, expect: &str) {
        let loaded = ENTRY.load::<InceptionConfig>(None, &[set.to_owned()]);
        let error = loaded.map(|loaded| loaded.config).unwrap_err();
        assert!(format!("{error:#}").starts_with(expect), "{error:#}");
    }

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let config = ENTRY.load::<InceptionConfig>(None, &[]).unwrap().config;
        let Train { batch_size, learning_rate, max_steps, eval_frequency, .. } = config.train;
        assert_eq!((batch_size, learning_rate, max_steps, eval_frequency), (100, 0.01, 4_000, 10));
        let Data { validation_percentage, testing_percentage, .. } = config.data;
        assert_eq!((validation_percentage, testing_percentage), (10.0, 10.0));
    }

    #[test]
    fn values_that_break_a_rule_are_refused() {
        refuses(
            "data.validation_percentage=95",
            "data.validation_percentage = 95.0 must be from 0",
        );
        refuses("data.testing_percentage=85", "data.testing_percentage = 85.0 and data.validation");
        refuses("data.features=\"a:b\"", "data.features = \"a:b\" must name a tensor");
        refuses("preprocessing.size=[224]", "preprocessing.size");
        refuses("preprocessing.mean=[1,2]", "preprocessing.mean");
        refuses("preprocessing.crop=0", "preprocessing.crop = 0.0 must be from 0.01 to 1");
        refuses("train.max_steps=0", "train.max_steps = 0 must be from 1");
    }

    #[test]
    fn options_of_the_graph_follow_from_the_config() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.pb"), b"x").unwrap();
        let sets =
            ["data.graph=a.pb", "preprocessing.size=[224,200]", "preprocessing.mean=[127.5]"];
        let sets = sets.map(str::to_owned);
        let config = ENTRY.load::<InceptionConfig>(None, &sets).unwrap().config;
        let options = config.graph(dir.path()).unwrap();
        assert_eq!(options.graph, Some(dir.path().join("a.pb")));
        assert_eq!((options.size, options.mean), (Some([224, 200]), Some([127.5; 3])));
        assert_eq!((options.scale, options.crop, options.decode), (None, 1.0, None));
        let plain = ENTRY.load::<InceptionConfig>(None, &[]).unwrap().config;
        let error = plain.graph(dir.path()).unwrap_err().to_string();
        assert!(error.contains("tfm data fetch inception"), "{error}");
    }
}
