//! Sentences in the invented language.

use super::lexicon::{Noun, Verb, Word};
use super::phrase::{NounPhrase, Number, Predicate, Sentence, Tense};

/// The stem of "to be".
const BE: &str = "es";

/// The sentence with its stop: subject, time, place, to whom, object, "no", verb.
pub(super) fn sentence(sentence: &Sentence) -> String {
    let Sentence { time, subject, and, predicate, place, moment, .. } = sentence;
    let mut words = Vec::new();
    push_noun_phrase(subject, &mut words);
    if let Some(other) = and {
        words.push("ed".to_owned());
        push_noun_phrase(other, &mut words);
    }
    words.extend(time.or(*moment).map(|time| time.invented.to_owned()));
    if let Some((behind, place)) = place {
        push_noun_phrase(place, &mut words);
        words.push(behind.invented.to_owned());
    }
    let stem = match predicate {
        Predicate::Verb(verb) => verb.invented,
        Predicate::Object(verb, object) => {
            push_noun_phrase(object, &mut words);
            verb.invented
        }
        Predicate::Giving(verb, what, whom) => {
            push_noun_phrase(whom, &mut words);
            words.push("ad".to_owned());
            push_noun_phrase(what, &mut words);
            verb.invented
        }
        Predicate::Is(quality) => {
            let ending = ending(class(and.as_ref().unwrap_or(subject)), sentence.number());
            words.push(format!("{}{ending}", quality.invented));
            BE
        }
    };
    words.extend(sentence.is_negative.then(|| "no".to_owned()));
    words.push(conjugated(stem, sentence.tense, sentence.number()));
    words.join(" ") + "."
}

/// The noun, its adjectives from the last to the first, its determiner, and what it does.
fn push_noun_phrase(phrase: &NounPhrase, words: &mut Vec<String>) {
    let (determiner, adjectives, noun, number, doing) = match phrase {
        NounPhrase::Name(name) => return words.push(name.invented.to_owned()),
        NounPhrase::Noun { determiner, adjectives, noun, number, doing } => {
            (determiner, adjectives, noun, *number, doing)
        }
    };
    let ending = ending(class(phrase), number);
    words.push(noun_form(noun, number));
    let agreeing = |word: &Word| format!("{}{ending}", word.invented);
    words.extend(adjectives.iter().rev().map(agreeing));
    words.extend(Some(determiner).filter(|word| word.invented != "-").map(agreeing));
    if let Some(Verb { invented, .. }) = doing {
        words.extend(["ke".to_owned(), conjugated(invented, Tense::Present, number)]);
    }
}

fn noun_form(noun: &Noun, number: Number) -> String {
    let plural = if number == Number::Many { "s" } else { "" };
    format!("{}{plural}", noun.invented)
}

/// The vowel of a noun's class, its last letter; so it is for names.
fn class(phrase: &NounPhrase) -> char {
    let word = match phrase {
        NounPhrase::Name(name) => name.invented,
        NounPhrase::Noun { noun, .. } => noun.invented,
    };
    word.chars().next_back().unwrap_or('a')
}

/// What is added to the stem of an adjective or determiner.
fn ending(class: char, number: Number) -> String {
    let plural = if number == Number::Many { "s" } else { "" };
    format!("{class}{plural}")
}

fn conjugated(stem: &str, tense: Tense, number: Number) -> String {
    let tense = match tense {
        Tense::Past => "iv",
        Tense::Present => "an",
        Tense::Future => "ur",
    };
    let plural = if number == Number::Many { "t" } else { "" };
    format!("{stem}{tense}{plural}")
}
