//! Adjectives, modifiers, relative clauses and objects.

use super::super::feature::{Agreement, Inflection, Kind, Number, Sound, Tense};
use super::super::lexicon::{VerbClass, WordClass, share};
use super::super::symbol::{Item, Modified, Object, ObjectPhrase, Rule, Symbol};
use super::{ADJECTIVE_SHARE, articles, empty, numbers, rule};

pub(super) fn any_name() -> Vec<Rule> {
    [Agreement::He, Agreement::She].map(|gender| rule(0.5, [WordClass::Name(gender).into()])).into()
}

pub(super) fn adjectives(most: u8) -> Vec<Rule> {
    let adjective = WordClass::Adjective(Sound::Any).into();
    match most {
        0 => vec![empty(1.0)],
        1 => vec![empty(0.8), rule(0.2, [adjective])],
        _ => vec![
            empty(1.0 - ADJECTIVE_SHARE),
            rule(ADJECTIVE_SHARE, [adjective, Symbol::Adjectives(most - 1).into()]),
        ],
    }
}

pub(super) fn modifiers(noun: Modified) -> Vec<Rule> {
    let mut rules = vec![empty(0.5)];
    let relative = Symbol::MaybeRelative(noun).into();
    rules.push(rule(0.1, ["from".into(), WordClass::City.into(), relative]));
    if noun.is_person {
        let garment =
            ["with".into(), "a".into(), WordClass::Color.into(), WordClass::Garment.into()];
        rules.push(rule(0.08, garment));
    }
    if noun.depth > 0 {
        rules.push(rule(0.36, [pronoun(noun), Symbol::Relative(noun).into()]));
    }
    rules
}

pub(super) fn maybe_relative(noun: Modified) -> Vec<Rule> {
    if noun.depth == 0 {
        return vec![empty(1.0)];
    }
    vec![empty(0.7), rule(0.3, [pronoun(noun), Symbol::Relative(noun).into()])]
}

fn pronoun(noun: Modified) -> Item {
    if noun.is_person { "who".into() } else { "that".into() }
}

/// The noun is the clause's subject, or its object. Only called with `depth` above 0.
pub(super) fn relative(noun: Modified) -> Vec<Rule> {
    let depth = noun.depth.saturating_sub(1);
    let class = if noun.is_person { VerbClass::Stative } else { VerbClass::Affect };
    let object = ObjectPhrase { object: Object::Person, possessor: None, depth };
    vec![
        rule(0.4, [present(class, noun.number), Symbol::ObjectPhrase(object).into()]),
        rule(0.6, [Symbol::RelativeSubject(depth).into()]),
    ]
}

pub(super) fn relative_subject(depth: u8) -> Vec<Rule> {
    let verb = present(VerbClass::Stative, Number::Singular);
    let head = Symbol::RelativeHead(depth).into();
    vec![
        rule(0.4, [Symbol::AnyName.into(), verb]),
        rule(0.6, ["the".into(), Symbol::Adjectives(2).into(), head]),
    ]
}

pub(super) fn relative_head(depth: u8) -> Vec<Rule> {
    let mut rules = Vec::new();
    for kind in Kind::TRADES {
        for (number, weight) in numbers(None) {
            let modifiers = Symbol::Modifiers(Modified { is_person: true, number, depth });
            let noun = WordClass::Noun(kind, number, Sound::Any).into();
            rules.push(rule(weight, [noun, modifiers.into(), present(VerbClass::Stative, number)]));
        }
    }
    rules
}

fn present(class: VerbClass, number: Number) -> Item {
    let inflection: Inflection = Tense::Present.form(number).inflection();
    WordClass::Verb(class, inflection).into()
}

pub(super) fn object_phrase(phrase: ObjectPhrase) -> Vec<Rule> {
    let ObjectPhrase { object, possessor, depth } = phrase;
    let adjectives: Item = Symbol::Adjectives(2).into();
    let head = |number| Symbol::ObjectHead(object, number, Sound::Any, depth).into();
    let plural = Some(Number::Plural);
    let mut rules = vec![
        rule(0.32, ["the".into(), adjectives, head(None)]),
        rule(0.12, [WordClass::Quantifier.into(), adjectives, head(plural)]),
        rule(0.14, [adjectives, head(plural)]),
    ];
    let after = |sound| Symbol::ObjectAfterArticle(object, depth, sound);
    rules.extend(articles::articles(0.2, after));
    if object == Object::Person {
        rules.push(rule(0.3, [Symbol::AnyName.into()]));
    }
    let genders = possessor.map_or(&[] as &[_], Agreement::genders);
    rules.extend(genders.iter().map(|gender| {
        let weight = 0.16 / genders.len() as f64;
        rule(weight, [gender.possessive().into(), adjectives, head(None)])
    }));
    rules
}

pub(super) fn object_after_article(object: Object, depth: u8, sound: Sound) -> Vec<Rule> {
    let kinds: Vec<_> = object_kinds(object).into_iter().map(|kind| (kind, 1.0)).collect();
    articles::after_article(&kinds, sound, |sound| {
        Symbol::ObjectHead(object, Some(Number::Singular), sound, depth)
    })
}

pub(super) fn object_head(
    object: Object,
    number: Option<Number>,
    sound: Sound,
    depth: u8,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for kind in object_kinds(object) {
        for (number, weight) in numbers(number) {
            let noun = |sound| WordClass::Noun(kind, number, sound);
            let modified = Modified { is_person: kind.is_person(), number, depth };
            rules.push(rule(
                weight * share(noun, sound),
                [noun(sound).into(), Symbol::Modifiers(modified).into()],
            ));
        }
    }
    rules
}

fn object_kinds(object: Object) -> Vec<Kind> {
    match object {
        Object::Person => Kind::TRADES.to_vec(),
        Object::Thing(kind) => vec![kind],
    }
}
