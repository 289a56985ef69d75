//! `tfm models`: what the registry holds, and what the networks consist of.

mod show;

use std::fmt::Write as _;

use anyhow::Result;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use super::{Fixed, Registry};
use crate::config::Preset;
use crate::console::{COLUMNS, wrap};
use crate::models::Entry;
use crate::models::options::OutputOptions;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Serialize)]
struct Report {
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
        .subcommand(show::command())
}

fn run(registry: Registry, matches: &ArgMatches) -> Result<()> {
    if let Some((_, matches)) = matches.subcommand() {
        return show::run(registry, matches);
    }
    let output = OutputOptions::from_arg_matches(matches)?;
    output.init_logging();
    let models: Vec<_> = registry.iter().map(|entry| model(entry)).collect();
    let mut text: Vec<_> = models.iter().map(text).collect();
    text.push("* is the preset that is used without --config.".to_owned());
    output.report(&Report { models }, text.join("\n"))
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
