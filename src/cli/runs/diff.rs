//! `tfm runs diff A B`: the differences in what two runs were made from.

use anyhow::Result;
use clap::{ArgMatches, Args, Command};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::read;
use crate::analysis::{RunSummary, index, shown};
use crate::models::options::{OutputOptions, complete};

#[derive(Args, Debug)]
struct Diff {
    /// A run
    #[arg(value_name = "A", add = complete::runs())]
    a: PathBuf,
    /// Another run
    #[arg(value_name = "B", add = complete::runs())]
    b: PathBuf,
    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn command() -> Command {
    Diff::augment_args(Command::new("diff"))
        .about("Shows how two runs differ: config, data, program, machine")
        .after_long_help("Example:\n  tfm runs diff runs/first runs/second")
}

pub(super) fn run(matches: &ArgMatches) -> Result<()> {
    let args = read::<Diff>(matches, |args| &args.output)?;
    let runs = [index::read_one(&args.a)?, index::read_one(&args.b)?];
    let origins = [origin(&runs[0])?, origin(&runs[1])?];
    let keys: BTreeSet<_> = origins.iter().flat_map(|origin| origin.keys()).collect();
    let (mut lines, mut differences) = (Vec::new(), Map::new());
    for key in keys {
        let values = [&origins[0], &origins[1]].map(|origin| origin.get(key));
        if values[0] == values[1] {
            continue;
        }
        let words = values.map(|value| value.map_or_else(|| "absent".to_owned(), shown));
        lines.push(format!("{key}\n- {}\n+ {}", words[0], words[1]));
        differences.insert(key.clone(), json!(values));
    }
    let text = match lines.is_empty() {
        true => "no differences".to_owned(),
        false => lines.join("\n"),
    };
    args.output.report(&json!({ "a": args.a.to_string_lossy(), "b": args.b.to_string_lossy(), "differences": differences }), text)
}

/// The config of a run, and its manifest, as one flat table.
fn origin(run: &RunSummary) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    for (key, value) in &run.config {
        all.insert(format!("config {key}"), value.clone());
    }
    flatten("", serde_json::to_value(&run.manifest)?, &mut all);
    // The seed is a value of the config.
    all.remove("seed");
    Ok(all)
}

fn flatten(prefix: &str, value: Value, into: &mut Map<String, Value>) {
    match value {
        Value::Object(inner) => {
            for (name, value) in inner {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{name}"), value, into);
            }
        }
        Value::Array(items) => {
            into.insert(
                prefix.to_owned(),
                items.iter().map(shown).collect::<Vec<_>>().join(" ").into(),
            );
        }
        value => {
            into.insert(prefix.to_owned(), value);
        }
    }
}
