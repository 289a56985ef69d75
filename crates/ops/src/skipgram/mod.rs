//! Skip-gram with negative sampling (Mikolov et al., arXiv 1301.3781 and 1310.4546), trained by
//! stochastic gradient descent in place.
//!
//! The draws of the centre with running number c come from `stream.block(c, i)`, i = 0, 1, …, one
//! 32-bit word after another: the first gives the reach 1 + (word · window >> 32), the next K the
//! negatives ([`NegativeSampler::draw`]). They are a function of the stream's key and c alone.
//!
//! [`Engine::SharedNegatives`] takes a centre with all its context words at once (Ji et al., arXiv
//! 1604.04661): inputs are `w_in[x]` of the context words x, targets `w_out[t]` of the centre
//! (label 1) and its K negatives (label 0; skipped where they are the centre). All logits and
//! updates are of the rows as they were before; a word that occurs twice counts twice.
//!
//! [`Engine::PerPair`] is the plain rule: for each context word in the order of the text, `w_in` of
//! the centre against `w_out` of the context word and of K negatives of this pair (skipped where
//! they are the context word), `w_out` changed at once, `w_in` after the pair. Pair q of a centre
//! (q = 0, 1, …) draws from the blocks ⌈(1 + K) / 4⌉ + q · ⌈K / 4⌉ on.

pub mod cuda;
mod draws;
mod negative_sampler;
mod pairs;
pub mod reference;
#[cfg(test)]
mod tests;
mod window;

use std::cell::RefCell;
use std::ops::Range;

pub use super::logistic::{Loss, Updates};
use super::logistic::{Minibatch, Tables};
use super::simd::LANES;
use super::{Buffer, Cpu};
use crate::rng::Stream;
use draws::{Draws, PairDraws};
pub use negative_sampler::NegativeSampler;
use pairs::Pairs;
use window::Windows;

/// The model's rules.
#[derive(Clone, Copy, Debug)]
pub struct Skipgram<'a> {
    /// The largest reach of a window to each side; at least 1.
    pub window: usize,
    /// Negatives of a centre, or of a pair.
    pub negatives: usize,
    /// The distribution of the negatives.
    pub noise: &'a NegativeSampler,
    /// The shards of [`NegativeSampler::partition`] from which Hogwild threads draw the negatives
    /// of windows instead, each from one shard at a time; may be empty.
    pub shares: &'a [NegativeSampler],
    /// The stream of reaches and negatives.
    pub stream: Stream,
    /// How negatives are shared.
    pub engine: Engine,
}

/// How negatives are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// All pairs of a centre share the same negatives.
    SharedNegatives,
    /// No sharing: each pair draws its own.
    PerPair,
}

/// Kept words that may be each other's context.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// Where its words are.
    pub words: Range<usize>,
    /// The running number c of its first word.
    pub first: u64,
    /// The learning rate.
    pub rate: f32,
}

/// Words that a thread trains with one shard: enough that most rows stay in its cache, and few
/// enough that every part of a text meets all negatives.
const WORDS_OF_A_TURN: u64 = 4096;
/// Fewer turns in an epoch leave a sentence with one share of the noise for too long.
const MIN_TURNS: u64 = 16;

/// How many shares of the noise ([`NegativeSampler::partition`]) `threads` draw from on a text of
/// `words`: one each, or the whole noise where the text is short.
pub fn noise_shares(words: u64, threads: usize) -> usize {
    let round = WORDS_OF_A_TURN * threads as u64;
    if words < MIN_TURNS * round { 1 } else { threads }
}

/// The memory of a thread, kept from call to call.
#[derive(Default)]
struct Scratch {
    block: Minibatch,
    draws: Draws,
    pair_draws: PairDraws,
    rows: Buffer,
}

impl Skipgram<'_> {
    /// How far the window of the centre with the running number `c` reaches to each side.
    pub fn reach(&self, c: u64) -> usize {
        draws::reach(draws::first_word(self.stream, c), self.window) as usize
    }

    /// Trains `sentences` of `words` on the tables `w_in` and `w_out` (V, `width`). NaN parameters
    /// give a NaN loss.
    ///
    /// # Panics
    /// When the tables have another size than (V, `width`), V being the noise's; when `window` or
    /// `width` is zero, a sentence leaves the words, or a word the tables.
    #[allow(clippy::too_many_arguments, reason = "two tables and a text, each with its shape")]
    pub fn train(
        &self,
        cpu: &Cpu,
        w_in: &mut [f32],
        w_out: &mut [f32],
        width: usize,
        words: &[u32],
        sentences: &[Sentence],
        order: Updates,
    ) -> Loss {
        self.check([w_in.len(), w_out.len()], width, words, sentences);
        let tables = Tables::new(w_in, w_out, None, width);
        order.sum(cpu, sentences.len(), |thread, i| {
            let own = self.of_thread(order, thread, &sentences[i]);
            own.train_sentence(cpu, tables, words, &sentences[i])
        })
    }

    /// The same with the noise of one thread. The shares take turns by the running number of
    /// words, which all threads have in common.
    fn of_thread(&self, order: Updates, thread: usize, sentence: &Sentence) -> Self {
        match (order, self.engine, self.shares) {
            (Updates::Hogwild, Engine::SharedNegatives, shares @ [_, ..]) => {
                let turn = sentence.first / (WORDS_OF_A_TURN * shares.len() as u64);
                let share = (thread as u64).wrapping_add(turn) % shares.len() as u64;
                Self { noise: &shares[share as usize], ..*self }
            }
            _ => *self,
        }
    }

    fn check(&self, tables: [usize; 2], width: usize, words: &[u32], sentences: &[Sentence]) {
        let ids = self.noise.len();
        assert!(self.window > 0 && width > 0, "window and width must be at least 1");
        assert_eq!(tables, [ids * width; 2], "both tables are (ids, width)");
        for sentence in sentences {
            let words = &words[sentence.words.clone()];
            assert!(words.iter().all(|&id| (id as usize) < ids), "a word is not in the tables");
        }
    }

    fn train_sentence(
        &self,
        cpu: &Cpu,
        tables: Tables,
        words: &[u32],
        sentence: &Sentence,
    ) -> Loss {
        thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
        let words = &words[sentence.words.clone()];
        let (first, rate) = (sentence.first, sentence.rate);
        SCRATCH.with_borrow_mut(|Scratch { block, draws, pair_draws, rows }| match self.engine {
            Engine::SharedNegatives => {
                let most = (2 * self.window).min(words.len());
                block.reserve(most, 1 + self.negatives, tables.width());
                draws.reserve(self);
                let skipgram = self;
                cpu.isa().run(Windows { skipgram, tables, words, first, rate, block, draws })
            }
            Engine::PerPair => {
                let buffer = rows.at_least(2 * tables.width().next_multiple_of(LANES));
                let (skipgram, draws) = (self, pair_draws);
                cpu.isa().run(Pairs { skipgram, tables, words, first, rate, draws, buffer })
            }
        })
    }
}

/// The context words of centre `i` in a sentence of `len` words: the range without `i`.
#[inline(always)]
pub fn context(i: usize, reach: usize, len: usize) -> Range<usize> {
    i.saturating_sub(reach)..len.min(i + reach + 1)
}
