//! How many questions are answered right.

use std::fmt;

use serde::Serialize;

/// The answers to a section's questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SectionScore {
    /// The section's name.
    pub name: String,
    /// Questions answered right.
    pub right: u64,
    /// Questions asked.
    pub questions: u64,
    /// Questions not asked, since a word has no vector.
    pub skipped: u64,
    /// Lines that have not four words.
    pub malformed: u64,
}

impl SectionScore {
    /// The share of right answers, where a question was asked: precision @ 1.
    pub fn precision(&self) -> Option<f64> {
        (self.questions > 0).then(|| self.right as f64 / self.questions as f64)
    }
}

/// The answers to all questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnalogyScore {
    /// Precision @ 1 over all sections.
    pub precision: f64,
    /// Questions answered right.
    pub right: u64,
    /// Questions asked.
    pub questions: u64,
    /// Questions not asked, since a word has no vector.
    pub skipped: u64,
    /// Lines that have not four words.
    pub malformed: u64,
    /// In the order of the file.
    pub sections: Vec<SectionScore>,
}

impl AnalogyScore {
    pub(super) fn of(sections: Vec<SectionScore>) -> Self {
        let sum = |count: fn(&SectionScore) -> u64| sections.iter().map(count).sum::<u64>();
        let (right, questions) = (sum(|section| section.right), sum(|section| section.questions));
        Self {
            precision: right as f64 / questions.max(1) as f64,
            right,
            questions,
            skipped: sum(|section| section.skipped),
            malformed: sum(|section| section.malformed),
            sections,
        }
    }
}

/// A line for each section, and the total.
impl fmt::Display for AnalogyScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.sections.iter().map(|section| section.name.chars().count());
        let width = width.max().unwrap_or(0).max("total".len());
        for section in &self.sections {
            let SectionScore { name, right, questions, .. } = section;
            match section.precision() {
                Some(precision) => {
                    let percent = 100.0 * precision;
                    writeln!(f, "{name:width$} {percent:5.1} %  {right:5} of {questions:5}")?;
                }
                None => writeln!(f, "{name:width$} no question could be asked")?,
            }
        }
        let Self { precision, right, questions, skipped, malformed, .. } = self;
        let percent = 100.0 * precision;
        write!(f, "{:width$} {percent:5.1} %  {right:5} of {questions:5}", "total")?;
        if *skipped > 0 {
            write!(f, "; {skipped} skipped, since a word has no vector")?;
        }
        if *malformed > 0 {
            write!(f, "; {malformed} lines have not four words")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_add_up() {
        let section = |name: &str, right, questions, skipped| SectionScore {
            name: name.to_owned(),
            right,
            questions,
            skipped,
            malformed: skipped / 7,
        };
        let score = AnalogyScore::of(vec![section("one", 1, 4, 0), section("no one", 0, 0, 7)]);
        assert_eq!((score.precision, score.skipped), (0.25, 7));
        let expect = "one     25.0 %      1 of     4\nno one no question could be asked\n\
                      total   25.0 %      1 of     4; 7 skipped, since a word has no vector; \
                      1 lines have not four words";
        assert_eq!(score.to_string(), expect);
    }
}
