//! Max pooling and local response normalisation in one pass, in either order.
//!
//! A thread takes an image at a time. What passes between the two layers stays in its caches,
//! and what no other layer reads is never written to memory.

use std::ops::Range;

use super::cpu::with_thread_buffer;
use super::lrn::{Lrn, Until, lrn_pixels, lrn_pixels_gradient};
use super::pool::{self, Floor, max_pool_rows, max_pool_rows_gradient};
use super::{Cpu, Isa, Rows, rows_mut};

/// A max pooling and a normalisation, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolLrn {
    /// The sizes of the pooling.
    pub pool: pool::Shape,
    /// The parameters of the normalisation.
    pub lrn: Lrn,
    /// Whether a ReLU precedes both. The gradients are then those of its input.
    pub relu: bool,
}

/// Pools `x` (batch, height, width, channels) to `pooled` (batch, rows, columns, channels) and
/// normalises that to `y`; `argmax` is that of [`pool::max_pool2d`]. If a ReLU precedes, `x` may be
/// its input or its output.
///
/// # Panics
/// When the sizes do not fit, or a window has more than 255 values.
pub fn pool_lrn(
    cpu: &Cpu,
    layers: &PoolLrn,
    x: &[f32],
    pooled: &mut [f32],
    argmax: &mut [u8],
    y: &mut [f32],
) {
    layers.pool.check([x.len(), y.len(), argmax.len()]);
    assert_eq!(pooled.len(), y.len(), "the pooled images have the wrong size");
    let outputs = layers.pool.image().outputs();
    let to = (rows_mut(pooled, outputs), rows_mut(argmax, outputs), rows_mut(y, outputs));
    layers.for_images(cpu, to, |image, (pooled, argmax, y), scratch| {
        layers.max_pool(cpu.isa(), layers.floor(), &x[image.inputs], pooled, argmax);
        lrn_pixels(cpu.isa(), layers.lrn, layers.pool.channels, pooled, y, scratch.lrn);
    });
}

/// The gradient of [`pool_lrn`]: `dx` (as `x`) from `dy`, `pooled` and `argmax` (as `y`).
///
/// # Panics
/// When the sizes do not fit, or a window has more than 255 values.
pub fn pool_lrn_gradient(
    cpu: &Cpu,
    layers: &PoolLrn,
    pooled: &[f32],
    argmax: &[u8],
    dy: &[f32],
    dx: &mut [f32],
) {
    layers.pool.check([dx.len(), dy.len(), argmax.len()]);
    assert_eq!(pooled.len(), dy.len(), "the pooled images have the wrong size");
    let dx = rows_mut(dx, layers.pool.image().inputs());
    layers.for_images(cpu, dx, |image, dx, scratch| {
        let (isa, at) = (cpu.isa(), image.outputs);
        let gradient = &mut scratch.between[..at.len()];
        gradient.copy_from_slice(&dy[at.clone()]);
        // A ReLU before is the pooling's to undo: its windows without a winner give nothing.
        let (channels, pooled) = (layers.pool.channels, &pooled[at.clone()]);
        let until = Until::Input;
        lrn_pixels_gradient(isa, layers.lrn, until, channels, pooled, gradient, scratch.lrn);
        layers.max_pool_gradient(isa, gradient, &argmax[at], dx);
    });
}

/// Normalises `x` (batch, height, width, channels) and pools that to `y` (batch, rows, columns,
/// channels); `argmax` is that of [`pool::max_pool2d`]. If a ReLU precedes, `x` is its output.
///
/// # Panics
/// When the sizes do not fit, or a window has more than 255 values.
pub fn lrn_pool(cpu: &Cpu, layers: &PoolLrn, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    layers.pool.check([x.len(), y.len(), argmax.len()]);
    let outputs = layers.pool.image().outputs();
    let to = (rows_mut(argmax, outputs), rows_mut(y, outputs));
    layers.for_images(cpu, to, |image, (argmax, y), scratch| {
        let normalised = &mut scratch.between[..image.inputs.len()];
        let (isa, channels, x) = (cpu.isa(), layers.pool.channels, &x[image.inputs]);
        lrn_pixels(isa, layers.lrn, channels, x, normalised, scratch.lrn);
        layers.max_pool(isa, Floor::None, normalised, y, argmax);
    });
}

/// The gradient of [`lrn_pool`]: `dx` (as `x`) from `x`, and `dy` and `argmax` (as `y`).
///
/// # Panics
/// When the sizes do not fit, or a window has more than 255 values.
pub fn lrn_pool_gradient(
    cpu: &Cpu,
    layers: &PoolLrn,
    x: &[f32],
    argmax: &[u8],
    dy: &[f32],
    dx: &mut [f32],
) {
    layers.pool.check([dx.len(), dy.len(), argmax.len()]);
    assert_eq!(x.len(), dx.len(), "the input has the wrong size");
    let dx = rows_mut(dx, layers.pool.image().inputs());
    layers.for_images(cpu, dx, |image, dx, scratch| {
        let (isa, at) = (cpu.isa(), image.outputs);
        layers.max_pool_gradient(isa, &dy[at.clone()], &argmax[at], dx);
        let until = if layers.relu { Until::ReluInput } else { Until::Input };
        let (channels, x) = (layers.pool.channels, &x[image.inputs]);
        lrn_pixels_gradient(isa, layers.lrn, until, channels, x, dx, scratch.lrn);
    });
}

/// Where the values of one image are.
struct Image {
    inputs: Range<usize>,
    outputs: Range<usize>,
}

/// The memory of one thread.
struct Scratch<'a> {
    /// Space for the larger side of an image.
    between: &'a mut [f32],
    /// The normalisation's own.
    lrn: &'a mut [f32],
}

