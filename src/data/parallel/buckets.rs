//! Batches of the reference: pairs of about the same lengths, drawn with replacement.

use anyhow::{Result, ensure};

use super::PreparedPairs;
use crate::data::tokenizer::{GO, PAD, Side};
use crate::rng::{Sequence, Stream};
use crate::system::wording::plural;

/// How long the sentences of a batch are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Positions of the encoder: a sentence has fewer tokens.
    pub source: usize,
    /// Positions of the decoder: a sentence with its end has fewer tokens.
    pub target: usize,
}

impl Bucket {
    /// Those of the reference.
    pub const REFERENCE: [Bucket; 4] =
        [Bucket::new(5, 10), Bucket::new(10, 15), Bucket::new(20, 25), Bucket::new(40, 50)];

    /// A bucket: its positions of the encoder and of the decoder.
    pub const fn new(source: usize, target: usize) -> Self {
        Self { source, target }
    }

    /// Whether a pair with sentences of these lengths fits, the end of the target not counted: both
    /// must be shorter than the bucket.
    pub fn fits(self, source: usize, target: usize) -> bool {
        source < self.source && target + 1 < self.target
    }

    /// Whether a pair of these fits.
    fn takes(self, pairs: &PreparedPairs, pair: usize) -> bool {
        let target = pairs.length(pair, Side::Target) + usize::from(pairs.end().is_some());
        pairs.length(pair, Side::Source) < self.source && target < self.target
    }
}

/// The pairs of a text in buckets: each in the first that it fits.
#[derive(Debug)]
pub struct Buckets {
    sizes: Vec<Bucket>,
    /// The pairs of each bucket, in their order.
    members: Vec<Vec<u32>>,
    dropped: usize,
    stream: Stream,
}

/// A batch of a bucket, with S and T positions and B pairs; all fields are time-major: position t
/// of pair b is at `t · B + b`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BucketBatch {
    /// The number of the bucket.
    pub bucket: usize,
    /// B.
    pub size: usize,
    /// What the encoder reads (S, B): [`PAD`] first, then the sentence from its end to its
    /// beginning.
    pub source: Vec<u32>,
    /// What the decoder reads (T, B): [`GO`], the sentence, its end, [`PAD`].
    pub decoder: Vec<u32>,
    /// What it is to say (T, B): that which it reads next; 0 at the last position.
    pub targets: Vec<u32>,
    /// 1 where a target counts, 0 where it is a [`PAD`] and at the last position (T, B).
    pub weights: Vec<f32>,
}

impl Buckets {
    /// Puts the pairs into buckets of growing `sizes`; those that fit none are left out. The stream
    /// `name` of a run seeded with `seed` draws the batches.
    ///
    /// # Errors
    /// There are no buckets; a bucket is too small for any pair or not larger than the one before
    /// it; no pair of the text fits.
    pub fn new(pairs: &PreparedPairs, sizes: &[Bucket], seed: u64, name: &str) -> Result<Self> {
        check(sizes)?;
        let mut members = vec![Vec::new(); sizes.len()];
        let mut dropped = 0;
        for pair in 0..pairs.len() {
            match sizes.iter().position(|size| size.takes(pairs, pair)) {
                Some(bucket) => members[bucket].push(u32::try_from(pair)?),
                None => dropped += 1,
            }
        }
        let last = sizes[sizes.len() - 1];
        ensure!(
            dropped < pairs.len(),
            "none of {dropped} {} fits a bucket: the largest takes {} {} of the source and {} of the \
             target; give larger buckets (data.buckets) to a new run, or shorter sentences",
            plural(dropped, "pair"),
            last.source - 1,
            plural(last.source - 1, "token"),
            last.target - 2
        );
        Ok(Self { sizes: sizes.to_vec(), members, dropped, stream: Stream::new(seed, name) })
    }

    /// The sizes of the buckets.
    pub fn sizes(&self) -> &[Bucket] {
        &self.sizes
    }

