//! The order of examples: a new permutation of all of them in every epoch.
//!
//! The training set is read as one endless row of positions: example `i` of the batch of a step is
//! at position `step · batch + i`, and position `p` is example `permutation(p / n)[p % n]`. So
//! every example comes once an epoch, batches run across an epoch's end, and any step can be asked
//! for at any time: nothing has to be saved to resume but the step.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};

use crate::rng::Stream;

/// Examples that are copied at a time.
const PIECE: usize = 64;

/// Where a position of the endless row points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EpochExample {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The example of the data set, below its number of examples.
    pub example: u32,
}

/// A seeded permutation of the examples for every epoch. Threads may share it.
#[derive(Debug)]
pub struct Shuffle {
    stream: Stream,
    examples: u32,
    // An epoch's permutation is at its parity, so that those of two epochs that follow each other
    // are kept side by side.
    kept: Mutex<[Permutation; 2]>,
}

#[derive(Debug, Default)]
struct Permutation {
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl Shuffle {
    /// The order of `examples` examples that the stream `name` of a run seeded with `seed` gives.
    ///
    /// # Errors
    /// There are no examples, or 2³² and more.
    pub fn new(seed: u64, name: &str, examples: usize) -> Result<Self> {
        let count = u32::try_from(examples).unwrap_or(0);
        ensure!(
            count > 0,
            "{examples} examples cannot be shuffled: there must be from 1 to {}",
            u32::MAX
        );
        Ok(Self { stream: Stream::new(seed, name), examples: count, kept: Mutex::default() })
    }

    /// The number of examples, which is the length of an epoch.
    pub fn examples(&self) -> usize {
        self.examples as usize
    }

    /// Calls `each` for the examples at the positions starting at `first`, `count` of them, in
    /// order: with the number from 0 and the place.
    ///
    /// # Panics
    /// When a position exceeds 64 bits.
    pub fn for_each(&self, first: u64, count: usize, mut each: impl FnMut(usize, EpochExample)) {
        let end = first.checked_add(count as u64);
        assert!(end.is_some(), "there are not {count} positions from {first} on");
        let length = u64::from(self.examples);
        // The lock is not held while the caller works at the examples.
        let mut examples = [0; PIECE];
        let mut i = 0;
        while i < count {
            let position = first + i as u64;
            let (epoch, at) = (position / length, (position % length) as usize);
            let n = PIECE.min(count - i).min(self.examples() - at);
            self.copy(epoch, at, &mut examples[..n]);
            for &example in &examples[..n] {
                each(i, EpochExample { epoch, example });
                i += 1;
            }
        }
    }

    /// Copies the examples of `epoch` from position `at` in it.
    fn copy(&self, epoch: u64, at: usize, examples: &mut [u32]) {
        let mut kept = self.lock();
        let permutation = &mut kept[(epoch % 2) as usize];
        if permutation.epoch != Some(epoch) {
            // A panic in between would leave a half-made order under its old name.
            permutation.epoch = None;
            permute(&self.stream, epoch, self.examples, &mut permutation.order);
            permutation.epoch = Some(epoch);
        }
        examples.copy_from_slice(&permutation.order[at..at + examples.len()]);
    }

    fn lock(&self) -> MutexGuard<'_, [Permutation; 2]> {
        // A permutation is marked as made only when it is whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shuffle of Fisher and Yates (Durstenfeld, "Algorithm 235", CACM 1964).
fn permute(stream: &Stream, epoch: u64, examples: u32, order: &mut Vec<u32>) {
    order.clear();
    order.extend(0..examples);
    let mut numbers = stream.at(epoch);
    for last in (1..examples).rev() {
        order.swap(last as usize, numbers.below(last + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(shuffle: &Shuffle, step: u64, size: usize) -> Vec<EpochExample> {
        let mut places = vec![EpochExample::default(); size];
        shuffle.for_each(step * size as u64, size, |i, place| places[i] = place);
        places
    }

    #[test]
    fn every_epoch_has_every_example_once_in_another_order() {
        let shuffle = Shuffle::new(1, "order", 100).unwrap();
        // Seven does not divide a hundred, so batches run across the end.
        let places: Vec<_> = (0..43).flat_map(|step| batch(&shuffle, step, 7)).collect();
        let epochs: Vec<Vec<u32>> =
            places.chunks(100).map(|epoch| epoch.iter().map(|p| p.example).collect()).collect();
        for (i, epoch) in epochs[..3].iter().enumerate() {
            assert!(places[100 * i..100 * (i + 1)].iter().all(|p| p.epoch == i as u64));
            let mut sorted = epoch.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..100).collect::<Vec<_>>());
            assert_ne!(*epoch, sorted);
        }
        assert_ne!(epochs[0], epochs[1]);
        assert_ne!(epochs[1], epochs[2]);
    }

    #[test]
    fn a_step_gives_the_same_examples_whatever_came_before() {
        let shuffle = Shuffle::new(1, "order", 50).unwrap();
        let in_order: Vec<_> = (0..40).map(|step| batch(&shuffle, step, 8)).collect();
        for step in [39, 0, 7, 6, 20, 38] {
            assert_eq!(batch(&shuffle, step, 8), in_order[step as usize]);
            let fresh = Shuffle::new(1, "order", 50).unwrap();
            assert_eq!(batch(&fresh, step, 8), in_order[step as usize]);
        }
        // The row is the same one for batches of another size.
        assert_eq!(batch(&shuffle, 3, 16), [&in_order[6][..], &in_order[7]].concat());
        let other = Shuffle::new(2, "order", 50).unwrap();
        assert_ne!(batch(&other, 0, 8), in_order[0]);
    }

    #[test]
    fn threads_share_an_order() {
        let shuffle = Shuffle::new(1, "order", 30).unwrap();
        let alone: Vec<_> = (0..60).map(|step| batch(&shuffle, step, 4)).collect();
        let shared = Shuffle::new(1, "order", 30).unwrap();
        std::thread::scope(|scope| {
            for worker in 0..3 {
                let (shared, alone) = (&shared, &alone);
                scope.spawn(move || {
                    for step in (worker..60).step_by(3) {
                        assert_eq!(batch(shared, step as u64, 4), alone[step]);
                    }
                });
            }
        });
    }

    #[test]
    fn a_batch_may_hold_several_epochs_and_a_set_one_example() {
        let shuffle = Shuffle::new(1, "order", 3).unwrap();
        let epochs: Vec<_> = batch(&shuffle, 1, 8).iter().map(|place| place.epoch).collect();
        assert_eq!(epochs, [2, 3, 3, 3, 4, 4, 4, 5]);
        let one = Shuffle::new(1, "order", 1).unwrap();
        assert_eq!(batch(&one, 5, 2)[1], EpochExample { epoch: 11, example: 0 });
        assert!(batch(&one, 5, 0).is_empty());
    }

    #[test]
    fn permutations_are_even() {
        // Each of the six orders of three examples in a sixth of the epochs, within four sigma.
        let shuffle = Shuffle::new(3, "order", 3).unwrap();
        let mut counts = [0_u32; 27];
        for epoch in 0..6000 {
            let mut code = 0;
            shuffle.for_each(3 * epoch, 3, |_, place| code = 3 * code + place.example as usize);
            counts[code] += 1;
        }
        let seen: Vec<_> = counts.into_iter().filter(|&count| count > 0).collect();
        assert!(seen.len() == 6 && seen.iter().all(|count| (885..=1115).contains(count)));
    }

    #[test]
    fn no_examples_are_an_error() {
        let error = Shuffle::new(1, "order", 0).unwrap_err().to_string();
        assert_eq!(error, "0 examples cannot be shuffled: there must be from 1 to 4294967295");
        if let Ok(too_many) = usize::try_from(1_u64 << 32) {
            assert!(Shuffle::new(1, "order", too_many).is_err());
        }
    }
}
