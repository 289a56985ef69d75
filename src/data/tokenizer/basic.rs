//! The tokenizer of the reference.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{SPECIAL, Side, UNK};
use crate::data::input;
use crate::data::vocabulary::{Vocabulary, VocabularyRules, WordOrder};
use crate::data::words::Space;
use crate::system::wording::plural;

/// The characters that are tokens of their own wherever they are: `_WORD_SPLIT` of the reference.
const SEPARATORS: [char; 10] = ['.', ',', '!', '?', '"', '\'', ':', ';', ')', '('];

/// The name of the file of a side's vocabulary.
pub(super) fn file(side: Side) -> &'static str {
    match side {
        Side::Source => "source.vocab.txt",
        Side::Target => "target.vocab.txt",
    }
}

/// Words and punctuation, each digit a 0, with a vocabulary a side.
#[derive(Clone, Debug, PartialEq)]
pub struct Basic {
    vocabularies: [Vocabulary; 2],
}

impl Basic {
    /// Takes the most frequent tokens of each side, those that are as frequent in the order in
    /// which they come, until there are `sizes` of them (source, target), the four special ones
    /// counted. `read` hands over the sentences of the training text.
    ///
    /// # Errors
    /// Those of `read`; a size that leaves no word, and a side without one.
    pub fn train(
        sizes: [usize; 2],
        read: impl FnOnce(&mut dyn FnMut(Side, &str)) -> Result<()>,
    ) -> Result<Self> {
        let most = |size: usize| size.saturating_sub(SPECIAL.len());
        for (side, size) in Side::ALL.into_iter().zip(sizes) {
            let words = plural(size, "word");
            ensure!(most(size) > 0, "a vocabulary of {size} {words} has no room for the {side}'s");
        }
        let mut counters = [Counter::default(), Counter::default()];
        read(&mut |side, text| counters[side as usize].add(text))?;
        let [source, target] = counters;
        let vocabulary = |counter: Counter, side: Side| {
            counter.finish(most(sizes[side as usize])).with_context(|| format!("the {side} text"))
        };
        let vocabularies = [vocabulary(source, Side::Source)?, vocabulary(target, Side::Target)?];
        Ok(Self { vocabularies })
    }

    /// The ids of a sentence. A word of the text that is spelled as a special token is unknown.
    pub(super) fn encode(&self, side: Side, text: &str) -> Vec<u32> {
        let vocabulary = self.vocabulary(side);
        let mut ids = Vec::new();
        for_each_token(text, |token| {
            let id = vocabulary.id(token).filter(|&id| id > UNK);
            ids.push(id.unwrap_or(UNK));
        });
        ids
    }

    /// The words with a space between any two, as the reference prints them.
    pub(super) fn decode(&self, side: Side, ids: &[u32]) -> String {
        let words: Vec<_> = ids.iter().map(|&id| self.vocabulary(side).word(id)).collect();
        words.join(" ")
    }

    pub(super) fn size(&self, side: Side) -> usize {
        self.vocabulary(side).len()
    }

    /// The words of a side.
    pub fn vocabulary(&self, side: Side) -> &Vocabulary {
        &self.vocabularies[side as usize]
    }

    pub(super) fn fingerprint(&self) -> String {
        // Without the counts, which files do not have.
        let part = |side| {
            let text = self.vocabulary(side).to_text();
            format!("{} words {:08x}", self.size(side), crc32c::crc32c(text.as_bytes()))
        };
        format!("basic, {}, {}", part(Side::Source), part(Side::Target))
    }

    pub(super) fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let of = |side| (file(side), self.vocabulary(side).to_text().into_bytes());
        Side::ALL.map(of).to_vec()
    }

    pub(super) fn load(folder: &Path) -> Result<Self> {
        let read = |side| {
            let path = folder.join(file(side));
            let vocabulary = Vocabulary::from_text(&input::read_to_string(&path)?)
                .and_then(|words| words.ensure_reserved(&SPECIAL).map(|()| words));
            vocabulary.with_context(|| format!("{} is damaged", path.display()))
        };
        Ok(Self { vocabularies: [read(Side::Source)?, read(Side::Target)?] })
    }
}

/// How often each token occurs, in the order of appearance.
#[derive(Debug, Default)]
struct Counter {
    ids: HashMap<Box<str>, usize>,
    counts: Vec<u64>,
}

impl Counter {
    fn add(&mut self, text: &str) {
        let Self { ids, counts } = self;
        for_each_token(text, |token| match ids.get(token) {
            Some(&id) => counts[id] += 1,
            None => {
                ids.insert(token.into(), counts.len());
                counts.push(1);
            }
        });
    }

    fn finish(self, most: usize) -> Result<Vocabulary> {
        let Self { ids, counts } = self;
        ensure!(!ids.is_empty(), "it has no words");
        let mut words: Vec<_> = ids.into_iter().collect();
        words.sort_unstable_by_key(|(_, id)| *id);
        let words = words.into_iter().map(|(word, id)| (word, counts[id]));
        let order = WordOrder::CountThenFirstSeen;
        let rules =
            VocabularyRules { reserved: &SPECIAL, max: most, order, ..VocabularyRules::default() };
        Vocabulary::of_counts(words, &rules)
    }
}

/// Calls `each` for every token: a piece of the text, its ASCII digits 0.
fn for_each_token(text: &str, mut each: impl FnMut(&str)) {
    let mut zeros = String::new();
    for_each_piece(text, |piece| {
        if !piece.bytes().any(|byte| byte.is_ascii_digit()) {
            return each(piece);
        }
        zeros.clear();
        zeros.extend(piece.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }));
        each(&zeros);
    });
}

/// Calls `each` for the parts between ASCII white space, cut before and after every separator.
fn for_each_piece(text: &str, mut each: impl FnMut(&str)) {
    for word in Space::Ascii.words(text) {
        let mut rest = word;
        while let Some(at) = rest.find(SEPARATORS) {
            if at > 0 {
                each(&rest[..at]);
            }
            each(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            each(rest);
        }
    }
}

/// The pieces of a text as they are written.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_piece(text, |piece| words.push(piece.to_string()));
    words
}
