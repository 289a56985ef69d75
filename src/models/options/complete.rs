//! Shell completions for option values: presets, keys with their values, runs, checkpoints, devices.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use crate::checkpoint;
use crate::models::{self, Entry};
use crate::run::{ROOT, RunDir};

thread_local! {
    /// The words before the one that is completed.
    static BEFORE: RefCell<Vec<OsString>> = const { RefCell::new(Vec::new()) };
}

/// Sets the words before the one to complete: the completions depend on the model and the run among
/// them.
pub fn after(words: &[OsString]) {
    BEFORE.set(words.to_vec());
}

/// Presets, and files that end in .toml.
pub fn configs() -> ArgValueCompleter {
    with_files(|| {
        entries().into_iter().flat_map(|entry| entry.presets).map(|preset| preset.name).collect()
    })
}

/// Models, and files that end in .toml.
pub fn files_or_models() -> ArgValueCompleter {
    with_files(models::names)
}

fn with_files(names: fn() -> Vec<&'static str>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let mut found = beginning(current, names().into_iter().map(str::to_owned));
        let is_config = |path: &Path| path.extension().is_some_and(|end| end == "toml");
        found.extend(PathCompleter::any().filter(is_config).complete(current));
        found
    })
}

/// `KEY=` for each key of the model's config, and `KEY=VALUE` for each value of a key that has few.
pub fn keys() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let entries = entries();
        let key = current.to_str().and_then(|current| current.split_once('=')).map(|(key, _)| key);
        let mut all = match key {
            Some(key) => values_of(&entries, key).map(|value| format!("{key}={value}")).collect(),
            None => keys_of(&entries),
        };
        all.sort();
        all.dedup();
        beginning(current, all.into_iter())
    })
}

fn keys_of(entries: &[&Entry]) -> Vec<String> {
    let configs = entries.iter().filter_map(|entry| entry.show(None, &[]).ok());
    let mut keys = Vec::new();
    for config in configs.filter_map(|text| text.parse::<toml::Table>().ok()) {
        add_keys(&mut keys, "", &config);
    }
    keys.into_iter().map(|key| key + "=").collect()
}

fn add_keys(keys: &mut Vec<String>, before: &str, table: &toml::Table) {
    for (name, value) in table {
        match value {
            toml::Value::Table(table) => add_keys(keys, &format!("{before}{name}."), table),
            _ => keys.push(format!("{before}{name}")),
        }
    }
}

fn values_of(entries: &[&Entry], name: &str) -> impl Iterator<Item = String> {
    let keys = entries.iter().filter_map(|entry| (entry.keys)().ok()).flatten();
    keys.filter(move |key| key.key == name).flat_map(|key| key.choices())
}

/// Folders that hold a run, and those that lead to one.
pub fn runs() -> ArgValueCompleter {
    folders(ROOT, is_run)
}

/// Folders in `root` that match, and every folder that may lead to one.
pub fn folders(root: &'static str, is_one: fn(&Path) -> bool) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let mut found = beginning(current, folders_in(Path::new(root), is_one).into_iter());
        let known: Vec<_> = found.iter().map(|one| PathBuf::from(one.get_value())).collect();
        let others = PathCompleter::dir().complete(current).into_iter();
        found.extend(others.filter(|other| {
            let path = Path::new(other.get_value());
            path != Path::new(".") && !known.iter().any(|known| known == path)
        }));
        found
    })
}

fn folders_in(root: &Path, is_one: fn(&Path) -> bool) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> =
        entries.filter(|path| is_one(path)).map(|path| path.display().to_string()).collect();
    found.sort();
    found
}

fn is_run(folder: &Path) -> bool {
    folder.join("run.json").is_file()
}

/// The checkpoints of the run that the line names; without one, the choices that any run has.
pub fn checkpoints() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let all = match run() {
            Some(run) => checkpoints_of(&run.join("checkpoints")),
            None => ["best", "last"].map(str::to_owned).to_vec(),
        };
        beginning(current, all.into_iter())
    })
}

fn checkpoints_of(dir: &Path) -> Vec<String> {
    let best = checkpoint::has_best(dir).then(|| "best".to_owned());
    let steps = checkpoint::steps(dir).unwrap_or_default();
    let steps = steps.iter().rev().map(u64::to_string);
    best.into_iter().chain(["last".to_owned()]).chain(steps).collect()
}

