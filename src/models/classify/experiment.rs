//! Image classifiers as [`Experiment`]s, for the verbs that all models share.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::{Map, Value};

use super::{
    Classifier, ClassifierTask, Config, Data, ImageDataset, Input, PictureModel, PictureSettings,
    RawImages, Recipe, Trained, classes_of,
};
use crate::checkpoint::Checkpoint;
use crate::data::Split;
use crate::models::describe::Description;
use crate::models::experiment::Experiment;
use crate::models::verbs::bench::Benchmark;
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::system::wording::by_number;

/// Batches of random images.
const BATCHES: usize = 20;

impl<M: PictureModel> Experiment for M {
    type Settings = M::Settings;
    type Data = Data<M>;
    type Task<'a> = ClassifierTask<'a, M>;
    type Trained = Trained;

    fn data(_: &Cpu, config: &Config<M>, data_dir: &Path, _: Option<&RunDir>) -> Result<Data<M>> {
        pictures::<M>(config, M::source(config, data_dir)?)
    }

    fn fingerprint(pictures: &Data<M>) -> String {
        M::fingerprint_of(pictures)
    }

    fn sizes(pictures: &ImageDataset<M::Input>) -> Vec<(&'static str, usize)> {
        let train = pictures.train.images.len();
        let splits = [
            (Split::Train, by_number(train, "training image", "training images")),
            (Split::Valid, "validation"),
            (Split::Test, "test"),
        ];
        let len = |(split, name)| Some((name, pictures.split(split)?.images.len()));
        let classes = ("classes", pictures.classes.len());
        splits.into_iter().filter_map(len).chain([classes]).collect()
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a Config<M>,
        pictures: &'a Data<M>,
        init: Option<&Checkpoint>,
    ) -> Result<ClassifierTask<'a, M>> {
        let classifier = classifier::<M>(config, pictures.classes.len())?;
        if let Some(checkpoint) = init {
            let known = classes_of(checkpoint)?;
            ensure!(
                known == pictures.classes,
                "{} was trained on the classes {}, not {}; start without --init-from",
                checkpoint.path.display(),
                known.join(", "),
                pictures.classes.join(", ")
            );
            classifier.load(Self::ENTRY.name, "", checkpoint)?;
        }
        ClassifierTask::new(cpu, config, pictures, classifier)
    }

    fn trained(_: &RunDir, config: &Config<M>, checkpoint: &Checkpoint) -> Result<Trained> {
        let new = |classes| classifier::<M>(config, classes);
        Trained::read(Self::ENTRY.name, M::USED, checkpoint, new)
    }

    fn describe(config: &Config<M>, pictures: Option<&Data<M>>) -> Result<Option<Description>> {
        let classes = pictures.map_or(M::CLASSES, |pictures| pictures.classes.len());
        Ok(Some(classifier::<M>(config, classes)?.describe(config.descent().batch_size)))
    }

    fn headline(metrics: &Map<String, Value>) -> Option<String> {
        let (name, _) = Self::ENTRY.metrics[0];
        let value = metrics.get(&format!("test_{name}"))?.as_f64()?;
        Some(M::Recipe::in_words(Split::Test, value))
    }
}

impl<M: PictureModel> Benchmark for M {
    fn random_data(config: &Config<M>) -> Result<Data<M>> {
        let count = config.held_out() + BATCHES * config.descent().batch_size;
        pictures::<M>(config, RawImages::random(config.seed, M::PICTURE, count, M::CLASSES))
    }
}

fn pictures<M: PictureModel>(config: &Config<M>, source: RawImages) -> Result<Data<M>> {
    ImageDataset::new(source, M::input(config)?, config.held_out())
}

/// The network of a config with its first parameters.
fn classifier<M: PictureModel>(config: &Config<M>, classes: usize) -> Result<Classifier> {
    let image = M::input(config)?.shape();
    Classifier::new(image, config.seed, |images| M::logits(images, classes))
}
