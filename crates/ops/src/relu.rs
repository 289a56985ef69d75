//! The rectified linear units and their gradient. After a convolution or before a pooling these do
//! it themselves.

use super::simd::{Kernel, LANES, Simd};
use super::{Cpu, rows_mut};

/// Which rectified linear unit cuts values off: a layer's sums in its last store, or by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rectifier {
    /// Nothing.
    #[default]
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6) (Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010).
    Relu6,
}

impl Rectifier {
    /// The least and the largest value that passes.
    pub fn bounds(self) -> [f32; 2] {
        match self {
            Self::None => [f32::NEG_INFINITY, f32::INFINITY],
            Self::Relu => [0.0, f32::INFINITY],
            Self::Relu6 => [0.0, 6.0],
        }
    }

    /// Applies the activation to the sums. NaN stays NaN.
    #[inline(always)]
    pub(super) fn of<S: Simd>(self, sums: S) -> S {
        // In this order: `max` and `min` return their second operand where one is not a number.
        let [least, largest] = self.bounds();
        S::splat(largest).min(S::splat(least).max(sums))
    }

    /// Applies the activation in the precision of a reference. NaN stays NaN.
    pub fn reference(self, value: f64) -> f64 {
        let [least, largest] = self.bounds().map(f64::from);
        if value < least {
            least
        } else if value > largest {
            largest
        } else {
            value
        }
    }

    /// The name in a layer table.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "identity",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
        }
    }

    /// What the layer table adds to the name of a layer that cuts its sums off.
    pub fn written(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Relu => " + relu",
            Self::Relu6 => " + relu6",
        }
    }
}

impl From<bool> for Rectifier {
    fn from(relu: bool) -> Self {
        if relu { Self::Relu } else { Self::None }
    }
}

/// Values a thread takes at a time.
const BLOCK: usize = 8 * 1024;

struct Mask<'a> {
    rectifier: Rectifier,
    y: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for Mask<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let zero = S::splat(0.0);
        let six = (self.rectifier == Rectifier::Relu6).then(|| S::splat(6.0));
        for (g, y) in self.gradient.chunks_mut(LANES).zip(self.y.chunks(LANES)) {
            let (y, value) = (S::load_slice(y, 0.0), S::load_slice(g, 0.0));
            let above = y.select_above(zero, value, zero);
            six.map_or(above, |six| six.select_above(y, above, zero)).store_slice(g);
        }
    }
}

struct Rectify<'a>(Rectifier, &'a mut [f32]);

impl Kernel for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for values in self.1.chunks_mut(LANES) {
            self.0.of(S::load_slice(values, 0.0)).store_slice(values);
        }
    }
}

/// Cuts `values` off.
pub fn rectify(cpu: &Cpu, rectifier: Rectifier, values: &mut [f32]) {
    if rectifier != Rectifier::None {
        let len = values.len();
        cpu.for_rows(len, BLOCK, rows_mut(values, 1), |_, values| {
            cpu.isa().run(Rectify(rectifier, values));
        });
    }
}

/// Sets `gradient` to zero where `y`, the output of the rectifier (or the input of a ReLU), is at a
/// bound or beyond it. Without a rectifier nobody reads `y`, which may be empty.
///
/// # Panics
/// When the slices differ in length.
pub fn rectify_gradient(cpu: &Cpu, rectifier: Rectifier, y: &[f32], gradient: &mut [f32]) {
    if rectifier != Rectifier::None {
        assert_eq!(y.len(), gradient.len(), "output and gradient differ in size");
        cpu.for_rows(y.len(), BLOCK, rows_mut(gradient, 1), |block, gradient| {
            cpu.isa().run(Mask { rectifier, y: &y[block], gradient });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn forward_keeps_what_is_between_the_bounds_and_what_is_not_a_number() {
        for isa in Isa::available() {
            for (rectifier, largest) in [(Rectifier::Relu, 7.0), (Rectifier::Relu6, 6.0)] {
                let mut values = [-1.0, 2.0, f32::NAN, -0.5, 7.0].repeat(7);
                rectify(&Cpu::new(isa, 2).unwrap(), rectifier, &mut values);
                for five in values.chunks(5) {
                    assert_eq!((five[0], five[1], five[3], five[4]), (0.0, 2.0, 0.0, largest));
                    assert!(five[2].is_nan(), "{isa:?}");
                }
            }
        }
    }

    /// Numbers of an independent engine:
    /// ```python
    /// import tensorflow as tf
    /// y = tf.constant([-1., -0., 0., 1e-30, 2., 6., 7.])
    /// g = [1., 2., 3., 4., 5., 6., 7.]
    /// print(tf.raw_ops.ReluGrad(gradients=g, features=y).numpy().tolist())
    /// print(tf.raw_ops.Relu6Grad(gradients=g, features=y).numpy().tolist())
    /// ```
    #[test]
    fn equals_tensorflow() {
        let relu = [0.0, 0.0, 0.0, 4.0, 5.0, 6.0, 7.0];
        let relu6 = [0.0, 0.0, 0.0, 4.0, 5.0, 0.0, 0.0];
        for isa in Isa::available() {
            for (rectifier, expected) in [(Rectifier::Relu, relu), (Rectifier::Relu6, relu6)] {
                let mut gradient = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
                let y = [-1.0, -0.0, 0.0, 1e-30, 2.0, 6.0, 7.0];
                rectify_gradient(&Cpu::new(isa, 1).unwrap(), rectifier, &y, &mut gradient);
                assert_eq!(gradient, expected, "{isa:?}");
            }
        }
    }

    #[test]
    fn masks_every_value_for_any_number_of_threads() {
        let y: Vec<f32> = (0..70_003).map(|i| (i as f32 * 0.7).sin()).collect();
        for isa in Isa::available() {
            for threads in [1, 2, 3, 5] {
                let cpu = Cpu::new(isa, threads).unwrap();
                let mut gradient = vec![2.0; y.len()];
                rectify_gradient(&cpu, Rectifier::Relu, &y, &mut gradient);
                let is_right = |(y, g): (&f32, &f32)| *g == if *y > 0.0 { 2.0 } else { 0.0 };
                assert!(y.iter().zip(&gradient).all(is_right), "{isa:?}");
            }
        }
    }
}
