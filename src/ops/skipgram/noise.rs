//! The noise distribution: words by their counts to the power of 3/4 (Mikolov et al., arXiv
//! 1310.4546, §2.2), drawn from an alias table (Walker 1977; Vose, IEEE Transactions on Software
//! Engineering 17(9), 1991).

/// Draws an id from one random word of 32 bits, in constant time.
///
/// With product = word · V, the slot is product >> 32 and the fraction is its low half: the id is
/// the slot where the fraction is below the slot's threshold, else the slot's alias.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Threshold and alias of each slot.
    slots: Vec<[u32; 2]>,
}

impl Noise {
    /// The distribution of `counts` (V), some of which may be zero, to the power of 3/4.
    ///
    /// # Errors
    /// When no count is above zero, or there are more than 2³¹.
    pub fn new(counts: &[u64]) -> anyhow::Result<Self> {
        let weights: Vec<f64> = counts.iter().map(|&count| three_quarters(count)).collect();
        let total: f64 = weights.iter().sum();
        anyhow::ensure!(
            total > 0.0,
            "none of {} words has a count above 0: there is no noise to draw; give more text or a \
             lower min_count",
            counts.len()
        );
        anyhow::ensure!(counts.len() <= 1 << 31, "{} words are more than 2^31", counts.len());
        Ok(Self { slots: vose(&weights, total) })
    }

    /// The number of ids.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Never: there is at least one id.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many ids can be drawn at all.
    pub fn drawable(&self) -> usize {
        let mut drawable = vec![false; self.len()];
        for (slot, &[threshold, alias]) in self.slots.iter().enumerate() {
            drawable[slot] |= threshold > 0;
            drawable[alias as usize] |= threshold < u32::MAX;
        }
        drawable.into_iter().filter(|&drawable| drawable).count()
    }

    /// Threshold and alias of each slot (V).
    pub fn slots(&self) -> &[[u32; 2]] {
        &self.slots
    }

    /// The id that the random word `word` stands for.
    #[inline(always)]
    pub fn draw(&self, word: u32) -> u32 {
        let product = u64::from(word) * self.slots.len() as u64;
        let slot = (product >> 32) as u32;
        let [threshold, alias] = self.slots[slot as usize];
        // A mask: which of the two it is cannot be predicted.
        let mask = u32::from((product as u32) < threshold).wrapping_neg();
        slot & mask | alias & !mask
    }
}

/// By two square roots, which round the same on every machine.
fn three_quarters(count: u64) -> f64 {
    let root = (count as f64).sqrt();
    root * root.sqrt()
}

/// Vose's construction: every slot keeps its own share and is filled up by one larger word.
fn vose(weights: &[f64], total: f64) -> Vec<[u32; 2]> {
    let mean = total / weights.len() as f64;
    let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..weights.len()).partition(|&i| shares[i] < 1.0);
    let mut slots = vec![[0, 0]; weights.len()];
    while let (Some(&lower), Some(&upper)) = (small.last(), large.last()) {
        small.pop();
        slots[lower] = [threshold(shares[lower]), upper as u32];
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
        slots[i] = [threshold(shares[i]), alias as u32];
    }
    slots
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
    fn probabilities(noise: &Noise) -> Vec<f64> {
        let mut probabilities = vec![0.0; noise.len()];
        let whole = 4_294_967_296.0;
        for (i, &[threshold, alias]) in noise.slots().iter().enumerate() {
            let own = f64::from(threshold) / whole;
            probabilities[i] += own / noise.len() as f64;
            probabilities[alias as usize] += (1.0 - own) / noise.len() as f64;
        }
        probabilities
    }

    #[test]
    fn the_table_holds_the_distribution() {
        let zipf: Vec<u64> = (0..5000).map(|i| 1_000_000 / (i + 1)).collect();
        let cases: [&[u64]; 6] =
            [&[7], &[0, 3], &[5, 5, 5], &[0, 16, 0, 81, 1, 0], &[1, 1 << 40, 0], &zipf];
        for counts in cases {
            let noise = Noise::new(counts).unwrap();
            let above = counts.iter().filter(|&&count| count > 0).count();
            assert_eq!(noise.drawable(), above);
            let total: f64 = counts.iter().map(|&count| (count as f64).powf(0.75)).sum();
            for (got, &count) in probabilities(&noise).iter().zip(counts) {
                let want = (count as f64).powf(0.75) / total;
                assert!((got - want).abs() < 1e-9, "{got} and {want}");
                assert!(count > 0 || *got == 0.0);
            }
        }
    }

    #[test]
    fn words_are_drawn_as_the_table_says() {
        // Shares of 8 and 27 of 35 in each of two slots.
        let noise = Noise::new(&[16, 81]).unwrap();
        assert_eq!(
            noise.slots(),
            [[(16.0f64 / 35.0 * 4_294_967_296.0).round() as u32, 1], [u32::MAX, 1]]
        );
        let edge = noise.slots()[0][0] / 2;
        assert_eq!((noise.draw(0), noise.draw(edge - 1), noise.draw(edge + 1)), (0, 0, 1));
        assert_eq!((noise.draw(1 << 31), noise.draw(u32::MAX)), (1, 1));
        let counts: Vec<u64> = (0..100).collect();
        let noise = Noise::new(&counts).unwrap();
        let n = 1 << 20;
        let zeros = (0..n).filter(|i| noise.draw(i << 12) == 0).count();
        assert_eq!(zeros, 0);
        let total: f64 = (0..100).map(|i| f64::from(i).powf(0.75)).sum();
        let nineties = (0..n).filter(|i| noise.draw(i << 12) == 99).count() as f64 / f64::from(n);
        assert!((nineties - 99f64.powf(0.75) / total).abs() < 1e-4);
    }

    #[test]
    fn without_any_count_there_is_no_noise() {
        for counts in [&[][..], &[0, 0]] {
            let error = Noise::new(counts).unwrap_err().to_string();
            assert!(error.contains("no noise to draw"), "{error}");
        }
    }
}
