//! `tfm completions`: what a shell needs to complete a command line.

use anyhow::{Context, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use clap_complete::Shell;

use super::{Fixed, Registry, tree};
use crate::models::output;

pub(super) const FIXED: Fixed = Fixed { command, run };

#[derive(Args, Debug)]
struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

fn command() -> Command {
    let command = Command::new("completions").about("Prints a shell's completions of tfm");
    Completions::augment_args(command).after_long_help(
        "Examples:\n  \
         tfm completions bash > ~/.local/share/bash-completion/completions/tfm\n  \
         tfm completions fish > ~/.config/fish/completions/tfm.fish\n  \
         tfm completions zsh > a folder of $fpath, in a file _tfm",
    )
}

fn run(registry: Registry, matches: &ArgMatches) -> Result<()> {
    let Completions { shell } = Completions::from_arg_matches(matches)?;
    // Not straight to stdout: the generator panics where a write fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree(registry), "tfm", &mut script);
    let script = String::from_utf8(script).context("the completions are not UTF-8")?;
    output::print(script.trim_end_matches('\n')).map(|_| ())
}
