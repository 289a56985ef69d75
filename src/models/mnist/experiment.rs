//! The MNIST model as the verbs that all models share see it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::config::{MnistConfig, MnistSettings, Train};
use super::digits::{Digits, class_names, scaled};
use super::network::classifier;
use super::recipe::MnistRecipe;
use crate::checkpoint::Checkpoint;
use crate::data::Split;
use crate::data::mnist::Images;
use crate::data::photo;
use crate::models::classify::{Classifier, ClassifierTask, PictureModel, Trained, Trainer};
use crate::models::describe::Description;
use crate::models::experiment::Experiment;
use crate::models::verbs::bench::Benchmark;
use crate::nn::optimizer::{Method, Optimizer, OptimizerConfig, Settings};
use crate::ops::Cpu;
use crate::run::RunDir;

/// The MNIST model.
pub struct Mnist;

impl Experiment for Mnist {
    type Settings = MnistSettings;
    type Data = Digits;
    type Task<'a> = ClassifierTask<'a, MnistRecipe<'a>>;
    type Trained = Trained;

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
    ) -> Result<Self::Task<'a>> {
        let classifier = classifier(config.seed)?;
        if let Some(checkpoint) = init {
            classifier.load(Self::ENTRY.name, "", checkpoint)?;
        }
        let recipe = MnistRecipe::new(config, digits)?;
        let on = trainer(cpu, &config.train, config.seed, classifier)?;
        Ok(ClassifierTask { on, recipe })
    }

    fn trained(_: &RunDir, _: &MnistConfig, checkpoint: &Checkpoint) -> Result<Trained> {
        Trained::read(Self::ENTRY.name, "", checkpoint, |_| classifier(0))
    }

    fn describe(config: &MnistConfig, _: Option<&Digits>) -> Result<Option<Description>> {
        Ok(Some(classifier(config.seed)?.describe(config.train.batch_size)))
    }

    fn result(metrics: &Map<String, Value>) -> Option<String> {
        let error = metrics.get("test_error")?.as_f64()?;
        Some(format!("test error {error:.2} %"))
    }
}

/// The classifier with the reference's optimizer: gradient descent with momentum.
///
/// # Errors
/// When the threads of the towers cannot be started.
pub fn trainer<'a>(
    cpu: &'a Cpu,
    train: &Train,
    seed: u64,
    classifier: Classifier,
) -> Result<Trainer<'a>> {
    let momentum = train.momentum;
    let rule = OptimizerConfig { name: Method::Momentum, momentum, ..Default::default() };
    let settings = Settings { weight_decay: train.weight_decay, ..Default::default() };
    let optimizer = Optimizer::new(&rule, settings, classifier.network.parameters())?;
    let classes = class_names(classifier.classes());
    Trainer::new(cpu, classifier, optimizer, train.towers, seed, classes)
}

impl PictureModel for Mnist {
    type Examples = Images;

    fn examples(digits: &Digits, split: Split) -> Option<&Images> {
        Some(match split {
            Split::Train => &digits.train,
            Split::Valid => &digits.valid,
            Split::Test => &digits.test,
        })
    }

    fn read_picture(_: &MnistConfig, path: &Path) -> Result<Vec<f32>> {
        Ok(photo::digit(path)?.into_iter().map(scaled).collect())
    }
}

impl Benchmark for Mnist {
    fn random_data(config: &MnistConfig) -> Result<Digits> {
        Digits::fake(config)
    }
}
