//! English-like text from a probabilistic grammar, whose exact log-probability is known.
//!
//! Verbs agree with their subjects in number and choose them by meaning, across relative
//! clauses; an adverb at the beginning fixes the tense of the verb; pronouns agree with
//! the name or noun that they refer to; "both", "either", "neither" and "if" wait for their
//! partners. So a model with a memory is rewarded, and one that sees two words is not.
//!
//! The grammar is LL(1): each sentence has one derivation, whose probability is
//! the sentence's. Hence the perplexity of the grammar itself, the floor that no model can
//! go below in the long run, is known exactly for any text.

mod compile;
mod cursor;
mod distribution;
mod feature;
mod lexicon;
mod rules;
mod splits;
mod symbol;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use cursor::Cursor;
pub use splits::{SplitFile, split_sizes, split_stream, write_splits};

use crate::rng::{Sequence, Stream};
use compile::{Node, NodeId, WordId};

/// A probabilistic grammar.
#[derive(Debug)]
pub struct Grammar {
    /// Sorted.
    words: Vec<&'static str>,
    word_ids: HashMap<&'static str, WordId>,
    nodes: Vec<Node>,
}

/// A generated sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// The words, without `<eos>`.
    pub words: Vec<&'static str>,
    /// Natural logarithm of its probability, that of the closing `<eos>` included.
    pub log_probability: f64,
}

/// A generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// One sentence a line, each word between spaces, as in the Penn Treebank's files.
    pub text: String,
    /// Words, with an `<eos>` for each line.
    pub tokens: usize,
    /// Natural logarithm of the probability of all tokens.
    pub log_probability: f64,
}

impl Text {
    /// The perplexity per token of the grammar itself on this text.
    pub fn perplexity(&self) -> f64 {
        perplexity(self.log_probability, self.tokens)
    }
}

impl Grammar {
    /// The embedded grammar of English.
    pub fn english() -> Self {
        let (words, nodes) = compile::compile();
        let word_ids = words.iter().enumerate().map(|(id, &word)| (word, id as WordId)).collect();
        Self { words, word_ids, nodes }
    }

    /// The vocabulary, sorted, without `<eos>`.
    pub fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// Draws a sentence.
    pub fn sentence(&self, random: &mut Sequence) -> Sentence {
        let mut sentence = Sentence { words: Vec::with_capacity(24), log_probability: 0.0 };
        let mut stack: Vec<NodeId> = vec![0];
        while let Some(id) = stack.pop() {
            sentence.log_probability += match self.node(id) {
                Node::Words(class) => {
                    let (member, log_probability) = class.distribution.draw(random);
                    sentence.words.push(self.words[usize::from(class.words[member])]);
                    log_probability
                }
                Node::Choice(choice) => {
                    let (branch, log_probability) = choice.distribution.draw(random);
                    stack.extend_from_slice(&choice.branches[branch].reversed);
                    log_probability
                }
            };
        }
        sentence
    }

    /// Sentences without end. The one at place i depends on the seed, the stream's name
    /// and i alone.
    pub fn sentences(&self, seed: u64, stream: &str) -> impl Iterator<Item = Sentence> {
        let stream = Stream::new(seed, stream);
        (0..).map(move |place| self.sentence(&mut stream.at(place)))
    }

    /// At least `n_tokens` tokens, each line's `<eos>` counted, in whole sentences.
    pub fn text(&self, seed: u64, stream: &str, n_tokens: usize) -> Text {
        let mut text = Text { text: String::new(), tokens: 0, log_probability: 0.0 };
        for sentence in self.sentences(seed, stream) {
            if text.tokens >= n_tokens {
                break;
            }
            sentence.push_line(&mut text.text);
            text.tokens += sentence.tokens();
            text.log_probability += sentence.log_probability;
        }
        text
    }

    /// A reader at the beginning of a sentence.
    pub fn begin(&self) -> Cursor<'_> {
        Cursor::new(self)
    }

    /// The natural logarithm of the probability of a sentence, that of the closing `<eos>`
    /// included; `None` if the grammar cannot make it.
    pub fn score(&self, words: &[&str]) -> Option<f64> {
        let mut cursor = self.begin();
        let mut log_probability = 0.0;
        for word in words {
            log_probability += cursor.advance(word)?;
        }
        Some(log_probability + cursor.finish()?)
    }

    fn word_id(&self, word: &str) -> Option<WordId> {
        self.word_ids.get(word).copied()
    }

    #[inline]
    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[usize::from(id)]
    }
}

impl Sentence {
    /// The words and `<eos>`, counted.
    pub fn tokens(&self) -> usize {
        self.words.len() + 1
    }

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

fn perplexity(log_probability: f64, tokens: usize) -> f64 {
    (-log_probability / tokens as f64).exp()
}
