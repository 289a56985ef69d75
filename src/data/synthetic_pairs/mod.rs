//! The program's own language pair: English sentences and their translations into an invented
//! language, for a model that learns to translate where there is no text and no network.
//!
//! A sentence is drawn as what it says (`phrase.rs`) and written down twice. The invented language
//! has another order of words: subject, time, place, object, verb; a noun's adjectives follow it,
//! the last one first, and its determiner follows them. Adjectives and determiners agree with their
//! noun in class and number, verbs with their subject in number. Some English phrases are translated
//! as a whole. An English sentence has exactly one translation, so that a perfect model is right
//! everywhere.
//!
//! ```text
//! yesterday the brave sailor did not show the two big keys to our king.
//! ```

mod english;
mod invented;
mod lexicon;
mod phrase;
mod splits;
#[cfg(test)]
mod tests;

pub use splits::{SplitFiles, write_splits};

use self::lexicon::Lexicon;
use self::phrase::Sentence;
use super::Split;
use crate::rng::Stream;

/// The words of a sentence, the stop at its end counted.
const WORDS: std::ops::RangeInclusive<usize> = 4..=14;
/// One in this many sentences is in the validation split, and one in the test split.
const HELD_OUT: u32 = 16;

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyntheticPair {
    /// In English: 4 to 14 words in small letters, a stop after the last one counted as a word.
    pub source: String,
    /// In the invented language.
    pub target: String,
}

/// The sentences of `split` without end. The one at place i depends on the seed, the split and i
/// alone. Which split a sentence is of depends on its words alone: no two splits share one, whatever
/// their seeds. The same sentence may come twice.
pub fn pairs(seed: u64, split: Split) -> impl Iterator<Item = SyntheticPair> {
    let lexicon = Lexicon::embedded();
    let stream = Stream::new(seed, &format!("translation/{split}"));
    (0..).map(move |place| {
        let mut random = stream.at(place);
        loop {
            let sentence = Sentence::draw(&lexicon, &mut random);
            let source = english::sentence(&sentence);
            if WORDS.contains(&words(&source)) && split_of(&source) == split {
                return SyntheticPair { source, target: invented::sentence(&sentence) };
            }
        }
    })
}

fn words(sentence: &str) -> usize {
    sentence.split(' ').count() + 1
}

fn split_of(source: &str) -> Split {
    match crc32c::crc32c(source.as_bytes()) % HELD_OUT {
        0 => Split::Valid,
        1 => Split::Test,
        _ => Split::Train,
    }
}
