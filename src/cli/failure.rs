//! How the program ends when something failed.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Error;
use clap::builder::styling::{AnsiColor, Style};

use crate::models::Interrupted;
use crate::train::interrupt;

/// Prints `error` once on stderr (help and version, which clap hands over as errors, on
/// stdout) and gives the exit code: 0 for help and version, 2 for wrong arguments, 130 for a
/// run that was interrupted, else 1.
pub fn fail(error: &Error) -> ExitCode {
    let mut stderr = anstream::stderr().lock();
    // Where stderr or stdout is closed there is nobody left to tell.
    let _ = match (error.downcast_ref::<clap::Error>(), error.downcast_ref::<Interrupted>()) {
        (Some(usage), _) => usage.print(),
        (_, Some(interrupted)) => writeln!(stderr, "{interrupted}"),
        _ => writeln!(stderr, "{RED}error:{RED:#} {}", message(error)),
    };
    ExitCode::from(code(error))
}

fn code(error: &Error) -> u8 {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        return u8::try_from(usage.exit_code()).unwrap_or(1);
    }
    if error.is::<Interrupted>() { interrupt::EXIT_CODE } else { 1 }
}

/// As clap's own.
const RED: Style = AnsiColor::Red.on_default().bold();

/// The chain of causes: on one line where every message is one, else each cause below.
fn message(error: &Error) -> String {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors repeat their cause at the end of their own message.
        if messages.last().is_none_or(|last| !last.ends_with(&cause)) {
            messages.push(cause);
        }
    }
    if messages.iter().all(|message| !message.contains('\n')) {
        return messages.join(": ");
    }
    messages.join("\n  caused by: ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[track_caller]
    fn check(messages: &[&str], expect: &str) {
        let (first, rest) = messages.split_first().unwrap();
        let error = rest.iter().fold(anyhow!("{first}"), |error, m| error.context(m.to_string()));
        assert_eq!(message(&error), expect);
    }

    #[test]
    fn a_chain_is_one_line_if_it_can_be() {
        check(&["no such file", "cannot read x", "no run"], "no run: cannot read x: no such file");
        check(&["no such file", "cannot read x: no such file"], "cannot read x: no such file");
        check(&["a\n  b", "c", "d"], "d\n  caused by: c\n  caused by: a\n  b");
    }

    #[test]
    fn codes_tell_kinds_of_failure_apart() {
        let interrupted = Error::from(Interrupted { message: "stopped".to_owned() });
        assert_eq!(code(&interrupted.context("in a verb")), 130);
        assert_eq!(code(&anyhow!("x")), 1);
        let usage = |kind| Error::from(clap::Error::raw(kind, "x"));
        assert_eq!(code(&usage(clap::error::ErrorKind::InvalidValue)), 2);
        assert_eq!(code(&usage(clap::error::ErrorKind::DisplayHelp)), 0);
    }
}
