//! The words and values that a reader has collected.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::super::vectors::WordVectors;
use super::read::ImportOptions;
use crate::data::corpus::UNKNOWN;
use crate::data::vocabulary::Vocabulary;
use crate::system::memory;
use crate::system::wording::{by_number, plural};

/// The contents of a file.
#[derive(Debug)]
pub struct Imported {
    /// The vectors of [`UNKNOWN`] and of all words, in the order of the file.
    pub vectors: WordVectors,
    /// The words of the file; [`UNKNOWN`] only if the file has it.
    pub words: usize,
    /// What was skipped.
    pub warnings: Vec<String>,
}

/// Words and rows, in the order of the file.
pub(super) struct VectorTable<'a> {
    path: &'a Path,
    options: ImportOptions,
    pub(super) width: usize,
    vocabulary: Vocabulary,
    counts: Vec<u64>,
    rows: Vec<f32>,
    has_unknown: bool,
    /// Lines that are wrong, and words that were there before.
    wrong: LeftOut,
    twice: LeftOut,
}

/// What was skipped: how many, and the first.
#[derive(Default)]
struct LeftOut {
    count: usize,
    first: Option<anyhow::Error>,
}

impl LeftOut {
    fn add(&mut self, error: anyhow::Error) {
        self.count += 1;
        self.first.get_or_insert(error);
    }
}

impl<'a> VectorTable<'a> {
    /// Room for `words`, if their number is known.
    ///
    /// # Errors
    /// When memory cannot hold them.
    pub(super) fn new(
        path: &'a Path,
        options: ImportOptions,
        width: usize,
        words: Option<usize>,
    ) -> Result<Self> {
        let limit = options.limit.map_or(usize::MAX, usize::from);
        let words = words.unwrap_or(0).min(limit);
        let bytes = (words as u64 + 1).saturating_mul(4 * width as u64);
        memory::ensure_fits(bytes, || {
            let (vectors, dimensions) = (plural(words, "vector"), plural(width, "dimension"));
            format!("{}: {words} {vectors} of {width} {dimensions} (--limit)", path.display())
        })?;
        let mut rows = Vec::with_capacity((words + 1) * width);
        rows.resize(width, 0.0);
        Ok(Self {
            path,
            options,
            width,
            vocabulary: Vocabulary::new([UNKNOWN])?,
            counts: vec![0],
            rows,
            has_unknown: false,
            wrong: LeftOut::default(),
            twice: LeftOut::default(),
        })
    }

    /// Words so far.
    fn words(&self) -> usize {
        self.vocabulary.len() - usize::from(!self.has_unknown)
    }

    /// Whether there are as many words as are wanted.
    pub(super) fn is_full(&self) -> bool {
        self.options.limit.is_some_and(|limit| self.words() >= limit.get())
    }

    /// Adds a word: `fill` appends its values to the rows and returns the word with its count. A
    /// wrong word is left out and counted. `place` names the line in errors.
    ///
    /// # Errors
    /// When it does not fit into memory; with [`ImportOptions::strict`], the defect.
    pub(super) fn add<'w>(
        &mut self,
        place: impl Fn() -> String,
        fill: impl FnOnce(&mut Vec<f32>) -> Result<(&'w str, u64)>,
    ) -> Result<()> {
        let begin = self.rows.len();
        self.rows.try_reserve(self.width).with_context(|| {
            format!("the vectors of {} do not fit into memory: give --limit", self.path.display())
        })?;
        let result = fill(&mut self.rows)
            .and_then(|(word, count)| Ok((self.take(word, count, begin)?, word)));
        let (left_out, error) = match result {
            Ok((true, _)) => return Ok(()),
            Ok((false, word)) => (&mut self.twice, anyhow!("{word:?} occurred before")),
            Err(error) => (&mut self.wrong, error),
        };
        self.rows.truncate(begin);
        let error = anyhow!("{}: {error:#}", place());
        if self.options.strict {
            return Err(error);
        }
        left_out.add(error);
        Ok(())
    }

    /// Adds a word whose values begin at `begin`; false if it occurred before.
    fn take(&mut self, word: &str, count: u64, begin: usize) -> Result<bool> {
        ensure!(!word.is_empty(), "the word is empty");
        ensure!(
            !word.contains('\n'),
            "{} contains a line break: the file is damaged, or its first line is wrong",
            excerpt(word)
        );
        if let Some(index) = self.rows[begin..].iter().position(|value| !value.is_finite()) {
            let value = self.rows[begin + index];
            bail!("value {} of {word:?} is {value}, but must be finite", index + 1);
        }
        if word == UNKNOWN && !self.has_unknown {
            self.rows.copy_within(begin.., 0);
            self.rows.truncate(begin);
            (self.has_unknown, self.counts[0]) = (true, count);
            return Ok(true);
        }
        let is_new = self.vocabulary.push(word)?.is_none();
        self.counts.extend(is_new.then_some(count));
        Ok(is_new)
    }

