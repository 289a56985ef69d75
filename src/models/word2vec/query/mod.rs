//! Questions to word vectors, from the command line or at a prompt: `nearby` and `analogy`.

pub mod prompt;

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::analogies;
use super::vectors::UnitVectors;
use crate::ops::Cpu;
use crate::ops::top_k::Hit;

/// The words that `nearby` names where no number is given. The reference's 20 have the word itself
/// among them.
pub const DEFAULT_NEIGHBOURS: usize = 20;

/// A word, and the cosine of the angle between its vector and what was asked about, which is
/// c + (b − a) for an analogy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The word.
    pub word: String,
    /// The cosine.
    pub similarity: f32,
}

/// The words nearest to one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbours {
    /// The word asked about.
    pub word: String,
    /// The nearest words but itself.
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
    /// As many of the nearest words as were asked for, the answer first.
    pub answers: Vec<Neighbour>,
}

/// The result of a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The neighbours of each word.
    Neighbours {
        /// In the order of the question.
        nearby: Vec<Neighbours>,
    },
    /// The answer of an analogy.
    Analogy {
        /// The question with its answer.
        analogy: Analogy,
    },
}

fn neighbour(vectors: &UnitVectors, hit: &Hit) -> Neighbour {
    Neighbour { word: vectors.vocabulary().word(hit.row).to_owned(), similarity: hit.score }
}

/// The `n` words nearest to `word`, but never itself or `UNK`.
///
/// # Errors
/// When the word has no vector; with the nearest spellings.
pub fn neighbours(cpu: &Cpu, vectors: &UnitVectors, word: &str, n: usize) -> Result<Neighbours> {
    let id = vectors.id(word)?;
    let hits = vectors.nearest(cpu, vectors.row(id), n.saturating_add(1));
    let others = hits.iter().filter(|hit| hit.row != id).take(n);
    let neighbours = others.map(|hit| neighbour(vectors, hit)).collect();
    Ok(Neighbours { word: vectors.vocabulary().word(id).to_owned(), neighbours })
}

/// The `n` words d, one at least, with `a` : `b` as `c` : d.
///
/// # Errors
/// When a word has no vector, or no other word is left to be the answer.
pub fn analogy(cpu: &Cpu, vectors: &UnitVectors, words: [&str; 3], n: usize) -> Result<Analogy> {
    let [a, b, c] = words;
    let question = [vectors.id(a)?, vectors.id(b)?, vectors.id(c)?];
    let hits = analogies::answers(cpu, vectors, question, n.max(1));
    let answers: Vec<_> = hits.iter().map(|hit| neighbour(vectors, hit)).collect();
    let answer = answers.first().cloned();
    let answer =
        answer.with_context(|| format!("the vocabulary has no word besides {a}, {b} and {c}"))?;
    let [a, b, c] = question.map(|id| vectors.vocabulary().word(id).to_owned());
    Ok(Analogy { a, b, c, answer, answers })
}

impl Query {
    /// Asks the vectors, for `n` words, or else [`DEFAULT_NEIGHBOURS`] neighbours or one answer.
    ///
    /// # Errors
    /// When a word has no vector; with the nearest spellings.
    pub fn answer(&self, cpu: &Cpu, vectors: &UnitVectors, n: Option<usize>) -> Result<Answer> {
        Ok(match self {
            Query::Neighbours(words) => {
                let n = n.unwrap_or(DEFAULT_NEIGHBOURS);
                let nearby = words.iter().map(|word| neighbours(cpu, vectors, word, n));
                Answer::Neighbours { nearby: nearby.collect::<Result<_>>()? }
            }
            Query::Analogy(words) => Answer::Analogy {
                analogy: analogy(
                    cpu,
                    vectors,
                    words.each_ref().map(String::as_str),
                    n.unwrap_or(1),
                )?,
            },
        })
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {:6.4}", self.word, self.similarity)
    }
}

/// The word, a line, and each neighbour with its cosine, as the reference prints them.
impl fmt::Display for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n=====================================", self.word)?;
        self.neighbours.iter().try_for_each(|neighbour| write!(f, "\n{neighbour}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Neighbours { nearby } => {
                for (index, nearby) in nearby.iter().enumerate() {
                    let blank = if index == 0 { "" } else { "\n\n" };
                    write!(f, "{blank}{nearby}")?;
                }
                Ok(())
            }
            Answer::Analogy { analogy } => {
                let lines: Vec<_> = analogy.answers.iter().map(Neighbour::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

/// A question to the vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The neighbours of each word.
    Neighbours(Vec<String>),
    /// a is to b as c is to which word?
    Analogy([String; 3]),
}

/// A line of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing, or a comment.
    Blank,
    /// How questions are asked.
    Help,
    /// No more questions.
    Quit,
    /// A question.
    Query(Query),
}

/// The commands, as they are completed.
const COMMANDS: [&str; 4] = ["nearby", "analogy", "help", "quit"];

/// The text of `help`.
const HELP: &str = "\
nearby WORD...   the nearest neighbours of each word
analogy A B C    the word that is to C as B is to A
help             this text
quit             ends the prompt; so does the end of input";

impl Line {
    /// Reads a line: a command and its words, separated by blanks. A line that begins with `#` is a
    /// comment.
    ///
    /// # Errors
    /// When it is not a command, or a command lacks its words.
    pub fn parse(line: &str) -> Result<Self> {
        let mut fields = line.split_whitespace();
        let Some(command) = fields.next() else { return Ok(Line::Blank) };
        let words: Vec<&str> = fields.collect();
        match command {
            _ if command.starts_with('#') => Ok(Line::Blank),
            "help" | "?" => Ok(Line::Help),
            "quit" | "exit" => Ok(Line::Quit),
            _ => Query::parse(command, &words).map(Line::Query),
        }
    }
}

impl Query {
    /// The question of a command with its words.
    ///
    /// # Errors
    /// When the command is not a query, or has the wrong number of words.
    pub fn parse(command: &str, words: &[&str]) -> Result<Self> {
        match (command, words) {
            ("nearby", []) => bail!("nearby needs a word, as in: nearby proton"),
            ("nearby", words) => {
                Ok(Query::Neighbours(words.iter().map(|&word| word.into()).collect()))
            }
            ("analogy", &[a, b, c]) => Ok(Query::Analogy([a, b, c].map(str::to_owned))),
            ("analogy", words) => bail!(
                "analogy needs three words but got {}, as in: analogy france paris russia",
                words.len()
            ),
            _ => {
                bail!("{command:?} is not a command; the commands are nearby, analogy, help, quit")
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