    /// The pairs of a bucket, in their order.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn members(&self, bucket: usize) -> &[u32] {
        &self.members[bucket]
    }

    /// The number of pairs that fit no bucket.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Fills `batch` with that of `step`: a bucket drawn by its share of the pairs, and `size` pairs
    /// of it drawn with replacement. It depends on the seed, the stream's name and the step alone.
    pub fn copy(&self, pairs: &PreparedPairs, step: u64, size: usize, batch: &mut BucketBatch) {
        let mut numbers = self.stream.at(step);
        let bucket = self.draw(&mut numbers);
        batch.fill(pairs, bucket, self.sizes[bucket], &self.choose(bucket, size, &mut numbers));
    }

    /// Fills `batch` with `size` pairs of a bucket, drawn with replacement by number `at` of the
    /// stream.
    ///
    /// # Panics
    /// When there is no such bucket, or nothing in it.
    pub fn draw_from(
        &self,
        bucket: usize,
        pairs: &PreparedPairs,
        at: u64,
        size: usize,
        batch: &mut BucketBatch,
    ) {
        let chosen = self.choose(bucket, size, &mut self.stream.at(at));
        batch.fill(pairs, bucket, self.sizes[bucket], &chosen);
    }

    fn choose(&self, bucket: usize, size: usize, numbers: &mut Sequence) -> Vec<u32> {
        let members = &self.members[bucket];
        // There are fewer than 2³² pairs.
        (0..size).map(|_| members[numbers.below(members.len() as u32) as usize]).collect()
    }

    /// The first bucket whose share, with those before it, exceeds a number of the unit interval.
    fn draw(&self, numbers: &mut Sequence) -> usize {
        let total: usize = self.members.iter().map(Vec::len).sum();
        let mut left = (numbers.uniform() * total as f64) as usize;
        let found = self.members.iter().position(|members| {
            let is_here = left < members.len();
            left = left.saturating_sub(members.len());
            is_here
        });
        // The number is below 1, so that one of them is always found.
        found.unwrap_or(self.members.len() - 1)
    }
}

fn check(sizes: &[Bucket]) -> Result<()> {
    ensure!(!sizes.is_empty(), "there are no buckets");
    for size in sizes {
        let Bucket { source, target } = size;
        ensure!(
            size.fits(1, 1),
            "the bucket ({source}, {target}) is too small: the minimum is (2, 3)"
        );
    }
    for two in sizes.windows(2) {
        let [Bucket { source, target }, next] = [two[0], two[1]];
        ensure!(
            source <= next.source && target <= next.target && two[0] != next,
            "the bucket ({}, {}) after ({source}, {target}) is not larger",
            next.source,
            next.target
        );
    }
    Ok(())
}

impl BucketBatch {
    /// Fills itself with `chosen` pairs, all of which fit the bucket `number` of that size.
    ///
    /// # Panics
    /// When one does not fit, or there is no such pair.
    pub fn fill(&mut self, pairs: &PreparedPairs, number: usize, size: Bucket, chosen: &[u32]) {
        let b = chosen.len();
        (self.bucket, self.size) = (number, b);
        reset(&mut self.source, size.source * b, PAD);
        reset(&mut self.decoder, size.target * b, PAD);
        reset(&mut self.targets, size.target * b, PAD);
        reset(&mut self.weights, size.target * b, 0.0);
        for (column, &pair) in chosen.iter().enumerate() {
            self.put(pairs, size, column, pair as usize);
        }
    }

    fn put(&mut self, pairs: &PreparedPairs, size: Bucket, column: usize, pair: usize) {
        let b = self.size;
        assert!(size.takes(pairs, pair), "pair {pair} does not fit its bucket");
        for (t, id) in pairs.ids(pair, Side::Source).enumerate() {
            self.source[(size.source - 1 - t) * b + column] = id;
        }
        let target = pairs.ids(pair, Side::Target).chain(pairs.end());
        let words = [GO].into_iter().chain(target);
        for (t, id) in words.enumerate() {
            self.decoder[t * b + column] = id;
            if t > 0 {
                let before = (t - 1) * b + column;
                self.targets[before] = id;
                self.weights[before] = if id == PAD { 0.0 } else { 1.0 };
            }
        }
    }
}

