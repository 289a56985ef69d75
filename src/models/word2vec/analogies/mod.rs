//! Analogy questions: a is to b as c is to which word? (Mikolov et al., arXiv 1301.3781,
//! section 4.1).

mod questions;
mod score;

pub use questions::{Questions, ResolvedQuestions};
pub use score::{AnalogyScore, SectionScore};

use super::vectors::UnitVectors;
use crate::ops::Cpu;
use crate::ops::top_k::Hit;

/// Four words hold at least one that is not in the question.
const CANDIDATES: usize = 4;

/// What is near c + (b − a), the row of each question (a, b, c), of vectors of length 1.
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

/// Asks all questions; precision @ 1 as the reference counts it. The four words nearest to
/// c + (b − a) are gone through: d makes the question right, a word of the question is passed
/// over, any other makes it wrong. The reference lets `UNK` be such another word; here it is not
/// among the four, since it is never an answer.
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

#[cfg(test)]
mod tests;
