//! Sentences in English.

use super::lexicon::Verb;
use super::phrase::{NounPhrase, Number, Predicate, Sentence, Tense};

/// The sentence with its stop.
pub(super) fn sentence(sentence: &Sentence) -> String {
    let Sentence { time, subject, and, predicate, place, moment, .. } = sentence;
    let mut words = Vec::new();
    words.extend(time.map(|time| time.english));
    push_noun_phrase(subject, &mut words);
    if let Some(other) = and {
        words.push("and");
        push_noun_phrase(other, &mut words);
    }
    push_verb(sentence, &mut words);
    match predicate {
        Predicate::Verb(_) => {}
        Predicate::Object(_, object) => push_noun_phrase(object, &mut words),
        Predicate::Giving(_, what, whom) => {
            push_noun_phrase(what, &mut words);
            words.push("to");
            push_noun_phrase(whom, &mut words);
        }
        Predicate::Is(quality) => words.push(quality.english),
    }
    if let Some((preposition, place)) = place {
        words.push(preposition.english);
        push_noun_phrase(place, &mut words);
    }
    words.extend(moment.map(|moment| moment.english));
    words.join(" ").replace('_', " ") + "."
}

fn push_noun_phrase(phrase: &NounPhrase, words: &mut Vec<&'static str>) {
    let (determiner, adjectives, noun, number, doing) = match phrase {
        NounPhrase::Name(name) => return words.push(name.english),
        NounPhrase::Noun { determiner, adjectives, noun, number, doing } => {
            (determiner, adjectives, noun, *number, doing)
        }
    };
    let article = words.len();
    words.push(determiner.english);
    words.extend(adjectives.iter().map(|adjective| adjective.english));
    words.push(noun.english[number as usize]);
    let is_vowel = words[article + 1].starts_with(['a', 'e', 'i', 'o', 'u']);
    if words[article] == "a" && is_vowel {
        words[article] = "an";
    }
    if let Some(verb) = doing {
        words.extend(["who", present(verb, number)]);
    }
}

/// The verb with its auxiliaries.
fn push_verb(sentence: &Sentence, words: &mut Vec<&'static str>) {
    let (number, no) = (sentence.number(), sentence.is_negative.then_some("not"));
    let verb = match &sentence.predicate {
        Predicate::Verb(verb) | Predicate::Object(verb, _) | Predicate::Giving(verb, ..) => verb,
        Predicate::Is(_) => {
            words.push(match (sentence.tense, number) {
                (Tense::Past, Number::One) => "was",
                (Tense::Past, Number::Many) => "were",
                (Tense::Present, Number::One) => "is",
                (Tense::Present, Number::Many) => "are",
                (Tense::Future, _) => "will",
            });
            words.extend(no);
            return words.extend((sentence.tense == Tense::Future).then_some("be"));
        }
    };
    let auxiliary = match (sentence.tense, number) {
        (Tense::Future, _) => "will",
        (Tense::Past, _) => "did",
        (Tense::Present, Number::One) => "does",
        (Tense::Present, Number::Many) => "do",
    };
    if sentence.is_negative || sentence.tense == Tense::Future {
        words.push(auxiliary);
        words.extend(no);
        words.push(verb.base);
    } else {
        let is_past = sentence.tense == Tense::Past;
        words.push(if is_past { verb.past } else { present(verb, number) });
    }
}

fn present(verb: &Verb, number: Number) -> &'static str {
    match number {
        Number::One => verb.third,
        Number::Many => verb.base,
    }
}
