//! Reading a sentence word by word.

use super::Grammar;
use super::compile::{Node, NodeId};

/// A prefix of a sentence: what the grammar says of its next word.
///
/// Because the first word of each right-hand side names the rule, one stack is all the
/// state there is, and a step costs a few table look-ups.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    grammar: &'a Grammar,
    /// What must still be derived, the next item last; `None` after a word that the
    /// grammar can't make there.
    stack: Option<Vec<NodeId>>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(grammar: &'a Grammar) -> Self {
        Self { grammar, stack: Some(vec![0]) }
    }

    /// Reads `word`; returns the natural logarithm of its probability behind the words
    /// read so far. `None`, now and ever after, where the grammar has no such sentence.
    pub fn advance(&mut self, word: &str) -> Option<f64> {
        let mut stack = self.stack.take()?;
        let word = self.grammar.word_id(word)?;
        let mut log_probability = 0.0;
        loop {
            match self.grammar.node(stack.pop()?) {
                Node::Words(class) => {
                    let member = class.member(word)?;
                    self.stack = Some(stack);
                    return Some(log_probability + class.distribution.log_probability(member));
                }
                Node::Choice(choice) => {
                    let branch = choice.branch(word).or(choice.empty)?;
                    log_probability += choice.distribution.log_probability(branch);
                    stack.extend_from_slice(&choice.branches[branch].reversed);
                }
            }
        }
    }

    /// The natural logarithm of the probability that the sentence ends here, that is, of
    /// `<eos>`; `None` where it cannot.
    pub fn finish(&self) -> Option<f64> {
        let mut stack = self.stack.clone()?;
        let mut log_probability = 0.0;
        while let Some(id) = stack.pop() {
            let Node::Choice(choice) = self.grammar.node(id) else { return None };
            let branch = choice.empty?;
            log_probability += choice.distribution.log_probability(branch);
            stack.extend_from_slice(&choice.branches[branch].reversed);
        }
        Some(log_probability)
    }

    /// The probability of each word of [`Grammar::words`] behind the words read so far,
    /// and, as the last entry, of `<eos>`. They sum to 1, or all are 0 after a word that
    /// the grammar can't make.
    pub fn next_words(&self) -> Vec<f64> {
        let mut probabilities = vec![0.0; self.grammar.words().len() + 1];
        let Some(stack) = &self.stack else { return probabilities };
        let mut mass = 1.0;
        for &id in stack.iter().rev() {
            mass = self.spread(id, mass, &mut probabilities);
            if mass == 0.0 {
                return probabilities;
            }
        }
        if let Some(end) = probabilities.last_mut() {
            *end = mass;
        }
        probabilities
    }

    /// Adds `mass` times the distribution of the first word that `id` derives; returns
    /// the mass with which it derives nothing.
    fn spread(&self, id: NodeId, mass: f64, probabilities: &mut [f64]) -> f64 {
        match self.grammar.node(id) {
            Node::Words(class) => {
                for (member, &word) in class.words.iter().enumerate() {
                    let probability = class.distribution.probability(member);
                    probabilities[usize::from(word)] += mass * probability;
                }
                0.0
            }
            Node::Choice(choice) => {
                let mut empty = 0.0;
                for (index, branch) in choice.branches.iter().enumerate() {
                    let mut rest = mass * choice.distribution.probability(index);
                    for &item in branch.reversed.iter().rev() {
                        rest = self.spread(item, rest, probabilities);
                        if rest == 0.0 {
                            break;
                        }
                    }
                    empty += rest;
                }
                empty
            }
        }
    }
}
