//! What TensorBoard's summaries say of a tensor: its range, mean and sparsity, and a
//! histogram, in one pass.

mod buckets;
mod moments;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use super::{Cpu, rows_mut};
use buckets::{Buckets, Counts};
use moments::MomentsOf;

/// Values whose figures are found by one thread. Fixed, so that sums do not depend on the
/// number of threads.
const PIECE: usize = 32 * 1024;

/// Figures of a tensor's finite values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Finite values.
    pub count: u64,
    /// Infinities and values that are not numbers, which enter no other figure.
    pub not_finite: u64,
    /// Zeros of either sign.
    pub zeros: u64,
    /// The smallest value; `f64::MAX` without values, as TensorFlow writes it.
    pub min: f64,
    /// The largest value; `f64::MIN` without values.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl Statistics {
    const NONE: Self = Self {
        count: 0,
        not_finite: 0,
        zeros: 0,
        min: f64::MAX,
        max: f64::MIN,
        sum: 0.0,
        sum_of_squares: 0.0,
    };

    /// The mean; NaN without values.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The share of zeros; NaN without values.
    pub fn sparsity(&self) -> f64 {
        self.zeros as f64 / self.count as f64
    }

    fn join(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            not_finite: self.not_finite + other.not_finite,
            zeros: self.zeros + other.zeros,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            sum_of_squares: self.sum_of_squares + other.sum_of_squares,
        }
    }
}

/// The fields of a `HistogramProto`.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// `min`, `max`, `num` (`count`), `sum` and `sum_squares` (`sum_of_squares`).
    pub statistics: Statistics,
    /// The upper ends of the buckets, not included in them.
    pub bucket_limit: Vec<f64>,
    /// How many values each bucket has. Runs of empty buckets are one.
    pub bucket: Vec<f64>,
}

/// The figures of `values`.
pub fn statistics(cpu: &Cpu, values: &[f32]) -> Statistics {
    figures(cpu, values, |_| ())
}

/// The figures of `values` with their histogram over TensorFlow's default buckets, whose ends
/// grow by a tenth from 10⁻¹² to 10²⁰, below zero as above.
pub fn histogram(cpu: &Cpu, values: &[f32]) -> Histogram {
    let buckets = Buckets::get();
    let total = Mutex::new(Counts::new());
    let statistics = figures(cpu, values, |piece| {
        let mut counts = Counts::new();
        buckets.count(piece, &mut counts);
        // A panic elsewhere leaves the counts whole, and whole numbers add up in any order.
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&counts);
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (bucket_limit, bucket) = buckets.compact(&total);
    Histogram { statistics, bucket_limit, bucket }
}

/// The figures of `values`, with `also` called for each piece while it is in the cache.
fn figures(cpu: &Cpu, values: &[f32], also: impl Fn(&[f32]) + Sync) -> Statistics {
    let count = values.len().div_ceil(PIECE);
    let mut pieces = vec![Statistics::NONE; count];
    cpu.for_rows(count, 1, rows_mut(&mut pieces, 1), |piece, to| {
        let start = piece.start * PIECE;
        let values = &values[start..values.len().min(start + PIECE)];
        to[0] = cpu.isa().run(MomentsOf(values));
        also(values);
    });
    pieces.into_iter().fold(Statistics::NONE, Statistics::join)
}
