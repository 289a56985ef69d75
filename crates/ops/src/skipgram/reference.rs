//! Both engines in plain `f64`, one word after another.

use super::draws::{first_word, reach};
use super::{Engine, Loss, Sentence, Skipgram, context};

/// What [`Skipgram::train`] computes, in order.
///
/// # Panics
/// When a word is not in the tables.
pub fn train_reference(
    skipgram: &Skipgram,
    w_in: &mut [f64],
    w_out: &mut [f64],
    width: usize,
    words: &[u32],
    sentences: &[Sentence],
) -> Loss {
    let mut loss = Loss::default();
    for sentence in sentences {
        let (words, rate) = (&words[sentence.words.clone()], f64::from(sentence.rate));
        for i in 0..words.len() {
            let c = sentence.first + i as u64;
            let reach = reach(first_word(skipgram.stream, c), skipgram.window) as usize;
            let around = context(i, reach, words.len()).filter(|&j| j != i);
            let around: Vec<u32> = around.map(|j| words[j]).collect();
            loss.pairs += around.len() as u64;
            loss.sum += match skipgram.engine {
                Engine::SharedNegatives => {
                    let negatives = draw(skipgram, c, 1);
                    window(w_in, w_out, width, rate, words[i], &around, &negatives)
                }
                Engine::PerPair => (around.iter().enumerate())
                    .map(|(q, &label)| {
                        let blocks = skipgram.window_blocks() + q * skipgram.pair_blocks();
                        let negatives = draw(skipgram, c, 4 * blocks);
                        pair(w_in, w_out, width, rate, words[i], label, &negatives)
                    })
                    .sum(),
            };
        }
    }
    loss
}

/// The negatives that the random words of centre `c` starting at `first` give.
fn draw(skipgram: &Skipgram, c: u64, first: usize) -> Vec<u32> {
    let word = |i: usize| skipgram.stream.block(c, i as u64 / 4)[i % 4];
    (first..first + skipgram.negatives).map(|i| skipgram.noise.draw(word(i))).collect()
}

/// The loss of a window, and the rows' gradient of descent times the rate.
fn window(
    w_in: &mut [f64],
    w_out: &mut [f64],
    width: usize,
    rate: f64,
    centre: u32,
    around: &[u32],
    negatives: &[u32],
) -> f64 {
    let (old_in, old_out) = (w_in.to_vec(), w_out.to_vec());
    let mut loss = 0.0;
    for &x in around {
        let targets = negatives.iter().filter(|&&t| t != centre).map(|&t| (t, 0.0));
        for (t, label) in std::iter::once((centre, 1.0)).chain(targets) {
            let (x, t) = (x as usize * width, t as usize * width);
            let logit: f64 = (0..width).map(|d| old_in[x + d] * old_out[t + d]).sum();
            let g = (label - sigmoid(logit)) * rate;
            loss += softplus(logit) - label * logit;
            for d in 0..width {
                w_in[x + d] += g * old_out[t + d];
                w_out[t + d] += g * old_in[x + d];
            }
        }
    }
    loss
}

/// The loss of a pair; its targets change at once, its input in the end.
fn pair(
    w_in: &mut [f64],
    w_out: &mut [f64],
    width: usize,
    rate: f64,
    input: u32,
    label: u32,
    negatives: &[u32],
) -> f64 {
    let x = &mut w_in[input as usize * width..][..width];
    let (mut loss, mut change) = (0.0, vec![0.0; width]);
    let negatives = negatives.iter().filter(|&&t| t != label).map(|&t| (t, 0.0));
    for (t, is_label) in std::iter::once((label, 1.0)).chain(negatives) {
        let w = &mut w_out[t as usize * width..][..width];
        let logit: f64 = x.iter().zip(&*w).map(|(x, w)| x * w).sum();
        let g = (is_label - sigmoid(logit)) * rate;
        loss += softplus(logit) - is_label * logit;
        for ((w, x), change) in w.iter_mut().zip(&*x).zip(&mut change) {
            *change += g * *w;
            *w += g * x;
        }
    }
    x.iter_mut().zip(change).for_each(|(x, change)| *x += change);
    loss
}

/// 1 / (1 + e^-x)
pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// log(1 + e^x)
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
