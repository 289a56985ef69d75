//! A last layer on a frozen graph as the verbs that all models share see it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::config::{InceptionConfig, InceptionSettings};
use super::dataset::FeatureDataset;
use super::features::FeatureSource;
use super::task::{RetrainTask, last_layer};
use crate::checkpoint::Checkpoint;
use crate::models::classify;
use crate::models::describe::Description;
use crate::models::experiment::Experiment;
use crate::ops::Cpu;
use crate::run::RunDir;
use crate::system::wording::by_number;
use crate::train::TrainState;

/// The weights of the last layer in a checkpoint, a row a feature.
const WEIGHTS: &str = "final_layer/weights";

/// The model in training.
pub struct Inception;

/// The trained model of a run.
pub struct Trained {
    /// The last layer, and the names of its classes.
    pub layer: classify::Trained,
    /// The source of its features.
    pub source: FeatureSource,
}

impl Experiment for Inception {
    type Settings = InceptionSettings;
    type Data = FeatureDataset;
    type Task<'a> = RetrainTask<'a>;
    type Trained = Trained;

    fn data(
        cpu: &Cpu,
        config: &InceptionConfig,
        data_dir: &Path,
        _: Option<&RunDir>,
    ) -> Result<FeatureDataset> {
        let data = FeatureDataset::open(cpu, config, data_dir)?;
        data.warn(&config.data);
        Ok(data)
    }

    fn fingerprint(data: &FeatureDataset) -> String {
        data.fingerprint()
    }

    fn sizes(data: &FeatureDataset) -> Vec<(&'static str, usize)> {
        let (values, skipped) = (data.source.values, data.listing.unreadable.len());
        let mut sizes = vec![
            ("training pictures", data.train.labels.len()),
            ("validation", data.valid.labels.len()),
            ("test", data.test.labels.len()),
            ("classes", data.classes.len()),
            (by_number(values, "feature of each", "features of each"), values),
        ];
        if skipped > 0 {
            sizes.push((by_number(skipped, "file skipped", "files skipped"), skipped));
        }
        sizes
    }

    fn task<'a>(
        cpu: &'a Cpu,
        config: &'a InceptionConfig,
        data: &'a FeatureDataset,
        init: Option<&Checkpoint>,
    ) -> Result<RetrainTask<'a>> {
        let layer = last_layer(data.source.values, config.seed, data.classes.len())?;
        if let Some(checkpoint) = init {
            let (known, source) = (classify::classes_of(checkpoint)?, source_of(checkpoint)?);
            ensure!(
                known == data.classes && source == data.source,
                "{} was trained on the classes {} with {} of graph {}, not {} with {} of graph {}; start \
                without --init-from",
                checkpoint.path.display(),
                known.join(", "),
                source.tensor,
                source.graph,
                data.classes.join(", "),
                data.source.tensor,
                data.source.graph
            );
            layer.load(Self::ENTRY.name, "", checkpoint)?;
        }
        RetrainTask::new(cpu, config, data, layer)
    }

    fn trained(_: &RunDir, config: &InceptionConfig, checkpoint: &Checkpoint) -> Result<Trained> {
        let source = source_of(checkpoint)?;
        let new = |classes| last_layer(source.values, config.seed, classes);
        let layer = classify::Trained::read(Self::ENTRY.name, "", checkpoint, new)?;
        Ok(Trained { layer, source })
    }

    fn describe(
        config: &InceptionConfig,
        data: Option<&FeatureDataset>,
    ) -> Result<Option<Description>> {
        let Some(data) = data else { return Ok(None) };
        let layer = last_layer(data.source.values, config.seed, data.classes.len())?;
        Ok(Some(layer.describe(config.train.batch_size)))
    }

    fn headline(metrics: &Map<String, Value>) -> Option<String> {
        let accuracy = metrics.get("test_accuracy")?.as_f64()?;
        Some(format!("final test accuracy {:.1} %", 100.0 * accuracy))
    }
}

/// The source of a checkpoint's features.
fn source_of(checkpoint: &Checkpoint) -> Result<FeatureSource> {
    let (_, state) = TrainState::from_state(&checkpoint.meta.state, checkpoint.meta.step)?;
    let features = state.get("features").context("the checkpoint does not name its features")?;
    let place = || format!("the features in {}", checkpoint.path.display());
    let source: FeatureSource = serde_json::from_value(features.clone()).with_context(place)?;
    // Checked before allocating the layer.
    let rows = checkpoint.tensor(WEIGHTS)?.shape().first().copied();
    let values = source.values;
    ensure!(rows == Some(values), "{}: {values} values do not match {WEIGHTS}", place());
    Ok(source)
}
