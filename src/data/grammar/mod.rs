//! English-like text from a probabilistic grammar, whose exact log-probability is known.
//!
//! Verbs agree with their subjects in number and choose them by meaning, across relative
//! clauses; an adverb at the beginning fixes the tense of the verb; pronouns agree with
//! the name or noun that they refer to; "both", "either", "neither" and "if" wait for their
//! partners. So a model with a memory is rewarded, and one that sees two words is not.
//!
//! The grammar stands in `english.txt`. It is LL(1): each sentence has one derivation, whose
//! probability is the sentence's. Hence the perplexity of the grammar itself, the floor that no
//! model can go below in the long run, is known exactly for the text that it makes.

mod reader;
mod splits;

use std::collections::HashMap;
use std::convert::Infallible;

use reader::{GrammarRules, Item};

use crate::rng::{Sequence, Stream};

pub use splits::{SplitFile, split_sizes, split_stream, write_splits};

/// A probabilistic grammar.
#[derive(Debug)]
pub struct Grammar {
    /// Sorted.
    words: Vec<&'static str>,
    /// The first is the sentence.
    nodes: Vec<Node>,
}

/// A list of words or a symbol, with the distribution of its members or branches.
#[derive(Debug)]
enum Node {
    /// One word of a list.
    Words(Vec<&'static str>, Distribution),
    /// One right-hand side out of a symbol's, last item first: the order in which a stack takes it.
    Selector(Vec<Vec<usize>>, Distribution),
}

/// A generated sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratedSentence {
    /// The words, without `<eos>`.
    pub words: Vec<&'static str>,
    /// Natural logarithm of its probability, that of the closing `<eos>` included.
    pub log_probability: f64,
}

/// The size of a generated text and how probable it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// Words, with an `<eos>` for each line.
    pub tokens: usize,
    /// Natural logarithm of the probability of all tokens.
    pub log_probability: f64,
}

impl Measure {
    /// The perplexity per token of the grammar itself on this text: its floor.
    pub fn perplexity(&self) -> f64 {
        (-self.log_probability / self.tokens as f64).exp()
    }
}

impl Grammar {
    /// The embedded grammar of English.
    pub fn english() -> Self {
        let rules = GrammarRules::read(include_str!("english.txt"));
        let mut items = vec![Item::word("Sentence")];
        let mut ids = HashMap::from([(items[0].clone(), 0)]);
        let mut nodes = Vec::new();
        while let Some(item) = items.get(nodes.len()).cloned() {
            nodes.push(rules.words(&item).map(Node::words).unwrap_or_else(|| {
                let mut id = |item: &Item| {
                    *ids.entry(item.clone()).or_insert_with(|| {
                        items.push(item.clone());
                        items.len() - 1
                    })
                };
                let rules = rules.rules(&item);
                let branches =
                    rules.iter().map(|(_, items)| items.iter().rev().map(&mut id).collect());
                let branches = branches.collect();
                Node::Selector(branches, Distribution::new(rules.iter().map(|(weight, _)| *weight)))
            }));
        }
        Self { words: vocabulary(&nodes), nodes }
    }

    /// The vocabulary, sorted, without `<eos>`.
    pub fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// Draws a sentence.
    pub fn sentence(&self, random: &mut Sequence) -> GeneratedSentence {
        let mut sentence =
            GeneratedSentence { words: Vec::with_capacity(24), log_probability: 0.0 };
        let mut stack = vec![0];
        while let Some(id) = stack.pop() {
            sentence.log_probability += match &self.nodes[id] {
                Node::Words(words, distribution) => {
                    let (member, log_probability) = distribution.draw(random);
                    sentence.words.push(words[member]);
                    log_probability
                }
                Node::Selector(branches, distribution) => {
                    let (branch, log_probability) = distribution.draw(random);
                    stack.extend_from_slice(&branches[branch]);
                    log_probability
                }
            };
        }
        sentence
    }

    /// Sentences without end. The one at place i depends on the seed, the stream's name
    /// and i alone.
    pub fn sentences(&self, seed: u64, stream: &str) -> impl Iterator<Item = GeneratedSentence> {
        let stream = Stream::new(seed, stream);
        (0..).map(move |place| self.sentence(&mut stream.at(place)))
    }

    /// Hands out at least `n_tokens` tokens, each line's `<eos>` counted, in whole sentences: one
    /// per line, each word between spaces, as in the Penn Treebank's files.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write<E>(
        &self,
        seed: u64,
        stream: &str,
        n_tokens: usize,
        mut write: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<Measure, E> {
        let mut measure = Measure::default();
        let mut line = String::new();
        for sentence in self.sentences(seed, stream) {
            if measure.tokens >= n_tokens {
                break;
            }
            line.clear();
            sentence.push_line(&mut line);
            write(&line)?;
            measure.tokens += sentence.words.len() + 1;
            measure.log_probability += sentence.log_probability;
        }
        Ok(measure)
    }

    /// What [`Grammar::write`] hands out, as one text.
    pub fn text(&self, seed: u64, stream: &str, n_tokens: usize) -> (String, Measure) {
        let mut text = String::new();
        let Ok(measure) = self.write::<Infallible>(seed, stream, n_tokens, |line| {
            text.push_str(line);
            Ok(())
        });
        (text, measure)
    }
}

impl Node {
    fn words(members: Vec<(&'static str, f64)>) -> Self {
        let (words, weights): (_, Vec<f64>) = members.into_iter().unzip();
        Self::Words(words, Distribution::new(weights))
    }
}

impl GeneratedSentence {
    /// Appends " word word \n", the Penn Treebank's spacing: readers that turn a newline
    /// into `<eos>` before they split at spaces need it.
    fn push_line(&self, text: &mut String) {
        for word in &self.words {
            text.push(' ');
            text.push_str(word);
        }
        text.push_str(" \n");
    }
}

fn vocabulary(nodes: &[Node]) -> Vec<&'static str> {
    let lists = nodes.iter().filter_map(|node| match node {
        Node::Words(words, _) => Some(words),
        Node::Selector(..) => None,
    });
    let mut words: Vec<_> = lists.flatten().copied().collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The probabilities of the indices 0, 1, ….
#[derive(Clone, Debug)]
struct Distribution {
    /// Natural logarithms of the probabilities.
    logs: Vec<f64>,
    /// Sums up to and including each index.
    cumulative: Vec<f64>,
}

impl Distribution {
    /// Weights need not sum to 1; each must be positive.
    fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let weights: Vec<f64> = weights.into_iter().collect();
        let total: f64 = weights.iter().sum();
        let probabilities: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let logs = probabilities.iter().map(|p| p.ln()).collect();
        let cumulative = probabilities
            .iter()
            .scan(0.0, |sum, p| {
                *sum += p;
                Some(*sum)
            })
            .collect();
        Self { logs, cumulative }
    }

    /// An index, and the natural logarithm of its probability.
    #[inline]
    fn draw(&self, random: &mut Sequence) -> (usize, f64) {
        if self.logs.len() == 1 {
            return (0, 0.0);
        }
        let uniform = random.uniform();
        let index = self.cumulative.partition_point(|&sum| sum <= uniform);
        // The last sum may fall short of 1 by a rounding error.
        let index = index.min(self.logs.len() - 1);
        (index, self.logs[index])
    }

    #[cfg(test)]
    fn log_probability(&self, index: usize) -> f64 {
        self.logs[index]
    }
}

#[cfg(test)]
mod tests;
