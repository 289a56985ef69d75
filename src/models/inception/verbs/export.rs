//! `tfm export inception`: a run's classes as a frozen graph.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueHint};
use serde_json::json;

use super::super::ENTRY;
use super::super::options::GraphOptions;
use super::super::retrain::{Inception, LastLayer, OUTPUT, graph_checksum, with_last_layer};
use super::super::scorer::run_graph;
use crate::data::graphdef::LabelMap;
use crate::models::Verb;
use crate::models::options::{CheckpointOption, DataOptions, OutputOptions, RunOption};
use crate::models::session::{Session, summary};
use crate::nn::Parameter;
use crate::system::shell::quoted;
use crate::{atomic, run};

/// `tfm export inception`
pub const VERB: Verb = Verb {
    name: "export",
    about: "Writes a run's classes as a frozen TensorFlow graph",
    args,
    run,
};

#[derive(Args, Debug)]
struct ExportArgs {
    #[command(flatten)]
    run: RunOption,
    #[command(flatten)]
    checkpoint: CheckpointOption,
    /// The graph to write; the class names go to FILE_labels.txt next to it
    #[arg(long, value_name = "FILE.pb", value_hint = ValueHint::FilePath)]
    graph: PathBuf,
    /// The graph that the run was trained on, if it has moved
    #[arg(long, value_name = "FILE.pb", value_hint = ValueHint::FilePath)]
    source: Option<PathBuf>,
    /// Overwrites existing files
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "The graph is the one that the run was trained on, up to its features, followed by the \
new layer. Its output is final_result, as in TensorFlow's retrain.py; its input is unchanged. The \
[preprocessing] of the run's config is not part of the graph: the last line printed gives it as options.

Example:
  tfm export inception --run RUN --graph flowers.pb
  tfm predict inception --graph flowers.pb photo.jpg";

fn args(command: Command) -> Command {
    ExportArgs::augment_args(command).after_long_help(LONG)
}

fn run(matches: &ArgMatches) -> Result<()> {
    let args = ExportArgs::from_arg_matches(matches)?;
    args.output.init_logging();
    let session = Session::<Inception>::open(&args.run.run, args.checkpoint.checkpoint)?;
    let labels = labels_file(&args.graph);
    for file in [&args.graph, &labels] {
        run::check_output(file, args.force)?;
    }
    let options = GraphOptions::at(args.source.clone(), &args.data.data_dir);
    let of_run = run_graph(&session.config, &options)?;
    let source = of_run.path()?;
    let (found, trained) = (graph_checksum(&source)?, &session.trained);
    ensure!(
        found == trained.source.graph,
        "{} is not the graph of the run: its checksum is {found}, that of the run's {}; name the \
         run's graph with --source",
        source.display(),
        trained.source.graph
    );
    ensure!(
        !is_same(&args.graph, &source),
        "{} is the graph that the run was trained on, and runs still need it; give --graph another name",
        args.graph.display()
    );
    let parameters = trained.layer.classifier.network.parameters();
    let values = |name: &str| {
        let is_it = |parameter: &&Parameter| parameter.name().ends_with(name);
        let parameter = parameters.iter().find(is_it);
        parameter.map(|parameter| parameter.values().to_vec()).context("the run has no last layer")
    };
    let (weights, biases) = (values("/weights")?, values("/biases")?);
    let features = trained.source.tensor.parse()?;
    let layer = LastLayer { features: &features, weights: &weights, biases: &biases };
    let bytes = with_last_layer(&source, &layer)?.to_bytes()?;
    let names = LabelMap::written(&trained.layer.classes)?;
    atomic::write(&args.graph, &bytes)?;
    atomic::write(&labels, names.as_bytes())?;
    let json = summary(
        &session.run,
        session.step,
        json!({
            "graph": args.graph.to_string_lossy(),
            "labels": labels.to_string_lossy(),
            "output": OUTPUT,
            "classes": trained.layer.classes,
        }),
    );
    let words = format!(
        "{}: {} classes as {OUTPUT}, {:.1} MB; their names in {}",
        args.graph.display(),
        trained.layer.classes.len(),
        bytes.len() as f64 / 1e6,
        labels.display()
    );
    args.output.report(&json, words)?;
    // The graph begins where the run's did: what the run does to pictures before is not in it.
    let options = of_run.preprocessing();
    let graph = quoted(&args.graph);
    tracing::info!("Next: tfm predict {} --graph {graph}{options} PICTURE", ENTRY.name);
    Ok(())
}

/// Whether two paths lead to one file that exists.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// `out_labels.txt` next to `out.pb`, where labels of a graph are looked up.
fn labels_file(graph: &std::path::Path) -> PathBuf {
    let stem = graph.file_stem().unwrap_or_default().to_string_lossy();
    graph.with_file_name(format!("{stem}_labels.txt"))
}
