//! Hypotheses and references as they are read: a segment a line.

use std::fmt;
use std::path::Path;

use anyhow::{Result, ensure};

use super::args::BleuArgs;
use crate::data::input;
use crate::metrics::corpus::CorpusMetric;
use crate::system::wording::plural;

/// A text and where it comes from.
pub(super) struct Text {
    name: String,
    text: String,
}

/// All texts of a command, each with as many lines.
pub(super) struct Texts {
    pub hypotheses: Text,
    /// The hypotheses of another system, if it is to be compared.
    pub other: Option<Text>,
    pub references: Vec<Text>,
}

impl Texts {
    /// Reads what the options name.
    ///
    /// # Errors
    /// A file that cannot be read or is not UTF-8, and other numbers of lines, or none.
    pub fn read(args: &BleuArgs) -> Result<Self> {
        let references = args.references.iter().map(|path| Text::file(path));
        let references = references.collect::<Result<Vec<_>>>()?;
        let other = args.paired_bootstrap.as_deref().map(Text::file).transpose()?;
        let hypotheses = args.hypotheses.as_deref().filter(|path| *path != Path::new("-"));
        let hypotheses = hypotheses.map_or_else(Text::stdin, Text::file)?;
        for own in [&hypotheses].into_iter().chain(&other) {
            let lines = own.lines().count();
            ensure!(lines > 0, "{own} has no lines: there is nothing to score");
            for reference in &references {
                let others = reference.lines().count();
                ensure!(
                    lines == others,
                    "{own} has {lines} {} but {reference} has {others}: \
                     line N of each must be the same segment",
                    plural(lines, "line")
                );
            }
        }
        Ok(Self { hypotheses, other, references })
    }

    /// The statistics of each line of `hypotheses`.
    pub fn statistics<M: CorpusMetric>(&self, metric: &M, hypotheses: &Text) -> Vec<M::Statistics> {
        let mut references: Vec<_> = self.references.iter().map(Text::lines).collect();
        let mut segments = Vec::new();
        for hypothesis in hypotheses.lines() {
            let references: Vec<_> = references.iter_mut().filter_map(Iterator::next).collect();
            segments.push(metric.statistics(hypothesis, &references));
        }
        segments
    }
}

impl Text {
    fn file(path: &Path) -> Result<Self> {
        Ok(Self { name: path.display().to_string(), text: input::read_to_string(path)? })
    }

    fn stdin() -> Result<Self> {
        let name = "standard input";
        let text = input::whole_text(&mut input::stdin()?, Path::new(name))?;
        Ok(Self { name: name.to_owned(), text })
    }

    /// The lines, which end at line feeds alone: what Unicode knows of other ends, sacreBLEU takes
    /// for white space too.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split_terminator('\n')
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
