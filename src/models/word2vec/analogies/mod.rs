//! Analogy questions: a is to b as c is to which word? (Mikolov et al., arXiv 1301.3781,
//! section 4.1).

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Serialize;

use super::vectors::UnitVectors;
use crate::data::input;
use crate::data::vocabulary::Vocabulary;
use crate::ops::Cpu;
use crate::ops::top_k::Hit;
use crate::system::wording::by_number;

/// Four words hold at least one that is not in the question.
const CANDIDATES: usize = 4;

/// The target c + (b − a) of each question (a, b, c), a row of `width` values.
fn targets(vectors: &UnitVectors, questions: impl Iterator<Item = [u32; 3]>) -> Vec<f32> {
    let target = |[a, b, c]: [u32; 3]| {
        let sides = vectors.row(a).iter().zip(vectors.row(b));
        sides.zip(vectors.row(c)).map(|((a, b), c)| c + (b - a))
    };
    questions.flat_map(target).collect()
}

/// The `n` words nearest to c + (b − a) that are none of the three, with their cosines to it.
pub fn answers(cpu: &Cpu, vectors: &UnitVectors, question: [u32; 3], n: usize) -> Vec<Hit> {
    let target = targets(vectors, std::iter::once(question));
    let length = target.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let hits = vectors.nearest(cpu, &target, n.saturating_add(question.len())).into_iter();
    let others = hits.filter(|hit| !question.contains(&hit.row) && hit.score.is_finite()).take(n);
    let cosine = |score: f32| (f64::from(score) / length.max(f64::MIN_POSITIVE)) as f32;
    others.map(|hit| Hit { score: cosine(hit.score), ..hit }).collect()
}

/// Evaluates all questions; precision @ 1 as in the reference. It goes through the four words nearest
/// to c + (b − a): d makes the answer correct, a word of the question is skipped, any other word makes
/// it wrong. In the reference `UNK` can be that other word; here it is never an answer and not among
/// the four.
pub fn score(cpu: &Cpu, vectors: &UnitVectors, asked: &ResolvedQuestions) -> AnalogyScore {
    let sections = asked.sections.iter().map(|section| {
        let n_right = n_right(cpu, vectors, &section.ids);
        SectionScore {
            name: section.name.clone(),
            right: n_right as u64,
            questions: section.ids.len() as u64,
            skipped: section.skipped,
            malformed: section.malformed,
        }
    });
    AnalogyScore::of(sections.collect())
}

fn n_right(cpu: &Cpu, vectors: &UnitVectors, questions: &[[u32; 4]]) -> usize {
    let targets = targets(vectors, questions.iter().map(|&[a, b, c, _]| [a, b, c]));
    let hits = vectors.nearest(cpu, &targets, CANDIDATES);
    let k = CANDIDATES.min(vectors.n_answers()).max(1);
    questions.iter().zip(hits.chunks(k)).filter(|(question, hits)| is_right(question, hits)).count()
}

fn is_right(&[a, b, c, d]: &[u32; 4], hits: &[Hit]) -> bool {
    // The answer comes before the words that are passed over: d may be one of them.
    let first = hits.iter().find(|hit| hit.row == d || ![a, b, c].contains(&hit.row));
    first.is_some_and(|hit| hit.row == d)
}

/// The questions of a file.
#[derive(Clone, Debug)]
pub struct Questions {
    path: PathBuf,
    sections: Vec<Section>,
}

/// The questions whose words all have a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedQuestions {
    sections: Vec<ResolvedSection>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ResolvedSection {
    name: String,
    ids: Vec<[u32; 4]>,
    /// Questions that have a word without a vector.
    skipped: u64,
    /// Lines that have not four words.
    malformed: u64,
}

#[derive(Clone, Debug)]
struct Section {
    name: String,
    questions: Vec<[Box<str>; 4]>,
    /// Lines that have not four words.
    malformed: u64,
}

/// The section of questions before the first line that names one.
const UNNAMED: &str = "questions";

impl Questions {
    /// Reads a file. A line that begins with a colon names a section, any other is a question of
    /// four words; blank lines are nothing.
    ///
    /// # Errors
    /// When the file cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::parse(path, &input::read_to_string(path)?))
    }

    /// The questions of a text in memory; `path` names it in errors.
    pub fn parse(path: &Path, text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix(':') {
                sections.push(Section::new(name.trim()));
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.is_empty() {
                continue;
            }
            if sections.is_empty() {
                sections.push(Section::new(UNNAMED));
            }
            let Some(section) = sections.last_mut() else { continue };
            match <[&str; 4]>::try_from(words) {
                Ok(words) => section.questions.push(words.map(Box::<str>::from)),
                Err(_) => section.malformed += 1,
            }
        }
        Self { path: path.to_owned(), sections }
    }

    /// The questions in the ids of a vocabulary. Those with a word that it lacks are counted.
    ///
    /// # Errors
    /// When no question is left.
    pub fn resolve(&self, vocabulary: &Vocabulary) -> Result<ResolvedQuestions> {
        let sections: Vec<_> =
            self.sections.iter().map(|section| section.resolve(vocabulary)).collect();
        if sections.iter().all(|section| section.ids.is_empty()) {
            bail!(self.why_none(vocabulary));
        }
        Ok(ResolvedQuestions { sections })
    }

    fn why_none(&self, vocabulary: &Vocabulary) -> String {
        let (path, mut questions) =
            (self.path.display(), self.sections.iter().flat_map(|section| &section.questions));
        let Some(first) = questions.next() else {
            return format!("{path} has no questions: a question is a line of four words");
        };
        let missing = first.iter().find(|word| vocabulary.find(word).is_none());
        let each = match questions.count() + 1 {
            1 => "the question".to_owned(),
            n => format!("each of the {n} questions"),
        };
        format!(
            "{each} of {path} has a word without a vector, such as {:?}: give questions about the words \
            of the text, or train on more text or with a lower data.min_count",
            missing.map_or("", |word| word)
        )
    }
}

impl Section {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), questions: Vec::new(), malformed: 0 }
    }

    fn resolve(&self, vocabulary: &Vocabulary) -> ResolvedSection {
        let ids = |words: &[Box<str>; 4]| {
            let ids = words.each_ref().map(|word| vocabulary.find(word));
            let [Some(a), Some(b), Some(c), Some(d)] = ids else { return None };
            Some([a, b, c, d])
        };
        let ids: Vec<_> = self.questions.iter().filter_map(ids).collect();
        let skipped = (self.questions.len() - ids.len()) as u64;
        ResolvedSection { name: self.name.clone(), ids, skipped, malformed: self.malformed }
    }
}

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
    /// The share of right answers, if a question was asked: precision @ 1.
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
    fn of(sections: Vec<SectionScore>) -> Self {
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
            let lines = by_number(*malformed, "line does", "lines do");
            write!(f, "; {malformed} {lines} not have four words")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