    /// The vectors, once all words are read.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn finish(self) -> Result<Imported> {
        let (words, path) = (self.words(), self.path.display());
        let left_out = |LeftOut { count, first }: LeftOut, [one, several]: [&str; 2]| {
            let first = first?;
            Some(match count {
                1 => format!("{path}: 1 {one}: {first:#}"),
                _ => format!("{path}: {count} {several}; the first: {first:#}"),
            })
        };
        if words == 0 {
            let none = || anyhow!("{path} has no vectors");
            return Err(self.wrong.first.unwrap_or_else(none));
        }
        let warnings = [
            left_out(
                self.wrong,
                ["line is malformed and skipped", "lines are malformed and skipped"],
            ),
            left_out(
                self.twice,
                [
                    "word occurs twice and keeps its first vector",
                    "words occur more than once and keep their first vectors",
                ],
            ),
        ];
        let warnings = warnings.into_iter().flatten().collect();
        let vocabulary = Arc::new(self.vocabulary.with_counts(self.counts)?);
        let vectors = WordVectors::new(vocabulary, self.width, self.rows)?;
        Ok(Imported { vectors, words, warnings })
    }
}

/// No more can be addressed.
const MAX_VALUES: usize = isize::MAX as usize / size_of::<f32>();

/// The first line: V words of D dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) words: usize,
    pub(super) width: usize,
}

impl Header {
    /// Reads `V D`.
    ///
    /// # Errors
    /// The line's text and the rule, without a place.
    pub(super) fn parse(line: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(line);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let numbers: Vec<usize> = fields.iter().flat_map(|field| field.parse()).collect();
        let (&[words, width], 2) = (numbers.as_slice(), fields.len()) else {
            bail!(
                "{} must be the number of words and their dimension, or a word and its \
                values",
                excerpt(&text)
            );
        };
        let header = Self { words, width };
        ensure!(words > 0 && width > 0, "{header}: both numbers must be at least 1");
        let fits = words.checked_mul(width).is_some_and(|values| values <= MAX_VALUES);
        ensure!(
            fits && u32::try_from(words).is_ok(),
            "{header} {} more than can be read",
            by_number(words, "is", "are")
        );
        Ok(header)
    }

    /// Checks that a file of `max_bytes` bytes can hold the announced values at `bytes_a_value`
    /// each.
    ///
    /// # Errors
    /// More values than that.
    pub(super) fn ensure_held(self, max_bytes: u64, bytes_a_value: u64) -> Result<()> {
        let bytes = (self.words as u64 * self.width as u64).saturating_mul(bytes_a_value);
        ensure!(
            bytes <= max_bytes,
            "{self} {} {bytes} bytes, but the file has at most {max_bytes}: it is truncated, or this \
            line is wrong",
            by_number(self.words, "needs", "need")
        );
        Ok(())
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { words, width } = *self;
        write!(f, "{words} {} of {width} {}", plural(words, "word"), plural(width, "dimension"))
    }
}

/// The beginning of a text for a message.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers() {
        assert_eq!(Header::parse(b" 3 200 \r\n").unwrap(), Header { words: 3, width: 200 });
        let error = |line: &str| Header::parse(line.as_bytes()).unwrap_err().to_string();
        for line in ["", "3", "3 4 5", "the 0.1 0.2", "-1 4", "3 4.0", "99999999999999999999 4"] {
            assert!(error(line).contains("must be the number of words"), "{line}");
        }
        assert!(error("0 4").contains("at least 1") && error("4 0").contains("at least 1"));
        assert!(error("5000000000 4").contains("more than can be read"));
        assert!(error(&"x ".repeat(400)).len() < 250);
    }

    #[test]
    fn no_more_than_the_file_can_hold() {
        let header = Header { words: 10, width: 10 };
        header.ensure_held(400, 4).unwrap();
        let error = header.ensure_held(399, 4).unwrap_err().to_string();
        assert!(error.starts_with("10 words of 10 dimensions need 400 bytes, but the file has"));
        let lies = Header { words: u32::MAX as usize, width: MAX_VALUES / u32::MAX as usize };
        lies.ensure_held(u64::MAX / 8, 4).unwrap_err();
    }
}
