//! What the grammar promises: one derivation a sentence, so exact probabilities, and a floor that a
//! trigram model does not reach.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::rng::Stream;

type Words = HashSet<&'static str>;

fn all_empty(empty: &[bool], items: &[usize]) -> bool {
    items.iter().all(|&item| empty[item])
}

fn choices(grammar: &Grammar) -> impl Iterator<Item = (usize, &Vec<Vec<usize>>)> {
    grammar.nodes.iter().enumerate().filter_map(|(id, node)| match node {
        Node::Selector(branches, _) => Some((id, branches)),
        Node::Words(..) => None,
    })
}

/// The nodes that can derive nothing.
fn empty_nodes(grammar: &Grammar) -> Vec<bool> {
    let mut empty = vec![false; grammar.nodes.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for (id, branches) in choices(grammar) {
            if !empty[id] && branches.iter().any(|branch| all_empty(&empty, branch)) {
                (empty[id], changed) = (true, true);
            }
        }
    }
    empty
}

/// The words with which a right-hand side, last item first, can begin.
fn first_of(branch: &[usize], first: &[Words], empty: &[bool]) -> Words {
    let mut words = Words::new();
    for &item in branch.iter().rev() {
        words.extend(&first[item]);
        if !empty[item] {
            break;
        }
    }
    words
}

/// Adds to the words of each node what `find` finds for it, until there is nothing new.
fn close(
    mut words: Vec<Words>,
    mut find: impl FnMut(&[Words]) -> Vec<(usize, Words)>,
) -> Vec<Words> {
    loop {
        let count = |words: &[Words]| words.iter().map(HashSet::len).sum::<usize>();
        let before = count(&words);
        for (id, found) in find(&words) {
            words[id].extend(found);
        }
        if count(&words) == before {
            return words;
        }
    }
}

#[test]
fn the_grammar_is_ll1() {
    let grammar = Grammar::english();
    let empty = empty_nodes(&grammar);
    let lists = grammar.nodes.iter().map(|node| match node {
        Node::Words(words, _) => words.iter().copied().collect(),
        Node::Selector(..) => Words::new(),
    });
    let first = close(lists.collect(), |first| {
        let each = choices(&grammar)
            .flat_map(|(id, branches)| branches.iter().map(move |branch| (id, branch)));
        each.map(|(id, branch)| (id, first_of(branch, first, &empty))).collect()
    });
    let follow = close(vec![Words::new(); grammar.nodes.len()], |follow| {
        let mut found = Vec::new();
        for (parent, branches) in choices(&grammar) {
            for branch in branches {
                for (place, &item) in branch.iter().enumerate() {
                    let mut words = first_of(&branch[..place], &first, &empty);
                    if all_empty(&empty, &branch[..place]) {
                        words.extend(&follow[parent]);
                    }
                    found.push((item, words));
                }
            }
        }
        found
    });
    for (id, branches) in choices(&grammar) {
        let n_empty = branches.iter().filter(|branch| all_empty(&empty, branch)).count();
        assert!(n_empty <= 1, "node {id} derives nothing in {n_empty} ways");
        let mut seen = if n_empty == 1 { follow[id].clone() } else { Words::new() };
        for branch in branches {
            for word in first_of(branch, &first, &empty) {
                assert!(seen.insert(word), "node {id}: {word}");
            }
        }
    }
}

#[test]
fn no_list_has_a_word_twice() {
    for node in Grammar::english().nodes {
        if let Node::Words(words, _) = node {
            assert!(!words.is_empty());
            assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "{words:?}");
        }
    }
}

/// The log-probabilities of all derivations of `words` from a stack, the next item last, by
/// exhaustive search.
fn derivations(grammar: &Grammar, mut stack: Vec<usize>, words: &[&str]) -> Vec<f64> {
    let Some(id) = stack.pop() else { return if words.is_empty() { vec![0.0] } else { vec![] } };
    match &grammar.nodes[id] {
        Node::Words(members, distribution) => {
            let member = words.first().and_then(|word| members.iter().position(|it| it == word));
            let Some(member) = member else { return vec![] };
            let rest = derivations(grammar, stack, &words[1..]);
            rest.iter().map(|rest| rest + distribution.log_probability(member)).collect()
        }
        Node::Selector(branches, distribution) => {
            let each = branches.iter().enumerate().flat_map(|(branch, items)| {
                let rest = derivations(grammar, [&stack[..], items].concat(), words);
                rest.into_iter().map(move |rest| rest + distribution.log_probability(branch))
            });
            each.collect()
        }
    }
}

#[test]
fn a_sentence_has_one_derivation_whose_probability_is_its_own() {
    let grammar = Grammar::english();
    for sentence in grammar.sentences(5, "test").take(1_500) {
        let found = derivations(&grammar, vec![0], &sentence.words);
        let [log_probability] = found[..] else { panic!("{found:?}: {:?}", sentence.words) };
        assert!((log_probability - sentence.log_probability).abs() < 1e-9);
    }
}

#[test]
fn sentences_that_break_a_rule_are_impossible() {
    let grammar = Grammar::english();
    let possible = |sentence: &str| {
        let words: Vec<_> = sentence.split_whitespace().collect();
        !derivations(&grammar, vec![0], &words).is_empty()
    };
    for (right, wrong) in [
        (
            "the baker who the pilots admire bakes a cake",
            "the baker who the pilots admire bake a cake",
        ),
        ("the bakers who anna likes roast a pie", "the bakers who anna likes repair a pie"),
        ("yesterday an old engineer repaired a clock", "yesterday an old engineer repairs a clock"),
        ("the poet laughed last week", "the poet laughed next week"),
        ("anna blames herself", "anna blames himself"),
        ("both anna and peter dance", "both anna or peter dance"),
        ("mary said that she smiled", "mary said that he smiled"),
        ("a horse from oslo slept", "a horse from oslo yawned"),
        ("if john yawns then mary will dance", "if john yawns mary will dance"),
        ("an odd owl vanished", "a odd owl vanished"),
    ] {
        assert!(possible(right), "{right}");
        assert!(!possible(wrong), "{wrong}");
    }
    assert!(!possible("") && !possible("anna"));
}

