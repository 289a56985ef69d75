//! Additive attention (Bahdanau et al., arXiv 1409.0473; Vinyals et al., arXiv 1412.7449): how much
//! each position of a sequence matters to a query, and the mean of its vectors with these weights.
//!
//! ```text
//! s_j = Σ v · tanh(features_j + query)      a = softmax(s)      context = Σ a_j memory_j
//! ```
//!
//! Sequences are time-major: row `position · batch + b` of `features` and `memory`. A sequence may
//! have several queries, those of the steps of a decoder: row `step · batch + b` of `query`.

use std::ops::Range;

use super::disjoint::{Sequences, sequences_mut};
use super::elementwise::Dot;
use super::simd::{Kernel, LANES, Simd, exp, tanh};
use super::{Cpu, rows_mut};

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Sequences side by side.
    pub batch: usize,
    /// Queries of each sequence.
    pub steps: usize,
    /// Positions of a sequence.
    pub positions: usize,
    /// Values of a feature, of a query, or of a vector of the memory.
    pub width: usize,
}

impl Shape {
    /// Queries of all sequences.
    fn queries(&self) -> usize {
        self.steps * self.batch
    }

    /// Where a query, or a context, is.
    fn query(&self, query: usize) -> Range<usize> {
        query * self.width..(query + 1) * self.width
    }

    /// Values of the features, or of the memory.
    fn sequence(&self) -> usize {
        self.positions * self.batch * self.width
    }

    /// Where the vector of a position is.
    fn row(&self, position: usize, b: usize) -> Range<usize> {
        let row = position * self.batch + b;
        row * self.width..(row + 1) * self.width
    }
}

/// The weights (steps · batch, positions) of `features` (positions · batch, width) for `query`
/// (steps · batch, width) with `v` (width). Positions from `lengths` (batch) on are padding and weigh
/// nothing; without lengths all count.
///
/// # Panics
/// When a size does not fit `shape`, or a sequence has no position.
pub fn weights(
    cpu: &Cpu,
    shape: Shape,
    features: &[f32],
    query: &[f32],
    v: &[f32],
    lengths: Option<&[u32]>,
    weights: &mut [f32],
) {
    check(shape, features, query, weights);
    assert_eq!(v.len(), shape.width, "v has the wrong size");
    cpu.for_rows(shape.queries(), 1, rows_mut(weights, shape.positions), |block, weights| {
        let b = block.start % shape.batch;
        let positions = within(shape, lengths, b);
        let (padding, query) = (positions..shape.positions, &query[shape.query(block.start)]);
        weights[padding].fill(0.0);
        let weights = &mut weights[..positions];
        cpu.isa().run(Weights { shape, b, features, query, v, weights });
    });
}

/// The positions of a sequence.
fn within(shape: Shape, lengths: Option<&[u32]>, b: usize) -> usize {
    let positions = lengths.map_or(shape.positions, |lengths| lengths[b] as usize);
    assert!((1..=shape.positions).contains(&positions), "a sequence of {positions} positions");
    positions
}

fn check(shape: Shape, sequence: &[f32], rows: &[f32], weights: &[f32]) {
    assert_eq!(sequence.len(), shape.sequence(), "the sequence has the wrong size");
    assert_eq!(rows.len(), shape.queries() * shape.width, "the queries have the wrong size");
    assert_eq!(weights.len(), shape.queries() * shape.positions, "the weights have the wrong size");
}

struct Weights<'a> {
    shape: Shape,
    b: usize,
    features: &'a [f32],
    query: &'a [f32],
    v: &'a [f32],
    weights: &'a mut [f32],
}

impl Kernel for Weights<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut largest = f32::NEG_INFINITY;
        for (position, score) in self.weights.iter_mut().enumerate() {
            let features = &self.features[self.shape.row(position, self.b)];
            let terms = features.chunks(LANES).zip(self.query.chunks(LANES));
            let mut sums = S::splat(0.0);
            for ((feature, query), v) in terms.zip(self.v.chunks(LANES)) {
                let open = tanh(S::load_slice(feature, 0.0).add(S::load_slice(query, 0.0)));
                sums = open.mul_add(S::load_slice(v, 0.0), sums);
            }
            *score = sums.sum();
            largest = largest.max(*score);
        }
        let mut sums = S::splat(0.0);
        for chunk in self.weights.chunks_mut(LANES) {
            let e = exp(S::load_slice(chunk, f32::NEG_INFINITY).sub(S::splat(largest)));
            sums = sums.add(e);
            e.store_slice(chunk);
        }
        let factor = S::splat(1.0 / sums.sum());
        for chunk in self.weights.chunks_mut(LANES) {
            S::load_slice(chunk, 0.0).mul(factor).store_slice(chunk);
        }
    }
}

