//! Batches of about equally many tokens, whose sentences have about equal lengths.
//!
//! An epoch is a permutation of the pairs. It is cut into windows of a hundred batches, and each
//! window is sorted by length and cut into its batches; then the batches are permuted. Every epoch
//! has the same number of batches, so a step says its epoch: nothing has to be saved but the step.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};

use super::PreparedPairs;
use crate::data::shuffle::Shuffle;
use crate::data::tokenizer::{EOS, GO, PAD, SPECIAL, Side, UNK};
use crate::rng::Sequence;
use crate::system::wording::by_number;

/// Batches whose sentences are sorted together.
const WINDOW: usize = 100;

/// The lengths that sentences may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    /// The most tokens of a source.
    pub source: usize,
    /// The most tokens of a target, its [`EOS`] not counted.
    pub target: usize,
}

impl Longest {
    /// Any.
    pub const ANY: Self = Self { source: usize::MAX, target: usize::MAX };
}

/// The batches of a text.
#[derive(Debug)]
pub struct TokenBatches {
    /// The pairs that are not too long, in their order.
    members: Vec<u32>,
    dropped: usize,
    per_epoch: usize,
    pairs: Shuffle,
    batches: Shuffle,
    /// The epoch that was asked for last.
    kept: Mutex<Option<Arc<Epoch>>>,
}

/// The batches of an epoch.
#[derive(Debug)]
struct Epoch {
    number: u64,
    /// Pairs in the order of the windows.
    pairs: Vec<u32>,
    /// Where batches are among them, in the order in which they come.
    batches: Vec<Range<usize>>,
}

/// A batch of B pairs, whose longest sentences have S tokens, and T with [`EOS`]. Ids are
/// time-major: position t of pair b is at `t · B + b`; sentences are in their own order, with
/// [`PAD`] after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenBatch {
    /// The numbers of the pairs (B), by growing length of their targets.
    pub pairs: Vec<u32>,
    /// What is translated (S, B).
    pub source: Vec<u32>,
    /// The tokens of each source (B).
    pub source_lengths: Vec<u32>,
    /// What the decoder reads (T, B): [`GO`] and the target.
    pub decoder: Vec<u32>,
    /// What it is to say (T, B): the target and [`EOS`].
    pub targets: Vec<u32>,
    /// The tokens of each target with its [`EOS`] (B).
    pub target_lengths: Vec<u32>,
}

impl TokenBatches {
    /// Batches of about `batch_tokens` tokens of the target, each [`EOS`] counted. Pairs with a
    /// longer sentence than `longest`, or without a token of the source, are left out. The order is
    /// that of the streams `name` and `<name>/batches` of a run seeded with `seed`.
    ///
    /// # Errors
    /// No pair is left, or `batch_tokens` has no room for the longest target that is left.
    pub fn new(
        pairs: &PreparedPairs,
        batch_tokens: usize,
        longest: Longest,
        seed: u64,
        name: &str,
    ) -> Result<Self> {
        let (mut members, mut tokens, mut most) = (Vec::new(), 0, 0);
        for pair in 0..pairs.len() {
            let [source, target] = Side::ALL.map(|side| pairs.length(pair, side));
            if (1..=longest.source).contains(&source) && target <= longest.target {
                members.push(u32::try_from(pair)?);
                tokens += target + 1;
                most = most.max(target + 1);
            }
        }
        let dropped = pairs.len() - members.len();
        ensure!(
            !members.is_empty(),
            "the {dropped} {} more tokens than {} of the source or {} of the target",
            by_number(dropped, "pair has", "pairs have"),
            longest.source,
            longest.target
        );
        ensure!(
            most <= batch_tokens,
            "the longest target has {most} tokens including its end token, more than a batch of \
             {batch_tokens}"
        );
        // With whole batches' worth of tokens each batch gets a sentence at least.
        let per_epoch = (tokens / batch_tokens).max(1);
        Ok(Self {
            pairs: Shuffle::new(seed, name, members.len())?,
            batches: Shuffle::new(seed, &format!("{name}/batches"), per_epoch)?,
            members,
            dropped,
            per_epoch,
            kept: Mutex::default(),
        })
    }

