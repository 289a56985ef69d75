//! The prompt of `tfm query`: one question per line.
//!
//! At a terminal lines are edited, completed with the tab key, and kept from one prompt to the
//! next. Elsewhere they are read as they come, so that a script can ask.

use std::io::BufRead;

use anyhow::{Context, Result, bail};
use rustyline::Helper;
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;

use super::super::ENTRY;
use super::super::vectors::first_answer;
use super::{Answer, COMMANDS, HELP, Line};
use crate::data::input;
use crate::data::vocabulary::Vocabulary;
use crate::models::prompt::{self, Next, Prompt};
use crate::system::wording::{by_number, counted};

/// The prompt at a terminal.
const SIGN: &str = "word2vec> ";

/// Answers the questions of a prompt and prints the answers.
pub trait Shell {
    /// Answers a question.
    ///
    /// # Errors
    /// When a word has no vector; the prompt reports it and continues.
    fn answer(&self, query: &super::Query) -> Result<Answer>;

    /// Prints an answer and returns whether someone still reads.
    ///
    /// # Errors
    /// When it cannot be written; the prompt ends.
    fn print(&self, answer: &Answer) -> Result<bool>;
}

/// Asks until `quit` or the end of input.
///
/// # Errors
/// When input or output fails; at the end, when lines that came from no terminal could not be
/// answered.
pub fn run(shell: &impl Shell, vocabulary: &Vocabulary) -> Result<()> {
    if prompt::is_possible() {
        interactive(shell, vocabulary)
    } else {
        scripted(shell, input::stdin()?)
    }
}

fn interactive(shell: &impl Shell, vocabulary: &Vocabulary) -> Result<()> {
    let prompt = Prompt::new(ENTRY.name, SIGN, Completion(vocabulary))?;
    let (n, help) = (vocabulary.len(), "type help for the commands");
    eprintln!("{n} {}; {help}", by_number(n, "word has a vector", "words have vectors"));
    prompt.for_each_line(|line| match respond(shell, line) {
        Ok(next) => Ok(next),
        Err(Failure::Line(error)) => {
            eprintln!("{error:#}");
            Ok(Next::Read)
        }
        Err(Failure::Output(error)) => Err(error),
    })
}

fn scripted(shell: &impl Shell, input: impl BufRead) -> Result<()> {
    let (mut lines, mut wrong) = (0, 0);
    for line in input.lines() {
        let line = line.context("cannot read the questions from standard input")?;
        lines += 1;
        match respond(shell, &line) {
            Ok(Next::Read) => (),
            Ok(Next::Stop) => break,
            Err(Failure::Line(error)) => {
                tracing::error!("line {lines}: {error:#}");
                wrong += 1;
            }
            Err(Failure::Output(error)) => return Err(error),
        }
    }
    if wrong > 0 {
        bail!("{wrong} of {} could not be answered", counted(lines, "line"));
    }
    Ok(())
}

enum Failure {
    /// When the line cannot be answered.
    Line(anyhow::Error),
    /// Nothing can be printed any more.
    Output(anyhow::Error),
}

fn respond(shell: &impl Shell, line: &str) -> Result<Next, Failure> {
    let query = match Line::parse(line).map_err(Failure::Line)? {
        Line::Blank => return Ok(Next::Read),
        Line::Quit => return Ok(Next::Stop),
        Line::Help => {
            // Standard output has answers and nothing else.
            eprintln!("{HELP}");
            return Ok(Next::Read);
        }
        Line::Query(query) => query,
    };
    let answer = shell.answer(&query).map_err(Failure::Line)?;
    match shell.print(&answer).map_err(Failure::Output)? {
        true => Ok(Next::Read),
        false => Ok(Next::Stop),
    }
}

/// Completes the first word of a line to a command, and any other to a word with a vector.
struct Completion<'a>(pub(super) &'a Vocabulary);

