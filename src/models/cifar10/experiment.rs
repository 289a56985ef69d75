//! The CIFAR-10 model as the verbs that all models share see it.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use super::config::{Cifar10Config, Cifar10Settings, Train};
use super::network::classifier;
use super::pictures::{Pictures, Set};
use super::recipe::Cifar10Recipe;
use crate::checkpoint::Checkpoint;
use crate::data::Split;
use crate::data::cifar10::{CLASS_NAMES, CLASSES, IMAGE_BYTES, Images};
use crate::data::photo;
use crate::models::classify::{
    Classifier, ClassifierTask, Examples, PictureModel, Trained, Trainer,
};
use crate::models::describe::Description;
use crate::models::experiment::Experiment;
use crate::models::verbs::bench::Benchmark;
use crate::nn::optimizer::{Method, Optimizer, OptimizerConfig, Settings};
use crate::ops::Cpu;
use crate::rng::Stream;
use crate::run::RunDir;

/// Batches of random pictures.
const BATCHES: usize = 20;

/// The CIFAR-10 model.
pub struct Cifar10;

impl Experiment for Cifar10 {
    type Settings = Cifar10Settings;
    type Data = Pictures;
    type Task<'a> = ClassifierTask<'a, Cifar10Recipe<'a>>;
    type Trained = Trained;

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
    ) -> Result<Self::Task<'a>> {
        let (image, classes) = (pictures.train.shape(), pictures.classes.clone());
        let classifier = classifier(image, classes.len(), config.seed)?;
        if let Some(checkpoint) = init {
            classifier.load(Self::ENTRY.name, "", checkpoint)?;
        }
        let on = trainer(cpu, &config.train, config.seed, classifier, classes)?;
        Ok(ClassifierTask { on, recipe: Cifar10Recipe::new(config, pictures) })
    }

    /// The moving averages.
    fn trained(_: &RunDir, config: &Cifar10Config, checkpoint: &Checkpoint) -> Result<Trained> {
        let image = config.data.augment()?.output();
        let new = |classes| classifier(image, classes, 0);
        Trained::read(Self::ENTRY.name, "average/", checkpoint, new)
    }

    fn describe(
        config: &Cifar10Config,
        pictures: Option<&Pictures>,
    ) -> Result<Option<Description>> {
        let classes = pictures.map_or(CLASSES, |pictures| pictures.classes.len());
        let image = config.data.augment()?.output();
        Ok(Some(classifier(image, classes, config.seed)?.describe(config.train.batch_size)))
    }

    fn result(metrics: &Map<String, Value>) -> Option<String> {
        let precision = metrics.get("test_precision")?.as_f64()?;
        Some(format!("precision @ 1 = {precision:.4}"))
    }
}

/// The classifier with the reference's optimizer: gradient descent, and a moving average of every
/// parameter.
///
/// # Errors
/// When the threads of the towers cannot be started.
pub fn trainer<'a>(
    cpu: &'a Cpu,
    train: &Train,
    seed: u64,
    classifier: Classifier,
    classes: Vec<String>,
) -> Result<Trainer<'a>> {
    let settings = Settings {
        weight_decay: train.weight_decay,
        average_decay: Some(train.average_decay),
        ..Default::default()
    };
    let rule = OptimizerConfig { name: Method::Sgd, ..Default::default() };
    let optimizer = Optimizer::new(&rule, settings, classifier.network.parameters())?;
    Trainer::new(cpu, classifier, optimizer, train.towers, seed, classes)
}

impl PictureModel for Cifar10 {
    type Examples = Set;

    fn examples(pictures: &Pictures, split: Split) -> Option<&Set> {
        match split {
            Split::Train => Some(&pictures.train),
            Split::Valid => None,
            Split::Test => Some(&pictures.test),
        }
    }

    fn read_picture(config: &Cifar10Config, path: &Path) -> Result<Vec<f32>> {
        let mut picture = Images::default();
        picture.push(0, &photo::square(path)?);
        let picture = Set::new(picture, config.data.augment()?);
        let mut image = vec![0.0; picture.values()];
        picture.fill(0..1, &mut image, &mut [0]);
        Ok(image)
    }
}

impl Benchmark for Cifar10 {
    fn random_data(config: &Cifar10Config) -> Result<Pictures> {
        let mut numbers = Stream::new(config.seed, "bench").at(0);
        let mut images = Images::default();
        let mut image = [0; IMAGE_BYTES];
        for i in 0..BATCHES * config.train.batch_size {
            image.fill_with(|| numbers.word() as u8);
            images.push((i % CLASSES) as u8, &image);
        }
        Pictures::new((images.clone(), images, CLASS_NAMES.map(String::from).to_vec()), config)
    }
}
