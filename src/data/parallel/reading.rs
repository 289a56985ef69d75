//! What comes of reading a parallel text.

use std::fmt::Display;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::system::wording::{by_number, plural};

/// What reading a text has given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Pairs that were handed over.
    pub pairs: u64,
    /// Pairs that were left out since a side is empty.
    pub empty: u64,
    /// Pairs that were left out since a side is not UTF-8.
    pub not_utf8: u64,
    /// Lines that were left out since they do not pair up: of another number of columns than the
    /// first, or behind the end of the other file.
    #[serde(default)]
    pub unpaired: u64,
    /// Pairs that were left out since a line is longer than 1 MiB.
    #[serde(default)]
    pub too_long: u64,
}

impl Reading {
    /// What was left out, in words; nothing where nothing was.
    pub fn dropped(&self) -> Option<String> {
        let Self { pairs, empty, not_utf8, unpaired, too_long } = *self;
        let dropped = empty + not_utf8 + unpaired + too_long;
        (dropped > 0).then(|| {
            let all = pairs + dropped;
            format!(
                "{dropped} of {all} {} {} left out: {empty} with an empty side, {not_utf8} not in \
                 UTF-8, {too_long} too long for sentences, {unpaired} {} not pair up",
                plural(all, "pair"),
                by_number(dropped, "is", "are"),
                by_number(unpaired, "line that does", "lines that do")
            )
        })
    }

    /// Checks that no line is without a partner.
    ///
    /// # Errors
    /// Of the two files of `text` one is longer, so that lines may stand beside others than their
    /// translations.
    pub fn expect_partners(&self, text: impl Display) -> Result<()> {
        let unpaired = self.unpaired;
        ensure!(
            unpaired == 0,
            "the files differ in length: {unpaired} {} no partner in {text}",
            by_number(unpaired, "line has", "lines have")
        );
        Ok(())
    }
}

/// The pairs of a small text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentences {
    /// Source and target of each.
    pub pairs: Vec<[String; 2]>,
    /// The number of the line of each, from 1.
    pub lines: Vec<u64>,
    /// What reading them has given.
    pub reading: Reading,
}

impl Sentences {
    /// Pairs of a text that is not in files: every line is one.
    pub fn of(pairs: Vec<[String; 2]>) -> Self {
        let count = pairs.len() as u64;
        let reading = Reading { pairs: count, ..Reading::default() };
        Self { pairs, lines: (1..=count).collect(), reading }
    }

    /// Drops the pairs that are not `kept`, as if a side of them were empty.
    pub fn keep(&mut self, kept: &[bool]) {
        let before = self.pairs.len();
        let mut is_kept = kept.iter().copied();
        self.pairs.retain(|_| is_kept.next().unwrap_or(true));
        let mut is_kept = kept.iter().copied();
        self.lines.retain(|_| is_kept.next().unwrap_or(true));
        let dropped = (before - self.pairs.len()) as u64;
        self.reading.pairs -= dropped;
        self.reading.empty += dropped;
    }
}
