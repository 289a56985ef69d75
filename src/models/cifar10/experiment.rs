//! The CIFAR-10 model as the verbs that all models share see it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::averages::Averages;
use super::config::Cifar10Config;
use super::network::Network;
use super::pictures::Pictures;
use super::task::{Cifar10Task, EVAL_BATCH};
use super::{DEFAULT_PRESET, METRICS, PRESETS};
use crate::checkpoint::Checkpoint;
use crate::config::Preset;
use crate::data::augment::{CROP_VALUES, inputs};
use crate::data::cifar10::Images;
use crate::data::photo;
use crate::models::classify::{Part, PictureModel};
use crate::models::experiment::{Common, Experiment, Metrics};
use crate::models::weights;
use crate::ops::Cpu;
use crate::run::RunDir;

/// The CIFAR-10 model.
pub struct Cifar10;

impl Experiment for Cifar10 {
    const MODEL: &'static str = "cifar10";
    const DEFAULT_PRESET: &'static str = DEFAULT_PRESET;
    const PRESETS: &'static [Preset] = PRESETS;
    const METRICS: Metrics = METRICS;
    const MAY_CHANGE: &'static [&'static str] = &["train.max_steps", "train.workers", "eval"];

    type Config = Cifar10Config;
    type Data = Pictures;
    type Task<'a> = Cifar10Task<'a>;

    fn common(config: &mut Cifar10Config) -> Common<'_> {
        Common { seed: config.seed, checkpoint: &config.checkpoint, expect: &mut config.expect }
    }

    fn data(config: &Cifar10Config, data_dir: &Path, _: Option<&RunDir>) -> Result<Pictures> {
        Pictures::load(config, data_dir)
    }

    fn fingerprint(pictures: &Pictures) -> String {
        pictures.fingerprint()
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a Cifar10Config,
        pictures: &'a Pictures,
        init: Option<&Checkpoint>,
    ) -> Result<Cifar10Task<'a>> {
        let network = Network::new(pictures.classes.len(), config.seed)?;
        if let Some(checkpoint) = init {
            weights::load(Self::MODEL, &network.parameters(), checkpoint)?;
        }
        Cifar10Task::new(cpu, config, pictures, network)
    }

    fn result(metrics: &Map<String, Value>) -> Option<String> {
        let precision = metrics.get("test_precision")?.as_f64()?;
        Some(format!("precision @ 1 = {precision:.4}"))
    }
}

impl PictureModel for Cifar10 {
    type Network = Network;
    type Examples = Images;

    const EVAL_BATCH: usize = EVAL_BATCH;

    /// The moving averages.
    fn trained(classes: usize, checkpoint: &Checkpoint) -> Result<Network> {
        Ok(Averages::load(classes, checkpoint)?.into_network())
    }

    fn examples(pictures: &Pictures, part: Part) -> Option<&Images> {
        match part {
            Part::Train => Some(&pictures.train),
            Part::Valid => None,
            Part::Test => Some(&pictures.test),
        }
    }

    fn read_picture(path: &Path) -> Result<Vec<f32>> {
        let mut picture = Images::default();
        picture.push(0, &photo::square(path)?);
        let mut image = vec![0.0; CROP_VALUES];
        inputs(&picture, 0..1, &mut image, &mut [0]);
        Ok(image)
    }
}
