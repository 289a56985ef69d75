//! What is drawn for each centre: its reach and its negatives.

use super::Skipgram;
use crate::rng::Stream;
use crate::simd::LANES;

/// Centres whose numbers are drawn together, so that the compiler can use vectors.
const GROUP: usize = LANES;
/// Random words of one counter.
const WORDS: usize = 4;

/// The draws of two groups of centres, the current one and the next, so that the rows of a centre
/// are known while the one before it is processed.
#[derive(Clone, Debug, Default)]
pub(super) struct Draws {
    reach: Vec<u32>,
    negatives: Vec<u32>,
    words: Vec<[[u32; WORDS]; GROUP]>,
}

impl Draws {
    /// Makes room for the draws of `skipgram`.
    pub(super) fn reserve(&mut self, skipgram: &Skipgram) {
        self.reach.resize(2 * GROUP, 0);
        self.negatives.resize(2 * GROUP * skipgram.negatives, 0);
        self.words.resize(skipgram.window_blocks(), [[0; WORDS]; GROUP]);
    }

    /// Draws what is needed for centre `i` of a sentence of `len` words whose first has the
    /// running number `first`, and for the centre after it.
    #[inline(always)]
    pub(super) fn advance(&mut self, skipgram: &Skipgram, first: u64, i: usize, len: usize) {
        if i == 0 {
            self.fill(skipgram, first, 0);
        }
        if i.is_multiple_of(GROUP) && i + GROUP < len {
            self.fill(skipgram, first, i + GROUP);
        }
    }

    /// How far the window of centre `i` reaches to each side.
    #[inline(always)]
    pub(super) fn reach(&self, i: usize) -> usize {
        self.reach[i % (2 * GROUP)] as usize
    }

    /// The negatives of centre `i`, repeats and the centre itself among them.
    #[inline(always)]
    pub(super) fn negatives(&self, skipgram: &Skipgram, i: usize) -> &[u32] {
        let k = skipgram.negatives;
        &self.negatives[i % (2 * GROUP) * k..][..k]
    }

    /// Draws for the group of centres starting at `i`.
    #[inline(always)]
    fn fill(&mut self, skipgram: &Skipgram, first: u64, i: usize) {
        let k = skipgram.negatives;
        for (block, words) in self.words.iter_mut().enumerate() {
            for (lane, words) in words.iter_mut().enumerate() {
                let centre = first.wrapping_add((i + lane) as u64);
                *words = skipgram.stream.block(centre, block as u64);
            }
        }
        let slot = i % (2 * GROUP);
        for lane in 0..GROUP {
            let negatives = &mut self.negatives[(slot + lane) * k..][..k];
            self.reach[slot + lane] = reach(self.words[0][lane][0], skipgram.window);
            for (n, negative) in negatives.iter_mut().enumerate() {
                let n = n + 1;
                *negative = skipgram.noise.draw(self.words[n / WORDS][lane][n % WORDS]);
            }
        }
    }
}

/// Uniform from 1 to `window`.
#[inline(always)]
pub(super) fn reach(word: u32, window: usize) -> u32 {
    1 + ((u64::from(word) * window as u64) >> 32) as u32
}

/// The negatives of the engine "pairs": each pair has its own.
#[derive(Clone, Debug, Default)]
pub(super) struct PairDraws {
    words: Vec<[u32; WORDS]>,
}

impl PairDraws {
    /// Draws for the `pairs` pairs of the centre with the running number `centre`: the reach of
    /// its window is drawn by [`first_word`].
    #[inline(always)]
    pub(super) fn fill(&mut self, skipgram: &Skipgram, centre: u64, pairs: usize) {
        let first = skipgram.window_blocks() as u64;
        self.words.resize(pairs * skipgram.pair_blocks(), [0; WORDS]);
        for (i, words) in self.words.iter_mut().enumerate() {
            *words = skipgram.stream.block(centre, first + i as u64);
        }
    }

    /// The random words of the negatives of pair `pair`.
    #[inline(always)]
    pub(super) fn words(&self, skipgram: &Skipgram, pair: usize) -> &[u32] {
        let blocks = skipgram.pair_blocks();
        &self.words[pair * blocks..][..blocks].as_flattened()[..skipgram.negatives]
    }
}

/// The random word that gives the reach of a centre.
#[inline(always)]
pub(super) fn first_word(stream: Stream, centre: u64) -> u32 {
    stream.block(centre, 0)[0]
}

impl Skipgram<'_> {
    /// Blocks of random words that a centre takes from its stream for the reach and negatives.
    pub(super) fn window_blocks(&self) -> usize {
        (1 + self.negatives).div_ceil(WORDS)
    }

    /// Blocks that each pair takes of its own: pair q of a centre those starting at `window_blocks
    /// + q · pair_blocks`.
    pub(super) fn pair_blocks(&self) -> usize {
        self.negatives.div_ceil(WORDS)
    }
}
