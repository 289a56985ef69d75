//! What the passes of a node work on.

use std::ops::Deref;

use super::{MAX_INPUTS, Shapes};
use crate::nn::shared::{PackedWeights, Rows, Use, weight_gradient};
use crate::nn::{Gradient, Parameter};
use crate::ops::Cpu;
use crate::ops::matmul::{Matrix, Right};

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Whether dropout drops and batch normalisation looks at the batch.
    pub training: bool,
    /// The step of the run, which dropout's masks are functions of.
    pub step: u64,
    /// The seed of the masks.
    pub seed: u64,
    /// Which part of the batch this is.
    pub shard: Shard,
}

/// A part of a batch: examples `first` to `first + batch` of `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The first example.
    pub first: usize,
    /// Examples of the whole batch.
    pub total: usize,
}

/// What the forward pass of a node works on.
pub struct Forward<'a> {
    /// Threads and instruction level.
    pub cpu: &'a Cpu,
    /// The sizes.
    pub shapes: &'a Shapes,
    /// The inputs.
    pub x: [&'a [f32]; MAX_INPUTS],
    /// Whether the output holds the first input already, which `x` then lacks.
    pub in_place: bool,
    /// The ids.
    pub ids: &'a [u32],
    /// The parameters.
    pub parameters: Parameters<'a>,
    /// Packed copies of weights that other nodes use too.
    pub packed: &'a mut PackedWeights,
    /// The prefix and the output.
    pub y: &'a mut [f32],
    /// What the backward pass will read.
    pub saved: &'a mut [f32],
    /// What the backward pass will read.
    pub bytes: &'a mut [u8],
    /// What the last run left.
    pub states: StateRefs<'a>,
    /// How the network is run.
    pub pass: Pass,
    /// Of a loss: the factor of its gradient, which takes the output's place; `None` if no
    /// gradient is wanted.
    pub scale: Option<f32>,
}

/// What the backward pass of a node works on.
pub struct Backward<'a> {
    /// Threads and instruction level.
    pub cpu: &'a Cpu,
    /// The sizes.
    pub shapes: &'a Shapes,
    /// The inputs, where the operator reads them.
    pub x: [&'a [f32]; MAX_INPUTS],
    /// The ids.
    pub ids: &'a [u32],
    /// The parameters.
    pub parameters: Parameters<'a>,
    /// Packed copies of weights that other nodes use too.
    pub packed: &'a mut PackedWeights,
    /// The prefix and the output, where the operator reads them.
    pub y: &'a mut [f32],
    /// What the forward pass has left, to be used up.
    pub saved: &'a mut [f32],
    /// What the forward pass has left.
    pub bytes: &'a [u8],
    /// The gradient of the output, to be used up.
    pub dy: &'a mut [f32],
    /// Where the gradients of the inputs go; `None` if none is wanted.
    pub dx: [Option<&'a mut [f32]>; MAX_INPUTS],
    /// Where the gradients of the parameters go.
    pub gradients: ParameterGradients<'a>,
    /// How the network is run.
    pub pass: Pass,
}

/// What the plain computation of a node works on.
pub struct Reference<'a> {
    /// The sizes.
    pub shapes: &'a Shapes,
    /// The inputs.
    pub x: &'a [&'a [f64]],
    /// The ids.
    pub ids: &'a [u32],
    /// The parameters.
    pub parameters: &'a [Vec<f64>],
    /// What the last run left, and what this one leaves.
    pub states: &'a mut [Vec<f64>],
    /// How the network is run.
    pub pass: Pass,
}

/// The parameters of a node, out of all of the network.
#[derive(Clone, Copy)]
pub struct Parameters<'a> {
    pub(in crate::nn) all: &'a [Parameter],
    pub(in crate::nn) indices: &'a [usize],
    /// Whether other nodes use them too.
    pub(in crate::nn) are_shared: bool,
}

