//! `tfm models`: the models in the registry, and the layers of their networks.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use super::{Fixed, Registry};
use crate::config::Preset;
use crate::console::{COLUMNS, wrap};
use crate::models::options::{ConfigOptions, OutputOptions};
use crate::models::stdout::print;
use crate::models::{self, Entry, inception};
use crate::nn::graph::Layer;

pub(super) const FIXED: Fixed = Fixed { command, run };

fn command() -> Command {
    OutputOptions::augment_args(Command::new("models"))
        .about("Lists the models with their verbs and presets, or shows the layers of one")
        .args_conflicts_with_subcommands(true)
        .subcommand(show_command())
}

fn run(registry: Registry, matches: &ArgMatches) -> Result<()> {
    if let Some((_, matches)) = matches.subcommand() {
        return show(registry, matches);
    }
    let output = OutputOptions::from_arg_matches(matches)?;
    output.init_logging();
    let (mut lines, mut models) = (Vec::new(), Vec::new());
    for entry in registry {
        let verbs: Vec<_> = entry.verbs.iter().map(|verb| verb.name).collect();
        let presets: Vec<_> =
            entry.presets.iter().map(|preset| (preset.name, about(preset))).collect();
        lines.push(in_words(entry, &verbs, &presets));
        let presets: Vec<_> =
            presets.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
        models.push(json!({
            "name": entry.name,
            "about": entry.about,
            "verbs": verbs,
            "default_preset": entry.default_preset,
            "presets": presets,
        }));
    }
    lines.push("* is the default preset, used without --config.".to_owned());
    output.report(&json!({ "models": models }), lines.join("\n"))
}

/// The first paragraph of a preset's head comment.
fn about(preset: &Preset) -> String {
    let comment = preset.text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    comment.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn in_words(entry: &Entry, verbs: &[&str], presets: &[(&str, String)]) -> String {
    let mut text = format!("{}: {}\n  verbs: {}\n", entry.name, entry.about, verbs.join(", "));
    let width = presets.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, about) in presets {
        let default = if *name == entry.default_preset { "*" } else { " " };
        let mut head = format!("{default} {name:width$}");
        for line in wrap(about, COLUMNS - width - 6) {
            text += &format!("  {head}  {line}\n");
            head = " ".repeat(width + 2);
        }
    }
    text
}

#[derive(Args, Debug)]
struct Show {
    /// The model
    #[arg(value_name = "MODEL", value_parser = PossibleValuesParser::new(models::names()))]
    model: String,
    #[command(flatten)]
    config: ConfigOptions,
    /// The frozen graph to show (inception only)
    #[arg(
        long,
        value_name = "FILE.pb",
        value_hint = clap::ValueHint::FilePath,
        conflicts_with_all = ["config", "sets"]
    )]
    graph: Option<PathBuf>,
    /// Prints the graph in Graphviz DOT format (with --graph)
    #[arg(long, requires = "graph", conflicts_with = "json")]
    dot: bool,
    #[command(flatten)]
    output: OutputOptions,
}

const LONG: &str = "For one batch of the config: each layer's output shape, parameter count, FLOPs of a \
training step (forward and backward; a multiply-add counts as two), and output memory. Buffers are reused; \
the last line is the total.\n\n\
Examples:\n  tfm models show cifar10\n  \
tfm models show ptb --config ptb-large --set train.batch_size=8";

fn show_command() -> Command {
    Show::augment_args(Command::new("show"))
        .about("Shows the layers of a model's network: shapes, parameters, FLOPs, memory")
        .after_long_help(LONG)
}

/// Shows a network.
///
/// # Errors
/// No such model or config, or a model without a layer graph.
fn show(registry: Registry, matches: &ArgMatches) -> Result<()> {
    let Show { model, config, graph, dot, output } = Show::from_arg_matches(matches)?;
    output.init_logging();
    if let Some(graph) = graph {
        ensure!(model == inception::ENTRY.name, "--graph is for inception, not for {model}");
        let graph = inception::local_path(&graph)?;
        if dot {
            return print(inception::show::dot(&graph)?).map(drop);
        }
        let (text, json) = inception::show::show(&graph)?;
        return output.report(&json, text);
    }
    let entry = registry.iter().find(|entry| entry.name == model);
    let entry = entry.with_context(|| format!("there is no model {model}"))?;
    let (preset, description) = (entry.describe)(entry, config.config.as_deref(), &config.sets)?;
    let description = description.with_context(|| {
        if model == inception::ENTRY.name {
            return "the layers of inception are in a frozen graph: name it with --graph"
                .to_owned();
        }
        format!("{model} has no layer graph: it updates its embedding tables in place")
    })?;
    let layers = description.graph.layers(description.batch, description.steps);
    let [training_memory, inference_memory] = description.memory()?;
    let parameters = description.parameters();
    let parameter_memory = parameters * size_of::<f32>();
    let operations: u64 = layers.iter().map(|layer| layer.operations).sum();
    let json = json!({
        "model": entry.name,
        "preset": preset,
        "parameters": parameters,
        "operations": operations,
        "parameter_memory": parameter_memory,
        "training_memory": training_memory,
        "inference_memory": inference_memory,
        "layers": layers,
    });
    let text = format!(
        "{}{preset}: {parameters} parameters ({:.1} MB), {:.1} MFLOP per step; with buffer reuse, \
        activations take {:.1} MB in training, {:.1} MB in a forward pass",
        table(&layers),
        megabytes(parameter_memory),
        operations as f64 / 1e6,
        megabytes(training_memory),
        megabytes(inference_memory)
    );
    output.report(&json, text)
}

/// A line for each layer.
fn table(layers: &[Layer]) -> String {
    let width = |of: fn(&Layer) -> &str, least: usize| {
        layers.iter().map(|layer| of(layer).chars().count()).max().unwrap_or(0).max(least)
    };
    let (name, operator) = (width(|layer| &layer.name, 5), width(|layer| &layer.operator, 8));
    let mut text = format!(
        "{:name$}  {:operator$}  {:>20} {:>12} {:>10} {:>9}\n",
        "layer", "operator", "output", "parameters", "MFLOP", "MB"
    );
    for layer in layers {
        let axes: Vec<_> = layer.output.iter().map(usize::to_string).collect();
        text += &format!(
            "{:name$}  {:operator$}  {:>20} {:>12} {:>10.1} {:>9.2}\n",
            layer.name,
            layer.operator,
            axes.join("×"),
            layer.parameters,
            layer.operations as f64 / 1e6,
            megabytes(layer.memory)
        );
    }
    text
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