#[test]
fn text_is_a_function_of_seed_and_stream() {
    let grammar = Grammar::english();
    let text = |seed, stream| grammar.text(seed, stream, 2_000).0;
    assert_ne!(text(1, "train"), text(2, "train"));
    assert_ne!(text(1, "train"), text(1, "valid"));
    let (longer, measure) = grammar.text(1, "grammar/train", 50_000);
    assert!(longer.starts_with(&text(1, "grammar/train")));
    let tokens = longer.lines().map(|line| line.split_whitespace().count() + 1).sum::<usize>();
    assert_eq!(tokens, measure.tokens);
    // Texts do not change from one version of the program to the next.
    assert_eq!(crc32c::crc32c(longer.as_bytes()), 3_973_369_963);
    assert!((measure.perplexity() - 17.901_324_898_610_82).abs() < 1e-9);
}

#[test]
fn the_vocabulary_is_sorted_and_in_lower_case() {
    let grammar = Grammar::english();
    assert!(grammar.words().is_sorted());
    for word in grammar.words() {
        assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
    }
}

#[test]
fn no_word_is_rare() {
    let grammar = Grammar::english();
    let mut counts: HashMap<_, _> = grammar.words().iter().map(|&word| (word, 0)).collect();
    let (text, _) = grammar.text(11, "train", 1_000_000);
    text.split_whitespace().for_each(|word| *counts.get_mut(word).unwrap() += 1);
    let (word, rarest) = counts.iter().min_by_key(|(_, count)| **count).unwrap();
    assert!(*rarest >= 90, "{word}: {rarest}");
    assert!((500..1_000).contains(&counts.len()), "{}", counts.len());
}

#[test]
fn a_trigram_model_stays_a_fifth_above_the_floor() {
    let grammar = Grammar::english();
    let (train, _) = grammar.text(11, "train", 1_000_000);
    let (test, measure) = grammar.text(11, "test", 100_000);
    let (floor, trigram) = (measure.perplexity(), trigram_perplexity(&train, &test));
    println!("floor {floor:.3}, trigram {trigram:.3}, quotient {:.3}", floor / trigram);
    assert!((15.0..60.0).contains(&floor), "floor {floor}");
    assert!(floor <= 0.8 * trigram, "floor {floor}, trigram {trigram}");
}

/// The perplexity on `test` of a trigram model of `train` with interpolated Kneser-Ney smoothing
/// (Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1998).
fn trigram_perplexity(train: &str, test: &str) -> f64 {
    // By order: how often each n-gram occurs and, of the lower orders, after how many words; and of
    // each context the sum of these counts and how many there are.
    let mut counts: [HashMap<&[&str], u32>; 3] = Default::default();
    let mut contexts: [HashMap<&[&str], (u32, u32)>; 3] = Default::default();
    let (train, test) = (padded(train), padded(test));
    let of_text = |trigram: &&[&str]| trigram[2] != "<s>";
    for trigram in train.windows(3).filter(of_text) {
        for order in (0..3).rev() {
            let ngram = &trigram[2 - order..];
            let count = counts[order].entry(ngram).or_default();
            let context = contexts[order].entry(&ngram[..order]).or_default();
            *count += 1;
            context.0 += 1;
            context.1 += u32::from(*count == 1);
            if *count > 1 {
                break;
            }
        }
    }
    const DISCOUNT: f64 = 0.75;
    let n_words = counts[0].len() as f64;
    let probability = |trigram: &[&str]| {
        (0..3).fold(1.0 / n_words, |lower, order| {
            let ngram = &trigram[2 - order..];
            let Some(&(total, types)) = contexts[order].get(&ngram[..order]) else { return lower };
            let own = counts[order].get(ngram).map_or(0.0, |&count| f64::from(count) - DISCOUNT);
            (own + DISCOUNT * f64::from(types) * lower) / f64::from(total)
        })
    };
    let sum: f64 = counts[0].keys().map(|word| probability(&["the", "old", word[0]])).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let trigrams = test.windows(3).filter(of_text);
    let logs: Vec<f64> = trigrams.map(|trigram| probability(trigram).ln()).collect();
    (-logs.iter().sum::<f64>() / logs.len() as f64).exp()
}

/// The tokens of a text, with what is before a sentence.
fn padded(text: &str) -> Vec<&str> {
    text.lines()
        .flat_map(|line| ["<s>", "<s>"].into_iter().chain(line.split_whitespace()).chain(["<eos>"]))
        .collect()
}

#[test]
fn draws_follow_the_weights() {
    let distribution = Distribution::new([1.0, 2.0, 5.0]);
    let mut random = Stream::new(3, "test").at(0);
    let mut counts = [0_i32; 3];
    for _ in 0..80_000 {
        let (index, log_probability) = distribution.draw(&mut random);
        assert_eq!(log_probability, [0.125_f64, 0.25, 0.625][index].ln());
        counts[index] += 1;
    }
    for (count, expected) in counts.into_iter().zip([10_000_i32, 20_000, 50_000]) {
        assert!((count - expected).abs() < 500, "{counts:?}");
    }
}