impl<'a> Parameters<'a> {
    /// Weights of the node as the right side of a product: a packed copy where other nodes use
    /// them too.
    pub fn right<'w>(
        &self,
        cpu: &Cpu,
        packed: &mut PackedWeights,
        weights: Matrix<'w>,
    ) -> Right<'w> {
        match self.are_shared {
            true => self.packed(cpu, packed, weights),
            false => Right::from(weights),
        }
    }

    /// A packed copy of weights of the node. The values of constants are not kept, and a copy is known by
    /// their place.
    pub fn packed<'w>(
        &self,
        cpu: &Cpu,
        packed: &mut PackedWeights,
        weights: Matrix<'w>,
    ) -> Right<'w> {
        match self.are_constant() {
            true => Right::from(weights),
            false => packed.right(cpu, weights, self.version()),
        }
    }

    /// Whether they never change, so that what is made of them can be kept.
    pub fn are_constant(&self) -> bool {
        self.indices.first().is_some_and(|&i| self.all[i].is_constant())
    }

    /// The weights (…, `outputs`) and biases of a layer before a batch normalisation, with its factor
    /// and shift in them. Parameters: weights, `biases` times biases, γ, β, mean, variance.
    pub fn folded(&self, biases: usize, epsilon: f32, outputs: usize) -> (Vec<f32>, Vec<f32>) {
        let of_norm = |i| self.values(1 + biases + i);
        let (gamma, beta, mean, variance) = (of_norm(0), of_norm(1), of_norm(2), of_norm(3));
        let factors: Vec<f32> =
            gamma.iter().zip(variance.iter()).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
        let mut weights = self.values(0).to_vec();
        for filters in weights.chunks_mut(outputs) {
            filters.iter_mut().zip(&factors).for_each(|(w, factor)| *w *= factor);
        }
        let bias = |n: usize| if biases > 0 { self.values(1)[n] } else { 0.0 };
        let shift = |n: usize| beta[n] + (bias(n) - mean[n]) * factors[n];
        (weights, (0..outputs).map(shift).collect())
    }

    /// A number that is another after the values of any of them have changed.
    fn version(&self) -> u64 {
        let versions = self.indices.iter().map(|&i| self.all[i].version());
        versions.fold(0, |all: u64, one| {
            (all ^ one).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
        })
    }

    /// The values of the node's parameter of that number.
    pub fn values(&self, i: usize) -> impl Deref<Target = [f32]> + use<'a> {
        self.all[self.indices[i]].values()
    }
}

/// The gradients of a node's parameters, out of all of the network.
pub struct ParameterGradients<'a> {
    pub(in crate::nn) all: &'a mut [Gradient],
    pub(in crate::nn) indices: &'a [usize],
    /// Which use of each parameter this is.
    pub(in crate::nn) uses: [Use; MAX_INPUTS],
    /// The rows of layers that are used several times, each at the number of its weights.
    pub(in crate::nn) rows: &'a mut [Rows],
    /// Whether other nodes use some of them, and not as this one does: then each leaves a gradient of
    /// its own.
    pub(in crate::nn) is_apart: bool,
    /// The parameters whose gradient comes from all rows at the last use.
    pub(in crate::nn) by_rows: &'a mut [bool; MAX_INPUTS],
}

impl ParameterGradients<'_> {
    /// The gradient of a layer's weights (inputs, outputs) and biases, the node's parameters of these
    /// numbers, from its inputs, parts side by side, and the gradient `d` (rows, outputs) of its
    /// outputs. Where other nodes use them too, it is one product of the rows of all; each of these
    /// nodes has to leave its gradient here.
    pub fn weights(
        &mut self,
        cpu: &Cpu,
        numbers: [usize; 2],
        inputs: &[Matrix],
        d: &[f32],
        outputs: usize,
    ) {
        let [weights, biases] = numbers.map(|number| self.indices[number]);
        numbers.into_iter().for_each(|number| self.by_rows[number] = !self.is_apart);
        let which = if self.is_apart { Use::Only } else { self.uses[numbers[0]] };
        let Ok(gradients) = self.all.get_disjoint_mut([weights, biases]) else {
            unreachable!("the parameters of a layer are distinct")
        };
        weight_gradient(cpu, which, &mut self.rows[weights], inputs, d, gradients, outputs);
    }

    /// A dense gradient to be overwritten.
    pub fn dense(&mut self, i: usize, len: usize) -> &mut [f32] {
        self.all[self.indices[i]].dense(len)
    }

    /// The first `N`, dense, to be overwritten at the same time.
    pub fn first<const N: usize>(&mut self, lens: [usize; N]) -> [&mut [f32]; N] {
        let mut lens = lens.into_iter();
        self.several().map(|gradient| gradient.dense(lens.next().unwrap_or(0)))
    }

    /// The first `N` by rows of these widths, one for each of `ids`, to be overwritten at the same
    /// time.
    pub fn first_rows<const N: usize>(
        &mut self,
        ids: &[u32],
        widths: [usize; N],
    ) -> [&mut [f32]; N] {
        let mut widths = widths.into_iter();
        self.several().map(|gradient| gradient.rows(ids, widths.next().unwrap_or(0)))
    }

    fn several<const N: usize>(&mut self) -> [&mut Gradient; N] {
        let indices = std::array::from_fn(|i| self.indices[i]);
        // A layer's parameters differ: one number twice would be a graph that was not built here.
        let Ok(several) = self.all.get_disjoint_mut(indices) else {
            unreachable!("the parameters of a layer are distinct")
        };
        several
    }

    /// The gradient of the node's parameter of that number.
    pub fn get(&mut self, i: usize) -> &mut Gradient {
        &mut self.all[self.indices[i]]
    }
}

/// The states of a node, out of all of a run.
pub struct StateRefs<'a> {
    pub(in crate::nn) all: &'a mut [Vec<f32>],
    pub(in crate::nn) indices: &'a [usize],
}

impl StateRefs<'_> {
    /// The values (batch, width) of the node's state of that number.
    pub fn get(&mut self, i: usize) -> &mut [f32] {
        &mut self.all[self.indices[i]]
    }
}
