//! Predicates and verb phrases.

use super::super::feature::{Agreement, Form, Kind, Tense};
use super::super::lexicon::{Particle, Preposition, VerbClass, WordClass};
use super::super::symbol::{
    Clause, Item, Level, Object, ObjectPhrase, Rule, Subject, Symbol, Time,
};
use super::{empty, rule};

/// Relative clauses nested in an object.
const OBJECT_DEPTH: u8 = 1;

/// The tense, fixed before or chosen here, and its verb group.
pub(super) fn predicate(context: Clause, subject: Subject) -> Vec<Rule> {
    let number = subject.agreement.number();
    let in_tense = |tense: Tense, weight| {
        let group = Symbol::VerbGroup(context, subject, tense).into();
        match tense.auxiliary(number) {
            Some(auxiliary) => rule(weight, [auxiliary.into(), group]),
            None => rule(weight, [group]),
        }
    };
    match context.time {
        Time::Fixed(tense) => vec![in_tense(tense, 1.0)],
        Time::Open => Tense::WEIGHTED.map(|(tense, weight)| in_tense(tense, weight)).into(),
    }
}

pub(super) fn verb_group(context: Clause, subject: Subject, tense: Tense) -> Vec<Rule> {
    let number = subject.agreement.number();
    let form = tense.form(number);
    let phrase: Item = Symbol::VerbPhrase(subject, form).into();
    let tail = Symbol::Tail(context, tense).into();
    let second = Symbol::MaybeSecond(subject, form).into();
    let mut rules = vec![rule(0.78, [phrase, second, tail])];
    // "either" must not stand where the verb itself has still to show the tense.
    if context.time != Time::Open || tense.auxiliary(number).is_some() {
        rules.push(rule(0.08, ["either".into(), phrase, "or".into(), phrase, tail]));
    }
    if context.level == Level::Main && subject.kind.is_person() {
        let verb = verb(VerbClass::Say, form);
        rules.push(rule(0.16, [verb, "that".into(), Symbol::Content(subject).into()]));
    }
    rules
}

pub(super) fn maybe_second(subject: Subject, form: Form) -> Vec<Rule> {
    vec![empty(0.8), rule(0.2, ["and".into(), Symbol::VerbPhrase(subject, form).into()])]
}

pub(super) fn verb_phrase(subject: Subject, form: Form) -> Vec<Rule> {
    match subject.kind {
        Kind::Animal => nonhuman(subject, form, VerbClass::Harass),
        Kind::Machine => nonhuman(subject, form, VerbClass::Affect),
        _ => person(subject, form),
    }
}

/// What animals and machines do.
fn nonhuman(subject: Subject, form: Form, class: VerbClass) -> Vec<Rule> {
    let kind = subject.kind;
    let object = object(Object::Person, subject);
    vec![
        rule(0.48, [verb(class, form), object, Symbol::MaybePlace.into()]),
        intransitive(0.38, kind, form),
        rule(0.14, [form.copula().into(), WordClass::Predicate(kind).into()]),
    ]
}

/// What people do: their trade, if they have one, and what everyone does.
fn person(subject: Subject, form: Form) -> Vec<Rule> {
    let someone = object(Object::Person, subject);
    let thing = subject.kind.product().map_or(Object::Person, Object::Thing);
    let place: Item = Symbol::MaybePlace.into();
    let mut rules = vec![
        rule(0.08, [verb(VerbClass::Stative, form), someone]),
        rule(0.06, [verb(VerbClass::Motion, form), "to".into(), WordClass::City.into()]),
        rule(0.07, [form.copula().into(), WordClass::Predicate(Kind::Friend).into()]),
        intransitive(0.12, Kind::Friend, form),
    ];
    if subject.kind.product().is_some() {
        let craft = VerbClass::Craft(subject.kind);
        rules.push(rule(0.48, [verb(craft, form), object(thing, subject), place]));
    } else {
        rules.push(rule(0.48, [verb(VerbClass::Social, form), someone, place]));
    }
    rules.push(rule(
        0.05,
        [verb(VerbClass::Reflexive, form), Symbol::Reflexive(subject.agreement).into()],
    ));
    for particle in Particle::ALL {
        let verb = verb(VerbClass::Particle(particle), form);
        rules.push(rule(0.025, [verb, object(thing, subject), particle.word().into(), place]));
    }
    for preposition in Preposition::ALL {
        let verb = verb(VerbClass::Prepositional(preposition), form);
        let manner = Symbol::MaybeManner.into();
        rules.push(rule(0.025, [verb, manner, preposition.word().into(), someone]));
    }
    rules
}

pub(super) fn reflexive(agreement: Agreement) -> Vec<Rule> {
    agreement.genders().iter().map(|gender| rule(1.0, [gender.reflexive().into()])).collect()
}

fn intransitive(weight: f64, kind: Kind, form: Form) -> Rule {
    let verb = verb(VerbClass::Intransitive(kind), form);
    rule(weight, [verb, Symbol::MaybeManner.into(), Symbol::MaybePlace.into()])
}

pub(super) fn maybe_manner() -> Vec<Rule> {
    vec![empty(0.5), rule(0.5, [WordClass::Manner.into()])]
}

pub(super) fn maybe_place() -> Vec<Rule> {
    vec![
        empty(0.7),
        rule(0.18, ["in".into(), WordClass::City.into()]),
        rule(0.12, ["near".into(), "the".into(), WordClass::Landmark.into()]),
    ]
}

fn verb(class: VerbClass, form: Form) -> Item {
    WordClass::Verb(class, form.inflection()).into()
}

fn object(object: Object, subject: Subject) -> Item {
    let possessor = Some(subject.agreement);
    Symbol::ObjectPhrase(ObjectPhrase { object, possessor, depth: OBJECT_DEPTH }).into()
}
