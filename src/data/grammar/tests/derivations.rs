//! Each sentence has one derivation.

use std::collections::{HashMap, HashSet};

use super::compile::{Branch, ChoiceNode, begins_with, can_be_empty, for_each_leading};
use super::*;

type Words = HashSet<WordId>;

fn first_words(grammar: &Grammar, branch: &Branch) -> Words {
    let mut words = Words::new();
    let all = 0..grammar.words.len() as WordId;
    for_each_leading(&grammar.nodes, branch, |node| {
        words.extend(all.clone().filter(|&word| begins_with(node, word)));
    });
    words
}

fn choices(grammar: &Grammar) -> impl Iterator<Item = (usize, &ChoiceNode)> {
    grammar.nodes.iter().enumerate().filter_map(|(id, node)| match node {
        Node::Choice(choice) => Some((id, choice)),
        Node::Words(_) => None,
    })
}

/// The words that can stand behind each node.
fn following_words(grammar: &Grammar) -> Vec<Words> {
    let mut follow = vec![Words::new(); grammar.nodes.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for (parent, choice) in choices(grammar) {
            for branch in &choice.branches {
                for (place, &item) in branch.reversed.iter().enumerate() {
                    let rest = Branch { reversed: branch.reversed[..place].to_vec() };
                    let mut found = first_words(grammar, &rest);
                    if rest.reversed.iter().all(|&item| can_be_empty(&grammar.nodes, item)) {
                        found.extend(follow[parent].iter().copied());
                    }
                    let known = &mut follow[usize::from(item)];
                    let before = known.len();
                    known.extend(found);
                    changed |= known.len() > before;
                }
            }
        }
    }
    follow
}

#[test]
fn the_grammar_is_ll1() {
    let grammar = Grammar::english();
    let follow = following_words(&grammar);
    for (id, choice) in choices(&grammar) {
        let nothing = |branch: &&Branch| {
            branch.reversed.iter().all(|&item| can_be_empty(&grammar.nodes, item))
        };
        let empty = choice.branches.iter().filter(nothing).count();
        assert!(empty <= 1, "node {id} derives the empty string in {empty} ways");
        let mut seen = if empty == 0 { Words::new() } else { follow[id].clone() };
        for branch in &choice.branches {
            for word in first_words(&grammar, branch) {
                let word_is_new = seen.insert(word);
                assert!(word_is_new, "node {id}: {:?}", grammar.words[usize::from(word)]);
            }
        }
    }
}

#[test]
fn no_class_has_a_word_twice() {
    let grammar = Grammar::english();
    for node in &grammar.nodes {
        if let Node::Words(class) = node {
            let words: HashSet<_> = class.words.iter().collect();
            assert_eq!(words.len(), class.words.len());
            assert!(!words.is_empty());
        }
    }
}

/// A parser by exhaustive search, without the tables of first words: for each end, the
/// number of derivations and their probability.
struct Search<'a> {
    grammar: &'a Grammar,
    words: Vec<WordId>,
    known: HashMap<(NodeId, usize), HashMap<usize, (u32, f64)>>,
}

impl Search<'_> {
    fn derivations(&mut self, id: NodeId, from: usize) -> HashMap<usize, (u32, f64)> {
        if let Some(known) = self.known.get(&(id, from)) {
            return known.clone();
        }
        let mut ends = HashMap::new();
        let grammar = self.grammar;
        match grammar.node(id) {
            Node::Words(class) => {
                let word = self.words.get(from);
                if let Some(place) = class.words.iter().position(|member| Some(member) == word) {
                    ends.insert(from + 1, (1, class.distribution.probability(place)));
                }
            }
            Node::Choice(choice) => {
                for (index, branch) in choice.branches.iter().enumerate() {
                    let start = (1, choice.distribution.probability(index));
                    let mut fronts = HashMap::from([(from, start)]);
                    for &item in branch.reversed.iter().rev() {
                        let mut next = HashMap::new();
                        for (front, (count, probability)) in fronts {
                            for (end, (n, p)) in self.derivations(item, front) {
                                add(&mut next, end, (count * n, probability * p));
                            }
                        }
                        fronts = next;
                    }
                    fronts.into_iter().for_each(|(end, found)| add(&mut ends, end, found));
                }
            }
        }
        self.known.insert((id, from), ends.clone());
        ends
    }
}

fn add(ends: &mut HashMap<usize, (u32, f64)>, end: usize, (count, probability): (u32, f64)) {
    let entry = ends.entry(end).or_insert((0, 0.0));
    entry.0 += count;
    entry.1 += probability;
}

#[test]
fn exhaustive_search_finds_one_derivation() {
    let grammar = Grammar::english();
    for sentence in grammar.sentences(5, "test").take(1_500) {
        let words: Vec<_> = sentence.words.iter().map(|word| grammar.word_ids[word]).collect();
        let n_words = words.len();
        let mut search = Search { grammar: &grammar, words, known: HashMap::new() };
        let (count, probability) = search.derivations(0, 0)[&n_words];
        assert_eq!(count, 1, "{}", sentence.words.join(" "));
        assert!((probability.ln() - sentence.log_probability).abs() < 1e-9);
    }
}

/// All derivations of at most `room` words, without looking at the words.
fn enumerate(
    grammar: &Grammar,
    stack: &mut Vec<NodeId>,
    derived: &mut Vec<WordId>,
    room: usize,
    log_probability: f64,
    visit: &mut impl FnMut(&[WordId], f64),
) {
    let Some(id) = stack.pop() else { return visit(derived, log_probability) };
    match grammar.node(id) {
        Node::Words(class) if derived.len() < room => {
            for (place, &word) in class.words.iter().enumerate() {
                derived.push(word);
                let next = log_probability + class.distribution.log_probability(place);
                enumerate(grammar, &mut stack.clone(), derived, room, next, visit);
                derived.pop();
            }
        }
        Node::Words(_) => {}
        Node::Choice(choice) => {
            for (index, branch) in choice.branches.iter().enumerate() {
                let mut stack = stack.clone();
                stack.extend_from_slice(&branch.reversed);
                let next = log_probability + choice.distribution.log_probability(index);
                enumerate(grammar, &mut stack, derived, room, next, visit);
            }
        }
    }
}

#[test]
fn all_short_sentences_are_derived_once_and_scored_as_derived() {
    let grammar = Grammar::english();
    let mut seen = HashSet::new();
    enumerate(&grammar, &mut vec![0], &mut Vec::new(), 3, 0.0, &mut |words, log_probability| {
        let words: Vec<_> = words.iter().map(|&word| grammar.words[usize::from(word)]).collect();
        let score = grammar.score(&words).unwrap();
        assert!((score - log_probability).abs() < 1e-9, "{}", words.join(" "));
        assert!(seen.insert(words.clone()), "{} is derived twice", words.join(" "));
    });
    assert!(seen.len() > 10_000, "{}", seen.len());
}
