use std::collections::{HashMap, HashSet};
use std::fs;

use super::lexicon::{Verb, Word};
use super::*;

fn some(n: usize) -> Vec<SyntheticPair> {
    Split::ALL.into_iter().flat_map(|split| pairs(1, split).take(n)).collect()
}

#[test]
fn a_sentence_has_one_translation() {
    let mut translations = HashMap::new();
    for SyntheticPair { source, target } in some(20_000) {
        let known = translations.entry(source.clone()).or_insert_with(|| target.clone());
        assert_eq!(*known, target, "{source}");
    }
    // Nor are there words that would allow two.
    let Lexicon { beings, things, places, names, adjectives, one, many, .. } = Lexicon::embedded();
    let mut forms: Vec<&str> =
        [beings, things, places].concat().iter().flat_map(|n| n.english).collect();
    forms.extend([names, adjectives].concat().iter().map(|word| word.english));
    let Lexicon { without_object, with_object, giving, idioms, .. } = Lexicon::embedded();
    let verbs = [without_object, with_object, giving, idioms].concat();
    forms.extend(verbs.iter().flat_map(|verb| [verb.base, verb.third, verb.past]));
    let Lexicon { prepositions, moments, times, .. } = Lexicon::embedded();
    forms.extend([prepositions, moments, times.concat()].concat().iter().map(|word| word.english));
    let determiners: HashSet<Word> = [one, many].concat().into_iter().collect();
    forms.extend(determiners.iter().map(|word| word.english));
    let different: HashSet<_> = forms.iter().collect();
    assert_eq!(different.len(), forms.len(), "a form occurs twice");
}

#[test]
fn the_words_of_the_invented_language_are_different_too() {
    let Lexicon { beings, things, places, names, .. } = Lexicon::embedded();
    let mut words: Vec<&str> =
        [beings, things, places].concat().iter().map(|n| n.invented).collect();
    words.extend(names.iter().map(|word| word.invented));
    let Lexicon { without_object, with_object, giving, idioms, adjectives, .. } =
        Lexicon::embedded();
    let verbs: Vec<Verb> = [without_object, with_object, giving, idioms].concat();
    let stems: Vec<&str> = verbs.iter().map(|verb| verb.invented).collect();
    let qualities: Vec<&str> = adjectives.iter().map(|word| word.invented).collect();
    for words in [words.clone(), stems, qualities] {
        let different: HashSet<_> = words.iter().collect();
        assert_eq!(different.len(), words.len(), "{words:?}");
    }
    assert!(words.iter().all(|noun| noun.ends_with(['a', 'e', 'o'])));
}

#[test]
fn no_two_splits_share_a_sentence() {
    let sources = |seed, split| -> HashSet<String> {
        pairs(seed, split).take(3000).map(|pair| pair.source).collect()
    };
    let all = Split::ALL.map(|split| sources(1, split));
    assert!(all[0].is_disjoint(&all[1]) && all[0].is_disjoint(&all[2]));
    assert!(all[1].is_disjoint(&all[2]) && all[1].is_disjoint(&sources(2, Split::Train)));
    assert!(all.iter().all(|split| split.len() > 2900), "sentences come again and again");
}

#[test]
fn a_pair_depends_on_seed_split_and_place() {
    let first: Vec<_> = pairs(7, Split::Test).take(20).collect();
    assert_eq!(pairs(7, Split::Test).take(20).collect::<Vec<_>>(), first);
    assert_ne!(pairs(8, Split::Test).take(20).collect::<Vec<_>>(), first);
    assert_ne!(pairs(7, Split::Valid).take(20).collect::<Vec<_>>(), first);
}

#[test]
fn sentences_have_4_to_14_words_of_some_hundreds() {
    let pairs = some(10_000);
    let words = |text: &str| text.trim_end_matches('.').split(' ').map(str::to_owned).collect();
    let all = |side: fn(&SyntheticPair) -> &str| -> HashSet<String> {
        pairs.iter().flat_map(|pair| -> Vec<String> { words(side(pair)) }).collect()
    };
    let (source, target) = (all(|pair| &pair.source), all(|pair| &pair.target));
    assert!((300..500).contains(&source.len()), "{}", source.len());
    assert!((400..900).contains(&target.len()), "{}", target.len());
    for SyntheticPair { source, target } in &pairs {
        assert!(source.ends_with('.') && target.ends_with('.'));
        assert!(WORDS.contains(&super::words(source)), "{source}");
        assert!((2..=16).contains(&super::words(target)), "{target}");
        assert!(source.bytes().all(|c| c.is_ascii_lowercase() || b" .".contains(&c)), "{source}");
    }
}

/// The first sentence in which both texts have these parts.
#[track_caller]
fn has(source: &str, target: &str) {
    let found = pairs(1, Split::Train).take(300_000).find(|pair| pair.source.contains(source));
    let found = found.unwrap_or_else(|| panic!("{source} does not come"));
    assert!(found.target.contains(target), "{target} is not in {found:?}");
}

#[test]
fn order_agreement_and_idioms_are_those_of_the_invented_language() {
    // Adjectives after the noun, the last first, then the determiner, all of one ending.
    has(" the small red ", " rub");
    has("these heavy keys ", "klavas pezas tas");
    has("my old house ", "domo vero meio");
    has("broke the ice", "komensiv");
    has("will break the ice", "komensur");
    has("once in a blue moon", "malofte");
    has("in the garden", "hortano lo en");
    has(" to the king.", "rogo lo ad");
    has("who sleeps", "ke dorman");
    let (first, _) = example(|source| source.starts_with("yesterday ") && source.contains(" not "));
    assert!(first.contains(" ier ") && first.contains(" no "), "{first}");
    let (are, source) = example(|source| source.contains(" are happy."));
    assert!(are.ends_with(" esant.") && are.contains(" fel"), "{source}: {are}");
}

/// The translation of the first sentence that is asked for, and the sentence.
fn example(is_asked: impl Fn(&str) -> bool) -> (String, String) {
    let found = pairs(1, Split::Train).take(300_000).find(|pair| is_asked(&pair.source)).unwrap();
    (found.target, found.source)
}

#[test]
fn splits_are_files_with_a_sentence_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("deep/er");
    let splits = write_splits(&dir, 5000, 3, false).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["dev.src", "dev.tgt", "test.src", "test.tgt", "train.src", "train.tgt"]);
    for (files, n) in splits.iter().zip([5000, 250, 250]) {
        let lines = |path| fs::read_to_string(path).unwrap();
        let (source, target) = (lines(&files.source), lines(&files.target));
        let read = source.lines().zip(target.lines());
        let made: Vec<_> = pairs(3, files.split).take(n).collect();
        assert_eq!((files.pairs, read.clone().count(), source.lines().count()), (n, n, n));
        assert!(read.zip(&made).all(|((s, t), pair)| s == pair.source && t == pair.target));
    }
    // What a killed call has left is completed, and nothing else is replaced unasked.
    fs::remove_file(&splits[1].target).unwrap();
    assert_eq!(write_splits(&dir, 5000, 3, false).unwrap(), splits);
    for (pairs, seed) in [(5001, 3), (5000, 4)] {
        let error = write_splits(&dir, pairs, seed, false).unwrap_err().to_string();
        assert!(error.contains("already exists"), "{error}");
    }
    fs::write(&splits[2].target, "mine\n").unwrap();
    let error = write_splits(&dir, 5000, 3, false).unwrap_err().to_string();
    assert!(error.contains("test.tgt already exists"), "{error}");
    write_splits(&dir, 5000, 4, true).unwrap();
    assert!(write_splits(&dir, 0, 1, false).is_err());
}
