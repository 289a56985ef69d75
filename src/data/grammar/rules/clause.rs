//! Sentences, clauses and their subjects.

use super::super::feature::{Agreement, Kind, Number, Sound, Tense};
use super::super::lexicon::{WordClass, share};
use super::super::symbol::{Clause, Level, Modified, Pair, Rule, Subject, Symbol, Time};
use super::{articles, empty, numbers, rule};

/// Relative clauses nested in a subject.
const SUBJECT_DEPTH: u8 = 2;

/// Common nouns as subjects.
fn subject_kinds() -> impl Iterator<Item = (Kind, f64)> {
    let trades = Kind::TRADES.into_iter().map(|kind| (kind, 0.115));
    trades.chain([(Kind::Animal, 0.155), (Kind::Machine, 0.155)])
}

pub(super) fn sentence() -> Vec<Rule> {
    let main = |time| Symbol::Clause(Clause { level: Level::Main, time });
    let embedded =
        |tense| Symbol::Clause(Clause { level: Level::Embedded, time: Time::Fixed(tense) });
    let condition = [
        "if".into(),
        embedded(Tense::Present).into(),
        "then".into(),
        embedded(Tense::Future).into(),
    ];
    let mut rules = vec![rule(0.1, condition), rule(0.4, [main(Time::Open).into()])];
    rules.extend(Tense::WEIGHTED.map(|(tense, weight)| {
        rule(0.5 * weight, [Symbol::TimePhrase(tense).into(), main(Time::Fixed(tense)).into()])
    }));
    rules
}

pub(super) fn time_phrase(tense: Tense) -> Vec<Rule> {
    let opener = match tense {
        Tense::Past => "last",
        Tense::Present => "every",
        Tense::Perfect => "since",
        Tense::Future => "next",
    };
    vec![
        rule(0.5, [WordClass::TimeAdverb(tense).into()]),
        rule(0.5, [opener.into(), WordClass::Period(tense).into()]),
    ]
}

pub(super) fn clause(context: Clause) -> Vec<Rule> {
    let head = |number| Symbol::SubjectHead(context, number, Sound::Any).into();
    let plural = Some(Number::Plural);
    let mut rules = vec![
        rule(0.34, ["the".into(), Symbol::Adjectives(2).into(), head(None)]),
        rule(0.12, [WordClass::Quantifier.into(), Symbol::Adjectives(2).into(), head(plural)]),
        rule(0.06, [Symbol::Adjectives(2).into(), head(plural)]),
    ];
    let after = |sound| Symbol::SubjectAfterArticle(context, sound);
    rules.extend(articles::articles(0.14, after));
    for gender in [Agreement::He, Agreement::She] {
        let subject = Subject { kind: Kind::Friend, agreement: gender };
        let name = WordClass::Name(gender).into();
        let relative = Symbol::MaybeRelative(modified(Kind::Friend, Number::Singular));
        let predicate = Symbol::Predicate(context, subject).into();
        rules.push(rule(0.11, [name, relative.into(), predicate]));
    }
    for pair in Pair::ALL {
        let subjects = Symbol::SubjectPair(context, pair).into();
        rules.push(rule(0.05, [pair.words().0.into(), subjects]));
    }
    rules
}

pub(super) fn after_article(context: Clause, sound: Sound) -> Vec<Rule> {
    let kinds: Vec<_> = subject_kinds().collect();
    articles::after_article(&kinds, sound, |sound| {
        Symbol::SubjectHead(context, Some(Number::Singular), sound)
    })
}

pub(super) fn head(context: Clause, number: Option<Number>, sound: Sound) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (kind, kind_weight) in subject_kinds() {
        for (number, number_weight) in numbers(number) {
            let noun = |sound| WordClass::Noun(kind, number, sound);
            let subject = Subject { kind, agreement: Agreement::of(kind, number) };
            rules.push(rule(
                kind_weight * number_weight * share(noun, sound),
                [
                    noun(sound).into(),
                    Symbol::Modifiers(modified(kind, number)).into(),
                    Symbol::Predicate(context, subject).into(),
                ],
            ));
        }
    }
    rules
}

