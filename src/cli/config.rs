//! `tfm config show|check`: configs without a run.

use anyhow::{Context, Result, anyhow, bail};
use clap::builder::PossibleValuesParser;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::Serialize;

use super::{Fixed, Registry, answer};
use crate::config::{Key, Preset, model_of};
use crate::console::{COLUMNS, wrap};
use crate::models::options::{OutputOptions, complete};
use crate::models::{self, Entry};
use crate::system::wording::counted;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Args, Debug)]
struct Show {
    /// A file (with a path separator, or ending in .toml) or the name of a preset
    #[arg(value_name = "FILE|PRESET", add = complete::configs())]
    config: String,

    /// Sets one value of the config; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", add = complete::keys())]
    sets: Vec<String>,

    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args, Debug)]
struct Check {
    /// Files (with a path separator, or ending in .toml) or names of presets
    #[arg(value_name = "FILE|PRESET", required = true, add = complete::configs())]
    configs: Vec<String>,

    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args, Debug)]
struct Keys {
    /// The model
    #[arg(value_name = "MODEL", value_parser = PossibleValuesParser::new(models::names()))]
    model: String,

    #[command(flatten)]
    output: OutputOptions,
}

fn command() -> Command {
    let show = Show::augment_args(Command::new("show"))
        .about("Prints a config with all its defaults filled in");
    let keys = Keys::augment_args(Command::new("keys"))
        .about("Explains the keys of a model's config: type, default, range");
    let check = Check::augment_args(Command::new("check"))
        .about("Checks that configs can be read and their values are valid");
    Command::new("config")
        .about("Shows, explains and checks configs")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(show.after_long_help(
            "Examples:\n  tfm config show configs/mine.toml\n  \
             tfm config show ptb-small --set train.batch_size=40",
        ))
        .subcommand(check.after_long_help(
            "Exits with code 1 if a config is invalid.\n\n\
             Example:\n  tfm config check configs/*.toml",
        ))
        .subcommand(keys)
}

fn run(registry: Registry, matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("show", matches)) => show(registry, &Show::from_arg_matches(matches)?),
        Some(("keys", matches)) => keys(registry, &Keys::from_arg_matches(matches)?),
        Some((_, matches)) => check(registry, &Check::from_arg_matches(matches)?),
        None => Ok(()),
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    config: &'a str,
    model: &'static str,
    values: toml::Table,
}

fn show(registry: Registry, show: &Show) -> Result<()> {
    show.output.init_logging();
    let entry = entry_of(registry, &show.config)?;
    let text = entry.show(Some(&show.config), &show.sets)?;
    let values = toml::from_str(&text).context("the resolved config cannot be read back")?;
    let text = with_comments(&text, &(entry.keys)()?);
    show.output.report(&Shown { config: &show.config, model: entry.name, values }, text)
}

/// Adds a comment with the meaning of each key above its line.
fn with_comments(text: &str, keys: &[Key]) -> String {
    let (mut table, mut commented) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        }
        let name = line.split(" =").next().unwrap_or_default();
        if let Some(key) = keys.iter().find(|key| key.key == format!("{table}{name}")) {
            for part in wrap(&in_words(key), COLUMNS - 2) {
                commented += &format!("# {part}\n");
            }
        }
        commented += &format!("{line}\n");
    }
    commented
}

/// The sentence of a key, its type and its range.
fn in_words(key: &Key) -> String {
    let rule = key.rule.as_ref().map(|rule| format!(", {rule}")).unwrap_or_default();
    format!("{} ({}{rule})", key.about, key.kind)
}

#[derive(Serialize)]
struct Explained<'a> {
    model: &'a str,
    keys: &'a [Key],
}

fn keys(registry: Registry, args: &Keys) -> Result<()> {
    args.output.init_logging();
    let entry = registry.iter().find(|entry| entry.name == args.model);
    let entry = entry.with_context(|| format!("there is no model {}", args.model))?;
    let keys = (entry.keys)()?;
    let mut text = String::new();
    for key in &keys {
        text += &format!("{} = {}\n", key.key, key.default);
        for line in wrap(&in_words(key), COLUMNS - 4) {
            text += &format!("    {line}\n");
        }
    }
    args.output.report(&Explained { model: &args.model, keys: &keys }, text)
}

#[derive(Serialize)]
struct Checked<'a> {
    configs: Vec<ConfigCheck<'a>>,
}

#[derive(Serialize)]
struct ConfigCheck<'a> {
    config: &'a str,
    ok: bool,
    error: Option<String>,
}

fn check(registry: Registry, check: &Check) -> Result<()> {
    check.output.init_logging();
    let configs: Vec<_> = check.configs.iter().map(|config| outcome(registry, config)).collect();
    let failed = configs.iter().filter(|outcome| !outcome.ok).count();
    let text: Vec<_> = configs.iter().map(line).collect();
    let total = configs.len();
    check.output.report(&Checked { configs }, text.join("\n"))?;
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} of {} cannot be used", counted(total, "config")),
    }
}

fn outcome(registry: Registry, config: &str) -> ConfigCheck<'_> {
    let checked = entry_of(registry, config).and_then(|entry| entry.show(Some(config), &[]));
    let error = checked.err().map(|error| format!("{error:#}"));
    ConfigCheck { config, ok: error.is_none(), error }
}

fn line(outcome: &ConfigCheck<'_>) -> String {
    match &outcome.error {
        None => format!("ok     {}", outcome.config),
        Some(error) => format!("wrong  {}: {error}", outcome.config),
    }
}

/// The model that a config says that it is for.
fn entry_of(registry: Registry, config: &str) -> Result<&'static Entry> {
    let presets: Vec<Preset> = registry.iter().flat_map(|entry| entry.presets).copied().collect();
    let model = model_of(config, &presets)?;
    registry.iter().copied().find(|entry| entry.name == model).ok_or_else(|| {
        let names: Vec<_> = registry.iter().map(|entry| entry.name).collect();
        anyhow!("no model is called \"{model}\"; {} ({config})", answer::choice(&model, &names))
    })
}
