//! `tfm completions`: what a shell needs to complete a command line.

use std::ffi::OsString;

use anyhow::{Context, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

use super::{Fixed, Registry, tree};
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
    let command = Command::new("completions").about("Prints a shell's completions of tfm");
    Completions::augment_args(command).after_long_help(
        "The script asks tfm itself what fits, presets, keys, runs and data sets among it.\n\n\
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
    let shells = Shells::builtins();
    let completer = shells.completer(&shell).with_context(|| format!("no shell {shell}"))?;
    completer.write_registration(VARIABLE, "tfm", "tfm", "tfm", &mut script)?;
    let script = String::from_utf8(script).context("the completions are not UTF-8")?;
    stdout::print(script.trim_end_matches('\n')).map(|_| ())
}

/// Answers a shell's completion script. Returns whether this process was started for that.
pub(super) fn answer(registry: Registry, args: &[OsString]) -> Result<bool> {
    let folder = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(|| tree(registry)).var(VARIABLE);
    Ok(answer.try_complete(args, folder.as_deref())?)
}
