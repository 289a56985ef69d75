//! The MNIST model as the verbs that all models share see it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::config::{MnistConfig, MnistSettings};
use super::digits::{Digits, scaled};
use super::network::Network;
use super::task::{EVAL_BATCH, MnistTask};
use crate::checkpoint::Checkpoint;
use crate::data::mnist::Images;
use crate::data::photo;
use crate::models::classify::{Part, PictureModel, Trained};
use crate::models::experiment::Experiment;
use crate::models::weights;
use crate::ops::Cpu;
use crate::run::RunDir;

/// The MNIST model.
pub struct Mnist;

impl Experiment for Mnist {
    type Settings = MnistSettings;
    type Data = Digits;
    type Task<'a> = MnistTask<'a>;
    type Trained = Trained<Network>;

    fn data(config: &MnistConfig, data_dir: &Path, _: Option<&RunDir>) -> Result<Digits> {
        Digits::load(config, data_dir)
    }

    fn fingerprint(digits: &Digits) -> String {
        digits.fingerprint()
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a MnistConfig,
        digits: &'a Digits,
        init: Option<&Checkpoint>,
    ) -> Result<MnistTask<'a>> {
        let network = Network::new(config.seed)?;
        if let Some(checkpoint) = init {
            weights::load(Self::ENTRY.name, &network.parameters(), checkpoint)?;
        }
        MnistTask::new(cpu, config, digits, network)
    }

    fn trained(_: &RunDir, _: &MnistConfig, checkpoint: &Checkpoint) -> Result<Trained<Network>> {
        Trained::read(checkpoint, |_| {
            let network = Network::new(0)?;
            weights::load(Self::ENTRY.name, &network.parameters(), checkpoint)?;
            Ok(network)
        })
    }

    fn result(metrics: &Map<String, Value>) -> Option<String> {
        let error = metrics.get("test_error")?.as_f64()?;
        Some(format!("test error {error:.2} %"))
    }
}

impl PictureModel for Mnist {
    type Network = Network;
    type Examples = Images;

    const EVAL_BATCH: usize = EVAL_BATCH;

    fn examples(digits: &Digits, part: Part) -> Option<&Images> {
        Some(match part {
            Part::Train => &digits.train,
            Part::Valid => &digits.valid,
            Part::Test => &digits.test,
        })
    }

    fn read_picture(path: &Path) -> Result<Vec<f32>> {
        Ok(photo::digit(path)?.into_iter().map(scaled).collect())
    }
}
