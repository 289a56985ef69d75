//! What a shell offers for the values of options: presets, keys, runs, checkpoints, devices.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use crate::models::{self, Entry};

/// Presets, and files that end in .toml.
pub fn configs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let presets = entries().flat_map(|entry| entry.presets);
        let mut found = beginning(current, presets.map(|preset| preset.name.to_owned()));
        let is_config = |path: &Path| path.extension().is_some_and(|end| end == "toml");
        found.extend(PathCompleter::any().filter(is_config).complete(current));
        found
    })
}

/// `KEY=` for each key of the model's config.
pub fn keys() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let configs = entries().filter_map(|entry| entry.show(None, &[]).ok());
        let mut keys = Vec::new();
        for config in configs.filter_map(|text| text.parse::<toml::Table>().ok()) {
            add_keys(&mut keys, "", &config);
        }
        keys.sort();
        keys.dedup();
        beginning(current, keys.into_iter().map(|key| format!("{key}=")))
    })
}

fn add_keys(keys: &mut Vec<String>, before: &str, table: &toml::Table) {
    for (name, value) in table {
        match value {
            toml::Value::Table(table) => add_keys(keys, &format!("{before}{name}."), table),
            _ => keys.push(format!("{before}{name}")),
        }
    }
}

/// Folders that hold a run, and those that lead to one.
pub fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let mut found = beginning(current, runs_in(Path::new("runs")));
        found.extend(PathCompleter::dir().complete(current));
        found.dedup_by(|one, next| one.get_value() == next.get_value());
        found
    })
}

fn runs_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|run| run.join("run.json").is_file()).map(|run| run.display().to_string())
}

/// The choices that are always there.
pub fn checkpoints() -> ArgValueCandidates {
    candidates(&["best", "last"])
}

/// The choices that are always there.
pub fn devices() -> ArgValueCandidates {
    candidates(&["auto", "cpu", "cuda", "cuda:0"])
}

/// Completion from a fixed list.
fn candidates(values: &'static [&'static str]) -> ArgValueCandidates {
    ArgValueCandidates::new(|| values.iter().map(CompletionCandidate::new).collect())
}

/// The candidates that begin with what has been typed.
fn beginning(current: &OsStr, all: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    all.filter(|value| value.starts_with(&*current)).map(CompletionCandidate::new).collect()
}

/// The model that the command line names, or every model.
fn entries() -> impl Iterator<Item = &'static Entry> {
    let words: Vec<_> = std::env::args_os().collect();
    let named = words.iter().find_map(|word| models::find(word.to_str()?));
    models::ALL.iter().copied().filter(move |entry| named.is_none_or(|n| n.name == entry.name))
}