pub(super) fn pair(context: Clause, pair: Pair) -> Vec<Rule> {
    let agreement = Agreement::of(Kind::Friend, pair.number());
    let subject = Subject { kind: Kind::Friend, agreement };
    vec![
        rule(
            0.6,
            ["the".into(), Symbol::Adjectives(2).into(), Symbol::PairHead(context, pair).into()],
        ),
        rule(
            0.4,
            [
                Symbol::AnyName.into(),
                pair.words().1.into(),
                Symbol::AnyName.into(),
                Symbol::Predicate(context, subject).into(),
            ],
        ),
    ]
}

/// Both subjects are of one kind, which the first decides.
pub(super) fn pair_head(context: Clause, pair: Pair) -> Vec<Rule> {
    let asked = match pair {
        Pair::BothAnd => None,
        Pair::EitherOr | Pair::NeitherNor => Some(Number::Singular),
    };
    let mut rules = Vec::new();
    for (kind, kind_weight) in subject_kinds() {
        let subject = Subject { kind, agreement: Agreement::of(kind, pair.number()) };
        for (number, number_weight) in numbers(asked) {
            rules.push(rule(
                kind_weight * number_weight,
                [
                    WordClass::Noun(kind, number, Sound::Any).into(),
                    Symbol::Modifiers(modified(kind, number)).into(),
                    pair.words().1.into(),
                    "the".into(),
                    Symbol::Adjectives(2).into(),
                    Symbol::PairNoun(kind, asked).into(),
                    Symbol::Predicate(context, subject).into(),
                ],
            ));
        }
    }
    rules
}

pub(super) fn pair_noun(kind: Kind, number: Option<Number>) -> Vec<Rule> {
    let noun = |number| WordClass::Noun(kind, number, Sound::Any).into();
    numbers(number).map(|(number, weight)| rule(weight, [noun(number)])).collect()
}

/// A pronoun for the speaker, who keeps the verbs of his kind, or another subject.
pub(super) fn content(speaker: Subject) -> Vec<Rule> {
    let context = Clause { level: Level::Embedded, time: Time::Open };
    let genders = speaker.agreement.genders();
    let mut rules = vec![rule(0.4, [Symbol::Clause(context).into()])];
    rules.extend(genders.iter().map(|&agreement| {
        let subject = Subject { agreement, ..speaker };
        let pronoun = agreement.subject_pronoun().into();
        let predicate = Symbol::Predicate(context, subject).into();
        rule(0.6 / genders.len() as f64, [pronoun, predicate])
    }));
    rules
}

pub(super) fn tail(context: Clause, tense: Tense) -> Vec<Rule> {
    let reason = Symbol::MaybeReason(context.level, tense).into();
    match context.time {
        Time::Open => vec![rule(1.0, [Symbol::MaybeTime(tense).into(), reason])],
        Time::Fixed(_) => vec![rule(1.0, [reason])],
    }
}

pub(super) fn maybe_time(tense: Tense) -> Vec<Rule> {
    vec![empty(0.5), rule(0.5, [Symbol::TimePhrase(tense).into()])]
}

pub(super) fn maybe_reason(level: Level, tense: Tense) -> Vec<Rule> {
    let clause = Symbol::Clause(Clause { level: Level::Embedded, time: Time::Fixed(tense) });
    match level {
        Level::Main => {
            vec![empty(0.84), rule(0.16, [WordClass::Conjunction.into(), clause.into()])]
        }
        Level::Embedded => vec![empty(1.0)],
    }
}

fn modified(kind: Kind, number: Number) -> Modified {
    Modified { is_person: kind.is_person(), number, depth: SUBJECT_DEPTH }
}
