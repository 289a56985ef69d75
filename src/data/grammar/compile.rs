//! Rules with features become tables over numbered symbols and words.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::distribution::Distribution;
use super::lexicon::{WordClass, members};
use super::rules::rules;
use super::symbol::{Item, Symbol};

/// Number of a node; the first is the sentence.
pub(super) type NodeId = u16;
/// Number of a word in the sorted vocabulary.
pub(super) type WordId = u16;

const NO_BRANCH: u8 = u8::MAX;
const NO_MEMBER: u16 = u16::MAX;

/// A word class or a symbol.
#[derive(Debug)]
pub(super) enum Node {
    Words(WordNode),
    Choice(ChoiceNode),
}

/// One word of a class.
#[derive(Debug)]
pub(super) struct WordNode {
    pub words: Vec<WordId>,
    pub distribution: Distribution,
    /// Place in `words`, by word.
    member: Vec<u16>,
}

impl WordNode {
    /// The place of `word` among the members.
    #[inline]
    pub(super) fn member(&self, word: WordId) -> Option<usize> {
        let member = self.member[usize::from(word)];
        (member != NO_MEMBER).then_some(usize::from(member))
    }
}

/// One rule out of a symbol's.
#[derive(Debug)]
pub(super) struct ChoiceNode {
    pub distribution: Distribution,
    pub branches: Vec<Branch>,
    /// The branch that derives the empty string, if there is one.
    pub empty: Option<usize>,
    /// The branch that can begin with a word, by word.
    branch: Vec<u8>,
}

/// A right-hand side, last item first: the order in which a stack takes it.
#[derive(Debug)]
pub(super) struct Branch {
    pub reversed: Vec<NodeId>,
}

impl ChoiceNode {
    /// The branch that can begin with `word`.
    #[inline]
    pub(super) fn branch(&self, word: WordId) -> Option<usize> {
        let branch = self.branch[usize::from(word)];
        (branch != NO_BRANCH).then_some(usize::from(branch))
    }
}

/// The sorted vocabulary and all nodes that the sentence reaches.
pub(super) fn compile() -> (Vec<&'static str>, Vec<Node>) {
    let items = reachable();
    let words = vocabulary(&items);
    let word_ids = words.iter().enumerate().map(|(id, &word)| (word, id as WordId)).collect();
    let node_ids = items.iter().enumerate().map(|(id, &item)| (item, id as NodeId)).collect();
    let mut nodes: Vec<Node> = items
        .iter()
        .map(|&item| match item {
            Item::Words(class) => Node::Words(word_node(class, &word_ids)),
            Item::Symbol(symbol) => Node::Choice(choice_node(symbol, &node_ids, words.len())),
        })
        .collect();
    find_empty_branches(&mut nodes);
    find_first_words(&mut nodes, words.len());
    (words, nodes)
}

/// `word_ids` has every member of every class that is reachable.
fn word_node(class: WordClass, word_ids: &HashMap<&str, WordId>) -> WordNode {
    let members = members(class);
    let words: Vec<_> = members.iter().map(|(word, _)| word_ids[word]).collect();
    let mut member = vec![NO_MEMBER; word_ids.len()];
    for (place, &word) in words.iter().enumerate() {
        member[usize::from(word)] = place as u16;
    }
    let distribution = Distribution::new(members.iter().map(|&(_, weight)| weight));
    WordNode { words, distribution, member }
}

/// The node without its look-up tables. `node_ids` has every item of its rules.
fn choice_node(symbol: Symbol, node_ids: &HashMap<Item, NodeId>, n_words: usize) -> ChoiceNode {
    let rules = rules(symbol);
    let branches = rules.iter().map(|rule| Branch {
        reversed: rule.items.iter().rev().map(|item| node_ids[item]).collect(),
    });
    ChoiceNode {
        distribution: Distribution::new(rules.iter().map(|rule| rule.weight)),
        branches: branches.collect(),
        empty: None,
        branch: vec![NO_BRANCH; n_words],
    }
}

/// Every item that occurs in a derivation of the sentence, which comes first.
fn reachable() -> Vec<Item> {
    let mut items = vec![Item::Symbol(Symbol::Sentence)];
    let mut seen: HashSet<Item> = items.iter().copied().collect();
    let mut next = 0;
    while let Some(&item) = items.get(next) {
        next += 1;
        if let Item::Symbol(symbol) = item {
            let found = rules(symbol).into_iter().flat_map(|rule| rule.items);
            items.extend(found.filter(|&item| seen.insert(item)));
        }
    }
    items
}

fn vocabulary(items: &[Item]) -> Vec<&'static str> {
    let classes = items.iter().filter_map(|item| match item {
        Item::Words(class) => Some(*class),
        Item::Symbol(_) => None,
    });
    let words: BTreeSet<_> = classes.flat_map(members).map(|(word, _)| word).collect();
    words.into_iter().collect()
}

/// Repeats until no further symbol is found to derive the empty string.
fn find_empty_branches(nodes: &mut [Node]) {
    let mut changed = true;
    while changed {
        changed = false;
        for id in (0..nodes.len()).rev() {
            let Node::Choice(choice) = &nodes[id] else { continue };
            if choice.empty.is_some() {
                continue;
            }
            let empty = choice
                .branches
                .iter()
                .position(|branch| branch.reversed.iter().all(|&item| can_be_empty(nodes, item)));
            if let (Some(_), Node::Choice(choice)) = (empty, &mut nodes[id]) {
                choice.empty = empty;
                changed = true;
            }
        }
    }
}

pub(super) fn can_be_empty(nodes: &[Node], id: NodeId) -> bool {
    matches!(&nodes[usize::from(id)], Node::Choice(choice) if choice.empty.is_some())
}

/// Repeats until no further first word of a branch is found.
fn find_first_words(nodes: &mut [Node], n_words: usize) {
    let mut changed = true;
    while changed {
        changed = false;
        for id in (0..nodes.len()).rev() {
            let Node::Choice(choice) = &nodes[id] else { continue };
            let mut table = choice.branch.clone();
            for (index, branch) in choice.branches.iter().enumerate() {
                for_each_leading(nodes, branch, |item| {
                    for word in (0..n_words).filter(|&word| begins_with(item, word as WordId)) {
                        if table[word] == NO_BRANCH {
                            table[word] = index as u8;
                            changed = true;
                        }
                    }
                });
            }
            if let Node::Choice(choice) = &mut nodes[id] {
                choice.branch = table;
            }
        }
    }
}

/// Visits the items of a branch that can stand at its beginning.
pub(super) fn for_each_leading(nodes: &[Node], branch: &Branch, mut visit: impl FnMut(&Node)) {
    for &item in branch.reversed.iter().rev() {
        visit(&nodes[usize::from(item)]);
        if !can_be_empty(nodes, item) {
            return;
        }
    }
}

/// Whether the node derives a string that begins with `word`.
pub(super) fn begins_with(node: &Node, word: WordId) -> bool {
    match node {
        Node::Words(class) => class.member(word).is_some(),
        Node::Choice(choice) => choice.branch(word).is_some(),
    }
}
