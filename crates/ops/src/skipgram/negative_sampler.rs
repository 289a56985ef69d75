//! The noise distribution: words by their counts to the power of 3/4 (Mikolov et al., arXiv
//! 1310.4546, §2.2), drawn from an alias table (Walker 1977; Vose, IEEE Transactions on Software
//! Engineering 17(9), 1991).

use std::ops::Range;

/// Draws an id from one random word of 32 bits, in constant time.
///
/// With product = word · buckets, the bucket is product >> 32 and the fraction is its low half: the
/// id is the bucket's own where the fraction is below its threshold, else its alias.
#[derive(Clone, Debug)]
pub struct NegativeSampler {
    buckets: Vec<Bucket>,
    ids: usize,
    support: usize,
}

/// Two ids that share an equal part of all random words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// The fraction of 2³² below which a random word means the bucket's own id.
    pub threshold: u32,
    /// The bucket's own id. In a sampler over all ids, bucket i has the id i.
    pub id: u32,
    /// The id of the rest.
    pub alias: u32,
}

/// No word may hold more than 1/4 of the probability of its shard.
const MIN_VARIETY: f64 = 4.0;
/// A shard consists of at least this many runs of neighbouring words; a run has at most 32 words.
const RUNS_OF_A_SHARE: f64 = 16.0;
const LONGEST_RUN: usize = 32;

impl NegativeSampler {
    /// The distribution of `counts` (V), some of which may be zero, to the power of 3/4.
    ///
    /// # Errors
    /// When no count is above zero, or there are more than 2³¹.
    pub fn new(counts: &[u64]) -> anyhow::Result<Self> {
        let weights = weights(counts)?;
        Ok(Self::over((0..counts.len()).collect(), &weights))
    }

    /// Partitions the words into at most `shares` disjoint shards of equal weight. Threads that
    /// each draw from their own shard do not write each other's rows. Together the shards draw each
    /// word as often as the whole distribution does. There are fewer shards if they would otherwise
    /// have too little variety.
    ///
    /// Neighbours stay together, since a CPU that reads a row also fetches the beginning of the
    /// next one, and would take it from the thread that writes it.
    ///
    /// # Errors
    /// As those of [`NegativeSampler::new`].
    pub fn partition(counts: &[u64], shares: usize) -> anyhow::Result<Vec<Self>> {
        let weights = weights(counts)?;
        let total: f64 = weights.iter().sum();
        let heaviest = weights.iter().fold(0.0f64, |a, &b| a.max(b));
        let shares = ((total / (MIN_VARIETY * heaviest)) as usize).clamp(1, shares.max(1));
        let mut dealt = vec![(0.0, Vec::new()); shares];
        for (weight, run) in runs(&weights, total / (RUNS_OF_A_SHARE * shares as f64)) {
            let lightest = (0..shares).fold(0, |a, b| if dealt[b].0 < dealt[a].0 { b } else { a });
            dealt[lightest].0 += weight;
            dealt[lightest].1.extend(run.filter(|&id| weights[id] > 0.0));
        }
        Ok(dealt.into_iter().map(|(_, ids)| Self::over(ids, &weights)).collect())
    }

    /// The distribution of some of the ids.
    fn over(ids: Vec<usize>, weights: &[f64]) -> Self {
        let own: Vec<f64> = ids.iter().map(|&id| weights[id]).collect();
        let buckets: Vec<Bucket> = vose(&own, own.iter().sum())
            .into_iter()
            .zip(&ids)
            .map(|((threshold, alias), &id)| Bucket {
                threshold,
                id: id as u32,
                alias: ids[alias] as u32,
            })
            .collect();
        Self { ids: weights.len(), support: support(&buckets, weights.len()), buckets }
    }

    /// The number of ids V.
    pub fn len(&self) -> usize {
        self.ids
    }

    /// Never: there is at least one id.
    pub fn is_empty(&self) -> bool {
        self.ids == 0
    }

    /// How many ids can be drawn at all.
    pub fn support(&self) -> usize {
        self.support
    }

