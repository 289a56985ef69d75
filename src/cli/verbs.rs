//! `tfm <verb> <model>`: the verbs that the registry's models have.

use anyhow::{Context, Result, bail};
use clap::{ArgMatches, Command};

use super::{Registry, bench_machine, by_run};
use crate::models::{Entry, Verb};

/// The usual verbs, in the order of the help.
const ORDER: &[(&str, &str)] = &[
    ("train", "Trains a model"),
    ("eval", "Evaluates a trained model"),
    ("bench", "Measures the speed of a model, or of this machine"),
    ("generate", "Generates from a trained model"),
    ("score", "Scores text with a trained model"),
    ("verify", "Compares a run's scores with the expected scores in its config"),
    ("plot", "Plots the curves of runs"),
    ("export", "Writes a trained model in another program's format"),
    ("query", "Finds nearest neighbours: of a word, or of an image"),
];

/// One command per verb, with a subcommand for each model that has it.
pub(super) fn commands(registry: Registry) -> Vec<Command> {
    names(registry)
        .into_iter()
        .map(|name| {
            let command = Command::new(name)
                .about(about(registry, name))
                .subcommand_required(true)
                .arg_required_else_help(true)
                .disable_help_subcommand(true)
                .subcommand_value_name(value_name(registry, name))
                .subcommand_help_heading("Models")
                .subcommands(models(registry, name).map(|(entry, verb)| model(entry, verb)));
            match name {
                "bench" => command.subcommand(bench_machine::command()),
                _ => command,
            }
        })
        .collect()
}

/// Runs the verb `name` of the model that `matches` names.
pub(super) fn run(registry: Registry, name: &str, matches: &ArgMatches) -> Result<()> {
    let (model, matches) = matches.subcommand().context("no model was given")?;
    if (name, model) == ("bench", bench_machine::NAME) {
        return bench_machine::run(matches);
    }
    match models(registry, name).find(|(entry, _)| entry.name == model) {
        Some((_, verb)) => (verb.run)(matches),
        None => bail!("{model} has no verb {name}"),
    }
}

/// The verbs: the usual ones in their order, then any others by name. `bench` is always included,
/// since it can also measure the machine.
pub(super) fn names(registry: Registry) -> Vec<&'static str> {
    let mut names: Vec<_> =
        registry.iter().flat_map(|entry| entry.verbs).map(|verb| verb.name).collect();
    names.push("bench");
    names.sort_by_key(|name| {
        (ORDER.iter().position(|(usual, _)| usual == name).unwrap_or(ORDER.len()), *name)
    });
    names.dedup();
    names
}

/// What the usage line calls the argument of the verb `name`: a run may replace its model if some
/// model's verb takes a run.
fn value_name(registry: Registry, name: &str) -> &'static str {
    let takes_run = models(registry, name)
        .any(|(entry, verb)| by_run::takes(verb, entry.name, by_run::option(name)));
    if takes_run { "MODEL|RUN" } else { "MODEL" }
}

/// The models that have the verb `name`.
pub(super) fn models(
    registry: Registry,
    name: &str,
) -> impl Iterator<Item = (&'static Entry, &'static Verb)> {
    registry.iter().filter_map(move |entry| Some((*entry, entry.verb(name)?)))
}

fn about(registry: Registry, name: &str) -> &'static str {
    let usual = ORDER.iter().find(|(usual, _)| *usual == name).map(|(_, about)| *about);
    usual.or_else(|| models(registry, name).next().map(|(_, verb)| verb.about)).unwrap_or_default()
}

/// The subcommand of a model. Its texts come from the registry, not from the option groups: the
/// list of a verb's models shows what each model is.
fn model(entry: &Entry, verb: &Verb) -> Command {
    (verb.args)(Command::new(entry.name))
        .about(entry.about)
        .long_about(None)
        .before_help(verb.about)
}
