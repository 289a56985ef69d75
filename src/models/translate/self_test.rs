//! The data of the reference's self-test: five pairs of made-up ids.

use anyhow::Result;

use super::dataset::letters;
use crate::data::parallel::PreparedPairs;
use crate::data::tokenizer::{Basic, SPECIAL, Side, Tokenizer};

/// Words of source and of target.
const WORDS: usize = 10;

/// The pairs of `self_test` in the reference's `translate.py`: the first three are those of its
/// bucket (3, 3), the others those of (6, 6).
const PAIRS: [(&[u32], &[u32]); 5] = [
    (&[1, 1], &[2, 2]),
    (&[3, 3], &[4]),
    (&[5], &[6]),
    (&[1, 1, 1, 1, 1], &[2, 2, 2, 2, 2]),
    (&[3, 3, 3], &[5, 6]),
];

/// The pairs. Nothing is appended to the targets, as in the reference.
///
/// # Errors
/// As [`PreparedPairs::of_ids`].
pub fn pairs() -> Result<PreparedPairs> {
    PreparedPairs::of_whole_ids(&PAIRS.map(|(source, target)| [source.to_vec(), target.to_vec()]))
}

/// The pairs as they are shown.
pub fn sentences(tokenizer: &Tokenizer) -> Vec<[String; 2]> {
    let written = |side: Side, ids: &[u32]| -> String {
        let words: Vec<String> = ids.iter().map(|&id| tokenizer.piece(side, id)).collect();
        words.join(" ")
    };
    let pair = |(source, target)| [written(Side::Source, source), written(Side::Target, target)];
    PAIRS.map(pair).to_vec()
}

/// A tokenizer with a letter for each id that has no name.
///
/// # Errors
/// As [`Basic::train`].
pub fn tokenizer() -> Result<Tokenizer> {
    let basic = Basic::train([WORDS; 2], |add| {
        for side in Side::ALL {
            (SPECIAL.len()..WORDS).for_each(|word| add(side, &letters(word)));
        }
        Ok(())
    })?;
    Ok(Tokenizer::Basic(basic))
}