impl PoolLrn {
    fn floor(&self) -> Floor {
        if self.relu { Floor::Zero } else { Floor::None }
    }

    /// Calls `work` for each image, with its part of `to`.
    fn for_images<R: Rows + Sync>(
        &self,
        cpu: &Cpu,
        to: R,
        work: impl Fn(Image, R::Block, Scratch) + Sync,
    ) {
        let shape = self.pool.image();
        let (inputs, outputs) = (shape.inputs(), shape.outputs());
        let (between, lrn) = (inputs.max(outputs), self.lrn.scratch(shape.channels));
        cpu.for_rows(self.pool.batch, 1, to, |image, to| {
            with_thread_buffer(between + lrn, |buffer| {
                let (between, lrn) = buffer.split_at_mut(between);
                let part = |values: usize| image.start * values..image.end * values;
                let image = Image { inputs: part(inputs), outputs: part(outputs) };
                work(image, to, Scratch { between, lrn });
            });
        });
    }

    fn max_pool(&self, isa: Isa, floor: Floor, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
        let shape = self.pool.image();
        max_pool_rows(isa, shape, floor, x, 0..shape.rows().output(), y, argmax);
    }

    fn max_pool_gradient(&self, isa: Isa, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
        let shape = self.pool.image();
        max_pool_rows_gradient(isa, shape, dy, argmax, 0..shape.height, dx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lrn::{lrn, lrn_gradient};
    use crate::pool::{max_pool2d, max_pool2d_gradient};
    use crate::window::Padding::{Same, Valid};

    fn wave(len: usize, a: f32) -> Vec<f32> {
        (0..len).map(|i| (i as f32 * a).sin() * 3.0).collect()
    }

    fn cases() -> Vec<PoolLrn> {
        let lrn = Lrn { radius: 4, bias: 1.0, alpha: 0.1, beta: 0.75 };
        let pool = |[batch, height, width, channels]: [usize; 4], kernel, stride, padding| {
            let (kernel, stride) = ([kernel; 2], [stride; 2]);
            pool::Shape { batch, height, width, channels, kernel, stride, padding }
        };
        let pools = [
            pool([5, 12, 12, 64], 3, 2, Same),
            pool([1, 7, 5, 3], 2, 3, Valid),
            pool([3, 4, 4, 17], 3, 1, Same),
            pool([2, 1, 1, 1], 1, 1, Valid),
        ];
        let both = |pool| [false, true].map(|relu| PoolLrn { pool, lrn, relu });
        pools.into_iter().flat_map(both).collect()
    }

    /// Everything the two orders give, each layer by itself.
    fn apart(cpu: &Cpu, layers: &PoolLrn, x: &[f32], dy: &[f32]) -> [Vec<f32>; 5] {
        let PoolLrn { pool: shape, lrn: parameters, .. } = *layers;
        let (n, m, channels) = (x.len(), dy.len(), shape.channels);
        let mut argmax = vec![0; m];
        let (mut pooled, mut y) = (vec![0.0; m], vec![0.0; m]);
        max_pool2d(cpu, shape, layers.floor(), x, &mut pooled, &mut argmax);
        lrn(cpu, parameters, channels, &pooled, &mut y);
        let (mut gradient, mut dx) = (dy.to_vec(), vec![0.0; n]);
        lrn_gradient(cpu, parameters, Until::Input, channels, &pooled, &mut gradient);
        max_pool2d_gradient(cpu, shape, &gradient, &argmax, &mut dx);

        let (mut normalised, mut z, mut dz) = (vec![0.0; n], vec![0.0; m], vec![0.0; n]);
        lrn(cpu, parameters, channels, x, &mut normalised);
        max_pool2d(cpu, shape, Floor::None, &normalised, &mut z, &mut argmax);
        max_pool2d_gradient(cpu, shape, dy, &argmax, &mut dz);
        let until = if layers.relu { Until::ReluInput } else { Until::Input };
        lrn_gradient(cpu, parameters, until, channels, x, &mut dz);
        [pooled, y, dx, z, dz]
    }

    fn together(cpu: &Cpu, layers: &PoolLrn, x: &[f32], dy: &[f32]) -> [Vec<f32>; 5] {
        let nan = |len| vec![f32::NAN; len];
        let mut argmax = vec![0; dy.len()];
        let (mut pooled, mut y, mut dx) = (nan(dy.len()), nan(dy.len()), nan(x.len()));
        pool_lrn(cpu, layers, x, &mut pooled, &mut argmax, &mut y);
        pool_lrn_gradient(cpu, layers, &pooled, &argmax, dy, &mut dx);
        let (mut z, mut dz) = (nan(dy.len()), nan(x.len()));
        lrn_pool(cpu, layers, x, &mut z, &mut argmax);
        lrn_pool_gradient(cpu, layers, x, &argmax, dy, &mut dz);
        [pooled, y, dx, z, dz]
    }

    #[test]
    fn gives_the_bits_of_the_layers_apart_for_any_number_of_threads() {
        for layers in cases() {
            let (x, dy) = (wave(layers.pool.inputs(), 0.7), wave(layers.pool.outputs(), 1.1));
            for isa in Isa::available() {
                let bits = |part: Vec<f32>| part.into_iter().map(f32::to_bits).collect();
                let want: [Vec<u32>; 5] =
                    apart(&Cpu::new(isa, 1).unwrap(), &layers, &x, &dy).map(bits);
                for threads in [1, 2, 3, 5] {
                    let cpu = Cpu::new(isa, threads).unwrap();
                    assert_eq!(together(&cpu, &layers, &x, &dy).map(bits), want, "{layers:?}");
                }
            }
        }
    }
}
