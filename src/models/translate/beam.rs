//! The search for the translations of one sentence: greedy, or by beam search (Sutskever et al.,
//! arXiv 1409.3215).

use std::rc::Rc;

use crate::data::tokenizer::{EOS, GO};

/// How translations are searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Hypotheses that are followed at a time; 1 takes the likeliest word every time.
    pub beam: usize,
    /// The exponent of a translation's length, by which its log-probability is divided (Wu et al.,
    /// arXiv 1609.08144, equation 14); 0 prefers short ones.
    pub length_penalty: f64,
    /// Maximum length of a translation in words; none for that of its bucket.
    pub max_length: Option<usize>,
    /// Whether the attention of translations is kept.
    pub keeps_attention: bool,
}

impl Search {
    /// The likeliest word every time.
    pub const GREEDY: Self =
        Self { beam: 1, length_penalty: 0.6, max_length: None, keeps_attention: false };

    /// ((5 + length) / 6)^penalty, which log-probabilities are divided by.
    fn normalised(&self, log_probability: f64, length: usize) -> f64 {
        log_probability / ((5.0 + length as f64) / 6.0).powf(self.length_penalty)
    }
}

/// A translation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hypothesis {
    /// Its words, without the end.
    pub words: Vec<u32>,
    /// Its log-probability in nats, including its end.
    pub log_probability: f64,
    /// The log-probability divided by the length penalty, which the search maximises.
    pub score: f64,
    /// Of each word and the end the attention's weights on the source's words, in their order; empty
    /// where the search does not keep them.
    pub attention: Vec<Vec<f32>>,
}

/// An unfinished hypothesis. The attention weights of a word are shared by all its continuations.
#[derive(Clone, Debug, Default)]
struct Open {
    words: Vec<u32>,
    log_probability: f64,
    attention: Vec<Rc<Vec<f32>>>,
    /// Whether greedy search would choose the same words.
    is_greedy: bool,
}

/// The search for the translations of one sentence.
pub struct Beam {
    open: Vec<Open>,
    done: Vec<Hypothesis>,
}

impl Hypothesis {
    /// Of each word the place of the source's word with the highest attention, where it is kept.
    pub fn alignment(&self) -> Vec<usize> {
        let highest = |weights: &Vec<f32>| {
            let places = weights.iter().enumerate();
            places.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place)
        };
        self.attention.iter().take(self.words.len()).map(highest).collect()
    }

    /// Keeps of the attention the weights on the sentence's `words`, the first word first. Where the
    /// source `is_reversed`, the encoder has read padding and then the last word first. It has read the
    /// last `read` words: the others have no weight.
    fn read_in_order(&mut self, words: usize, read: usize, is_reversed: bool) {
        for weights in &mut self.attention {
            if is_reversed {
                weights.reverse();
            }
            weights.truncate(read);
            weights.splice(0..0, std::iter::repeat_n(0.0, words - read));
        }
    }
}

impl Beam {
    /// A search that has not begun.
    pub fn new() -> Self {
        let begun = Open { is_greedy: true, ..Open::default() };
        Self { open: vec![begun], done: Vec::new() }
    }

    /// Open hypotheses.
    pub fn width(&self) -> usize {
        self.open.len()
    }

    /// The translations, best first, of a sentence with this many words, of which the last `read` were
    /// fed.
    pub fn finish(mut self, words: usize, read: usize, is_reversed: bool) -> Vec<Hypothesis> {
        self.done.sort_by(|a, b| b.score.total_cmp(&a.score));
        let done = self.done.iter_mut();
        done.for_each(|hypothesis| hypothesis.read_in_order(words, read, is_reversed));
        self.done
    }

    /// The last word of each open hypothesis.
    pub fn last_words(&self) -> impl Iterator<Item = u32> + '_ {
        self.open.iter().map(|open| open.words.last().copied().unwrap_or(GO))
    }

    /// Takes the likeliest continuations of the open hypotheses, from their logits and attention.
    /// Returns the rows of the hypotheses that stay open. At the last step all end.
    ///
    /// The choice of greedy search is always among them, so a beam is never worse than it.
    pub fn advance(
        &mut self,
        logits: &[Vec<f32>],
        attention: &[Vec<f32>],
        search: Search,
        is_last: bool,
    ) -> Vec<usize> {
        let keeps_greedy = usize::from(self.open.iter().any(|open| open.is_greedy));
        let wanted = search.beam.saturating_sub(self.done.len()).max(keeps_greedy);
        let mut candidates: Vec<(f64, usize, u32)> = Vec::new();
        let mut greedy = None;
        for (row, (open, logits)) in self.open.iter().zip(logits).enumerate() {
            let log_sum = log_sum_exp(logits);
            let total =
                |word: u32| open.log_probability + f64::from(logits[word as usize]) - log_sum;
            let words = if is_last { vec![EOS] } else { likeliest(logits, search.beam) };
            if open.is_greedy {
                greedy = words.first().map(|&word| (row, word));
            }
            candidates.extend(words.into_iter().map(|word| (total(word), row, word)));
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let is_greedy = |&(_, row, word): &(f64, usize, u32)| greedy == Some((row, word));
        let found = candidates.iter().position(is_greedy);
        let most = if is_last { candidates.len() } else { wanted };
        if let Some(found) = found.filter(|&found| found >= most && most > 0) {
            candidates.swap(most - 1, found);
        }
        candidates.truncate(most);
        let before = std::mem::take(&mut self.open);
        let mut parents = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let is_greedy = is_greedy(&candidate);
            let (log_probability, row, word) = candidate;
            let Open { mut words, attention: mut weights, .. } = before[row].clone();
            if search.keeps_attention {
                weights.push(Rc::new(attention[row].clone()));
            }
            if word == EOS {
                let score = search.normalised(log_probability, words.len() + 1);
                let attention = weights.iter().map(|of| of.to_vec()).collect();
                self.done.push(Hypothesis { words, log_probability, score, attention });
            } else {
                words.push(word);
                self.open.push(Open { words, log_probability, attention: weights, is_greedy });
                parents.push(row);
            }
        }
        parents
    }
}

/// The words with the `count` largest logits, the largest first; of equal ones the first word.
fn likeliest(logits: &[f32], count: usize) -> Vec<u32> {
    let larger =
        |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    // Padding and the start symbol are not words of a translation.
    let mut words: Vec<u32> = (EOS..logits.len() as u32).collect();
    let count = count.min(words.len());
    if count < words.len() {
        words.select_nth_unstable_by(count, larger);
        words.truncate(count);
    }
    words.sort_by(larger);
    words
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|z| f64::from(z - largest).exp()).sum();
    sum.ln() + f64::from(largest)
}