impl Completion<'_> {
    /// Where the word before `position` starts, and what it may become, the most frequent word
    /// first.
    fn candidates(&self, line: &str, position: usize) -> (usize, Vec<String>) {
        let before = &line[..position];
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| {
            // The blank may have several bytes.
            blank + before[blank..].chars().next().map_or(0, char::len_utf8)
        });
        let begun = &before[start..];
        if before[..start].trim().is_empty() {
            let commands = COMMANDS.iter().filter(|command| command.starts_with(begun));
            return (start, commands.map(|command| format!("{command} ")).collect());
        }
        // Every word begins with the empty string: there is nothing to offer.
        if begun.is_empty() {
            return (start, Vec::new());
        }
        let ids = first_answer(self.0)..self.0.len() as u32;
        let words = ids.map(|id| self.0.word(id)).filter(|word| word.starts_with(begun));
        (start, words.map(str::to_owned).collect())
    }
}

impl Completer for Completion<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line, position))
    }
}

impl Hinter for Completion<'_> {
    type Hint = String;
}

impl Highlighter for Completion<'_> {}
impl Validator for Completion<'_> {}
impl Helper for Completion<'_> {}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::Query;
    use super::super::tests::family;
    use super::*;
    use crate::models::word2vec::vectors::UnitVectors;
    use crate::ops::{Cpu, Isa};

    struct Written {
        vectors: UnitVectors,
        answers: RefCell<Vec<String>>,
        most: usize,
    }

    impl Shell for Written {
        fn answer(&self, query: &Query) -> Result<Answer> {
            query.answer(&Cpu::new(Isa::Portable, 1)?, &self.vectors, None)
        }

        fn print(&self, answer: &Answer) -> Result<bool> {
            let mut answers = self.answers.borrow_mut();
            answers.push(answer.to_string());
            Ok(answers.len() < self.most)
        }
    }

    fn script(text: &str, most: usize) -> (Vec<String>, Result<()>) {
        let shell = Written { vectors: family(), answers: RefCell::default(), most };
        let result = scripted(&shell, text.as_bytes());
        (shell.answers.into_inner(), result)
    }

    #[test]
    fn a_script_is_answered_up_to_quit() {
        let (answers, result) =
            script("help\n\nanalogy man king woman\nnearby the\nquit\nnearby man\n", 9);
        result.unwrap();
        assert!(answers.len() == 2 && answers[0].starts_with("queen "), "{answers:?}");
        assert!(answers[1].starts_with("the\n===="));
    }

    #[test]
    fn wrong_lines_do_not_stop_a_script_but_fail_it() {
        let (answers, result) = script("nearby kingg\nking\nanalogy man king woman\n", 9);
        assert!(answers.len() == 1 && answers[0].starts_with("queen "), "{answers:?}");
        assert_eq!(result.unwrap_err().to_string(), "2 of 3 lines could not be answered");
    }

    #[test]
    fn a_reader_that_left_ends_a_script() {
        let (answers, result) = script("nearby the\nnearby the\nnearby the\n", 1);
        result.unwrap();
        assert_eq!(answers.len(), 1);
    }

    #[track_caller]
    fn check(line: &str, start: usize, expect: &[&str]) {
        let vocabulary = Vocabulary::new(["UNK", "paris", "part", "the", "été"]).unwrap();
        let candidates = Completion(&vocabulary).candidates(line, line.len());
        assert_eq!(candidates, (start, expect.iter().map(|&word| word.to_owned()).collect()));
    }

    #[test]
    fn commands_first_then_words_by_frequency() {
        check("", 0, &["nearby ", "analogy ", "help ", "quit "]);
        check(" ne", 1, &["nearby "]);
        check("nearby pa", 7, &["paris", "part"]);
        check("analogy the pari", 12, &["paris"]);
        check("nearby\u{a0}ét", 8, &["été"]);
        check("nearby ", 7, &[]);
        check("nearby UN", 7, &[]);
    }
}
