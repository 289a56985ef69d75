//! Two models that exist only in tests.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, bail};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::options::{ConfigOptions, DataOptions, DeviceOptions, OutputOptions};
use super::verbs::{plot, verify};
use super::{Better, Entry, Interrupted, Length, Verb, to_toml};
use crate::config::{Config, Invalid, Preset, at_least, keys};
use crate::metrics::Record;
use crate::run::{FORMAT, Manifest, RunDir, rfc3339};

pub(crate) const ALL: &[&Entry] = &[&ALEXNET, &TOY];

pub(crate) const ALEXNET: Entry = Entry {
    name: "alexnet",
    about: "Only a bench",
    default_preset: "alexnet",
    presets: &[Preset { name: "alexnet", text: "# AlexNet.\nmodel = \"alexnet\"\n" }],
    verbs: &[Verb {
        name: "bench",
        about: "Times a step",
        args: |command| command,
        run: |_| Ok(()),
    }],
    examples: "",
    metrics: &[],
    scores: &[],
    resumable_keys: &[],
    data_paths: &[],
    own_data: &[],
    is_split_by_seed: false,
    describe: |entry, _, _| Ok((entry.default_preset.to_owned(), None)),
    to_toml: |_, _, _| Ok("model = \"alexnet\"\n".to_owned()),
    keys: || Ok(Vec::new()),
    length: Length { epochs: None, steps: None },
};

pub(crate) const TOY: Entry = Entry {
    name: "toy",
    about: "A toy",
    default_preset: "toy-small",
    presets: &[
        Preset { name: "toy-large", text: "# Large.\nmodel = \"toy\"\nsize = 9\n" },
        Preset { name: "toy-small", text: "# Small.\n# Two lines.\nmodel = \"toy\"\n" },
    ],
    verbs: &[
        Verb { name: "train", about: "Trains a toy", args: train_args, run: train },
        Verb { name: "plot", about: plot::ABOUT, args: plot::args, run: |m| plot::run(&TOY, m) },
        Verb {
            name: "verify",
            about: verify::ABOUT,
            args: verify::args,
            run: |matches| verify::run(&TOY, matches),
        },
        Verb { name: "wind-up", about: "Winds up", args: |command| command, run: |_| Ok(()) },
    ],
    examples: "",
    metrics: &[("perplexity", Better::Lower)],
    scores: &["test_perplexity"],
    resumable_keys: &[],
    data_paths: &[],
    own_data: &[],
    is_split_by_seed: false,
    describe: |entry, _, _| Ok((entry.default_preset.to_owned(), None)),
    to_toml: to_toml::<Toy>,
    keys: keys::<Toy>,
    length: Length { epochs: None, steps: None },
};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Toy {
    model: String,
    size: u32,
}

impl Default for Toy {
    fn default() -> Self {
        Self { model: "toy".into(), size: 1 }
    }
}

impl Config for Toy {
    fn validate(&self) -> Result<(), Invalid> {
        at_least("size", self.size, 1)
    }
}

#[derive(Args)]
struct Train {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(flatten)]
    _data: DataOptions,
    #[command(flatten)]
    _device: DeviceOptions,
    #[arg(long = "resume")]
    _resume: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

fn train_args(command: Command) -> Command {
    Train::augment_args(command).after_long_help("Example:\n  tfm train toy")
}

fn train(matches: &ArgMatches) -> Result<()> {
    let Train { config, output, .. } = Train::from_arg_matches(matches)?;
    TOY.show(config.config.as_deref(), &config.sets)?;
    if output.quiet {
        bail!(Interrupted { message: "stopped".to_owned() });
    }
    Ok(())
}

/// A run of `model` with a few records; `expect` is the text of its `[expect]` table.
pub(crate) fn run_of(root: &Path, name: &str, model: &str, expect: &str) -> PathBuf {
    let manifest = Manifest {
        format: FORMAT,
        model: model.to_owned(),
        preset: format!("{model}-small"),
        version: "0.1.0".into(),
        git_revision: "unknown".into(),
        device: "cpu".into(),
        isa: "portable".into(),
        threads: 1,
        seed: 1,
        init_from: String::new(),
        data: "none".into(),
        started: rfc3339(SystemTime::UNIX_EPOCH),
        command: vec!["tfm".into()],
        provenance: Default::default(),
    };
    let config = format!("model = \"{model}\"\n\n[expect]\n{expect}\n");
    let path = root.join(name);
    let run = RunDir::create(&path, &manifest, &config, &[], |_| Ok(())).unwrap();
    let records = [
        Record::new(1, 1, "train").metric("perplexity", 300.0).metric("learning_rate", 1.0),
        Record::new(2, 1, "train").metric("perplexity", 200.0).metric("learning_rate", 0.5),
        Record::new(2, 1, "valid").metric("perplexity", 121.0),
        Record::new(2, 1, "test").metric("perplexity", 116.2),
    ];
    let lines = records.map(|record| serde_json::to_string(&record).unwrap() + "\n");
    run.write("metrics.jsonl", lines.concat().as_bytes()).unwrap();
    path
}