    /// The batches of every epoch.
    pub fn per_epoch(&self) -> usize {
        self.per_epoch
    }

    /// The number of pairs of an epoch.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no pairs, which is refused.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The number of pairs that are left out since they are too long.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Fills `batch` with that of `step`, of the endless row of all epochs. It depends on the seed,
    /// the name and the step alone. The first of an epoch takes longer: its order is made then.
    pub fn copy(&self, pairs: &PreparedPairs, step: u64, batch: &mut TokenBatch) {
        let per_epoch = self.per_epoch as u64;
        let epoch = self.epoch(pairs, step / per_epoch);
        let range = &epoch.batches[(step % per_epoch) as usize];
        batch.fill(pairs, &epoch.pairs[range.clone()]);
    }

    fn epoch(&self, pairs: &PreparedPairs, number: u64) -> Arc<Epoch> {
        // What is there is whole, whatever happened to another thread.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(epoch) if epoch.number == number => epoch.clone(),
            _ => kept.insert(Arc::new(self.make(pairs, number))).clone(),
        }
    }

    fn make(&self, pairs: &PreparedPairs, number: u64) -> Epoch {
        let tokens = |pair: u32| pairs.length(pair as usize, Side::Target) + 1;
        let mut order = vec![0; self.members.len()];
        self.pairs.for_each(number * order.len() as u64, order.len(), |i, place| {
            order[i] = self.members[place.example as usize];
        });
        let all = 0..order.len();
        let windows = self.per_epoch.div_ceil(WINDOW);
        let shares = (0..windows).map(|w| WINDOW.min(self.per_epoch - w * WINDOW));
        let mut batches = Vec::with_capacity(self.per_epoch);
        for (window, n) in cut(&order, all, shares.clone(), tokens).into_iter().zip(shares) {
            let key = |&pair: &u32| (tokens(pair), pairs.length(pair as usize, Side::Source));
            order[window.clone()].sort_by_key(key);
            batches.extend(cut(&order, window, std::iter::repeat_n(1, n), tokens));
        }
        let mut shuffled = Vec::with_capacity(batches.len());
        self.batches.for_each(number * batches.len() as u64, batches.len(), |_, place| {
            shuffled.push(batches[place.example as usize].clone());
        });
        Epoch { number, pairs: order, batches: shuffled }
    }
}

/// Cuts `range` into parts that have tokens in proportion to their `shares`, and as many pairs at
/// least, of which there are enough.
fn cut(
    order: &[u32],
    range: Range<usize>,
    shares: impl Iterator<Item = usize> + Clone,
    tokens: impl Fn(u32) -> usize,
) -> Vec<Range<usize>> {
    let total: usize = order[range.clone()].iter().map(|&pair| tokens(pair)).sum();
    let all: usize = shares.clone().sum();
    let (mut begin, mut end, mut done, mut shared) = (range.start, range.start, 0, 0);
    let part = |share: usize| {
        shared += share;
        let least = (begin + share).max(end);
        let most = range.end - (all - shared);
        while end < most && (end < least || done * all < total * shared) {
            done += tokens(order[end]);
            end += 1;
        }
        let part = begin..end;
        begin = end;
        part
    };
    shares.map(part).collect()
}

impl TokenBatch {
    /// The number of pairs, B.
    pub fn size(&self) -> usize {
        self.pairs.len()
    }

    /// The positions of the encoder, S.
    pub fn source_steps(&self) -> usize {
        self.source.len() / self.size().max(1)
    }

    /// The positions of the decoder, T.
    pub fn target_steps(&self) -> usize {
        self.targets.len() / self.size().max(1)
    }

