//! `tfm completions`: what a shell needs to complete a command line.

use std::ffi::OsString;

use anyhow::{Context, Result};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::env::{Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};

use super::bash::{Bash, Line};
use super::by_run::{self, Given};
use super::{Fixed, Registry, tree, verbs};
use crate::models::options::complete;
use crate::models::stdout;

pub(super) const FIXED: Fixed = Fixed { command, run };

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// The environment variable by which a script asks.
const VARIABLE: &str = "TFM_COMPLETE";

#[derive(Args, Debug)]
struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = SHELLS)]
    shell: String,
}

fn command() -> Command {
    let command = Command::new("completions").about("Prints the completion script for a shell");
    Completions::augment_args(command).after_long_help(
        "The script calls tfm for completions such as presets, keys, runs and data sets.\n\n\
         Examples:\n  \
         echo 'source <(tfm completions bash)' >> ~/.bashrc\n  \
         echo 'source <(tfm completions zsh)' >> ~/.zshrc\n  \
         tfm completions fish > ~/.config/fish/completions/tfm.fish",
    )
}

fn run(_: Registry, matches: &ArgMatches) -> Result<()> {
    let Completions { shell } = Completions::from_arg_matches(matches)?;
    // Not straight to stdout: a write that fails is not to end in a panic.
    let mut script = Vec::new();
    let bash = Bash::default();
    let shells = all(&bash);
    let shells = Shells(&shells);
    let completer = shells.completer(&shell).with_context(|| format!("no shell {shell}"))?;
    completer.write_registration(VARIABLE, "tfm", "tfm", "tfm", &mut script)?;
    let script = String::from_utf8(script).context("the completions are not UTF-8")?;
    stdout::print(script.trim_end_matches('\n')).map(|_| ())
}

fn all(bash: &Bash) -> [&dyn EnvCompleter; 5] {
    [bash, &Elvish, &Fish, &Powershell, &Zsh]
}

/// Answers a shell's completion script. Returns whether this process was started for that.
pub(super) fn answer(registry: Registry, args: &[OsString]) -> Result<bool> {
    let Some(shell) = std::env::var_os(VARIABLE) else { return Ok(false) };
    let asked = args.iter().position(|arg| arg == "--").map_or(&[][..], |at| &args[at + 1..]);
    let bash = match asked {
        [line] if shell == "bash" => Bash { line: Line::asked(&line.to_string_lossy()) },
        _ => Bash::default(),
    };
    let words = match bash.line.words.is_empty() {
        true => asked.to_vec(),
        false => bash.line.words.iter().map(OsString::from).collect(),
    };
    let before = &words[..words.len().saturating_sub(1)];
    complete::after(before);
    let folder = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(|| tree_after(registry, before)).var(VARIABLE);
    Ok(answer.shells(Shells(&all(&bash))).try_complete(args, folder.as_deref())?)
}

/// The tree in which the word after `words` is looked for: a verb takes a run in its model's place,
/// and once it has one it is the verb of the run's model.
fn tree_after(registry: Registry, words: &[OsString]) -> Command {
    let tree = tree(registry);
    let names = verbs::names(registry);
    let Some(verb) = words.get(1).and_then(|verb| names.into_iter().find(|name| verb == name))
    else {
        return tree;
    };
    let of_run = by_run::given(registry, words).and_then(|given| of_run(registry, verb, &given));
    tree.mut_subcommand(verb, |command| of_run.unwrap_or_else(|| with_runs(command)))
}

/// A verb of the model that the run in its place has.
fn of_run(registry: Registry, verb: &'static str, given: &Given) -> Option<Command> {
    let (_, of_model) =
        verbs::models(registry, verb).find(|(entry, _)| entry.name == given.model)?;
    let command = Command::new(verb);
    let model = (of_model.args)(command.clone());
    let option = model.get_arguments().find(|arg| arg.get_long() == Some(given.option))?;
    let runs = match option.get_action() {
        ArgAction::Append => run_in_place().num_args(1..),
        _ => run_in_place(),
    };
    let command = if given.runs == 0 { command } else { command.arg(runs.required(true)) };
    Some((of_model.args)(command))
}

/// A verb that has neither a model nor a run yet.
fn with_runs(verb: Command) -> Command {
    let long = by_run::option(verb.get_name());
    let takes = |model: &Command| model.get_arguments().any(|arg| arg.get_long() == Some(long));
    if !verb.get_subcommands().any(takes) {
        return verb;
    }
    let option = Arg::new("of-run").long(long).value_name("RUN").help("The run's folder");
    verb.arg(run_in_place()).arg(option.add(complete::runs()))
}

/// A run instead of its model.
fn run_in_place() -> Arg {
    Arg::new("run-in-place").value_name("RUN").add(complete::runs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fake;

    /// The completions after a line, without options.
    fn offered(line: &str) -> Vec<String> {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let (last, before) = (words.len() - 1, &words[..words.len() - 1]);
        complete::after(before);
        let mut tree = tree_after(fake::ALL, before);
        tree.clone().debug_assert();
        let found = clap_complete::engine::complete(&mut tree, words.clone(), last, None).unwrap();
        found.iter().map(|one| one.get_value().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_verb_offers_runs_beside_its_models() {
        let root = tempfile::tempdir().unwrap();
        let a = fake::run_of(root.path(), "a", "toy", "").display().to_string();
        fake::run_of(root.path(), "b", "toy", "");
        let (a, b) = (format!("{a}/"), format!("{}/b/", root.path().display()));
        let part = &b[..b.len() - 2];
        assert_eq!(offered("tfm plot to"), ["toy"]);
        assert_eq!(offered(&format!("tfm plot {part}")), [&*a, &*b]);
        assert_eq!(offered(&format!("tfm plot --run {part}b")), [&*b]);
        // A verb without runs has none to offer.
        assert!(offered(&format!("tfm bench {part}")).is_empty());
    }

    #[test]
    fn a_verb_with_a_run_offers_what_that_of_its_model_does() {
        let root = tempfile::tempdir().unwrap();
        let a = fake::run_of(root.path(), "a", "toy", "").display().to_string();
        assert_eq!(offered(&format!("tfm plot {a} {a}")), [format!("{a}/")]);
        assert_eq!(offered(&format!("tfm plot {a} --smo")), ["--smooth"]);
        assert_eq!(offered(&format!("tfm plot {a} {a} --x t")), ["time"]);
        assert_eq!(offered(&format!("tfm plot --run {a} --x t")), ["time"]);
        // `verify` takes one run.
        assert!(offered(&format!("tfm verify {a} {a}")).is_empty());
    }
}
