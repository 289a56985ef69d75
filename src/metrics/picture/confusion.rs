//! How often each class is taken for each other.

use std::path::Path;

use anyhow::Result;

use super::matrix;
use crate::atomic;

/// Counts of predictions by true and by predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: Vec<String>,
    /// `truth · classes + predicted`.
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// A matrix without counts for classes of these names.
    pub fn new(classes: Vec<String>) -> Self {
        let counts = vec![0; classes.len() * classes.len()];
        Self { classes, counts }
    }

    /// Counts one prediction.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        let n = self.classes.len();
        assert!(truth < n && predicted < n, "classes {truth} and {predicted} of {n}");
        self.counts[truth * n + predicted] += 1;
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How often the class `truth` was taken for `predicted`.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.of_class(truth)[predicted]
    }

    /// All predictions.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The predictions that are right.
    pub fn right(&self) -> u64 {
        (0..self.classes.len()).map(|class| self.count(class, class)).sum()
    }

    /// The share of right predictions, where there are any predictions: precision @ 1.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.right(), self.total())
    }

    /// The share of the class `truth` that was recognised, where any was there.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn recall(&self, truth: usize) -> Option<f64> {
        share(self.count(truth, truth), self.of_class(truth).iter().sum())
    }

    /// The share of the predictions of `class` that are right, where there are any.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn precision(&self, class: usize) -> Option<f64> {
        let predicted = (0..self.classes.len()).map(|truth| self.count(truth, class)).sum();
        share(self.count(class, class), predicted)
    }

    /// Draws the matrix into a PNG file, which appears as a whole. `title` is the line above it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_png(&self, path: &Path, title: &str) -> Result<()> {
        atomic::write(path, &matrix::png(self, title)?)
    }

    /// A row of the matrix.
    fn of_class(&self, truth: usize) -> &[u64] {
        let n = self.classes.len();
        &self.counts[truth * n..][..n]
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares() {
        let mut confusion = ConfusionMatrix::new(["a", "b", "c"].map(str::to_owned).to_vec());
        assert_eq!((confusion.accuracy(), confusion.recall(0)), (None, None));
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
            confusion.add(truth, predicted);
        }
        assert_eq!((confusion.count(0, 1), confusion.count(1, 0)), (1, 0));
        assert_eq!((confusion.right(), confusion.total()), (3, 4));
        assert_eq!(confusion.accuracy(), Some(0.75));
        assert_eq!((confusion.recall(0), confusion.recall(2)), (Some(2.0 / 3.0), None));
        assert_eq!((confusion.precision(1), confusion.precision(2)), (Some(0.5), None));
    }
}
