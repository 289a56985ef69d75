//! Probabilities of classes.

/// A class by its number, and its probability.
pub type Scored = (usize, f32);

/// How far the sum of probabilities may be from one.
const TOLERANCE: f64 = 1e-2;

/// The class probabilities of a graph's output: the output itself, or its softmax if it is not a
/// probability distribution.
pub fn probabilities(output: &[f32]) -> Vec<f32> {
    let sum: f64 = output.iter().map(|&value| f64::from(value)).sum();
    if output.iter().all(|&value| value >= 0.0) && (sum - 1.0).abs() < TOLERANCE {
        return output.to_vec();
    }
    let largest = output.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = output.iter().map(|value| (value - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The `count` most probable classes, the first one first.
pub fn top(probabilities: &[f32], count: usize) -> Vec<Scored> {
    let mut all: Vec<Scored> = probabilities.iter().copied().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_become_probabilities_and_probabilities_stay() {
        assert_eq!(probabilities(&[0.25, 0.5, 0.25]), [0.25, 0.5, 0.25]);
        let of = probabilities(&[0.0, f32::ln(3.0)]);
        assert!((of[0] - 0.25).abs() < 1e-6 && (of[1] - 0.75).abs() < 1e-6, "{of:?}");
        assert_eq!(probabilities(&[1000.0, 0.0])[0], 1.0);
    }

    #[test]
    fn the_most_probable_come_first_and_equals_in_their_order() {
        assert_eq!(top(&[0.2, 0.3, 0.3, 0.2], 3), [(1, 0.3), (2, 0.3), (0, 0.2)]);
    }
}
