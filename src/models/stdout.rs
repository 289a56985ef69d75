//! Results on stdout: plain text for people, one JSON object for programs.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use super::options::OutputOptions;
use crate::console;

/// Whether someone still reads stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// More can be written.
    Listening,
    /// The pipe is closed, as `head` closes it; a long output may end here.
    Gone,
}

/// Writes `text` and a line break to stdout and flushes. A reader that has gone away is not an error.
///
/// # Errors
/// Stdout cannot be written, as when its disk is full.
pub fn print(text: impl Display) -> Result<Reader> {
    write(&format!("{text}\n"))
}

/// Writes a part of a line to stdout at once.
///
/// # Errors
/// As [`print()`].
pub fn write(text: &str) -> Result<Reader> {
    write_to(&mut io::stdout().lock(), text)
}

fn write_to(to: &mut impl Write, text: &str) -> Result<Reader> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => Ok(Reader::Listening),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("cannot write to stdout"),
    }
}

impl OutputOptions {
    /// Prints a result: `text`, or with `--json` `value` as one JSON object on one line, in
    /// which a number that is not finite is null. An empty `text` prints nothing.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn report(&self, value: &impl Serialize, text: impl Display) -> Result<()> {
        console::clear();
        let text = match self.json {
            true => serde_json::to_string(value).context("the result is not JSON")?,
            false => text.to_string(),
        };
        if !text.is_empty() {
            print(text.trim_end_matches('\n'))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let mut text = Vec::new();
        assert_eq!(write_to(&mut text, "a\n").unwrap(), Reader::Listening);
        assert_eq!(text, b"a\n");
        assert_eq!(write_to(&mut Fails(ErrorKind::BrokenPipe), "a").unwrap(), Reader::Gone);
        let error = write_to(&mut Fails(ErrorKind::StorageFull), "a").unwrap_err();
        assert_eq!(error.to_string(), "cannot write to stdout");
    }
}
