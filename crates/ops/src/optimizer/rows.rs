//! Sparse steps: of a table only the rows that were read change.

use std::cell::RefCell;
use std::ops::Range;

use super::{Rule, check_states, step_vector};
use crate::Cpu;
use crate::disjoint::{ColumnRange, column_ranges_mut};
use crate::simd::{Kernel, LANES, Simd};

/// A token as its id and, below, its place: sorted, words are adjacent in token order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Token {
    id: u32,
    place: u32,
}

/// The gradients of tokens, in the columns of one thread.
#[derive(Clone, Copy)]
struct TokenRows<'a> {
    width: usize,
    start: usize,
    end: usize,
    tokens: &'a [Token],
    rows: &'a [f32],
}

impl TokenRows<'_> {
    /// The gradient of a token, starting at column `at`. No closure does this: one could be
    /// compiled apart, without the level's instructions.
    #[inline(always)]
    fn vector<S: Simd>(&self, token: Token, at: usize) -> S {
        let row = token.place as usize * self.width;
        S::load_slice(&self.rows[row + self.start + at..row + self.end], 0.0)
    }

    /// The sum of the gradients of `tokens`, in their order, starting at column `at`.
    #[inline(always)]
    fn sum<S: Simd>(&self, tokens: &[Token], at: usize) -> S {
        let mut sum = self.vector::<S>(tokens[0], at);
        for &token in &tokens[1..] {
            sum = sum.add(self.vector(token, at));
        }
        sum
    }
}

/// The columns of one thread.
struct RowPass<'a, R, const N: usize> {
    rule: R,
    gradients: TokenRows<'a>,
    table: ColumnRange<'a>,
    states: [ColumnRange<'a>; N],
}

impl<R: Rule<N>, const N: usize> Kernel for RowPass<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (one_by_one, gradients) = (self.rule.adds_up(), self.gradients);
        for word in gradients.tokens.chunk_by(|a, b| !one_by_one && a.id == b.id) {
            let row = word[0].id as usize;
            let weights = self.table.row(row);
            let mut states = self.states.each_mut().map(|state| state.row(row));
            for (i, weights) in weights.chunks_mut(LANES).enumerate() {
                let vector = i * LANES..i * LANES + weights.len();
                let states = states.each_mut().map(|state| &mut state[vector.clone()]);
                step_vector(self.rule, weights, states, gradients.sum::<S>(word, vector.start));
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
    assert_eq!(rows.len(), ids.len() * width, "the gradients have the wrong size");
    assert!(u32::try_from(ids.len()).is_ok(), "there are more than 2³² tokens");
    let inside = |&id: &u32| (id as usize + 1) * width <= table.len();
    assert!(ids.iter().all(inside), "an id is outside the table");
    check_states(table, &states);
    let columns =
        (column_ranges_mut(table, width), states.map(|state| column_ranges_mut(state, width)));
    with_tokens(ids, !rule.adds_up(), |tokens| {
        // A thread takes columns, not tokens: rows of a word are then added in one fixed order, and
        // frequent words are shared out evenly.
        let is_shared = cpu.shares((2 + 4 * N) * rows.len());
        let block = if is_shared { width.div_ceil(cpu.threads()) } else { width };
        cpu.for_rows(width, block, columns, |columns, (table, states)| {
            let Range { start, end } = columns;
            let gradients = TokenRows { width, start, end, tokens, rows };
            cpu.isa().run(RowPass { rule, gradients, table, states });
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
