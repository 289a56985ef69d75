//! The nonterminal symbols.

use super::feature::{Agreement, Form, Kind, Number, Sound, Tense};
use super::lexicon::WordClass;

/// One item of a rule's right-hand side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    /// One word of the class.
    Words(WordClass),
    /// What the symbol derives.
    Symbol(Symbol),
}

impl From<Symbol> for Item {
    fn from(symbol: Symbol) -> Self {
        Self::Symbol(symbol)
    }
}

impl From<WordClass> for Item {
    fn from(class: WordClass) -> Self {
        Self::Words(class)
    }
}

impl From<&'static str> for Item {
    fn from(word: &'static str) -> Self {
        Self::Words(WordClass::Literal(word))
    }
}

/// A weighted right-hand side. The weights of a symbol's rules need not sum to 1.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub weight: f64,
    pub items: Vec<Item>,
}

/// What the time of a clause hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Time {
    /// Nothing yet: the verb chooses the tense, and a time adverb at the end may agree.
    Open,
    /// An adverb or conjunction has fixed it.
    Fixed(Tense),
}

/// Whether a clause may take a clause of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level {
    Main,
    Embedded,
}

/// What a clause has settled before its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Clause {
    pub level: Level,
    pub time: Time,
}

/// A subject, as far as its predicate must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub kind: Kind,
    pub agreement: Agreement,
}

/// A pair of words around two coordinated subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pair {
    BothAnd,
    EitherOr,
    NeitherNor,
}

impl Pair {
    pub(super) const ALL: [Self; 3] = [Self::BothAnd, Self::EitherOr, Self::NeitherNor];

    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BothAnd => ("both", "and"),
            Self::EitherOr => ("either", "or"),
            Self::NeitherNor => ("neither", "nor"),
        }
    }

    /// "both" makes a plural; the other two leave the singular of their members.
    pub(super) fn number(self) -> Number {
        if self == Self::BothAnd { Number::Plural } else { Number::Singular }
    }
}

/// What the object of a verb is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Object {
    Person,
    Thing(Kind),
}

/// A noun phrase that follows a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ObjectPhrase {
    pub object: Object,
    /// Whom a possessive refers to; `None` bars it.
    pub possessor: Option<Agreement>,
    /// How many relative clauses may still be nested in it.
    pub depth: u8,
}

/// What a noun's modifiers must know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Modified {
    pub is_person: bool,
    pub number: Number,
    /// How many relative clauses may still be nested in it.
    pub depth: u8,
}

/// A nonterminal of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Symbol {
    Sentence,
    /// A time adverb of the tense.
    TimePhrase(Tense),
    Clause(Clause),
    /// Behind the article: an adjective or the head at once.
    SubjectAfterArticle(Clause, Sound),
    /// The subject's noun, all that follows it in the clause included.
    SubjectHead(Clause, Option<Number>, Sound),
    /// Behind "both", "either" or "neither".
    SubjectPair(Clause, Pair),
    /// The first noun of a pair, all that follows it in the clause included.
    PairHead(Clause, Pair),

    /// The bare noun behind the second "the" of a pair.
    PairNoun(Kind, Option<Number>),
    AnyName,

    /// Any number of adjectives up to this one, maybe none.
    Adjectives(u8),
    /// Everything behind the noun that belongs to it; may be empty.
    Modifiers(Modified),
    /// A relative clause or nothing.
    MaybeRelative(Modified),
    /// A relative clause behind its pronoun.
    Relative(Modified),
    /// A person who is the subject of a relative clause, and its verb.
    RelativeSubject(u8),
    /// The noun of such a subject, and the verb.
    RelativeHead(u8),

    ObjectPhrase(ObjectPhrase),
    /// Behind the article: an adjective or the head at once.
    ObjectAfterArticle(Object, u8, Sound),
    /// The object's noun with what belongs to it.
    ObjectHead(Object, Option<Number>, Sound, u8),

    Predicate(Clause, Subject),
    /// A predicate behind its auxiliary.
    VerbGroup(Clause, Subject, Tense),
    VerbPhrase(Subject, Form),
    /// "and" with a second verb phrase, or nothing.
    MaybeSecond(Subject, Form),
    /// The pronoun that refers to the subject.
    Reflexive(Agreement),
    MaybeManner,
    MaybePlace,
    /// What may follow the verb phrases of a clause.
    Tail(Clause, Tense),
    /// A time adverb of the tense, or nothing.
    MaybeTime(Tense),
    /// A second clause in the same tense, or nothing.
    MaybeReason(Level, Tense),
    /// What someone says, thinks or hopes.
    Content(Subject),
}
