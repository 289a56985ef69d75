//! Text whose analogies are known, for word vectors that anyone can train and judge at once.
//!
//! A word belongs to a family (paris to france, vienna to austria) and has a role in it (the
//! capital, the country). Around it are words of its family, which are made up, and words of its
//! role. So what a word keeps company with is a sum of the two, and if its vector is one too, paris
//! − france + austria is vienna.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::rng::{Sequence, Stream};

/// Made-up words of each family.
const OWN_WORDS: usize = 4;
/// Words of the family, of the role, and of no meaning, in a sentence.
const OF_FAMILY: usize = 2;
const OF_ROLE: usize = 2;
const OF_NONE: usize = 2;

/// The words of the text, in lists separated by spaces.
#[derive(Deserialize)]
struct Words {
    fillers: String,
    #[serde(rename = "group")]
    groups: Vec<Group>,
}

/// Words of one kind of meaning.
#[derive(Deserialize)]
struct Group {
    relations: String,
    roles: Vec<String>,
    families: Vec<String>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let words = toml::from_str(include_str!("words.toml"));
    words.unwrap_or_else(|error| panic!("the built-in words.toml is invalid: {error}"))
});

fn split(words: &'static str) -> Vec<&'static str> {
    words.split(' ').collect()
}

/// At least `words` words, a sentence a line. The one at place i depends on the seed and i
/// alone.
pub fn text(seed: u64, words: usize) -> String {
    let stream = Stream::new(seed, "analogies");
    let families: Vec<Family> = families().collect();
    let own: Vec<String> = (0..families.len() * OWN_WORDS).map(made_up).collect();
    let fillers = split(&WORDS.fillers);
    let (mut text, mut count) = (String::new(), 0);
    for place in 0.. {
        if count >= words {
            break;
        }
        let sentence = sentence(&mut stream.at(place), &families, &own, &fillers);
        count += sentence.len();
        text += &sentence.join(" ");
        text.push('\n');
    }
    text
}

/// Every analogy of two families of a group, in the format of `questions-words.txt`:
/// a line `: relation`, then the words a b c d of which a is to b as c is to d.
pub fn questions() -> String {
    let mut text = String::new();
    for group in &WORDS.groups {
        let families: Vec<_> = group.families.iter().map(|family| split(family)).collect();
        for (relation, role) in group.relations.split(' ').zip(1..) {
            text += &format!(": {relation}\n");
            for (i, first) in families.iter().enumerate() {
                for (_, second) in families.iter().enumerate().filter(|(j, _)| *j != i) {
                    let [a, b, c, d] = [first[0], first[role], second[0], second[role]];
                    text += &format!("{a} {b} {c} {d}\n");
                }
            }
        }
    }
    text
}

/// The words of a family by role, and those that are beside each.
struct Family {
    words: Vec<&'static str>,
    beside: Vec<Vec<&'static str>>,
}

fn families() -> impl Iterator<Item = Family> {
    WORDS.groups.iter().flat_map(|group| {
        group.families.iter().map(|family| Family {
            words: split(family),
            beside: group.roles.iter().map(|role| split(role)).collect(),
        })
    })
}

/// A word in the company of its family and of its role, in any order. `own` are the made-up
/// words of all families.
fn sentence<'a>(
    numbers: &mut Sequence,
    families: &[Family],
    own: &'a [String],
    fillers: &[&'static str],
) -> Vec<&'a str> {
    let below = |numbers: &mut Sequence, n: usize| numbers.below(n as u32) as usize;
    // Each family is as likely as any other.
    let number = below(numbers, families.len());
    let own = &own[number * OWN_WORDS..][..OWN_WORDS];
    let family = &families[number];
    let role = below(numbers, family.words.len());
    let mut words = vec![family.words[role]];
    for _ in 0..OF_FAMILY {
        words.push(&own[below(numbers, OWN_WORDS)]);
    }
    let beside = &family.beside[role];
    for _ in 0..OF_ROLE {
        words.push(beside[below(numbers, beside.len())]);
    }
    for _ in 0..OF_NONE {
        words.push(fillers[below(numbers, fillers.len())]);
    }
    for i in (1..words.len()).rev() {
        words.swap(i, below(numbers, i + 1));
    }
    words
}

/// A word of three syllables that is in no list.
fn made_up(number: usize) -> String {
    const FIRST: [&str; 10] = ["ba", "do", "fi", "gu", "ke", "lo", "mi", "nu", "pe", "ra"];
    const MIDDLE: [&str; 10] = ["zo", "vu", "xi", "ja", "que", "wo", "yu", "zi", "vo", "xa"];
    const LAST: [&str; 10] = ["lk", "rn", "mp", "sk", "nt", "ft", "rb", "ld", "st", "nk"];
    let digit = |place: usize| number / 10usize.pow(place as u32) % 10;
    format!("{}{}{}{}", FIRST[digit(0)], MIDDLE[digit(1)], FIRST[digit(2)], LAST[digit(0)])
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn no_word_has_two_meanings() {
        let mut seen = HashSet::new();
        for group in &WORDS.groups {
            assert_eq!(group.roles.len(), split(&group.relations).len() + 1);
            assert!(group.families.iter().all(|family| split(family).len() == group.roles.len()));
            let lists = group.families.iter().chain(&group.roles);
            lists.flat_map(|words| split(words)).for_each(|word| {
                assert!(seen.insert(word.to_string()), "{word} is there twice");
            });
        }
        assert!(split(&WORDS.fillers).into_iter().all(|word| seen.insert(word.to_string())));
        let own = (0..92 * OWN_WORDS).map(made_up);
        own.for_each(|word| assert!(seen.insert(word.clone()), "{word} is there twice"));
    }

    #[test]
    fn the_text_is_a_function_of_the_seed_and_has_every_word_of_the_questions() {
        let text = text(1, 50_000);
        assert_eq!(text, super::text(1, 50_000));
        assert_ne!(text, super::text(2, 50_000));
        assert!(super::text(1, 60_000).starts_with(&text));
        let mut counts = HashMap::<&str, usize>::new();
        text.split_whitespace().for_each(|word| *counts.entry(word).or_default() += 1);
        let questions = questions();
        let lines = || questions.lines().filter(|line| !line.starts_with(':'));
        assert_eq!(lines().count(), 24 * 23 * 2 + 16 * 15 + 20 * 19 + 2 * (16 * 15 * 2));
        for line in lines() {
            assert_eq!(line.split(' ').count(), 4);
            assert!(line.split(' ').all(|word| counts.get(word).is_some_and(|&n| n > 5)), "{line}");
        }
        assert!(questions.starts_with(": capital-of-country\naustria vienna brazil brasilia\n"));
        assert_eq!(text.split_whitespace().count(), 50_000usize.next_multiple_of(7));
    }
}
