//! "a" in front of a consonant, "an" in front of a vowel.
//!
//! The article comes first, so its probability is that of the words that it allows, and
//! each of these is as probable behind "a" or "an" as without the difference.

use super::super::feature::{Kind, Number, Sound};
use super::super::lexicon::{WordClass, share};
use super::super::symbol::{Rule, Symbol};
use super::{ADJECTIVE_SHARE, rule, rules};

/// The two articles, each followed by what `after` says for its sound.
pub(super) fn articles(weight: f64, after: impl Fn(Sound) -> Symbol) -> [Rule; 2] {
    [("a", Sound::Consonant), ("an", Sound::Vowel)].map(|(article, sound)| {
        let rest = after(sound);
        let share: f64 = rules(rest).iter().map(|rule| rule.weight).sum();
        rule(weight * share, [article.into(), rest.into()])
    })
}

/// An adjective of the article's sound with any head, or a head of that sound. The kinds
/// of the head come with their weights. The rules' weights sum to the share of `sound`.
pub(super) fn after_article(
    kinds: &[(Kind, f64)],
    sound: Sound,
    head: impl Fn(Sound) -> Symbol,
) -> Vec<Rule> {
    let noun = |kind| move |sound| WordClass::Noun(kind, Number::Singular, sound);
    let total: f64 = kinds.iter().map(|(_, weight)| weight).sum();
    let nouns: f64 =
        kinds.iter().map(|&(kind, weight)| weight / total * share(noun(kind), sound)).sum();
    let adjective = WordClass::Adjective(sound).into();
    let more = Symbol::Adjectives(1).into();
    vec![
        rule(
            ADJECTIVE_SHARE * share(WordClass::Adjective, sound),
            [adjective, more, head(Sound::Any).into()],
        ),
        rule((1.0 - ADJECTIVE_SHARE) * nouns, [head(sound).into()]),
    ]
}
