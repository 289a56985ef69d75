//! The mistakes of which a classifier was surest.

use std::cmp::Ordering;

/// A picture that was taken for something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The picture's place in its set.
    pub index: u64,
    /// Its class.
    pub truth: usize,
    /// What it was taken for.
    pub predicted: usize,
    /// The probability that was given to `predicted`.
    pub probability: f32,
}

/// The worst mistakes of a whole evaluation. Which these are does not depend on the order in
/// which they come.
#[derive(Clone, Debug)]
pub struct TopLosses {
    limit: usize,
    /// From the worst on.
    mistakes: Vec<Mistake>,
}

impl TopLosses {
    /// Keeps at most `limit` mistakes.
    pub fn new(limit: usize) -> Self {
        Self { limit, mistakes: Vec::with_capacity(limit + 1) }
    }

    /// Keeps a mistake if it is one of the worst, and says so.
    pub fn add(&mut self, mistake: Mistake) -> bool {
        let place = self.mistakes.partition_point(|kept| order(kept, &mistake).is_lt());
        if place >= self.limit {
            return false;
        }
        self.mistakes.insert(place, mistake);
        self.mistakes.truncate(self.limit);
        true
    }

    /// The mistakes from the worst on.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

/// The worse mistake is the smaller one; of equal ones, the earlier picture.
fn order(one: &Mistake, other: &Mistake) -> Ordering {
    other.probability.total_cmp(&one.probability).then(one.index.cmp(&other.index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_are_kept_in_any_order() {
        let mistake = |index: u64| {
            let probability = [0.5, 0.9, 0.7, 0.9, 0.6][index as usize];
            Mistake { index, truth: 0, predicted: 1, probability }
        };
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 3, 0, 4, 1]] {
            let mut worst = TopLosses::new(3);
            order.iter().for_each(|&index| {
                worst.add(mistake(index));
            });
            let kept: Vec<u64> = worst.mistakes().iter().map(|mistake| mistake.index).collect();
            assert_eq!(kept, [1, 3, 2]);
            assert!(!worst.add(mistake(0)));
        }
        assert!(!TopLosses::new(0).add(mistake(1)));
    }
}
