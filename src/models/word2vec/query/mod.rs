//! Questions to word vectors, from the command line or at a prompt: `nearby` and `analogy`.

mod complete;
mod history;
mod line;
pub mod prompt;

use std::fmt;

use anyhow::{Context, Result};
use serde::Serialize;

use super::analogies;
use super::vectors::UnitVectors;
use crate::ops::Cpu;

pub use line::{Line, Query};

/// The words that `nearby` names, as the reference does.
pub const NEARBY: usize = 20;

/// A word, and the cosine of the angle between its vector and what was asked about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The word.
    pub word: String,
    /// The cosine, or for an analogy the product with c + (b − a).
    pub similarity: f32,
}

/// The words nearest to one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearby {
    /// The word asked about.
    pub word: String,
    /// The nearest words, as a rule the word itself first.
    pub neighbours: Vec<Neighbour>,
}

/// a is to b as c is to the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analogy {
    /// The first word.
    pub a: String,
    /// The second one.
    pub b: String,
    /// The third one.
    pub c: String,
    /// The word nearest to c + (b − a) that is none of the three.
    pub answer: Neighbour,
}

/// What a query brings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The neighbours of each word.
    Nearby {
        /// In the order of the question.
        nearby: Vec<Nearby>,
    },
    /// The answer of an analogy.
    Analogy {
        /// The question with its answer.
        analogy: Analogy,
    },
}

/// The `n` words nearest to `word`, itself among them as in the reference, but never `UNK`.
///
/// # Errors
/// When the word has no vector; with the nearest spellings.
pub fn nearby(cpu: &Cpu, vectors: &UnitVectors, word: &str, n: usize) -> Result<Nearby> {
    let target = vectors.row(vectors.id(word)?);
    let neighbours = vectors.nearest(cpu, target, n).into_iter().map(|hit| Neighbour {
        word: vectors.vocabulary().word(hit.row).to_owned(),
        similarity: hit.score,
    });
    Ok(Nearby { word: word.to_owned(), neighbours: neighbours.collect() })
}

/// The word d with `a` : `b` as `c` : d.
///
/// # Errors
/// When a word has no vector, or no other word is left to be the answer.
pub fn analogy(cpu: &Cpu, vectors: &UnitVectors, [a, b, c]: [&str; 3]) -> Result<Analogy> {
    let question = [vectors.id(a)?, vectors.id(b)?, vectors.id(c)?];
    let hit = analogies::answer(cpu, vectors, question)
        .with_context(|| format!("there is no word besides {a}, {b} and {c}"))?;
    let answer =
        Neighbour { word: vectors.vocabulary().word(hit.row).to_owned(), similarity: hit.score };
    Ok(Analogy { a: a.to_owned(), b: b.to_owned(), c: c.to_owned(), answer })
}

impl Query {
    /// Asks the vectors, for `n` neighbours of a word.
    ///
    /// # Errors
    /// When a word has no vector; with the nearest spellings.
    pub fn answer(&self, cpu: &Cpu, vectors: &UnitVectors, n: usize) -> Result<Answer> {
        Ok(match self {
            Query::Nearby(words) => {
                let nearby = words.iter().map(|word| nearby(cpu, vectors, word, n));
                Answer::Nearby { nearby: nearby.collect::<Result<_>>()? }
            }
            Query::Analogy(words) => Answer::Analogy {
                analogy: analogy(cpu, vectors, words.each_ref().map(String::as_str))?,
            },
        })
    }
}

/// The word, a line, and each neighbour with its cosine, as the reference prints them.
impl fmt::Display for Nearby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n=====================================", self.word)?;
        for Neighbour { word, similarity } in &self.neighbours {
            write!(f, "\n{word:<20} {similarity:6.4}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Nearby { nearby } => {
                for (index, nearby) in nearby.iter().enumerate() {
                    let blank = if index == 0 { "" } else { "\n\n" };
                    write!(f, "{blank}{nearby}")?;
                }
                Ok(())
            }
            Answer::Analogy { analogy } => f.write_str(&analogy.answer.word),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
