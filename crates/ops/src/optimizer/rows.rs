//! Sparse steps: of a table only the rows that were read change.

use std::cell::RefCell;
use std::ops::Range;

use super::{Rule, check_states, step_vector};
use crate::simd::{Kernel, LANES, Simd};
use crate::{Cpu, DisjointSlice};

/// A token as its id and, below, its place: sorted, words stand together in token order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Token {
    id: u32,
    place: u32,
}

/// The columns of one thread.
struct RowPass<'a, R, const N: usize> {
    rule: R,
    width: usize,
    columns: Range<usize>,
    table: DisjointSlice<'a>,
    states: [DisjointSlice<'a>; N],
    tokens: &'a [Token],
    rows: &'a [f32],
}

impl<R: Rule<N>, const N: usize> RowPass<'_, R, N> {
    /// The thread's part of a row.
    #[inline(always)]
    fn part(&self, row: u32) -> Range<usize> {
        let start = row as usize * self.width;
        start + self.columns.start..start + self.columns.end
    }

    /// The thread's part of the row of a token, from column `at` on. No closure does this: one
    /// could be compiled apart, without the level's instructions.
    #[inline(always)]
    fn vector<S: Simd>(&self, token: Token, at: usize) -> S {
        S::load_slice(&self.rows[self.part(token.place)][at..], 0.0)
    }

    /// The sum of the rows of `tokens`, in their order, from column `at` on.
    #[inline(always)]
    fn sum<S: Simd>(&self, tokens: &[Token], at: usize) -> S {
        let mut sum = self.vector::<S>(tokens[0], at);
        for &token in &tokens[1..] {
            sum = sum.add(self.vector(token, at));
        }
        sum
    }
}

impl<R: Rule<N>, const N: usize> Kernel for RowPass<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let one_by_one = self.rule.adds_up();
        for word in self.tokens.chunk_by(|a, b| !one_by_one && a.id == b.id) {
            let part = self.part(word[0].id);
            // SAFETY: every thread has its own columns.
            let weights = unsafe { self.table.range_mut(part.clone()) };
            // SAFETY: as for the weights.
            let mut states = self.states.map(|state| unsafe { state.range_mut(part.clone()) });
            for (i, weights) in weights.chunks_mut(LANES).enumerate() {
                let vector = i * LANES..i * LANES + weights.len();
                let states = states.each_mut().map(|state| &mut state[vector.clone()]);
                step_vector(self.rule, weights, states, self.sum::<S>(word, vector.start));
            }
        }
    }
}

/// Takes a step by `rule` with the rows of `table` and `states`, all (words, `width`), that `ids`
/// names: the gradient of `ids[token]` is row `token` of `rows` (tokens, `width`).
///
/// Rows of a word that occurs twice are summed first, in token order, as TensorFlow's optimizers
/// do; where [`Rule::adds_up`], a step is taken for one token after another. All other rows and
/// their states stay, as in TensorFlow's `SparseApplyMomentum` and PyTorch's `SparseAdam`; weight
/// decay too acts on the rows of `ids` alone.
///
/// # Panics
/// When an id is outside the table or the slices have other sizes.
pub fn step_rows<const N: usize>(
    cpu: &Cpu,
    rule: impl Rule<N>,
    width: usize,
    table: &mut [f32],
    states: [&mut [f32]; N],
    ids: &[u32],
    rows: &[f32],
) {
    assert_eq!(rows.len(), ids.len() * width, "gradients have another size");
    assert!(u32::try_from(ids.len()).is_ok(), "there are more than 2³² tokens");
    let inside = |&id: &u32| (id as usize + 1) * width <= table.len();
    assert!(ids.iter().all(inside), "an id is outside the table");
    check_states(table, &states);
    let (table, states) = (DisjointSlice::new(table), states.map(DisjointSlice::new));
    with_tokens(ids, !rule.adds_up(), |tokens| {
        cpu.parallel((2 + 4 * N) * rows.len(), |worker| {
            // A thread takes columns, not tokens: rows of a word are then added in one fixed
            // order, and frequent words are shared out evenly.
            let columns = worker.chunk(width);
            cpu.isa().run(RowPass { rule, width, columns, table, states, tokens, rows });
        });
    });
}

/// Lends the tokens of `ids`, in a buffer of the calling thread that stays.
fn with_tokens(ids: &[u32], sorted: bool, work: impl FnOnce(&[Token])) {
    thread_local!(static TOKENS: RefCell<Vec<Token>> = const { RefCell::new(Vec::new()) });
    TOKENS.with_borrow_mut(|tokens| {
        tokens.clear();
        tokens.extend(ids.iter().zip(0..).map(|(&id, place)| Token { id, place }));
        if sorted {
            tokens.sort_unstable();
        }
        work(tokens);
    });
}
