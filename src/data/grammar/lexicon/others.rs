//! Adjectives, adverbs and the small classes.

use super::{Kind, Tense};

pub(super) const ADJECTIVES: &str = "old, small, new, famous, strange, quiet, little, \
                                     beautiful, lonely, enormous, tiny, elegant, curious, \
                                     ordinary, noisy, heavy, dirty, modern, ugly, remarkable, \
                                     mysterious, french, italian, german, american, odd, \
                                     gentle, clumsy, rare, local, perfect, ancient, funny, \
                                     humble, unusual, dangerous, brave, clever, cheerful, \
                                     grumpy, lazy, patient, polite, silent, sleepless, \
                                     respectable, impossible, absurd";

pub(super) const QUANTIFIERS: &str =
    "two, some, three, many, several, four, twelve, most, five, seven, countless, all";

pub(super) const MANNERS: &str = "quietly, slowly, happily, loudly, nervously, politely, \
                                  proudly, calmly, bravely, patiently, secretly, sadly, \
                                  elegantly, wildly, eagerly, carefully";

pub(super) const COLORS: &str = "red, black, green, blue, white, yellow, purple, silver";

pub(super) const CONJUNCTIONS: &str = "because, while, although, whenever, until";

/// Adjectives behind a copula.
pub(super) fn predicates(kind: Kind) -> &'static str {
    match kind {
        Kind::Animal => "hungry, thirsty, sleepy, wild, tame, asleep",
        Kind::Machine => "broken, rusty, useless, expensive, dusty, unreliable",
        _ => "tired, happy, angry, rich, sick, poor, jealous, nervous",
    }
}

/// Time adverbs of one word.
pub(super) fn time_adverbs(tense: Tense) -> &'static str {
    match tense {
        Tense::Past => "yesterday, formerly",
        Tense::Present => "nowadays, usually",
        Tense::Perfect => "recently, lately",
        Tense::Future => "tomorrow, soon",
    }
}

/// What completes "last", "every", "since" and "next".
pub(super) fn periods(tense: Tense) -> &'static str {
    match tense {
        Tense::Past => "night, week, winter, summer, year",
        Tense::Present => "morning, evening, day, sunday, afternoon",
        Tense::Perfect => "monday, christmas, easter, noon, breakfast",
        Tense::Future => "week, month, spring, year, summer",
    }
}
