//! Smooth activations and their gradients, value by value. The ReLU is [`super::relu`]'s.

mod curve;
mod reference;
#[cfg(test)]
mod tests;

pub use reference::activation_reference;
#[cfg(test)]
use reference::activation_reference_slope;

use super::Cpu;
use super::elementwise::{Binary, Unary, join, map};
use super::simd::Simd;
use curve::{Curve, Elu, Gelu, Sigmoid, Silu, Tanh};

/// A smooth activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x Φ(x) with the normal distribution Φ (Hendrycks & Gimpel, arXiv 1606.08415): the exact
    /// form, which is PyTorch's and TensorFlow's default.
    Gelu,
    /// x / (1 + e^-x), also called Swish (Elfwing et al., arXiv 1702.03118).
    Silu,
    /// e^x - 1 below zero, else x (Clevert et al., arXiv 1511.07289).
    Elu,
}

/// `y[i] = f(x[i])`
///
/// # Panics
/// When the slices differ in length.
pub fn forward(cpu: &Cpu, activation: Activation, x: &[f32], y: &mut [f32]) {
    match activation {
        Activation::Sigmoid => map(cpu, Value(Sigmoid), x, y),
        Activation::Tanh => map(cpu, Value(Tanh), x, y),
        Activation::Gelu => map(cpu, Value(Gelu), x, y),
        Activation::Silu => map(cpu, Value(Silu), x, y),
        Activation::Elu => map(cpu, Value(Elu), x, y),
    }
}

/// `dx[i] = f'(x[i]) dy[i]`, from the input `x` of [`forward`].
///
/// # Panics
/// When the slices differ in length.
pub fn backward(cpu: &Cpu, activation: Activation, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    match activation {
        Activation::Sigmoid => join(cpu, Slope(Sigmoid), x, dy, dx),
        Activation::Tanh => join(cpu, Slope(Tanh), x, dy, dx),
        Activation::Gelu => join(cpu, Slope(Gelu), x, dy, dx),
        Activation::Silu => join(cpu, Slope(Silu), x, dy, dx),
        Activation::Elu => join(cpu, Slope(Elu), x, dy, dx),
    }
}

#[derive(Clone, Copy)]
struct Value<C>(C);

impl<C: Curve> Unary for Value<C> {
    #[inline(always)]
    fn of<S: Simd>(self, x: S) -> S {
        self.0.value(x)
    }
}

#[derive(Clone, Copy)]
struct Slope<C>(C);

impl<C: Curve> Binary for Slope<C> {
    #[inline(always)]
    fn of<S: Simd>(self, x: S, dy: S) -> S {
        self.0.slope(x).mul(dy)
    }
}