    /// Fills itself with `chosen` pairs.
    ///
    /// # Panics
    /// When there is no such pair.
    pub fn fill(&mut self, pairs: &PreparedPairs, chosen: &[u32]) {
        let b = chosen.len();
        let length = |side| move |&pair: &u32| pairs.length(pair as usize, side) as u32;
        replace(&mut self.pairs, chosen.iter().copied());
        replace(&mut self.source_lengths, chosen.iter().map(length(Side::Source)));
        replace(&mut self.target_lengths, chosen.iter().map(length(Side::Target)).map(|n| n + 1));
        let longest = |lengths: &[u32]| lengths.iter().copied().max().unwrap_or(0) as usize;
        let (s, t) = (longest(&self.source_lengths), longest(&self.target_lengths));
        for (ids, steps) in [(&mut self.source, s), (&mut self.decoder, t), (&mut self.targets, t)]
        {
            replace(ids, std::iter::repeat_n(PAD, steps * b));
        }
        for (column, &pair) in chosen.iter().enumerate() {
            let ids = |side| pairs.ids(pair as usize, side);
            put(&mut self.source, b, column, ids(Side::Source));
            put(&mut self.decoder, b, column, [GO].into_iter().chain(ids(Side::Target)));
            put(&mut self.targets, b, column, ids(Side::Target).chain([EOS]));
        }
    }

    /// Replaces each word that is read, of source and target, by [`UNK`] with probability `rate`
    /// (word dropout: Bowman et al., arXiv 1511.06349). Targets and special words stay.
    pub fn drop_words(&mut self, rate: f32, numbers: &mut Sequence) {
        for id in self.source.iter_mut().chain(&mut self.decoder) {
            if *id >= SPECIAL.len() as u32 && numbers.uniform_between(0.0, 1.0) < rate {
                *id = UNK;
            }
        }
    }
}

/// Puts ids into a column.
fn put(rows: &mut [u32], b: usize, column: usize, ids: impl Iterator<Item = u32>) {
    for (row, id) in rows.chunks_exact_mut(b).zip(ids) {
        row[column] = id;
    }
}