/// The choices that are always there.
pub fn devices() -> ArgValueCandidates {
    candidates(&["auto", "cpu", "cuda", "cuda:0"])
}

/// Completion from a fixed list.
fn candidates(values: &'static [&'static str]) -> ArgValueCandidates {
    ArgValueCandidates::new(|| values.iter().map(CompletionCandidate::new).collect())
}

/// The candidates that begin with what has been typed, in their order.
fn beginning(current: &OsStr, all: impl Iterator<Item = String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    all.filter(|value| value.starts_with(&*current)).map(CompletionCandidate::new).collect()
}

/// The model that the words name by itself, a preset or a run, or every model.
fn entries() -> Vec<&'static Entry> {
    let named = BEFORE.with_borrow(|words| words.iter().find_map(|word| model_of(word)));
    named.map_or_else(|| models::ALL.to_vec(), |entry| vec![entry])
}

fn model_of(word: &OsStr) -> Option<&'static Entry> {
    let has = |entry: &&&Entry| entry.presets.iter().any(|preset| word == preset.name);
    let named =
        word.to_str().and_then(models::find).or_else(|| models::ALL.iter().find(has).copied());
    let run =
        || is_run(Path::new(word)).then(|| RunDir::read_listed(Path::new(word)).ok()).flatten();
    named.or_else(|| models::find(&run()?.manifest().model))
}

/// The first run among the words.
fn run() -> Option<PathBuf> {
    let path = |word: &OsString| match word.to_str().and_then(|word| word.strip_prefix("--run=")) {
        Some(value) => PathBuf::from(value),
        None => PathBuf::from(word),
    };
    BEFORE.with_borrow(|words| words.iter().map(path).find(|path| is_run(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(completer: &ArgValueCompleter, before: &str, current: &str) -> Vec<String> {
        after(&before.split(' ').map(OsString::from).collect::<Vec<_>>());
        let found = completer.complete(OsStr::new(current));
        found.iter().map(|one| one.get_value().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn keys_offer_the_values_that_they_can_have() {
        let check = |before, current, expect: &[&str]| {
            assert_eq!(offered(&keys(), before, current), expect, "{before} {current}");
        };
        check("tfm train ptb --set", "data.sour", &["data.source="]);
        check("tfm train ptb --set", "data.source=", &["data.source=files", "data.source=grammar"]);
        check("tfm train ptb --set", "data.source=g", &["data.source=grammar"]);
        // A choice by the type, and a preset in the model's place.
        let pairs = ["train.algorithm=pairs"];
        check("tfm config show word2vec-demo --set", "train.algorithm=p", &pairs);
        let both = ["train.deterministic=false", "train.deterministic=true"];
        check("tfm train word2vec --set", "train.deterministic=", &both);
        check("tfm train ptb --set", "seed=", &[]);
        check("tfm train ptb --set", "data.nothing=", &[]);
    }

    #[test]
    fn checkpoints_are_those_of_the_run() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        fs::create_dir_all(run.join("checkpoints")).unwrap();
        let write = |name: &str| fs::write(run.join(name), "").unwrap();
        write("run.json");
        write("checkpoints/step-00000004.safetensors");
        write("checkpoints/step-00000012.safetensors");
        let line = format!("tfm eval ptb --run {}", run.display());
        assert_eq!(offered(&checkpoints(), &line, ""), ["last", "12", "4"]);
        write("checkpoints/best.safetensors");
        assert_eq!(offered(&checkpoints(), &line, ""), ["best", "last", "12", "4"]);
        let line = format!("tfm eval ptb --run={}", run.display());
        assert_eq!(offered(&checkpoints(), &line, "1"), ["12"]);
        assert_eq!(offered(&checkpoints(), "tfm eval ptb", ""), ["best", "last"]);
    }

    #[test]
    fn folders_in_the_root_are_those_that_are_looked_for() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b", "a", "none"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        for name in ["a", "b"] {
            fs::write(root.path().join(name).join("run.json"), "{}").unwrap();
        }
        let expect = ["a", "b"].map(|name| root.path().join(name).display().to_string());
        assert_eq!(folders_in(root.path(), is_run), expect);
        let typed = root.path().join("no").display().to_string();
        assert_eq!(offered(&runs(), "tfm eval", &typed), [format!("{typed}ne/")]);
    }
}