/// Where the gradients of [`weights`] go; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// (positions · batch, width), where it is wanted
    pub features: Option<&'a mut [f32]>,
    /// (steps · batch, width), where it is wanted
    pub query: Option<&'a mut [f32]>,
    /// (width)
    pub v: &'a mut [f32],
}

/// The gradients of [`weights`] from its output `weights` and `d_weights` (steps · batch, positions),
/// which is used up.
///
/// # Panics
/// As [`weights`].
#[allow(clippy::too_many_arguments, reason = "the forward pass's arguments, and three more")]
pub fn weights_gradient(
    cpu: &Cpu,
    shape: Shape,
    features: &[f32],
    query: &[f32],
    v: &[f32],
    weights: &[f32],
    d_weights: &mut [f32],
    gradients: Gradients,
) {
    check(shape, features, query, weights);
    let Shape { batch, positions, width, .. } = shape;
    let (len, wanted) = (shape.queries() * width, [&gradients.query, &gradients.features]);
    let wanted = wanted.map(Option::is_some);
    cpu.with_buffer(len, |buffer| {
        // Of every query its own sum for v, added up in the order of the queries.
        let of_v = &mut buffer[..len];
        let rows = [
            sequences_mut(d_weights, batch, positions),
            sequences_mut(&mut *of_v, batch, width),
            sequences_mut(gradients.query.unwrap_or_default(), batch, width),
            sequences_mut(gradients.features.unwrap_or_default(), batch, width),
        ];
        cpu.for_rows(batch, 1, rows, |block, rows| {
            let b = block.start;
            cpu.isa().run(OfSequence { shape, b, features, query, v, weights, wanted, rows });
        });
        gradients.v.copy_from_slice(&of_v[..width]);
        for of_query in of_v[width..].chunks_exact(width) {
            gradients.v.iter_mut().zip(of_query).for_each(|(sum, d)| *sum += d);
        }
    });
}

/// The gradients of one sequence.
struct OfSequence<'a> {
    shape: Shape,
    b: usize,
    features: &'a [f32],
    query: &'a [f32],
    v: &'a [f32],
    weights: &'a [f32],
    /// Whether those of query and features are wanted.
    wanted: [bool; 2],
    /// The gradients: of the weights, in whose place comes that of the scores, of v, of queries and
    /// features.
    rows: [Sequences<'a>; 4],
}

impl Kernel for OfSequence<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let Shape { batch, steps, positions, .. } = self.shape;
        for step in 0..steps {
            let q = step * batch + self.b;
            let scores = self.rows[0].row(step, self.b);
            of_scores::<S>(&self.weights[q * positions..][..positions], scores);
            self.rows[1].row(step, self.b).fill(0.0);
            if self.wanted[0] {
                self.rows[2].row(step, self.b).fill(0.0);
            }
            for position in 0..positions {
                self.of_position::<S>(step, position);
            }
        }
    }
}

/// The gradient of the scores before the softmax, in place of that of the weights.
#[inline(always)]
fn of_scores<S: Simd>(weights: &[f32], d: &mut [f32]) {
    let mut sums = S::splat(0.0);
    for (a, d) in weights.chunks(LANES).zip(d.chunks(LANES)) {
        sums = S::load_slice(a, 0.0).mul_add(S::load_slice(d, 0.0), sums);
    }
    let mean = S::splat(sums.sum());
    for (a, d) in weights.chunks(LANES).zip(d.chunks_mut(LANES)) {
        S::load_slice(a, 0.0).mul(S::load_slice(d, 0.0).sub(mean)).store_slice(d);
    }
}

impl OfSequence<'_> {
    /// Adds what the score of a position for the query of a step gives: score · tanh to v, and
    /// score · v · (1 - tanh²) to query and features.
    #[inline(always)]
    fn of_position<S: Simd>(&mut self, step: usize, position: usize) {
        let (shape, b) = (self.shape, self.b);
        let [scores, of_v, of_query, of_features] = &mut self.rows;
        let score = S::splat(scores.row(step, b)[position]);
        let features = &self.features[shape.row(position, b)];
        let query = &self.query[shape.query(step * shape.batch + b)];
        let of_v = of_v.row(step, b);
        let [of_query, of_features] = [
            if self.wanted[0] { of_query.row(step, b) } else { &mut [] },
            if self.wanted[1] { of_features.row(position, b) } else { &mut [] },
        ];
        for start in (0..shape.width).step_by(LANES) {
            let at = start..shape.width.min(start + LANES);
            let sum = S::load_slice(&features[at.clone()], 0.0);
            let open = tanh(sum.add(S::load_slice(&query[at.clone()], 0.0)));
            let to = &mut of_v[at.clone()];
            open.mul_add(score, S::load_slice(to, 0.0)).store_slice(to);
            let slope = S::splat(1.0).sub(open.mul(open));
            let d = slope.mul(S::load_slice(&self.v[at.clone()], 0.0).mul(score));
            if let Some(to) = of_query.get_mut(at.clone()) {
                d.add(S::load_slice(to, 0.0)).store_slice(to);
            }
            if let Some(to) = of_features.get_mut(at) {
                let d = if step == 0 { d } else { d.add(S::load_slice(to, 0.0)) };
                d.store_slice(to);
            }
        }
    }
}

