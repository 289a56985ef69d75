//! The error for a verb, a model or another command that does not exist, and for a run that cannot be
//! read where its model is not given.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use super::{Registry, by_run, tree, verbs};
use crate::run::RunDir;

/// The parser's error; for an unknown command, one that lists the known ones, and for a run whose
/// model is not known, why it is not.
pub(super) fn improve(error: Error, registry: Registry, args: &[OsString]) -> Error {
    match error.kind() {
        ErrorKind::InvalidSubcommand => unknown(error, registry, args),
        ErrorKind::UnknownArgument => match by_run::why_unreadable(registry, args) {
            Some(why) => tree(registry).error(ErrorKind::InvalidSubcommand, why),
            None => error,
        },
        _ => error,
    }
}

fn unknown(error: Error, registry: Registry, args: &[OsString]) -> Error {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let mut tree = tree(registry);
    tree.build();
    let (path, mut parent) = parent(&tree, args, wrong);
    let message = match path.split_first() {
        None => unknown_command(registry, &tree, wrong),
        Some((verb, [])) if verbs::names(registry).contains(&verb.as_str()) => {
            unknown_model(registry, verb, &parent, wrong)
        }
        Some(_) => {
            let choice = choice(wrong, &names(&parent));
            format!("`tfm {}` has no {wrong}; {choice}", path.join(" "))
        }
    };
    parent.error(ErrorKind::InvalidSubcommand, message)
}

/// The command in `args` that `wrong` was to be a command of, and the names that lead to it.
fn parent(tree: &Command, args: &[OsString], wrong: &str) -> (Vec<String>, Command) {
    let mut command = tree;
    let mut path = Vec::new();
    for arg in args.iter().skip(1).take_while(|arg| *arg != wrong) {
        // An option before a command has no value: no command has both.
        let Some(below) = arg.to_str().and_then(|arg| command.find_subcommand(arg)) else {
            continue;
        };
        path.push(below.get_name().to_owned());
        command = below;
    }
    (path, command.clone())
}

fn unknown_command(registry: Registry, tree: &Command, wrong: &str) -> String {
    if let Some(entry) = registry.iter().find(|entry| entry.name == wrong) {
        let verbs = verbs_of(registry, wrong);
        return format!(
            "the verb comes before the model: tfm {} {wrong}; {wrong} has: {}",
            entry.verbs.first().map_or("<verb>", |verb| verb.name),
            verbs.join(", ")
        );
    }
    format!("tfm has no {wrong}; {}", choice(wrong, &names(tree)))
}

fn unknown_model(registry: Registry, verb: &str, command: &Command, wrong: &str) -> String {
    if registry.iter().any(|entry| entry.name == wrong) {
        return format!(
            "{wrong} has no `{verb}`; it has: {}",
            verbs_of(registry, wrong).join(", ")
        );
    }
    let names = names(command);
    let hint = hint(wrong, &names);
    // The other verbs take a run folder in the model's place.
    let path = Path::new(wrong);
    let is_path = path.components().count() > 1 || path.exists();
    if is_path
        && !["bench", "import"].contains(&verb)
        && let Err(error) = RunDir::read(path)
    {
        return format!("{error:#}");
    }
    let what = match verb {
        "bench" | "import" => "is not a model",
        _ => "is neither a model nor a run folder",
    };
    format!("{wrong} {what}; {hint}`{verb}` works for: {}", names.join(", "))
}

/// The verbs of a model in the order of the help.
fn verbs_of(registry: Registry, model: &str) -> Vec<&'static str> {
    let has = |verb: &&str| verbs::models(registry, verb).any(|(entry, _)| entry.name == model);
    verbs::names(registry).into_iter().filter(has).collect()
}

fn names(command: &Command) -> Vec<&str> {
    command.get_subcommands().map(Command::get_name).collect()
}

/// `did you mean …? there are: …`
pub(super) fn choice(wrong: &str, names: &[&str]) -> String {
    match names {
        [] => "there are none".to_owned(),
        names => format!("{}there are: {}", hint(wrong, names), names.join(", ")),
    }
}

/// `did you mean …? `, or nothing where no name is near.
fn hint(wrong: &str, names: &[&str]) -> String {
    let limit = (wrong.chars().count() / 3).max(2);
    let edits = |name: &&&str| strsim::damerau_levenshtein(wrong, name);
    let nearest = names.iter().min_by_key(edits).filter(|name| edits(name) <= limit);
    nearest.map(|name| format!("did you mean {name}? ")).unwrap_or_default()
}
