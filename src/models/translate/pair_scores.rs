//! The log-probability of each translation of a text, pair by pair.

use anyhow::{Context, Result};
use serde::Serialize;

use super::batch::{BatchMemory, side_by_side};
use super::model::TranslationModel;
use crate::data::parallel::{Bucket, PreparedPairs};
use crate::data::tokenizer::UNK;
use crate::ops::Cpu;
use crate::train::ShutdownFlag;

/// How likely a translation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PairScore {
    /// Nats, under the softmax of all words, the end of the sentence among them.
    pub log_probability: f64,
    /// e to the mean loss of a word.
    pub perplexity: f64,
    /// Words of the translation, and its end.
    pub words: usize,
}

/// Words of both sides that the vocabularies lack.
pub fn unknown(ids: &[Vec<u32>; 2]) -> usize {
    ids.iter().flatten().filter(|&&id| id == UNK).count()
}

/// The score of each pair of ids; none of one that fits no bucket, or has a side without ids. Without
/// `sizes` of buckets any pair fits. `None` where a shutdown is requested. Errors count the first pair as
/// line `first`.
///
/// # Errors
/// Sizes that do not fit.
pub fn score(
    cpu: &Cpu,
    model: &mut TranslationModel,
    sizes: &[Bucket],
    pairs: &[[Vec<u32>; 2]],
    first: u64,
    shutdown: &ShutdownFlag,
) -> Result<Option<Vec<Option<PairScore>>>> {
    let mut scores = vec![None; pairs.len()];
    let mut memory = BatchMemory::default();
    for (size, members) in groups(sizes, pairs) {
        let steps = |&i: &usize| size.map_or(pairs[i][1].len() + 1, |size| size.target);
        for members in side_by_side(&members, steps) {
            if shutdown.requested() {
                return Ok(None);
            }
            let ids: Vec<[Vec<u32>; 2]> = members.iter().map(|&i| pairs[i].clone()).collect();
            let (ids, chosen) = (PreparedPairs::of_ids(&ids)?, 0..members.len() as u32);
            let batch = memory.fill(&ids, size, &chosen.collect::<Vec<_>>());
            let losses = model.losses(cpu, &batch).with_context(|| {
                // They are side by side by growing length.
                let last = members[members.len() - 1];
                let [source, target] = pairs[last].each_ref().map(Vec::len);
                format!("line {}, of {source} and {target} tokens", first + last as u64)
            })?;
            for (column, &i) in members.iter().enumerate() {
                let own = losses.iter().skip(column).step_by(members.len());
                let loss: f64 = own.copied().map(f64::from).sum();
                let words = pairs[i][1].len() + 1;
                let perplexity = (loss / words as f64).exp();
                scores[i] = Some(PairScore { log_probability: -loss, perplexity, words });
            }
        }
    }
    Ok(Some(scores))
}

/// The pairs of each bucket; without buckets all pairs, by growing length.
fn groups(sizes: &[Bucket], pairs: &[[Vec<u32>; 2]]) -> Vec<(Option<Bucket>, Vec<usize>)> {
    let is_whole = |&i: &usize| pairs[i].iter().all(|side| !side.is_empty());
    let mut whole: Vec<usize> = (0..pairs.len()).filter(is_whole).collect();
    if sizes.is_empty() {
        whole.sort_by_key(|&i| (pairs[i][1].len(), pairs[i][0].len()));
        return vec![(None, whole)];
    }
    let bucket = |i: usize| {
        let [source, target] = &pairs[i];
        sizes.iter().position(|size| size.fits(source.len(), target.len()))
    };
    let of = |number: usize| {
        let members = whole.iter().copied().filter(|&i| bucket(i) == Some(number));
        (Some(sizes[number]), members.collect())
    };
    (0..sizes.len()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
    use super::super::unidirectional::{Cell, Unidirectional};
    use super::*;
    use crate::nn::graph::Initial;
    use crate::ops::Isa;

    const SIZES: [Bucket; 2] = [Bucket::new(4, 5), Bucket::new(8, 9)];

    fn scores(pairs: &[[Vec<u32>; 2]]) -> Vec<Option<PairScore>> {
        let architecture = Architecture::Unidirectional(Unidirectional {
            vocabularies: [15, 12],
            cell: Cell::Gru,
            hidden_size: 8,
            num_layers: 2,
            num_samples: 3,
            initial: Initial::Uniform(1.5),
        });
        let mut model = TranslationModel::new(architecture, 3, 1).unwrap();
        let cpu = Cpu::new(Isa::Portable, 1).unwrap();
        let never = ShutdownFlag::default();
        score(&cpu, &mut model, &SIZES, pairs, 1, &never).unwrap().unwrap()
    }

    fn pair(source: u32, target: u32) -> [Vec<u32>; 2] {
        [(0..source).map(|i| 4 + i % 11).collect(), (0..target).map(|i| 3 + i * i % 9).collect()]
    }

    #[test]
    fn scores_are_those_of_each_pair_alone() {
        let pairs: Vec<[Vec<u32>; 2]> = (0..150).map(|i| pair(1 + i % 7, 1 + i % 5)).collect();
        let all = scores(&pairs);
        for i in [0, 3, 75, 149] {
            let (together, alone) = (all[i].unwrap(), scores(&pairs[i..=i])[0].unwrap());
            let difference = (together.log_probability - alone.log_probability).abs();
            assert!(difference < 1e-5 && together.log_probability < 0.0, "{together:?} {alone:?}");
            assert_eq!(together.words, pairs[i][1].len() + 1);
            let mean = together.log_probability / together.words as f64;
            assert!((together.perplexity.ln() + mean).abs() < 1e-12);
        }
    }

    #[test]
    fn pairs_without_a_bucket_have_no_score() {
        let pairs = [pair(8, 2), pair(2, 8), pair(0, 2), pair(2, 0), pair(7, 7)];
        let found: Vec<bool> = scores(&pairs).iter().map(Option::is_some).collect();
        assert_eq!(found, [false, false, false, false, true]);
        assert_eq!(unknown(&[vec![3, 4], vec![3, 5, 3]]), 3);
    }
}