fn reset<T: Clone>(values: &mut Vec<T>, len: usize, value: T) {
    values.clear();
    values.resize(len, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(pairs: &[[Vec<u32>; 2]]) -> PreparedPairs {
        PreparedPairs::of_ids(pairs).unwrap()
    }

    const TINY: [Bucket; 2] = [Bucket::new(3, 3), Bucket::new(6, 6)];

    fn buckets(pairs: &PreparedPairs, sizes: &[Bucket]) -> Buckets {
        Buckets::new(pairs, sizes, 1, "batches").unwrap()
    }

    #[test]
    fn lengths_are_below_those_of_the_bucket_with_the_end_of_the_target() {
        let lengths = [(2, 1), (3, 1), (2, 2), (5, 4), (5, 5), (6, 1), (1, 1)];
        let sentence = |n: usize| vec![7; n];
        let pairs = lengths.map(|(s, t)| [sentence(s), sentence(t)]);
        let pairs = prepared(&pairs);
        let buckets = buckets(&pairs, &TINY);
        assert_eq!((buckets.members(0), buckets.members(1)), (&[0, 6][..], &[1, 2, 3][..]));
        assert_eq!(buckets.dropped(), 2);
    }

    /// `get_batch` of the reference gives these lists for the pairs ([5, 6], [7, 8, 2]),
    /// ([9], [4, 2]) and the first again, with `random.choice` made to take them in this order.
    #[test]
    fn a_batch_is_laid_out_as_in_the_reference() {
        let pairs = prepared(&[[vec![5, 6], vec![7, 8]], [vec![9], vec![4]]]);
        let mut batch = BucketBatch::default();
        batch.fill(&pairs, 3, Bucket::new(4, 5), &[0, 1, 0]);
        assert_eq!((batch.bucket, batch.size), (3, 3));
        assert_eq!(batch.source, [[0, 0, 0], [0, 0, 0], [6, 0, 6], [5, 9, 5]].concat());
        assert_eq!(batch.decoder, [[1, 1, 1], [7, 4, 7], [8, 2, 8], [2, 0, 2], [0, 0, 0]].concat());
        assert_eq!(batch.targets, [[7, 4, 7], [8, 2, 8], [2, 0, 2], [0, 0, 0], [0, 0, 0]].concat());
        let (one, none) = ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0]);
        assert_eq!(batch.weights, [one, one, [1.0, 0.0, 1.0], none, none].concat());
    }

    #[test]
    fn nothing_stands_behind_a_whole_target() {
        let pairs = [[vec![5], vec![6, 2]], [vec![5, 5], vec![4]]];
        let pairs = PreparedPairs::of_whole_ids(&pairs).unwrap();
        let buckets = buckets(&pairs, &TINY);
        assert_eq!(buckets.members(0), [0, 1]);
        let mut batch = BucketBatch::default();
        batch.fill(&pairs, 0, TINY[0], &[0, 1]);
        assert_eq!(batch.decoder, [1, 1, 6, 4, 2, 0]);
        assert_eq!(batch.weights, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_batch_is_a_function_of_its_step() {
        let pairs: Vec<_> =
            (0..50).map(|i| [vec![4 + i; 1 + i as usize % 5], vec![4 + i]]).collect();
        let pairs = prepared(&pairs);
        let batch = |buckets: &Buckets, step| {
            let mut batch = BucketBatch::default();
            buckets.copy(&pairs, step, 16, &mut batch);
            batch
        };
        let all = buckets(&pairs, &TINY);
        let in_order: Vec<_> = (0..20).map(|step| batch(&all, step)).collect();
        for step in [19, 0, 7] {
            assert_eq!(batch(&buckets(&pairs, &TINY), step), in_order[step as usize]);
        }
        assert_ne!(in_order[0].source, in_order[1].source);
        let other = Buckets::new(&pairs, &TINY, 2, "batches").unwrap();
        assert_ne!(batch(&other, 0), in_order[0]);
        assert!(in_order.iter().all(|batch| {
            let Bucket { source, target } = TINY[batch.bucket];
            batch.source.len() == 16 * source && batch.weights.len() == 16 * target
        }));
    }

    #[test]
    fn buckets_are_drawn_by_their_shares_and_pairs_evenly() {
        // Three pairs of the first bucket, one of the second, none of the third.
        let pairs =
            [[vec![4], vec![4]], [vec![5], vec![4]], [vec![6], vec![4]], [vec![7; 5], vec![4]]];
        let pairs = prepared(&pairs);
        let sizes = [TINY[0], TINY[1], Bucket::new(9, 9)];
        let buckets = buckets(&pairs, &sizes);
        let (mut of_bucket, mut of_word) = ([0; 3], [0; 8]);
        let mut batch = BucketBatch::default();
        for step in 0..4000 {
            buckets.copy(&pairs, step, 3, &mut batch);
            of_bucket[batch.bucket] += 1;
            let last = batch.source.len() - 3;
            batch.source[last..].iter().for_each(|&id| of_word[id as usize] += 1);
        }
        // Four standard deviations of a binomial are 110 and 208.
        assert!((2890..=3110).contains(&of_bucket[0]) && of_bucket[2] == 0, "{of_bucket:?}");
        assert!(of_word[4..7].iter().all(|n| (2750..=3250).contains(n)), "{of_word:?}");
    }

    #[test]
    fn buckets_that_cannot_be_used_are_named() {
        let pairs = prepared(&[[vec![4; 7], vec![4]]]);
        let error =
            |sizes: &[Bucket]| Buckets::new(&pairs, sizes, 1, "batches").unwrap_err().to_string();
        assert_eq!(error(&[]), "there are no buckets");
        assert!(error(&[Bucket::new(9, 2)]).starts_with("the bucket (9, 2) is too small"));
        assert!(error(&[TINY[1], TINY[0]]).contains("(3, 3) after (6, 6) is not larger"));
        assert!(error(&TINY).starts_with("none of 1 pair fits a bucket: the largest takes 5 "));
    }
}
