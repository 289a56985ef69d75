//! How the program ends when something failed.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, ErrorKind, Write};
use std::panic;
use std::process::{self, ExitCode};

use anyhow::Error;
use clap::builder::styling::{AnsiColor, Style};

use crate::console;
use crate::models::{AlreadySaid, Interrupted};
use crate::train::shutdown;

/// Prints `error` once on stderr (help and version, which clap hands over as errors, on
/// stdout) and gives the exit code: 0 for help and version, 2 for wrong arguments, 130 for a
/// run that was interrupted, else 1.
pub fn fail(error: &Error) -> ExitCode {
    console::clear();
    let mut stderr = anstream::stderr().lock();
    let printed = match (error.downcast_ref::<clap::Error>(), error.downcast_ref::<Interrupted>()) {
        (Some(usage), _) if usage.kind() == clap::error::ErrorKind::ValueValidation => {
            write!(stderr, "{}", in_words(&usage.render().ansi().to_string()))
        }
        (Some(usage), _) => usage.print().and_then(|()| io::stdout().flush()),
        _ if error.is::<AlreadySaid>() => Ok(()),
        (_, Some(interrupted)) => writeln!(stderr, "{interrupted}"),
        _ => writeln!(stderr, "{RED}error:{RED:#} {}", message(error)),
    };
    match (code(error), printed) {
        // Where stderr or a pipe is closed there is nobody left to tell.
        (0, Err(error)) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(stderr, "{RED}error:{RED:#} cannot write to stdout: {error}");
            ExitCode::FAILURE
        }
        (code, _) => ExitCode::from(code),
    }
}

/// Rust's error messages for text that is not a number, and their plain wording.
const NUMBERS: &[(&str, &str)] = &[
    ("invalid digit found in string", "it must be a whole number, without a sign or a fraction"),
    ("cannot parse integer from empty string", "it is empty; it must be a whole number"),
    ("number too large to fit in target type", "it is too large"),
    ("number too small to fit in target type", "it is too small"),
    ("number would be zero for non-zero type", "it must be 1 or more"),
    ("is not in 1..18446744073709551615", "is below 1"),
    ("invalid float literal", "it must be a number"),
    ("cannot parse float from empty string", "it is empty; it must be a number"),
];

/// An error of an argument's value in words for people.
fn in_words(message: &str) -> String {
    NUMBERS
        .iter()
        .fold(message.to_owned(), |message, (of_rust, words)| message.replace(of_rust, words))
}

/// Makes a panic on any thread end the program with an error. Other threads would wait for that
/// thread's work, or continue without it.
pub fn end_on_panic() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("a panic");
        let trace = Backtrace::capture();
        let mut stderr = anstream::stderr().lock();
        let _ = writeln!(stderr, "{RED}error:{RED:#} this is a bug in tfm: {text} ({place})");
        if trace.status() == BacktraceStatus::Captured {
            let _ = writeln!(stderr, "{trace}");
        }
        process::exit(PANIC.into());
    }));
}

/// The exit code of a panic, as Rust's own.
const PANIC: u8 = 101;

fn code(error: &Error) -> u8 {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        return u8::try_from(usage.exit_code()).unwrap_or(1);
    }
    if error.is::<Interrupted>() { shutdown::EXIT_CODE } else { 1 }
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
    use std::time::Duration;

    use anyhow::anyhow;

    use super::*;
    use crate::ops::{Cpu, Isa};

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

    /// Not a test by itself: the other process of the next one, where one thread of an operator
    /// panics on its way to a barrier at which the other waits.
    #[test]
    fn panics_on_a_thread_that_another_waits_for() {
        if std::env::var_os("TFM_TEST_PANICS").is_none() {
            return;
        }
        end_on_panic();
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_secs(60));
            println!("waited on");
            process::exit(0);
        });
        Cpu::new(Isa::Portable, 2).unwrap().parallel(usize::MAX, |worker| {
            worker.wait();
            assert!(worker.index() == 0, "as the test wants");
            worker.wait();
        });
        println!("went on");
    }

    #[test]
    fn a_panic_on_any_thread_ends_the_program_with_an_error() {
        let name = "cli::failure::tests::panics_on_a_thread_that_another_waits_for";
        let said = process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("TFM_TEST_PANICS", "1")
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let (out, err) =
            [&said.stdout, &said.stderr].map(|text| String::from_utf8_lossy(text)).into();
        assert_eq!(said.status.code(), Some(i32::from(PANIC)), "{err}");
        let expect = "error: this is a bug in tfm: as the test wants (src";
        assert!(err.starts_with(expect) && err.lines().count() == 1, "{err}");
        assert!(!out.contains("went on") && !out.contains("waited on"), "{out}");
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
