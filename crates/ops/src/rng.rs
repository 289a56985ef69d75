//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random
//! Numbers: As Easy as 1, 2, 3", SC 2011).
//!
//! A number is a pure function of (seed, stream name, step, index). Nothing has to be
//! saved but the step, and any number of threads draws the same numbers.

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Four random words for one counter under one key.
#[inline(always)]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let a = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let b = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// A named source of random numbers, addressed by step and index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
}

impl Stream {
    /// The stream `name` of a run seeded with `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a tells names apart; the finaliser of SplitMix64 spreads near seeds.
        let mut hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        hash ^= seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        hash ^= hash >> 31;
        Self { key: [hash as u32, (hash >> 32) as u32] }
    }

    /// The key, for whoever computes [`philox`] elsewhere: on a GPU.
    pub fn key(&self) -> [u32; 2] {
        self.key
    }

    /// The four words at (`step`, `index`).
    #[inline(always)]
    pub fn block(&self, step: u64, index: u64) -> [u32; 4] {
        let counter = [index as u32, (index >> 32) as u32, step as u32, (step >> 32) as u32];
        philox(counter, self.key)
    }

    /// The numbers of `step` one after another.
    pub fn at(&self, step: u64) -> Sequence {
        Sequence { stream: *self, step, index: 0, words: [0; 4], used: 4 }
    }
}

/// The numbers of one step of a [`Stream`], drawn in order.
#[derive(Clone, Debug)]
pub struct Sequence {
    stream: Stream,
    step: u64,
    index: u64,
    words: [u32; 4],
    used: usize,
}

impl Sequence {
    /// The next 32 random bits.
    pub fn word(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.words = self.stream.block(self.step, self.index);
            self.index += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// Uniform in [0, 1), with all 53 bits of an `f64`.
    pub fn uniform(&mut self) -> f64 {
        let high = u64::from(self.word()) << 32;
        ((high | u64::from(self.word())) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [`low`, `high`).
    pub fn uniform_between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.word() >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Standard normal (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Standard normal, drawn again where it is not within two standard deviations.
    pub fn truncated_normal(&mut self) -> f64 {
        loop {
            let value = self.normal();
            if value.abs() < 2.0 {
                return value;
            }
        }
    }

    /// A whole number below `bound`, without bias (Lemire's rejection).
    pub fn below(&mut self, bound: u32) -> u32 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_known_answers_of_random123() {
        // From Random123's kat_vectors, rows "philox4x32 10".
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_of_other_names_and_seeds_differ() {
        let word = |seed, name: &str| Stream::new(seed, name).at(0).word();
        assert_ne!(word(1, "init"), word(1, "dropout"));
        assert_ne!(word(1, "init"), word(2, "init"));
        assert_eq!(word(1, "init"), word(1, "init"));
    }

    #[test]
    fn uniform_numbers_fill_the_interval_evenly() {
        let mut sequence = Stream::new(7, "test").at(3);
        let n = 20_000;
        let mean = (0..n).map(|_| sequence.uniform()).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
        assert!((0..n).all(|_| sequence.below(7) < 7));
    }

    #[test]
    fn normal_numbers_have_the_moments_of_their_distributions() {
        let mut sequence = Stream::new(7, "normal").at(0);
        let n = 50_000;
        let mut moments = |draw: fn(&mut Sequence) -> f64| {
            let values: Vec<f64> = (0..n).map(|_| draw(&mut sequence)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            let square = values.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
            (mean, square, values.iter().fold(0.0f64, |a, b| a.max(b.abs())))
        };
        let (mean, square, _) = moments(Sequence::normal);
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
        // The variance of a normal cut at two standard deviations is 0.774.
        let (mean, square, largest) = moments(Sequence::truncated_normal);
        assert!(mean.abs() < 0.02 && (square - 0.774).abs() < 0.02, "{mean} {square}");
        assert!(largest < 2.0);
    }
}
