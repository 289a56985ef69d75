//! What a line of the prompt asks for.

use anyhow::{Result, bail};

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
pub(super) const COMMANDS: [&str; 4] = ["nearby", "analogy", "help", "quit"];

/// What `help` says.
pub const HELP: &str = "\
nearby WORD...   the words nearest to each word
analogy A B C    the word that is to C as B is to A
help             this text
quit             ends the prompt; so does the end of input";

impl Line {
    /// Reads a line: a command and its words, with blanks between. A line that begins with `#` is
    /// a comment.
    ///
    /// # Errors
    /// When it is no command, or a command lacks its words.
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
    /// When it is no command that asks, or has another number of words.
    pub fn parse(command: &str, words: &[&str]) -> Result<Self> {
        match (command, words) {
            ("nearby", []) => bail!("nearby needs a word, as in: nearby proton"),
            ("nearby", words) => {
                Ok(Query::Neighbours(words.iter().map(|&word| word.into()).collect()))
            }
            ("analogy", &[a, b, c]) => Ok(Query::Analogy([a, b, c].map(str::to_owned))),
            ("analogy", words) => bail!(
                "analogy needs three words and has {}, as in: analogy france paris russia",
                words.len()
            ),
            _ => bail!("{command:?} is no command; the commands are nearby, analogy, help, quit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_words() {
        let nearby = Query::Neighbours(vec!["proton".to_owned(), "elephant".to_owned()]);
        assert_eq!(Line::parse("  nearby proton\telephant ").unwrap(), Line::Query(nearby));
        let analogy = Query::Analogy(["france", "paris", "russia"].map(str::to_owned));
        assert_eq!(Line::parse("analogy france paris russia").unwrap(), Line::Query(analogy));
        for (line, expect) in [
            ("", Line::Blank),
            ("# nearby proton", Line::Blank),
            ("help", Line::Help),
            ("quit", Line::Quit),
        ] {
            assert_eq!(Line::parse(line).unwrap(), expect);
        }
    }

    #[test]
    fn wrong_lines_say_how_to_ask() {
        let error = |line| Line::parse(line).unwrap_err().to_string();
        assert!(error("nearby").contains("nearby proton"));
        assert!(error("analogy a b").contains("three words and has 2"));
        assert_eq!(
            error("proton"),
            "\"proton\" is no command; the commands are nearby, analogy, help, quit"
        );
    }
}
