//! The buckets of TensorFlow's `Histogram`.

use std::sync::OnceLock;

/// Ends above zero: 10⁻¹² · 1.1ⁱ below 10²⁰, and the largest number.
const POSITIVE: usize = 775;
/// Zero is an end as well, and every other has its negative.
const ENDS: usize = 2 * POSITIVE + 1;
/// Bits of an `f32` below the four highest of its fraction: values that differ in those alone are
/// within a sixteenth of each other, so that at most one end is between them.
const CELL_BITS: u32 = 19;
const CELLS: usize = 1 << (31 - CELL_BITS);

/// The ends, and where to look for a value's.
pub(super) struct Buckets {
    positive: [f64; POSITIVE],
    /// The positive ends that are not above the smallest magnitude of each cell.
    below: [u16; CELLS],
}

/// How many values are in each bucket.
#[derive(Clone)]
pub(super) struct Counts([u64; ENDS]);

impl Counts {
    pub(super) fn new() -> Self {
        Self([0; ENDS])
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }
}

impl Buckets {
    pub(super) fn get() -> &'static Self {
        static BUCKETS: OnceLock<Buckets> = OnceLock::new();
        BUCKETS.get_or_init(Self::new)
    }

    fn new() -> Self {
        let mut positive = [f64::MAX; POSITIVE];
        let mut end = 1e-12;
        for to in &mut positive[..POSITIVE - 1] {
            *to = end;
            end *= 1.1;
        }
        let below = std::array::from_fn(|cell| {
            let smallest = f64::from(f32::from_bits((cell as u32) << CELL_BITS));
            positive.partition_point(|&end| end <= smallest) as u16
        });
        Self { positive, below }
    }

    /// Counts the finite ones of `values`.
    pub(super) fn count(&self, values: &[f32], counts: &mut Counts) {
        for &value in values {
            if value.abs() < f32::INFINITY {
                counts.0[self.bucket(value)] += 1;
            }
        }
    }

    /// The bucket of a finite value: the first whose end is above it.
    #[inline(always)]
    fn bucket(&self, value: f32) -> usize {
        let magnitude = value.abs();
        let below = usize::from(self.below[(magnitude.to_bits() >> CELL_BITS) as usize]);
        let magnitude = f64::from(magnitude);
        let below = below + usize::from(self.positive[below] <= magnitude);
        if value >= 0.0 {
            return POSITIVE + 1 + below;
        }
        // Below zero, a value that equals an end is above no other end of its magnitude.
        let is_end = below > 0 && self.positive[below - 1] == magnitude;
        POSITIVE - below + usize::from(is_end)
    }

    fn end(&self, bucket: usize) -> f64 {
        match bucket.cmp(&POSITIVE) {
            std::cmp::Ordering::Less => -self.positive[POSITIVE - 1 - bucket],
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => self.positive[bucket - POSITIVE - 1],
        }
    }

    /// Ends and counts of the buckets as `EncodeToProto` writes them: a run of empty buckets
    /// becomes one, which ends where the run does.
    pub(super) fn compact(&self, counts: &Counts) -> (Vec<f64>, Vec<f64>) {
        let is_last_of_run = |i: &usize| counts.0[*i] > 0 || counts.0.get(i + 1) != Some(&0);
        let kept = (0..ENDS).filter(is_last_of_run);
        kept.map(|i| (self.end(i), counts.0[i] as f64)).unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cell_leads_to_the_bucket_that_a_search_finds() {
        let buckets = Buckets::get();
        assert!(buckets.positive[POSITIVE - 2] < 1e20 && buckets.positive[POSITIVE - 2] > 9e19);
        let ends: Vec<f64> = (0..ENDS).map(|i| buckets.end(i)).collect();
        assert!(ends.is_sorted());
        let near_ends = buckets.positive[..POSITIVE - 1].iter().flat_map(|&end| {
            let bits = (end as f32).to_bits();
            [bits - 1, bits, bits + 1].map(f32::from_bits)
        });
        let others = [0.0, 1e-45, 1e-38, 1e30, f32::MAX, 1.0, 1.5];
        for value in near_ends.chain(others).flat_map(|v| [v, -v]) {
            let want = ends.partition_point(|&end| end <= f64::from(value));
            assert_eq!(buckets.bucket(value), want, "{value}");
        }
    }
}
