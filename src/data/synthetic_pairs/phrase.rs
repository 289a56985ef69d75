//! What a sentence says, whatever the language.

use super::lexicon::{Lexicon, Noun, Verb, Word};
use crate::rng::Sequence;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    One,
    Many,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tense {
    Past,
    Present,
    Future,
}

/// A noun with what belongs to it, or a name.
#[derive(Clone, Debug)]
pub(super) enum NounPhrase {
    Name(Word),
    Noun {
        determiner: Word,
        /// In the English order.
        adjectives: Vec<Word>,
        noun: Noun,
        number: Number,
        /// What he, she or it does: a relative clause.
        doing: Option<Verb>,
    },
}

/// What is said of the subject.
#[derive(Clone, Debug)]
pub(super) enum Predicate {
    Verb(Verb),
    Object(Verb, NounPhrase),
    /// What is given to whom.
    Giving(Verb, NounPhrase, NounPhrase),
    Is(Word),
}

#[derive(Clone, Debug)]
pub(super) struct Sentence {
    /// A phrase that says the tense as well.
    pub(super) time: Option<Word>,
    pub(super) subject: NounPhrase,
    /// A second subject.
    pub(super) and: Option<NounPhrase>,
    pub(super) tense: Tense,
    pub(super) is_negative: bool,
    pub(super) predicate: Predicate,
    pub(super) place: Option<(Word, NounPhrase)>,
    pub(super) moment: Option<Word>,
}

impl Sentence {
    /// The number of its verb.
    pub(super) fn number(&self) -> Number {
        if self.and.is_some() { Number::Many } else { self.subject.number() }
    }

    pub(super) fn draw(lexicon: &Lexicon, random: &mut Sequence) -> Self {
        let number = random.below(3);
        let tense = [Tense::Past, Tense::Present, Tense::Future][number as usize];
        let time = chance(random, 0.3).then(|| pick(&lexicon.times[number as usize], random));
        let subject = being(lexicon, random);
        let and = chance(random, 0.12).then(|| noun_phrase(lexicon, &lexicon.beings, 1, random));
        let is_negative = chance(random, 0.15);
        let predicate = predicate(lexicon, random);
        let place = chance(random, 0.3).then(|| {
            let preposition = pick(&lexicon.prepositions, random);
            (preposition, noun_phrase(lexicon, &lexicon.places, 1, random))
        });
        let moment =
            (time.is_none() && chance(random, 0.2)).then(|| pick(&lexicon.moments, random));
        Self { time, subject, and, tense, is_negative, predicate, place, moment }
    }
}

impl NounPhrase {
    pub(super) fn number(&self) -> Number {
        match self {
            Self::Name(_) => Number::One,
            Self::Noun { number, .. } => *number,
        }
    }
}

fn predicate(lexicon: &Lexicon, random: &mut Sequence) -> Predicate {
    match random.uniform() {
        ..0.13 => Predicate::Verb(pick(&lexicon.without_object, random)),
        ..0.22 => Predicate::Verb(pick(&lexicon.idioms, random)),
        ..0.67 => Predicate::Object(pick(&lexicon.with_object, random), object(lexicon, random)),
        ..0.87 => {
            let (verb, what) = (pick(&lexicon.giving, random), object(lexicon, random));
            Predicate::Giving(verb, what, noun_phrase(lexicon, &lexicon.beings, 1, random))
        }
        _ => Predicate::Is(pick(&lexicon.adjectives, random)),
    }
}

/// A subject: with a name, or with a relative clause now and then.
fn being(lexicon: &Lexicon, random: &mut Sequence) -> NounPhrase {
    if chance(random, 0.1) {
        return NounPhrase::Name(pick(&lexicon.names, random));
    }
    let mut phrase = noun_phrase(lexicon, &lexicon.beings, 2, random);
    if let NounPhrase::Noun { doing, .. } = &mut phrase
        && chance(random, 0.15)
    {
        *doing = Some(pick(&lexicon.without_object, random));
    }
    phrase
}

fn object(lexicon: &Lexicon, random: &mut Sequence) -> NounPhrase {
    let is_being = chance(random, 0.2);
    let nouns = if is_being { &lexicon.beings } else { &lexicon.things };
    noun_phrase(lexicon, nouns, 2, random)
}

/// A phrase with at most so many adjectives, no two of them the same.
fn noun_phrase(lexicon: &Lexicon, nouns: &[Noun], most: u32, random: &mut Sequence) -> NounPhrase {
    let is_one = chance(random, 0.6);
    let (number, determiners) =
        if is_one { (Number::One, &lexicon.one) } else { (Number::Many, &lexicon.many) };
    let mut adjectives = Vec::new();
    for _ in 0..most {
        let adjective = pick(&lexicon.adjectives, random);
        if chance(random, 0.35) && !adjectives.contains(&adjective) {
            adjectives.push(adjective);
        }
    }
    let determiner = pick(determiners, random);
    NounPhrase::Noun { determiner, adjectives, noun: pick(nouns, random), number, doing: None }
}

fn pick<T: Copy>(list: &[T], random: &mut Sequence) -> T {
    list[random.below(list.len() as u32) as usize]
}

fn chance(random: &mut Sequence, share: f64) -> bool {
    random.uniform() < share
}
