//! What the uses of one parameter have in common within a run, such as those of the steps of a
//! decoder: copies of weights in the order in which products read them, and the rows whose product is
//! the gradient of the weights.

use std::sync::Arc;

use super::Gradient;
use crate::ops::conv::{Algorithm, PreparedFilters};
use crate::ops::matmul::{Matrix, PackedMatrix, Right, gradient_of_weights};
use crate::ops::{Buffer, Cpu, Isa, rows_mut};

/// Rows that a thread copies at a time.
const BLOCK: usize = 16;

/// Packed copies of weights, made when they are first asked for since they have changed.
///
/// What is made of constants is kept for good: nobody keeps the values themselves.
#[derive(Debug, Default)]
pub struct PackedWeights {
    copies: Vec<Copy>,
    filters: Vec<((Vec<usize>, Isa), PreparedFilters)>,
    matrices: Vec<((usize, Isa), Arc<PackedMatrix>)>,
}

#[derive(Debug)]
struct Copy {
    of: Place,
    /// The level whose products read it: others have another order.
    isa: Isa,
    /// That of the weights when it was made.
    version: u64,
    /// Whether this run has asked for it.
    is_used: bool,
    packed: Arc<PackedMatrix>,
}

/// Which weights a copy is of: where they are, whether they are read by rows, and their sizes.
type Place = (usize, bool, [usize; 2]);

impl PackedWeights {
    /// A new run begins. Copies that the last run did not ask for go.
    pub fn begin_run(&mut self) {
        self.copies.retain(|copy| copy.is_used);
        self.copies.iter_mut().for_each(|copy| copy.is_used = false);
    }

    /// The filters that `make` has made of constant parameters, by their numbers, for an algorithm and a
    /// level.
    pub fn filters(
        &mut self,
        (parameters, algorithm, isa): (&[usize], Algorithm, Isa),
        make: impl FnOnce() -> PreparedFilters,
    ) -> &PreparedFilters {
        let is_it = |((of, level), filters): &((Vec<usize>, Isa), PreparedFilters)| {
            of == parameters && *level == isa && filters.algorithm() == algorithm
        };
        let known = self.filters.iter().position(is_it).unwrap_or_else(|| {
            self.filters.push(((parameters.to_vec(), isa), make()));
            self.filters.len() - 1
        });
        &self.filters[known].1
    }

    /// The packed copy of a constant matrix of weights for a level, by the number of the parameter.
    pub fn constant(
        &mut self,
        of: (usize, Isa),
        make: impl FnOnce() -> PackedMatrix,
    ) -> Right<'static> {
        let known = self.matrices.iter().position(|(known, _)| *known == of);
        let known = known.unwrap_or_else(|| {
            self.matrices.push((of, Arc::new(make())));
            self.matrices.len() - 1
        });
        Right::Packed(Arc::clone(&self.matrices[known].1))
    }

    /// The packed copy of a matrix of weights of that version.
    pub fn right(&mut self, cpu: &Cpu, weights: Matrix, version: u64) -> Right<'static> {
        let of = weights.place();
        let known = self.copies.iter().position(|copy| copy.of == of);
        let isa = cpu.isa();
        let is_current = |copy: &Copy| copy.version == version && copy.isa == isa;
        if known.is_none_or(|i| !is_current(&self.copies[i])) {
            let reused = known.and_then(|i| Arc::into_inner(self.copies.swap_remove(i).packed));
            let mut packed = reused.unwrap_or_default();
            packed.pack(cpu, weights);
            self.copies.push(Copy { of, isa, version, is_used: true, packed: Arc::new(packed) });
        }
        // The last one was just made.
        let copy = known.filter(|&i| self.copies[i].of == of).unwrap_or(self.copies.len() - 1);
        self.copies[copy].is_used = true;
        Right::Packed(Arc::clone(&self.copies[copy].packed))
    }
}

/// Which of the uses of a parameter in a backward pass, as it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// There is one.
    #[default]
    Only,
    /// The first of several.
    First,
    /// Neither the first nor the last.
    Between,
    /// The last of several.
    Last,
}

impl Use {
    /// Whether an earlier use has left a gradient.
    pub fn adds(self) -> bool {
        matches!(self, Self::Between | Self::Last)
    }
}

/// The rows whose product is the gradient of a layer's weights: the inputs of all its uses, and the
/// gradients of its outputs. One product of all is faster than the sum of a product for each.
#[derive(Debug, Default)]
pub struct Rows {
    /// (rows, inputs)
    inputs: Buffer,
    /// (rows, outputs)
    outputs: Buffer,
    rows: usize,
}

impl Rows {
    /// Adds the rows of a use, whose inputs are side by side.
    fn add(&mut self, cpu: &Cpu, inputs: &[Matrix], d: &[f32], outputs: usize) {
        let (rows, width) = (d.len() / outputs, inputs.iter().map(|part| part.columns()).sum());
        let (begin, end) = (self.rows, self.rows + rows);
        let to = &mut self.inputs.at_least(end * width)[begin * width..];
        let to_d = &mut self.outputs.at_least(end * outputs)[begin * outputs..];
        cpu.for_rows(
            rows,
            BLOCK,
            (rows_mut(to, width), rows_mut(to_d, outputs)),
            |block, (to, to_d)| {
                to_d.copy_from_slice(&d[block.start * outputs..block.end * outputs]);
                for (row, to) in block.zip(to.chunks_exact_mut(width)) {
                    let mut to = to;
                    for part in inputs {
                        let (own, rest) = to.split_at_mut(part.columns());
                        own.copy_from_slice(part.contiguous_row(row));
                        to = rest;
                    }
                }
            },
        );
        self.rows = end;
    }