    /// The table: V buckets for the noise of all words.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The id that the random word `word` stands for.
    #[inline(always)]
    pub fn draw(&self, word: u32) -> u32 {
        let product = u64::from(word) * self.buckets.len() as u64;
        let Bucket { threshold, id, alias } = self.buckets[(product >> 32) as usize];
        // A mask: which of the two it is cannot be predicted.
        let mask = u32::from((product as u32) < threshold).wrapping_neg();
        id & mask | alias & !mask
    }
}

/// What each count weighs.
fn weights(counts: &[u64]) -> anyhow::Result<Vec<f64>> {
    let weights: Vec<f64> = counts.iter().map(|&count| three_quarters(count)).collect();
    anyhow::ensure!(
        weights.iter().any(|&weight| weight > 0.0),
        "none of {} words has a count above 0: no negatives can be drawn; give more text or a \
         lower min_count",
        counts.len()
    );
    anyhow::ensure!(counts.len() <= 1 << 31, "{} words are more than 2^31", counts.len());
    Ok(weights)
}

/// Neighbours in runs that weigh `most` or are single words, the heaviest run first.
fn runs(weights: &[f64], most: f64) -> Vec<(f64, Range<usize>)> {
    let mut runs: Vec<(f64, Range<usize>)> = Vec::new();
    for (id, &weight) in weights.iter().enumerate() {
        match runs.last_mut() {
            Some((sum, run)) if *sum + weight <= most && run.len() < LONGEST_RUN => {
                *sum += weight;
                run.end = id + 1;
            }
            _ => runs.push((weight, id..id + 1)),
        }
    }
    runs.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.start.cmp(&second.start)));
    runs
}

/// By two square roots, which round the same on every machine.
fn three_quarters(count: u64) -> f64 {
    let root = (count as f64).sqrt();
    root * root.sqrt()
}

/// Vose's construction, a threshold and an alias for each weight: every slot keeps its own share and is filled up by one larger word.
fn vose(weights: &[f64], total: f64) -> Vec<(u32, usize)> {
    let mean = total / weights.len() as f64;
    let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..weights.len()).partition(|&i| shares[i] < 1.0);
    let mut buckets = vec![(0, 0); weights.len()];
    while let (Some(&lower), Some(&upper)) = (small.last(), large.last()) {
        small.pop();
        buckets[lower] = (threshold(shares[lower]), upper);
        shares[upper] -= 1.0 - shares[lower];
        if shares[upper] < 1.0 {
            large.pop();
            small.push(upper);
        }
    }
    // Rounding leaves some at almost one. A word without weight stays out even then.
    let heaviest = (0..weights.len()).fold(0, |a, b| if weights[b] > weights[a] { b } else { a });
    for i in small.into_iter().chain(large) {
        let alias = if weights[i] > 0.0 { i } else { heaviest };
        buckets[i] = (threshold(shares[i]), alias);
    }
    buckets
}

/// The number of ids that some random word stands for.
fn support(buckets: &[Bucket], ids: usize) -> usize {
    let mut is_drawable = vec![false; ids];
    for &Bucket { threshold, id, alias } in buckets {
        is_drawable[id as usize] |= threshold > 0;
        is_drawable[alias as usize] |= threshold < u32::MAX;
    }
    is_drawable.into_iter().filter(|&is| is).count()
}

