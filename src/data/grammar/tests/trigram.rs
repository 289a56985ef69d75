//! A trigram model with interpolated modified Kneser-Ney smoothing (Chen and Goodman, "An
//! Empirical Study of Smoothing Techniques for Language Modeling", 1998, section 3).

use std::collections::HashMap;

/// Words are numbered from 1; 0 is `<eos>`, which also pads the beginning of a sentence.
const VOCABULARY_BITS: u32 = 16;

/// Counts of one order, as that order's smoothing uses them.
#[derive(Default)]
struct Order {
    counts: HashMap<u64, u32>,
    /// By context: the total, and how many words occur once, twice and more often.
    contexts: HashMap<u64, Context>,
    discounts: [f64; 3],
}

#[derive(Clone, Copy, Default)]
struct Context {
    total: u32,
    types: [u32; 3],
}

impl Order {
    fn new(counts: HashMap<u64, u32>) -> Self {
        let mut contexts: HashMap<u64, Context> = HashMap::new();
        for (ngram, &count) in &counts {
            let context = contexts.entry(ngram >> VOCABULARY_BITS).or_default();
            context.total += count;
            context.types[(count.min(3) - 1) as usize] += 1;
        }
        let discounts = modified_discounts(&counts);
        Self { counts, contexts, discounts }
    }

    fn probability(&self, ngram: u64, lower: f64, scale: f64) -> f64 {
        let Some(context) = self.contexts.get(&(ngram >> VOCABULARY_BITS)) else { return lower };
        let discount = |index: usize| (self.discounts[index] * scale).min(1.0 + index as f64);
        let total = f64::from(context.total);
        let count = self.counts.get(&ngram).copied().unwrap_or(0);
        let own = match count {
            0 => 0.0,
            _ => f64::from(count) - discount(count.min(3) as usize - 1),
        };
        let freed: f64 = (0..3).map(|i| discount(i) * f64::from(context.types[i])).sum();
        (own + freed * lower) / total
    }
}

/// Equation 26 of the paper.
fn modified_discounts(counts: &HashMap<u64, u32>) -> [f64; 3] {
    let mut n = [0.0; 5];
    for &count in counts.values().filter(|&&count| count < 5) {
        n[count as usize] += 1.0;
    }
    let y = n[1] / (n[1] + 2.0 * n[2]);
    let discount = |count: usize| {
        let estimate = count as f64 - (count + 1) as f64 * y * n[count + 1] / n[count];
        if estimate.is_finite() { estimate.clamp(0.0, count as f64) } else { 0.5 }
    };
    [discount(1), discount(2), discount(3)]
}

pub(super) struct Trigram {
    orders: [Order; 3],
    /// Multipliers of the discounts, by order.
    scales: [f64; 3],
    n_words: usize,
}

impl Trigram {
    /// `text`: sentences of word numbers from 1 to `n_words`.
    pub(super) fn train(text: &[Vec<u16>], n_words: usize) -> Self {
        let mut trigrams: HashMap<u64, u32> = HashMap::new();
        each_trigram(text, |ngram| *trigrams.entry(ngram).or_default() += 1);
        // The lower orders count the different words in front of an n-gram.
        let lower = |higher: &HashMap<u64, u32>, n: u32| {
            let mask = (1 << (VOCABULARY_BITS * n)) - 1;
            let mut counts: HashMap<u64, u32> = HashMap::new();
            higher.keys().for_each(|ngram| *counts.entry(ngram & mask).or_default() += 1);
            counts
        };
        let bigrams = lower(&trigrams, 2);
        let unigrams = lower(&bigrams, 1);
        let orders = [unigrams, bigrams, trigrams].map(Order::new);
        Self { orders, scales: [1.0; 3], n_words }
    }

    /// Chooses the discounts' multipliers on held-out text.
    pub(super) fn tune(&mut self, held_out: &[Vec<u16>]) {
        for _ in 0..2 {
            for order in [2, 1, 0] {
                let candidates = [0.6, 0.75, 0.9, 1.0, 1.1, 1.25, 1.4];
                let (_, best) = candidates
                    .into_iter()
                    .map(|scale| {
                        self.scales[order] = scale;
                        (self.perplexity(held_out), scale)
                    })
                    .min_by(|a, b| a.0.total_cmp(&b.0))
                    .unwrap();
                self.scales[order] = best;
            }
        }
    }

    pub(super) fn perplexity(&self, text: &[Vec<u16>]) -> f64 {
        let (mut log_probability, mut tokens) = (0.0, 0);
        each_trigram(text, |ngram| {
            log_probability += self.probability(ngram).ln();
            tokens += 1;
        });
        super::perplexity(log_probability, tokens)
    }

    fn probability(&self, ngram: u64) -> f64 {
        let uniform = 1.0 / (self.n_words + 1) as f64;
        (0..3).fold(uniform, |lower, order| {
            let mask = (1 << (VOCABULARY_BITS * (order as u32 + 1))) - 1;
            self.orders[order].probability(ngram & mask, lower, self.scales[order])
        })
    }
}

fn each_trigram(text: &[Vec<u16>], mut visit: impl FnMut(u64)) {
    let mask = (1 << (3 * VOCABULARY_BITS)) - 1;
    for sentence in text {
        let mut ngram = 0_u64;
        for &word in sentence.iter().chain([&0]) {
            ngram = (ngram << VOCABULARY_BITS | u64::from(word)) & mask;
            visit(ngram);
        }
    }
}

#[test]
fn its_probabilities_sum_to_one() {
    let text = [vec![1, 2, 3, 1], vec![2, 2, 1], vec![3, 1, 2]];
    let model = Trigram::train(&text, 4);
    for context in [0, 0x1_0002, 0x3_0001, 0x4_0004] {
        let sum: f64 =
            (0..5).map(|word| model.probability(context << VOCABULARY_BITS | word)).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{context:x}: {sum}");
    }
}
