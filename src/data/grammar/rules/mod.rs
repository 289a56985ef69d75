//! The rules: each symbol's right-hand sides with their weights.
//!
//! A right-hand side is told from its rivals by its first word, so that a reader knows
//! the rule as soon as the word is there. Each sentence therefore has one derivation,
//! which the tests prove by the LL(1) condition.

mod articles;
mod clause;
mod noun_phrase;
mod verb_phrase;

use super::feature::Number;
use super::symbol::{Item, Rule, Symbol};

/// Share of nouns behind a determiner that have an adjective.
const ADJECTIVE_SHARE: f64 = 0.5;

/// The rules of `symbol`; at least one, each with a positive weight.
pub(super) fn rules(symbol: Symbol) -> Vec<Rule> {
    let rules = match symbol {
        Symbol::Sentence => clause::sentence(),
        Symbol::TimePhrase(tense) => clause::time_phrase(tense),
        Symbol::Clause(context) => clause::clause(context),
        Symbol::SubjectAfterArticle(context, sound) => clause::after_article(context, sound),
        Symbol::SubjectHead(context, number, sound) => clause::head(context, number, sound),
        Symbol::SubjectPair(context, pair) => clause::pair(context, pair),
        Symbol::PairHead(context, pair) => clause::pair_head(context, pair),
        Symbol::PairNoun(kind, number) => clause::pair_noun(kind, number),
        Symbol::Content(subject) => clause::content(subject),
        Symbol::Tail(context, tense) => clause::tail(context, tense),
        Symbol::MaybeTime(tense) => clause::maybe_time(tense),
        Symbol::MaybeReason(level, tense) => clause::maybe_reason(level, tense),
        Symbol::AnyName => noun_phrase::any_name(),
        Symbol::Adjectives(most) => noun_phrase::adjectives(most),
        Symbol::Modifiers(noun) => noun_phrase::modifiers(noun),
        Symbol::MaybeRelative(noun) => noun_phrase::maybe_relative(noun),
        Symbol::Relative(noun) => noun_phrase::relative(noun),
        Symbol::RelativeSubject(depth) => noun_phrase::relative_subject(depth),
        Symbol::RelativeHead(depth) => noun_phrase::relative_head(depth),
        Symbol::ObjectPhrase(phrase) => noun_phrase::object_phrase(phrase),
        Symbol::ObjectAfterArticle(object, depth, sound) => {
            noun_phrase::object_after_article(object, depth, sound)
        }
        Symbol::ObjectHead(object, number, sound, depth) => {
            noun_phrase::object_head(object, number, sound, depth)
        }
        Symbol::Predicate(context, subject) => verb_phrase::predicate(context, subject),
        Symbol::VerbGroup(context, subject, tense) => {
            verb_phrase::verb_group(context, subject, tense)
        }
        Symbol::VerbPhrase(subject, form) => verb_phrase::verb_phrase(subject, form),
        Symbol::MaybeSecond(subject, form) => verb_phrase::maybe_second(subject, form),
        Symbol::Reflexive(agreement) => verb_phrase::reflexive(agreement),
        Symbol::MaybeManner => verb_phrase::maybe_manner(),
        Symbol::MaybePlace => verb_phrase::maybe_place(),
    };
    rules.into_iter().filter(|rule| rule.weight > 0.0).collect()
}

/// A rule that derives `items` in turn.
fn rule<const N: usize>(weight: f64, items: [Item; N]) -> Rule {
    Rule { weight, items: items.to_vec() }
}

/// A rule that derives nothing.
fn empty(weight: f64) -> Rule {
    Rule { weight, items: Vec::new() }
}

/// The numbers that a noun may have where `asked` is, each with its weight.
fn numbers(asked: Option<Number>) -> impl Iterator<Item = (Number, f64)> {
    let weighted = [(Number::Singular, 0.6), (Number::Plural, 0.4)];
    weighted.into_iter().filter(move |&(number, _)| asked.is_none_or(|asked| asked == number))
}
