//! The words, by class. A class is a list in falling order of frequency.

mod nouns;
mod others;
mod verbs;

pub(super) use verbs::{Particle, Preposition, VerbClass};

use super::feature::{Agreement, Inflection, Kind, Number, Sound, Tense};

/// A set of words that the grammar chooses from by their fixed frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum WordClass {
    /// This very word.
    Literal(&'static str),
    Noun(Kind, Number, Sound),
    Verb(VerbClass, Inflection),
    /// First names, of men or of women.
    Name(Agreement),
    /// Adjectives in front of any noun.
    Adjective(Sound),
    /// Adjectives behind a copula whose subject is of this kind.
    Predicate(Kind),
    /// What a numeral or "several" counts is plural.
    Quantifier,
    Manner,
    City,
    Landmark,
    Color,
    Garment,
    /// Time adverbs of one word.
    TimeAdverb(Tense),
    /// Words that complete a time adverb of two words, such as "last week".
    Period(Tense),
    /// Conjunctions that open a second clause in the tense of the first.
    Conjunction,
}

/// The members of a class with their weights, which need not sum to 1.
pub(super) fn members(class: WordClass) -> Vec<(&'static str, f64)> {
    match class {
        WordClass::Literal(word) => vec![(word, 1.0)],
        WordClass::Noun(kind, number, sound) => {
            let words = column(nouns::nouns(kind), number as usize);
            words.into_iter().filter(|(word, _)| sound.admits(word)).collect()
        }
        WordClass::Verb(class, inflection) => column(verbs::verbs(class), inflection as usize),
        WordClass::Adjective(sound) => {
            let words = column(others::ADJECTIVES, 0);
            words.into_iter().filter(|(word, _)| sound.admits(word)).collect()
        }
        WordClass::Name(Agreement::She) => column(nouns::WOMEN, 0),
        WordClass::Name(_) => column(nouns::MEN, 0),
        WordClass::Predicate(kind) => column(others::predicates(kind), 0),
        WordClass::Quantifier => column(others::QUANTIFIERS, 0),
        WordClass::Manner => column(others::MANNERS, 0),
        WordClass::City => column(nouns::CITIES, 0),
        WordClass::Landmark => column(nouns::LANDMARKS, 0),
        WordClass::Color => column(others::COLORS, 0),
        WordClass::Garment => column(nouns::GARMENTS, 0),
        WordClass::TimeAdverb(tense) => column(others::time_adverbs(tense), 0),
        WordClass::Period(tense) => column(others::periods(tense), 0),
        WordClass::Conjunction => column(others::CONJUNCTIONS, 0),
    }
}

/// The share of a class that may stand after an article of this sound.
pub(super) fn share(class: impl Fn(Sound) -> WordClass, sound: Sound) -> f64 {
    let mass = |sound| members(class(sound)).iter().map(|(_, weight)| weight).sum::<f64>();
    mass(sound) / mass(Sound::Any)
}

/// Column `index` of a list "a0 a1, b0 b1, …". Weights fall like Zipf's law with an
/// offset, the last about half of the first, so that no word is rare.
fn column(entries: &'static str, index: usize) -> Vec<(&'static str, f64)> {
    let rows: Vec<_> = entries.split(',').collect();
    let offset = rows.len() as f64;
    let words = rows.into_iter().filter_map(|row| row.split_whitespace().nth(index));
    words.enumerate().map(|(rank, word)| (word, 1.0 / (rank as f64 + offset))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_all_its_forms() {
        let check = |entries: &str, forms: usize| {
            for row in entries.split(',') {
                assert_eq!(row.split_whitespace().count(), forms, "{row:?}");
            }
        };
        for kind in Kind::TRADES.into_iter().filter(|kind| kind.is_person()) {
            check(nouns::nouns(kind), 2);
            check(nouns::nouns(kind.product().unwrap()), 2);
        }
        for class in VerbClass::ALL {
            check(verbs::verbs(class), 3);
        }
    }

    #[test]
    fn the_shares_of_both_sounds_make_the_whole() {
        let adjectives = share(WordClass::Adjective, Sound::Vowel)
            + share(WordClass::Adjective, Sound::Consonant);
        assert!((adjectives - 1.0).abs() < 1e-12);
    }
}
