//! How probable each class is for a picture: by a graph's own last layer, or by one that a run has
//! learnt.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::labels::Labels;
use super::options::GraphOptions;
use super::pictures::{Computed, PictureGraph};
use super::retrain::{Inception, InceptionConfig, graph_checksum};
use super::scores::probabilities;
use crate::models::classify::Classifier;
use crate::models::options::{CheckpointOption, complete};
use crate::models::session::Session;
use crate::ops::Cpu;

/// `--run` and `--checkpoint`: a last layer instead of the graph's own.
#[derive(Args, Clone, Debug)]
#[command(about = None, long_about = None)]
pub struct LearntOptions {
    /// A run of tfm train inception, whose classes replace the graph's own
    ///
    /// The graph and its preprocessing are the run's; --graph gives the graph's new location.
    #[arg(
        long,
        value_name = "DIR",
        add = complete::runs(),
        conflicts_with_all = [
            "labels", "input", "output", "feed", "size", "mean", "scale", "crop", "decode", "exif"
        ]
    )]
    pub run: Option<PathBuf>,
    #[command(flatten)]
    pub checkpoint: CheckpointOption,
}

impl LearntOptions {
    /// The run, if one is named.
    ///
    /// # Errors
    /// A run that cannot be read.
    pub fn session(&self) -> Result<Option<Session<Inception>>> {
        let open = |run: &PathBuf| Session::open(run, self.checkpoint.checkpoint);
        self.run.as_ref().map(open).transpose()
    }
}

/// Says how probable each class is.
pub struct Scorer {
    graph: PictureGraph,
    learnt: Option<Classifier>,
    /// The names of the classes.
    pub labels: Labels,
}

impl Scorer {
    /// The scorer of the graph in the options.
    ///
    /// # Errors
    /// As [`PictureGraph::open`] and [`Labels::open`].
    pub fn of_graph(options: &GraphOptions) -> Result<Self> {
        let graph = PictureGraph::open(options, None)?.for_scores();
        Ok(Self { graph, learnt: None, labels: Labels::open(options)? })
    }

    /// The scorer of a run. Takes the layer out of `session`.
    ///
    /// # Errors
    /// A graph that is not the run's, or cannot be opened.
    pub fn of_run(session: Session<Inception>, options: &GraphOptions) -> Result<Self> {
        let options = run_graph(&session.config, options)?;
        let (path, trained) = (options.path()?, session.trained);
        let found = graph_checksum(&path)?;
        ensure!(
            found == trained.source.graph,
            "{} is not the graph of the run {}: its checksum is {found}, that of the run's \
             {}; name the run's graph with --graph",
            path.display(),
            session.run.path().display(),
            trained.source.graph
        );
        let tensor = trained.source.tensor.parse()?;
        let graph = PictureGraph::open(&options, Some(&tensor))?;
        let labels = Labels::learnt(trained.layer.classes);
        Ok(Self { graph, learnt: Some(trained.layer.classifier), labels })
    }

    /// The probabilities of the classes for the pictures in their order, as [`PictureGraph::each`]
    /// computes them.
    ///
    /// # Errors
    /// As [`PictureGraph::each`].
    pub fn each(
        &mut self,
        cpu: &Cpu,
        pictures: &[PathBuf],
        batch: usize,
        mut done: impl FnMut(&mut Labels, Computed) -> Result<bool>,
    ) -> Result<()> {
        let Self { graph, learnt, labels } = self;
        let are_probabilities = graph.graph().gives_probabilities(graph.output());
        graph.each(cpu, pictures, batch, |(path, row): (&Path, _)| {
            let row = row.and_then(|row| match learnt {
                Some(layer) => Ok(layer.probabilities(cpu, &row)?.to_vec()),
                None if are_probabilities => Ok(row),
                None => Ok(probabilities(&row)),
            });
            if let Ok(row) = &row {
                labels.fit(row.len())?;
            }
            done(labels, (path, row))
        })
    }
}

/// The graph of a run's config, at its new location if `options` give one.
///
/// # Errors
/// It is missing.
pub fn run_graph(config: &InceptionConfig, options: &GraphOptions) -> Result<GraphOptions> {
    run_config(config, options)?.graph(options.data_dir())
}

/// The config of a run, with the graph's new location if `options` give one.
///
/// # Errors
/// A name that is not valid Unicode, which no config can hold.
pub fn run_config(config: &InceptionConfig, options: &GraphOptions) -> Result<InceptionConfig> {
    let mut config = config.clone();
    if let Some(graph) = &options.graph {
        let graph = graph.to_str().context("the name of --graph is not valid Unicode")?;
        config.data.graph = graph.to_owned();
    }
    Ok(config)
}
