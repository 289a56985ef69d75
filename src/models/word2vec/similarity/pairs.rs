//! Files of pairs of words with a score, such as `wordsim353.tsv`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::data::input;

/// The pairs of a file.
#[derive(Clone, Debug)]
pub struct Pairs {
    path: PathBuf,
    pairs: Vec<Pair>,
}

/// Two words, and how like they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) words: [Box<str>; 2],
    pub(super) score: f64,
}

impl Pairs {
    /// Reads a file whose lines hold two words and a score, with tabs or commas between them;
    /// what comes after is nothing. Lines that are blank or begin with `#`, and a first line that
    /// names the columns, are passed over.
    ///
    /// # Errors
    /// When the file cannot be read, a line is no pair, or there is no pair.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &input::read_to_string(path)?)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut pairs = Vec::new();
        let mut may_be_head = true;
        for (number, line) in (1..).zip(text.lines()) {
            let place = || format!("{}:{number}", path.display());
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_pair(line) {
                Ok(pair) => pairs.push(pair),
                Err(Wrong::Score(_)) if may_be_head => (),
                Err(Wrong::Columns) => bail!(
                    "{}: {line:?} must be two words and a score, with tabs or commas between them",
                    place()
                ),
                Err(Wrong::Score(score)) => {
                    bail!("{}: the score {score:?} must be a number", place())
                }
            }
            may_be_head = false;
        }
        ensure!(!pairs.is_empty(), "{} has no pair of words", path.display());
        Ok(Self { path: path.to_owned(), pairs })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Pair> {
        self.pairs.iter()
    }
}

enum Wrong<'a> {
    Columns,
    Score(&'a str),
}

fn parse_pair(line: &str) -> Result<Pair, Wrong<'_>> {
    let separator = if line.contains('\t') { '\t' } else { ',' };
    let mut columns = line.split(separator).map(str::trim);
    let (Some(a), Some(b), Some(score)) = (columns.next(), columns.next(), columns.next()) else {
        return Err(Wrong::Columns);
    };
    if a.is_empty() || b.is_empty() {
        return Err(Wrong::Columns);
    }
    match score.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Pair { words: [a, b].map(Box::from), score: value }),
        _ => Err(Wrong::Score(score)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Pair>> {
        Ok(Pairs::parse(Path::new("pairs.csv"), text)?.pairs)
    }

    fn pair(a: &str, b: &str, score: f64) -> Pair {
        Pair { words: [a.into(), b.into()], score }
    }

    #[test]
    fn tabs_commas_comments_and_heads() {
        let expect = [pair("love", "sex", 6.77), pair("OPEC", "oil", 8.59)];
        let tabs =
            "# the test\n# Word 1\tWord 2\tHuman (mean)\nlove\tsex\t6.77\r\n\nOPEC\toil\t8.59";
        assert_eq!(parse(tabs).unwrap(), expect);
        let commas = "Word 1,Word 2,Human (mean)\nlove, sex ,6.77,9\nOPEC,oil,8.59,8\n";
        assert_eq!(parse(commas).unwrap(), expect);
    }

    #[test]
    fn errors_name_file_and_line() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(error("a,b,1\na,b,high"), "pairs.csv:2: the score \"high\" must be a number");
        assert_eq!(error("a,b,1\na,b,NaN"), "pairs.csv:2: the score \"NaN\" must be a number");
        let expect = "pairs.csv:1: \"love sex 6.77\" must be two words and a score, with tabs or \
                      commas between them";
        assert_eq!(error("love sex 6.77"), expect);
        assert_eq!(error("# nothing\nw1,w2,score\n"), "pairs.csv has no pair of words");
    }
}
