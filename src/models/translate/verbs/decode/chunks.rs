//! A text as it comes: its lines in chunks that are translated side by side.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::{Context, Error, Result, ensure};

use crate::data::input::not_utf8;

/// The most lines of a chunk.
const MOST: usize = 512;
/// Bytes that are read at a time.
const BUFFER: usize = 1 << 18;
/// The longest line in bytes: data without line breaks must not fill the memory.
const LONGEST: u64 = 1 << 20;

/// Chunks of lines, or the error after the last.
pub type Receiving = Receiver<Result<Vec<String>>>;

/// Reads the text that `open` opens, on its own thread, one chunk ahead, so that a waiting reader can
/// still be stopped. `path` names the text in errors.
///
/// # Errors
/// The system cannot start the thread.
pub fn read<R: Read>(
    path: &Path,
    open: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<Receiving> {
    let (sender, receiver) = sync_channel(1);
    let path = path.to_path_buf();
    let send = move || match open() {
        Ok(reader) => {
            // An error to send means that nobody waits any more.
            let _ = Chunks::new(reader, path).try_for_each(|chunk| sender.send(chunk));
        }
        Err(error) => drop(sender.send(Err(error))),
    };
    let started = thread::Builder::new().name("lines".to_owned()).spawn(send);
    started.context("cannot start a thread that reads the text")?;
    Ok(receiver)
}

/// The chunks of a text: the first line is waited for, and the lines that have come with it are
/// taken too.
struct Chunks<R> {
    reader: BufReader<R>,
    path: PathBuf,
    /// Lines and bytes that were read.
    lines: u64,
    bytes: u64,
    /// The error after the lines of the last chunk.
    failed: Option<Error>,
}

impl<R: Read> Chunks<R> {
    fn new(reader: R, path: PathBuf) -> Self {
        let reader = BufReader::with_capacity(BUFFER, reader);
        Self { reader, path, lines: 0, bytes: 0, failed: None }
    }

    /// The next line without its end; none at the end of the text.
    fn line(&mut self) -> Result<Option<String>> {
        let place = self.path.display();
        let mut line = Vec::new();
        // With the two characters of a line's end.
        let read = self.reader.by_ref().take(LONGEST + 2).read_until(b'\n', &mut line);
        let n = read.with_context(|| format!("{place} cannot be read to the end"))? as u64;
        if n == 0 {
            return Ok(None);
        }
        let number = self.lines + 1;
        for end in [b'\n', b'\r'] {
            line.pop_if(|last| *last == end);
        }
        ensure!(
            line.len() as u64 <= LONGEST,
            "{place}:{number}: the line is longer than {LONGEST} bytes: this is not text"
        );
        let line = String::from_utf8(line).map_err(|error| {
            let valid = error.utf8_error().valid_up_to() as u64;
            not_utf8(&self.path, Some(self.lines), self.bytes + valid)
        })?;
        (self.lines, self.bytes) = (number, self.bytes + n);
        Ok(Some(line))
    }

    /// Whether a complete line is available without waiting.
    fn has_line(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = Result<Vec<String>>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let mut lines = Vec::new();
        while lines.is_empty() || (lines.len() < MOST && self.has_line()) {
            match self.line() {
                Ok(Some(line)) => lines.push(line),
                Ok(None) => break,
                Err(error) if lines.is_empty() => return Some(Err(error)),
                Err(error) => {
                    // The lines before it are translated first.
                    self.failed = Some(error);
                    break;
                }
            }
        }
        (!lines.is_empty()).then_some(Ok(lines))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A pipe that gives what was written into it, write by write.
    struct Pipe(Vec<Vec<u8>>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let bytes = self.0.remove(0);
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }

    fn chunks(writes: &[&[u8]]) -> Vec<Result<Vec<String>, String>> {
        let pipe = Pipe(writes.iter().map(|bytes| bytes.to_vec()).collect());
        let chunks = Chunks::new(pipe, "standard input".into());
        chunks.take(20).map(|chunk| chunk.map_err(|error| format!("{error:#}"))).collect()
    }

    fn lines(lines: &[&str]) -> Result<Vec<String>, String> {
        Ok(lines.iter().map(|&line| line.to_owned()).collect())
    }

    #[test]
    fn lines_are_taken_as_they_come() {
        let writes: [&[u8]; 4] = [b"one\n", b"two\nthree\r\nfo", b"ur\n\n", b"five"];
        let want =
            [lines(&["one"]), lines(&["two", "three"]), lines(&["four", ""]), lines(&["five"])];
        assert_eq!(chunks(&writes), want);
        assert!(chunks(&[]).is_empty());
    }

    #[test]
    fn a_chunk_has_so_many_lines_at_most() {
        let text = "a\n".repeat(MOST + 3);
        let sizes: Vec<usize> =
            chunks(&[text.as_bytes()]).iter().map(|chunk| chunk.as_ref().unwrap().len()).collect();
        assert_eq!(sizes, [MOST, 3]);
    }

    #[test]
    fn the_lines_before_a_damaged_one_come_first() {
        let found = chunks(&["é\nb\nc\u{e9}".as_bytes(), b"\xff\nd\n"]);
        assert_eq!(found[0], lines(&["é", "b"]));
        let error = found[1].as_ref().unwrap_err();
        assert!(error.starts_with("standard input:3: the text is not UTF-8, byte 8"), "{error}");
        let found = chunks(&[b"a\n\xff\nb\n"]);
        assert!(found[0] == lines(&["a"]) && found[1].is_err(), "{found:?}");
        let longest = [&vec![b'a'; LONGEST as usize][..], b"\r\n"].concat();
        let parts: Vec<&[u8]> = longest.chunks(BUFFER).collect();
        assert_eq!(chunks(&parts)[0].as_ref().unwrap()[0].len(), LONGEST as usize);
        let long = vec![b'a'; LONGEST as usize + 1];
        let parts: Vec<&[u8]> = long.chunks(BUFFER).collect();
        let error = chunks(&parts)[0].clone().unwrap_err();
        assert_eq!(
            error,
            "standard input:1: the line is longer than 1048576 bytes: this is not text"
        );
    }

    #[test]
    fn a_text_that_cannot_be_opened_is_an_error() {
        let text = read(Path::new("x"), || -> Result<io::Empty> { anyhow::bail!("gone") }).unwrap();
        assert_eq!(text.recv().unwrap().unwrap_err().to_string(), "gone");
        assert!(text.recv().is_err());
        let text = read(Path::new("x"), || Ok(&b"a\nb"[..])).unwrap();
        let all: Vec<String> = text.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(all, ["a", "b"]);
    }
}