fn replace<T>(values: &mut Vec<T>, by: impl Iterator<Item = T>) {
    values.clear();
    values.extend(by);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of many lengths; the first id of a source is its number.
    fn prepared(n: u32) -> PreparedPairs {
        let pair = |i: u32| {
            let target = 1 + (i * 7919 % 23) as usize;
            [vec![4 + i; 1 + (i % 5) as usize], vec![4; target]]
        };
        PreparedPairs::of_ids(&(0..n).map(pair).collect::<Vec<_>>()).unwrap()
    }

    fn batches(pairs: &PreparedPairs, seed: u64) -> TokenBatches {
        TokenBatches::new(pairs, 60, Longest::ANY, seed, "batches").unwrap()
    }

    fn batch(batches: &TokenBatches, pairs: &PreparedPairs, step: u64) -> TokenBatch {
        let mut batch = TokenBatch::default();
        batches.copy(pairs, step, &mut batch);
        batch
    }

    #[test]
    fn every_epoch_has_every_pair_once_in_as_many_batches() {
        let pairs = prepared(3000);
        let batches = batches(&pairs, 1);
        let n = batches.per_epoch();
        // 3,000 targets of 13 tokens in the mean, with their ends.
        assert_eq!((n, batches.len(), batches.dropped()), (649, 3000, 0));
        let mut orders = Vec::new();
        for epoch in 0..2 {
            let all: Vec<_> =
                (0..n).map(|i| batch(&batches, &pairs, (epoch * n + i) as u64)).collect();
            let mut seen: Vec<u32> = all.iter().flat_map(|batch| batch.pairs.clone()).collect();
            orders.push(seen.clone());
            seen.sort_unstable();
            assert_eq!(seen, (0..3000).collect::<Vec<_>>());
            let tokens = |batch: &TokenBatch| batch.target_lengths.iter().sum::<u32>();
            // A batch and the next two share what a sentence has more.
            assert!(all.iter().all(|batch| (30..=96).contains(&tokens(batch))));
            let padded: usize = all.iter().map(|batch| batch.targets.len()).sum();
            let real: u32 = all.iter().map(tokens).sum();
            assert!((padded as f64) < 1.06 * f64::from(real), "{padded} positions for {real}");
            let lengths: Vec<_> = all.iter().map(|batch| batch.target_steps()).collect();
            assert!(!lengths.is_sorted(), "the batches are not shuffled");
        }
        assert_ne!(orders[0], orders[1]);
    }

    #[test]
    fn a_batch_is_a_function_of_its_step() {
        let pairs = prepared(500);
        let all = batches(&pairs, 1);
        let n = 3 * all.per_epoch() as u64;
        let in_order: Vec<_> = (0..n).map(|step| batch(&all, &pairs, step)).collect();
        for step in [n - 1, 0, n / 2, n / 2 + 1, 3] {
            assert_eq!(batch(&batches(&pairs, 1), &pairs, step), in_order[step as usize]);
            assert_eq!(batch(&all, &pairs, step), in_order[step as usize]);
        }
        assert_ne!(batch(&batches(&pairs, 2), &pairs, 0), in_order[0]);
    }

    #[test]
    fn sentences_stand_in_their_order_with_padding_behind() {
        let pairs = [[vec![5, 6, 7], vec![8]], [vec![9], vec![4, 5]]];
        let pairs = PreparedPairs::of_ids(&pairs).unwrap();
        let mut batch = TokenBatch::default();
        batch.fill(&pairs, &[0, 1]);
        assert_eq!((batch.size(), batch.source_steps(), batch.target_steps()), (2, 3, 3));
        assert_eq!((batch.source, batch.source_lengths), (vec![5, 9, 6, 0, 7, 0], vec![3, 1]));
        assert_eq!(batch.decoder, [1, 1, 8, 4, 0, 5]);
        assert_eq!((batch.targets, batch.target_lengths), (vec![8, 4, 2, 5, 0, 2], vec![2, 3]));
    }

    #[test]
    fn pairs_that_are_too_long_are_left_out() {
        let pairs = prepared(100);
        let new = |tokens, source, target| {
            TokenBatches::new(&pairs, tokens, Longest { source, target }, 1, "batches")
        };
        let short = new(12, 3, 10).unwrap();
        assert!(short.len() + short.dropped() == 100 && short.dropped() > 50);
        for step in 0..2 * short.per_epoch() as u64 {
            let batch = batch(&short, &pairs, step);
            assert!(batch.source_steps() <= 3 && (1..=11).contains(&batch.target_steps()));
        }
        let error = new(23, 9, 99).unwrap_err().to_string();
        assert!(error.starts_with("the longest target has 24 tokens including its end"), "{error}");
        let error = new(23, 0, 99).unwrap_err().to_string();
        assert!(
            error.starts_with("the 100 pairs have more tokens than 0 of the source"),
            "{error}"
        );
    }

    #[test]
    fn a_part_has_its_share_and_a_pair_at_least() {
        let cut = |sizes: &[usize], n| {
            let order: Vec<u32> = (0..sizes.len() as u32).collect();
            let ones = std::iter::repeat_n(1, n);
            super::cut(&order, 0..sizes.len(), ones, |pair| sizes[pair as usize])
        };
        assert_eq!(cut(&[2, 2, 2, 2], 2), [0..2, 2..4]);
        assert_eq!(cut(&[9, 1, 1, 1], 3), [0..1, 1..2, 2..4]);
        assert_eq!(cut(&[1, 1, 1, 9], 4), [0..1, 1..2, 2..3, 3..4]);
        assert_eq!(cut(&[3; 7], 2), [0..4, 4..7]);
    }
}
