//! `tfm eval RUN`: a run knows its model, so that the name need not be typed.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;

use super::{Registry, verbs};
use crate::models::Verb;
use crate::run::RunDir;

/// The runs that a verb is given instead of its model, or as the values of an option.
pub(super) struct Given {
    /// The model of the first.
    pub model: String,
    /// The option that a run is the value of, without its dashes.
    pub option: &'static str,
    /// How many are given instead of the model.
    pub runs: usize,
}

/// Inserts the model's name if a verb is given a run instead: as the value of an option, or as a
/// positional argument, which then becomes that option.
pub(super) fn with_model(registry: Registry, args: Vec<OsString>) -> Vec<OsString> {
    let Some(Given { model, option, runs }) = given(registry, &args) else { return args };
    let option = OsString::from(format!("--{option}"));
    let (runs, rest) = args[2..].split_at(runs);
    let mut expanded = args[..2].to_vec();
    expanded.push(model.into());
    expanded.extend(runs.iter().flat_map(|run| [option.clone(), run.clone()]));
    // `tfm train RUN --resume` says the same twice.
    let is_said = |i: usize| runs.len() == 1 && rest[i] == option && has_no_value(&rest[i + 1..]);
    expanded.extend((0..rest.len()).filter(|i| !is_said(*i)).map(|i| rest[i].clone()));
    expanded
}

fn has_no_value(rest: &[OsString]) -> bool {
    rest.first().is_none_or(|next| next.to_string_lossy().starts_with('-'))
}

/// The run that a verb is given instead of its model, if it is.
pub(super) fn given(registry: Registry, args: &[OsString]) -> Option<Given> {
    let verb = args.get(1)?.to_str()?;
    let is_verb = verbs::names(registry).contains(&verb);
    if !is_verb || args[2..].first().is_none_or(|arg| is_model(registry, arg)) {
        return None;
    }
    let option = option(verb);
    let runs = args[2..].iter().take_while(|arg| model_of(arg).is_some()).count();
    let (in_place, rest) = args[2..].split_at(runs);
    let run = in_place.first().cloned().or_else(|| value_of(option, rest))?;
    let model = model_of(&run)?;
    let of_model = registry.iter().find(|entry| entry.name == model)?.verb(verb);
    let takes = |verb| takes(verb, "verb", option);
    of_model.is_none_or(takes).then_some(Given { model, option, runs })
}

/// Why a run that a verb is given as an option's value, without a model, cannot be read.
pub(super) fn why_unreadable(registry: Registry, args: &[OsString]) -> Option<String> {
    let (verb, rest) = args[1..].split_first()?;
    let verb = verb.to_str().filter(|verb| verbs::names(registry).contains(verb))?;
    if rest.first().is_none_or(|arg| is_model(registry, arg)) {
        return None;
    }
    let run = value_of(option(verb), rest)?;
    RunDir::read(Path::new(&run)).err().map(|error| format!("{error:#}"))
}

fn is_model(registry: Registry, arg: &OsStr) -> bool {
    registry.iter().any(|entry| arg == entry.name)
}

/// Whether a verb of the model `name` has that option.
pub(super) fn takes(verb: &Verb, name: &'static str, option: &str) -> bool {
    (verb.args)(Command::new(name)).get_arguments().any(|arg| arg.get_long() == Some(option))
}

/// The value of `--option VALUE` or `--option=VALUE` among arguments.
fn value_of(option: &str, args: &[OsString]) -> Option<OsString> {
    let after =
        |arg: &OsString| Some(arg.to_str()?.strip_prefix("--")?.strip_prefix(option)?.to_owned());
    args.iter().enumerate().find_map(|(index, arg)| match after(arg)?.strip_prefix('=') {
        Some(value) => Some(value.into()),
        None if arg.len() == option.len() + 2 => args.get(index + 1).cloned(),
        None => None,
    })
}

/// The option of a verb that names a run, without its dashes.
pub(super) fn option(verb: &str) -> &'static str {
    if verb == "train" { "resume" } else { "run" }
}

/// The model of the run in a folder, if it is one.
fn model_of(folder: &OsStr) -> Option<String> {
    let run = Path::new(folder);
    let is_run = run.join("run.json").is_file();
    is_run.then(|| RunDir::read(run).ok().map(|run| run.manifest().model.clone())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    #[test]
    fn a_run_stands_in_the_place_of_its_model() {
        let root = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| fake::run_of(root.path(), name, "toy", ""));
        let (a, b) = (a.display(), b.display());
        let check = |line: &str, expect: &str| {
            let args = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
            assert_eq!(with_model(fake::ALL, args(line)), args(expect));
        };
        check(&format!("tfm plot {a} {b} -q"), &format!("tfm plot toy --run {a} --run {b} -q"));
        check(&format!("tfm verify --run {a}"), &format!("tfm verify toy --run {a}"));
        check(&format!("tfm verify --run={a}"), &format!("tfm verify toy --run={a}"));
        check(&format!("tfm train {a}"), &format!("tfm train toy --resume {a}"));
        check(&format!("tfm train {a} --resume -q"), &format!("tfm train toy --resume {a} -q"));
        for line in ["tfm plot toy --run x", "tfm plot nothing", "tfm plot", "tfm", "tfm data list"]
        {
            check(line, line);
        }
        check(&format!("tfm data {a}"), &format!("tfm data {a}"));
        // A verb without a run is not given one.
        check(&format!("tfm wind-up {a}"), &format!("tfm wind-up {a}"));
    }
}
