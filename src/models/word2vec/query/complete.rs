//! Completion of commands and words.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::super::vectors::first_answer;
use super::line::COMMANDS;
use crate::data::vocabulary::Vocabulary;

/// Completes the first word of a line to a command, and any other to a word with a vector.
pub(super) struct Completion<'a>(pub(super) &'a Vocabulary);

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
        // Every word begins with nothing: there is no choice to offer.
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
        _: &Context<'_>,
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
    use super::*;

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
