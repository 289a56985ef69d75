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
    /// The pictures, and the graph that is frozen.
    pub data: Data,
    /// How pictures are made ready, where the graph's own way is not wanted.
    pub preprocessing: Preprocessing,
    /// How the last layer is trained.
    pub train: Train,
    /// The optimizer; the reference's is gradient descent.
    pub optimizer: OptimizerConfig,
}

/// The `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The folder of the pictures: in it a folder for each class, which has its name. It is looked
    /// for here, then below the folder of the data sets.
    pub images: String,
    /// The frozen graph: a file, here or below the folder of the data sets, or
    /// hf:OWNER/REPO[@REVISION]/FILE; empty: what `tfm data fetch inception` fetches.
    pub graph: String,
    /// The tensor whose values are the features of a picture; empty: what the graph's last layer
    /// reads.
    pub features: String,
    /// Percent of the pictures that are held out to watch the training, by a hash of their names.
    pub validation_percentage: f64,
    /// Percent of the pictures that are held out to judge the run, by the same hash.
    pub testing_percentage: f64,
}

/// The `[preprocessing]` table; the defaults leave everything to the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// The tensor that pictures are fed to; empty: what decodes them, else the placeholder.
    pub input: String,
    /// Values of other tensors, such as "phase_train=false".
    pub feed: Vec<String>,
    /// Height and width of the images that the graph takes; empty: what the graph says.
    pub size: Vec<usize>,
    /// Subtracted from red, green and blue, which are from 0 to 255; empty: what the kind of graph
    /// is known to use.
    pub mean: Vec<f32>,
    /// The factor of the pixels after that; 0: what the kind of graph is known to use.
    pub scale: f32,
    /// The share of a picture's height and width that is used, around its middle.
    pub crop: f32,
    /// The inverse DCT of JPEG files: "graph" for what the graph says, "fast" for TensorFlow's, or
    /// "accurate".
    pub decode: Decode,
    /// Whether photographs are turned as their Exif orientation says, which TensorFlow does not.
    pub exif: bool,
}

/// An inverse DCT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decode {
    /// What the graph says.
    #[default]
    Graph,
    /// TensorFlow's, to the bit.
    Fast,
    /// The exact one.
    Accurate,
}

/// The `[train]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Train {
    /// Pictures of a step, each of a class that is drawn first.
    pub batch_size: usize,
    /// The learning rate.
    pub learning_rate: f64,
    /// λ of the loss λ/2 Σ w² over the weights.
    pub weight_decay: f32,
    /// Steps of the run.
    pub max_steps: u64,
    /// Steps from one line of progress, with its validation accuracy, to the next.
    pub eval_frequency: u64,
    /// Steps of an epoch, at whose end the run is judged on the validation pictures.
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
            let rule = format!(
                "and data.validation_percentage = {validation} must be 90 at most together"
            );
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
    /// The folder of the pictures.
    pub fn images(&self, data_dir: &Path) -> PathBuf {
        here_or_below(data_dir, &self.data.images)
    }

    /// The tensor of the features, where the config names one.
    ///
    /// # Errors
    /// What is no name, which [`Settings::validate`] refuses.
    pub fn features(&self) -> Result<Option<TensorName>> {
        tensor(&self.data.features)
    }

    /// The graph, and how pictures are made ready for it.
    ///
    /// # Errors
    /// The default graph is not there, or a file of the Hugging Face hub cannot be had.
    pub fn graph(&self, data_dir: &Path) -> Result<GraphOptions> {
        let path = match &*self.data.graph {
            "" => default_graph(data_dir)?,
            name if HubFile::is_meant(name) => local_path(Path::new(name))?,
            name => {
                let path = here_or_below(data_dir, name);
                ensure!(
                    path.exists(),
                    "data.graph = {name:?} is neither here nor in {}; name the folder that holds it by \
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

/// A path from here or, where nothing is there, below the folder of the data sets.
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