/// The mean of each sequence's vectors for each query: `context` (steps · batch, width) from
/// `weights` (steps · batch, positions) and `memory` (positions · batch, width).
///
/// # Panics
/// When a size does not fit `shape`.
pub fn context(cpu: &Cpu, shape: Shape, weights: &[f32], memory: &[f32], context: &mut [f32]) {
    check(shape, memory, context, weights);
    cpu.for_rows(shape.queries(), 1, rows_mut(context, shape.width), |block, context| {
        context.fill(0.0);
        for position in 0..shape.positions {
            let weight = weights[block.start * shape.positions + position];
            let x = &memory[shape.row(position, block.start % shape.batch)];
            cpu.isa().run(AddScaled { weight, x, to: context });
        }
    });
}

/// The gradients of [`context`] from `d_context` (steps · batch, width): that of the weights, and
/// of the memory. Both are overwritten.
///
/// # Panics
/// As [`context`].
pub fn context_gradient(
    cpu: &Cpu,
    shape: Shape,
    weights: &[f32],
    memory: &[f32],
    d_context: &[f32],
    [d_weights, d_memory]: [Option<&mut [f32]>; 2],
) {
    check(shape, memory, d_context, weights);
    let Shape { batch, steps, positions, width } = shape;
    if let Some(d_weights) = d_weights {
        cpu.for_rows(shape.queries(), 1, rows_mut(d_weights, positions), |block, d_weights| {
            let d_context = &d_context[shape.query(block.start)];
            for (position, d) in d_weights.iter_mut().enumerate() {
                let x = &memory[shape.row(position, block.start % batch)];
                *d = cpu.isa().run(Dot(x, d_context));
            }
        });
    }
    if let Some(d_memory) = d_memory {
        cpu.for_rows(positions * batch, 8, rows_mut(d_memory, width), |block, d_memory| {
            for (row, to) in block.zip(d_memory.chunks_exact_mut(width)) {
                let (b, position) = (row % batch, row / batch);
                to.fill(0.0);
                for q in (0..steps).map(|step| step * batch + b) {
                    let (weight, x) =
                        (weights[q * positions + position], &d_context[shape.query(q)]);
                    cpu.isa().run(AddScaled { weight, x, to });
                }
            }
        });
    }
}

struct AddScaled<'a> {
    weight: f32,
    x: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let weight = S::splat(self.weight);
        for (to, x) in self.to.chunks_mut(LANES).zip(self.x.chunks(LANES)) {
            S::load_slice(x, 0.0).mul_add(weight, S::load_slice(to, 0.0)).store_slice(to);
        }
    }
}

/// The weights in plain `f64`.
pub fn weights_reference(
    shape: Shape,
    features: &[f64],
    query: &[f64],
    v: &[f64],
    lengths: Option<&[u32]>,
) -> Vec<f64> {
    let mut weights = vec![0.0; shape.queries() * shape.positions];
    for q in 0..shape.queries() {
        let (b, query) = (q % shape.batch, &query[shape.query(q)]);
        let score = |position: usize| -> f64 {
            let features = &features[shape.row(position, b)];
            let terms = features.iter().zip(query).zip(v);
            terms.map(|((feature, query), v)| v * (feature + query).tanh()).sum()
        };
        let scores: Vec<f64> = (0..within(shape, lengths, b)).map(score).collect();
        let softmax = super::softmax::softmax_reference(scores.len(), &scores);
        weights[q * shape.positions..][..softmax.len()].copy_from_slice(&softmax);
    }
    weights
}

/// The mean of each sequence's vectors in plain `f64`.
pub fn context_reference(shape: Shape, weights: &[f64], memory: &[f64]) -> Vec<f64> {
    let mut context = vec![0.0; shape.queries() * shape.width];
    for q in 0..shape.queries() {
        for position in 0..shape.positions {
            let weight = weights[q * shape.positions + position];
            let to = context[shape.query(q)].iter_mut();
            to.zip(&memory[shape.row(position, q % shape.batch)])
                .for_each(|(to, x)| *to += weight * x);
        }
    }
    context
}
