//! Spearman's rank correlation.

/// Spearman's ρ: Pearson's correlation of the ranks, equal values sharing the mean of theirs.
/// None where it is not defined: fewer than two values, or all of one side the same.
///
/// # Panics
/// When the sides differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "pairs have two sides");
    pearson(&ranks(x), &ranks(y))
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

/// The place of each value in ascending order, from 1; equal values get the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = start as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&place| ranks[place] = mean);
        start += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(ranks(&[0.0, -0.0]), [1.5, 1.5]);
    }

    /// ```python
    /// from scipy.stats import spearmanr
    /// x = [0.3, 0.1, 0.4, 0.1, 0.5, 0.9, 0.2, 0.6, 0.5, 0.3]
    /// y = [7.0, 6.5, 3.0, 7.0, 8.5, 9.0, 1.0, 8.5, 8.5, 0.0]
    /// print(repr(spearmanr(x, y)[0]), repr(spearmanr(x[:3], y[:3])[0]))
    /// ```
    #[test]
    fn equals_scipy() {
        let x = [0.3, 0.1, 0.4, 0.1, 0.5, 0.9, 0.2, 0.6, 0.5, 0.3];
        let y = [7.0, 6.5, 3.0, 7.0, 8.5, 9.0, 1.0, 8.5, 8.5, 0.0];
        let rho = spearman(&x, &y).unwrap();
        assert!((rho - 0.708_088_192_874_933_4).abs() < 1e-14, "{rho}");
        let rho = spearman(&x[..3], &y[..3]).unwrap();
        assert!((rho + 0.5).abs() < 1e-14, "{rho}");
    }

    #[test]
    fn what_has_no_order_has_no_correlation() {
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0], &[2.0]), None);
        assert_eq!(spearman(&[1.0, 1.0], &[2.0, 3.0]), None);
    }
}
