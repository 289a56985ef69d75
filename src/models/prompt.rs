//! Lines that a user types at a terminal: edited, and kept from one prompt to the next.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor, Helper};

/// The lines of earlier prompts that are kept.
const KEPT_LINES: usize = 1000;

/// Whether more lines are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// They are.
    Read,
    /// The prompt is left.
    Stop,
}

/// Whether somebody sits at a terminal and sees the answers there.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The prompt of a model.
pub struct Prompt<H: Helper> {
    editor: Editor<H, FileHistory>,
    /// The prompt before a line.
    sign: &'static str,
    /// The file of the history.
    kept: Option<PathBuf>,
}

impl<H: Helper> Prompt<H> {
    /// A prompt with the history of the model's earlier prompts. `sign` is printed before a line;
    /// `helper` completes what is typed.
    ///
    /// # Errors
    /// The terminal cannot be used.
    pub fn new(model: &str, sign: &'static str, helper: H) -> Result<Self> {
        let mut editor = editor(helper).context("cannot use the terminal")?;
        let kept = history_path(model);
        if let Some(path) = &kept {
            // There is none before the first prompt.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, sign, kept })
    }

    /// Hands over line after line until `each` stops or the input ends. The lines are kept.
    ///
    /// # Errors
    /// Those of `each`, and of a terminal that cannot be read.
    pub fn for_each_line(mut self, mut each: impl FnMut(&str) -> Result<Next>) -> Result<()> {
        loop {
            match self.editor.readline(self.sign) {
                Ok(line) => {
                    self.keep();
                    if each(&line)? == Next::Stop {
                        return Ok(());
                    }
                }
                // As shells do: the line is given up, not the prompt.
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error).context("cannot read from the terminal"),
            }
        }
    }

    /// Adds the last line to the history, which other prompts may share. One that cannot be saved is not
    /// an error.
    fn keep(&mut self) {
        let Some(path) = &self.kept else { return };
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let kept = folder.map_err(Into::into).and_then(|()| self.editor.append_history(path));
        if let Err(error) = kept {
            tracing::debug!("the history cannot be kept in {}: {error}", path.display());
        }
    }
}

fn editor<H: Helper>(helper: H) -> rustyline::Result<Editor<H, FileHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(KEPT_LINES)?
        .auto_add_history(true)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(helper));
    Ok(editor)
}

/// The file of a model's history: `tfm/<model>-history` in the folder where the user's programs
/// keep their state. That is `XDG_STATE_HOME`, or `.local/state` in the home folder, and on Windows
/// `LOCALAPPDATA`. None without such a folder; the prompt then has no history.
fn history_path(model: &str) -> Option<PathBuf> {
    let home = || env::home_dir().map(PathBuf::into_os_string);
    state_folder(cfg!(windows), |name| env::var_os(name), home)
        .map(|folder| folder.join("tfm").join(format!("{model}-history")))
}

fn state_folder(
    is_windows: bool,
    variable: impl Fn(&str) -> Option<OsString>,
    home: impl Fn() -> Option<OsString>,
) -> Option<PathBuf> {
    // As the XDG specification asks, a path that is not absolute is not taken.
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    if is_windows {
        return variable("LOCALAPPDATA").and_then(absolute);
    }
    variable("XDG_STATE_HOME")
        .and_then(absolute)
        .or_else(|| home().and_then(absolute).map(|home| home.join(".local").join("state")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn state_lies_where_the_user_wants_it() {
        let home = || Some(OsString::from("/home/u"));
        let folder = |value: Option<&str>| {
            state_folder(
                false,
                |name| value.filter(|_| name == "XDG_STATE_HOME").map(Into::into),
                home,
            )
        };
        assert_eq!(folder(Some("/state")), Some("/state".into()));
        assert_eq!(folder(Some("state")), Some("/home/u/.local/state".into()));
        assert_eq!(folder(None), Some("/home/u/.local/state".into()));
        assert_eq!(state_folder(false, |_| None, || None), None);
        assert_eq!(state_folder(true, |_| None, home), None);
    }
}