    /// The gradients of weights and biases from all rows.
    fn gradient(&self, cpu: &Cpu, weights: &mut [f32], biases: &mut [f32]) {
        let outputs = biases.len();
        let width = weights.len() / outputs;
        let inputs = Matrix::new(&self.inputs[..self.rows * width], self.rows, width);
        gradient_of_weights(cpu, &[inputs], &self.outputs[..self.rows * outputs], weights, biases);
    }
}

/// The gradient of a layer's `weights` (inputs, outputs) and `biases` (outputs), which are
/// overwritten, from its `inputs` (rows, inputs), parts side by side, and the gradient `d` (rows,
/// outputs) of its outputs. Of a layer that is used several times, only the `last` use leaves it.
///
/// # Panics
/// When the sizes do not fit.
pub(super) fn weight_gradient(
    cpu: &Cpu,
    which: Use,
    rows: &mut Rows,
    inputs: &[Matrix],
    d: &[f32],
    [weights, biases]: [&mut Gradient; 2],
    outputs: usize,
) {
    let width: usize = inputs.iter().map(|part| part.columns()).sum();
    if which == Use::First {
        rows.rows = 0;
    }
    if which != Use::Only {
        rows.add(cpu, inputs, d, outputs);
    }
    let (weights, biases) = match which {
        Use::First | Use::Between => return,
        Use::Only | Use::Last => (weights.dense(width * outputs), biases.dense(outputs)),
    };
    match which == Use::Last {
        true => rows.gradient(cpu, weights, biases),
        false => gradient_of_weights(cpu, inputs, d, weights, biases),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Parameter;
    use crate::ops::matmul::{Accumulate, matmul};

    fn product(cpu: &Cpu, packed: &mut PackedWeights, weights: &Parameter) -> Vec<f32> {
        let values = weights.values();
        let right = packed.right(cpu, Matrix::new(&values, 2, 3), weights.version());
        let mut result = vec![0.0; 3];
        let left = Matrix::new(&[1.0, 10.0], 1, 2);
        matmul(cpu, left, right, Accumulate::Overwrite, &mut result);
        result
    }

    #[test]
    fn a_copy_follows_its_weights() {
        let (cpu, mut packed) = (Cpu::in_order(), PackedWeights::default());
        let [first, second] = ["a", "b"].map(|name| Parameter::zeros(name, &[2, 3]).unwrap());
        first.set(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        for _ in 0..2 {
            assert_eq!(product(&cpu, &mut packed, &first), [41.0, 52.0, 63.0]);
            assert_eq!(product(&cpu, &mut packed, &second), [0.0; 3]);
        }
        // A replica has the same values.
        first.replica().set(&[1.0; 6]).unwrap();
        second.set(&[2.0; 6]).unwrap();
        assert_eq!(product(&cpu, &mut packed, &first), [11.0; 3]);
        assert_eq!(product(&cpu, &mut packed, &second), [22.0; 3]);
        // Nobody asks for the second any more.
        packed.begin_run();
        product(&cpu, &mut packed, &first);
        packed.begin_run();
        assert_eq!(packed.copies.len(), 1);
    }

    #[test]
    fn every_level_has_a_copy_in_its_own_order() {
        let mut packed = PackedWeights::default();
        // More rows than the blocks of some levels are deep, and several panels of columns.
        let (rows, columns) = (300, 20);
        let values: Vec<f32> = (0..rows * columns).map(|i| (i % 17) as f32).collect();
        let (weights, ones) = (Matrix::new(&values, rows, columns), vec![1.0; rows]);
        let sum = |column: usize| values.iter().skip(column).step_by(columns).sum::<f32>();
        let want: Vec<f32> = (0..columns).map(sum).collect();
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 1).unwrap();
            let right = packed.right(&cpu, weights, 0);
            let (left, mut sums) = (Matrix::new(&ones, 1, rows), vec![0.0; columns]);
            matmul(&cpu, left, right, Accumulate::Overwrite, &mut sums);
            assert_eq!(sums, want, "{isa:?}");
        }
    }

    #[test]
    fn the_last_use_leaves_the_gradient_of_all() {
        let (cpu, mut rows) = (Cpu::in_order(), Rows::default());
        let (mut weights, mut biases) = (Gradient::default(), Gradient::default());
        let (x, d) = ([1.0, 2.0, 3.0, 4.0], [10.0, 20.0]);
        for which in [Use::First, Use::Between, Use::Last] {
            let inputs = [Matrix::new(&x[..2], 2, 1), Matrix::new(&x[2..], 2, 1)];
            let gradients = [&mut weights, &mut biases];
            weight_gradient(&cpu, which, &mut rows, &inputs, &d, gradients, 1);
        }
        // Of each use: 1 · 10 + 2 · 20 and 3 · 10 + 4 · 20.
        assert_eq!(weights.values(), [150.0, 330.0]);
        assert_eq!(biases.values(), [90.0]);
    }
}