/// A share as a fraction of 2³².
fn threshold(share: f64) -> u32 {
    // The conversion saturates.
    (share * 4_294_967_296.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability that the table gives each id.
    fn probabilities(noise: &NegativeSampler) -> Vec<f64> {
        let mut probabilities = vec![0.0; noise.len()];
        let whole = 4_294_967_296.0;
        for &Bucket { threshold, id, alias } in noise.buckets() {
            let own = f64::from(threshold) / whole;
            probabilities[id as usize] += own / noise.buckets().len() as f64;
            probabilities[alias as usize] += (1.0 - own) / noise.buckets().len() as f64;
        }
        probabilities
    }

    #[test]
    fn the_table_holds_the_distribution() {
        let zipf: Vec<u64> = (0..5000).map(|i| 1_000_000 / (i + 1)).collect();
        let cases: [&[u64]; 6] =
            [&[7], &[0, 3], &[5, 5, 5], &[0, 16, 0, 81, 1, 0], &[1, 1 << 30, 0], &zipf];
        for counts in cases {
            let noise = NegativeSampler::new(counts).unwrap();
            let above = counts.iter().filter(|&&count| count > 0).count();
            assert_eq!(noise.support(), above);
            let total: f64 = counts.iter().map(|&count| (count as f64).powf(0.75)).sum();
            for (got, &count) in probabilities(&noise).iter().zip(counts) {
                let want = (count as f64).powf(0.75) / total;
                assert!((got - want).abs() < 1e-9, "{got} and {want}");
                assert!(count > 0 || *got == 0.0);
            }
        }
    }

    #[test]
    fn a_word_that_no_random_word_stands_for_is_not_drawable() {
        assert_eq!(NegativeSampler::new(&[1, u64::MAX, 0]).unwrap().support(), 1);
    }

    #[test]
    fn words_are_drawn_as_the_table_says() {
        // Shares of 8 and 27 of 35 in each of two buckets.
        let noise = NegativeSampler::new(&[16, 81]).unwrap();
        let threshold = (16.0f64 / 35.0 * 4_294_967_296.0).round() as u32;
        let buckets = [
            Bucket { threshold, id: 0, alias: 1 },
            Bucket { threshold: u32::MAX, id: 1, alias: 1 },
        ];
        assert_eq!(noise.buckets(), buckets);
        let edge = threshold / 2;
        assert_eq!((noise.draw(0), noise.draw(edge - 1), noise.draw(edge + 1)), (0, 0, 1));
        assert_eq!((noise.draw(1 << 31), noise.draw(u32::MAX)), (1, 1));
        let counts: Vec<u64> = (0..100).collect();
        let noise = NegativeSampler::new(&counts).unwrap();
        let n = 1 << 20;
        let zeros = (0..n).filter(|i| noise.draw(i << 12) == 0).count();
        assert_eq!(zeros, 0);
        let total: f64 = (0..100).map(|i| f64::from(i).powf(0.75)).sum();
        let nineties = (0..n).filter(|i| noise.draw(i << 12) == 99).count() as f64 / f64::from(n);
        assert!((nineties - 99f64.powf(0.75) / total).abs() < 1e-4);
    }

    #[test]
    fn shares_of_equal_weight_make_the_whole() {
        let zipf: Vec<u64> = (0..5000).map(|i| 1_000_000 / (i + 1)).chain([0, 0]).collect();
        let whole = probabilities(&NegativeSampler::new(&zipf).unwrap());
        // The last run that is dealt out is one of the rarest words.
        let unequal = LONGEST_RUN as f64 * whole[4999];
        for shares in [1, 2, 3, 6] {
            let dealt = NegativeSampler::partition(&zipf, shares).unwrap();
            assert_eq!(dealt.len(), shares);
            assert_eq!(dealt.iter().map(NegativeSampler::support).sum::<usize>(), 5000);
            let each: Vec<_> = dealt.iter().map(probabilities).collect();
            for (id, want) in whole.iter().enumerate() {
                let own = each.iter().map(|share| share[id]).fold(0.0, f64::max);
                let all = each.iter().map(|share| share[id]).sum::<f64>();
                assert_eq!(own, all, "word {id} is in one share of {shares}");
                let share = all / shares as f64;
                assert!((share - want).abs() <= unequal * shares as f64 * want, "{share} {want}");
            }
        }
    }

    #[test]
    fn a_word_that_outweighs_a_share_makes_them_fewer() {
        assert_eq!(NegativeSampler::partition(&[1 << 40, 3, 2, 2], 4).unwrap().len(), 1);
        assert_eq!(NegativeSampler::partition(&[0, 7, 7, 7, 7, 7, 7, 7, 7], 64).unwrap().len(), 2);
        assert_eq!(NegativeSampler::partition(&[5; 40], 0).unwrap().len(), 1);
    }

    #[test]
    fn without_any_count_there_is_no_noise() {
        for counts in [&[][..], &[0, 0]] {
            let error = NegativeSampler::new(counts).unwrap_err().to_string();
            assert!(error.contains("no negatives can be drawn"), "{error}");
        }
    }
}
