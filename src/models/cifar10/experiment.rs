//! The CIFAR-10 model as the verbs that all models share see it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::averages::Averages;
use super::config::{Cifar10Config, Cifar10Settings};
use super::network::Network;
use super::pictures::Pictures;
use super::task::{Cifar10Task, EVAL_BATCH};
use crate::checkpoint::Checkpoint;
use crate::data::augment::{CROP_VALUES, inputs};
use crate::data::cifar10::Images;
use crate::data::photo;
use crate::models::classify::{Part, PictureModel, Trained};
use crate::models::experiment::Experiment;
use crate::models::weights;
use crate::ops::Cpu;
use crate::run::RunDir;

/// The CIFAR-10 model.
pub struct Cifar10;

impl Experiment for Cifar10 {
    type Settings = Cifar10Settings;
    type Data = Pictures;
    type Task<'a> = Cifar10Task<'a>;
    type Trained = Trained<Network>;

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
            weights::load(Self::ENTRY.name, &network.parameters(), checkpoint)?;
        }
        Cifar10Task::new(cpu, config, pictures, network)
    }

    /// The moving averages.
    fn trained(_: &RunDir, _: &Cifar10Config, checkpoint: &Checkpoint) -> Result<Trained<Network>> {
        Trained::read(checkpoint, |classes| Ok(Averages::load(classes, checkpoint)?.into_network()))
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
