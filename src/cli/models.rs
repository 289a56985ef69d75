//! `tfm models`: what the registry holds, and what the networks consist of.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use super::{Fixed, Registry};
use crate::config::Preset;
use crate::console::{COLUMNS, wrap};
use crate::models::options::{ConfigOptions, OutputOptions};
use crate::models::{self, Entry};
use crate::nn::graph::Layer;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Serialize)]
struct Listing {
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    name: &'static str,
    about: &'static str,
    verbs: Vec<&'static str>,
    default_preset: &'static str,
    presets: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    about: String,
}

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
    let models: Vec<_> = registry.iter().map(|entry| model(entry)).collect();
    let mut text: Vec<_> = models.iter().map(text).collect();
    text.push("* is the preset that is used without --config.".to_owned());
    output.report(&Listing { models }, text.join("\n"))
}

fn model(entry: &Entry) -> Model {
    Model {
        name: entry.name,
        about: entry.about,
        verbs: entry.verbs.iter().map(|verb| verb.name).collect(),
        default_preset: entry.default_preset,
        presets: entry.presets.iter().map(named).collect(),
    }
}

/// A preset and the first paragraph of its head comment.
fn named(preset: &Preset) -> Named {
    let comment = preset.text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let about = comment.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    Named { name: preset.name, about }
}

fn text(model: &Model) -> String {
    let mut text = format!("{}: {}\n", model.name, model.about);
    // Writing into a String cannot fail.
    let _ = writeln!(text, "  verbs: {}", model.verbs.join(", "));
    let width = model.presets.iter().map(|preset| preset.name.len()).max().unwrap_or(0);
    for preset in &model.presets {
        let default = if preset.name == model.default_preset { "*" } else { " " };
        let mut head = format!("{default} {:width$}", preset.name);
        for line in wrap(&preset.about, COLUMNS - width - 6) {
            let _ = writeln!(text, "  {head}  {line}");
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
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Serialize)]
struct NetworkSummary<'a> {
    model: &'a str,
    preset: &'a str,
    /// Values of all parameters.
    parameters: usize,
    /// Multiplications and additions of a training step.
    operations: u64,
    /// Bytes of all parameters.
    parameter_memory: usize,
    /// Bytes of the values of a training step, which share their memory.
    training_memory: usize,
    /// Bytes of those of a forward pass alone.
    inference_memory: usize,
    layers: &'a [Layer],
}

const LONG: &str = "For a batch of the config: the shape of what each layer gives, the values of its \
parameters, the\nmultiplications and additions of a training step (forward, and the gradients of \
parameters and\nof what lies below), and the memory of its output. Values that are not needed at \
the same time\nshare their memory: the last line says what all of them take.\n\n\
Examples:\n  tfm models show cifar10\n  tfm models show ptb --config ptb-large --set train.batch_size=8";

fn show_command() -> Command {
    Show::augment_args(Command::new("show"))
        .about("Shows the layers of a model's network: shapes, parameters, operations, memory")
        .after_long_help(LONG)
}

/// Shows a network.
///
/// # Errors
/// No such model or config, or a model that is no graph.
fn show(registry: Registry, matches: &ArgMatches) -> Result<()> {
    let Show { model, config, output } = Show::from_arg_matches(matches)?;
    output.init_logging();
    let entry = registry.iter().find(|entry| entry.name == model);
    let entry = entry.with_context(|| format!("there is no model {model}"))?;
    let (preset, description) = (entry.describe)(entry, config.config.as_deref(), &config.sets)?;
    let description = description.with_context(|| {
        format!("{model} is no graph of layers: its tables change in place as the text is read")
    })?;
    let layers = description.graph.layers(description.batch, description.steps);
    let [training_memory, inference_memory] = description.memory()?;
    let parameters = description.parameters();
    let report = NetworkSummary {
        model: entry.name,
        preset: &preset,
        parameters,
        operations: layers.iter().map(|layer| layer.operations).sum(),
        parameter_memory: parameters * size_of::<f32>(),
        training_memory,
        inference_memory,
        layers: &layers,
    };
    output.report(&report, table(&report))
}

fn table(report: &NetworkSummary) -> String {
    let width = |of: fn(&Layer) -> &str, least: usize| {
        report.layers.iter().map(|layer| of(layer).chars().count()).max().unwrap_or(0).max(least)
    };
    let (name, operator) = (width(|layer| &layer.name, 5), width(|layer| &layer.operator, 8));
    let mut text = format!(
        "{:name$}  {:operator$}  {:>20} {:>12} {:>10} {:>9}\n",
        "layer", "operator", "output", "parameters", "MFLOP", "MB"
    );
    for layer in report.layers {
        let axes: Vec<_> = layer.output.iter().map(usize::to_string).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:name$}  {:operator$}  {:>20} {:>12} {:>10.1} {:>9.2}",
            layer.name,
            layer.operator,
            axes.join("×"),
            layer.parameters,
            layer.operations as f64 / 1e6,
            megabytes(layer.memory)
        );
    }
    let _ = write!(
        text,
        "{}: {} parameters ({:.1} MB), {:.1} MFLOP a step; values take {:.1} MB in training, {:.1} MB \
         in a forward pass",
        report.preset,
        report.parameters,
        megabytes(report.parameter_memory),
        report.operations as f64 / 1e6,
        megabytes(report.training_memory),
        megabytes(report.inference_memory)
    );
    text
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    #[test]
    fn a_model_is_shown_with_verbs_and_presets() {
        let text = text(&model(&fake::TOY));
        let expect = "toy: A toy\n  verbs: train, plot, verify, wind-up\n    \
                      toy-large  Large.\n  * toy-small  Small. Two lines.\n";
        assert_eq!(text, expect);
    }

    #[test]
    fn lines_fit_the_usual_window() {
        for entry in crate::models::ALL {
            let text = text(&model(entry));
            assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        }
    }
}
