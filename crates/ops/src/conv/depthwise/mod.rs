//! The depthwise convolution (Howard et al., "MobileNets", arXiv 1704.04861): every channel of an
//! image has filters of its own, as TensorFlow's `depthwise_conv2d_native` has them.

mod rows;

use super::{Layer, Shape};
use crate::relu::Rectifier;
use crate::{Cpu, rows_mut};
use rows::{Row, Window, taps};

/// The filters of each channel: the `out_channels` of a shape are a multiple of its `in_channels`,
/// and output c · multiplier + m is the m-th filter of channel c.
pub(super) fn multiplier(shape: &Shape) -> usize {
    assert!(
        shape.in_channels > 0 && shape.out_channels.is_multiple_of(shape.in_channels),
        "every channel has the same number of filters"
    );
    shape.out_channels / shape.in_channels
}

/// Values of the filters (kernel height, kernel width, in channels, multiplier).
pub fn weights(shape: &Shape) -> usize {
    shape.kernel[0] * shape.kernel[1] * shape.out_channels
}

/// FLOPs of a forward pass (a multiply-add counts as two).
pub fn operations(shape: &Shape) -> usize {
    2 * shape.outputs() * shape.kernel[0] * shape.kernel[1]
}

/// `y = x ∗ weight + bias`, followed by the activation `rectifier`. `x` (batch, height, width,
/// channels), `weight` (kernel height, kernel width, channels, multiplier), `bias` (channels ·
/// multiplier), `y` (batch, rows, columns, channels · multiplier).
///
/// # Panics
/// When the sizes do not fit each other.
pub fn forward(
    cpu: &Cpu,
    shape: Shape,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    rectifier: Rectifier,
    y: &mut [f32],
) {
    assert_eq!(x.len(), shape.inputs(), "the input has the wrong size");
    assert_eq!(weight.len(), weights(&shape), "the filters have the wrong size");
    assert_eq!(bias.len(), shape.out_channels, "the bias has the wrong size");
    assert_eq!(y.len(), shape.outputs(), "the output has the wrong size");
    let width = shape.columns().output() * shape.out_channels;
    let layer = Layer { filters: weight, biases: bias, rectifier };
    cpu.for_rows(shape.batch * shape.rows().output(), 1, rows_mut(y, width), |row, y| {
        forward_row(cpu, shape, row.start, x, layer, y);
    });
}

/// As [`forward`], for one of the rows of all images.
pub(super) fn forward_row(
    cpu: &Cpu,
    shape: Shape,
    row: usize,
    x: &[f32],
    Layer { filters: weight, biases: bias, rectifier }: Layer<&[f32]>,
    y: &mut [f32],
) {
    let rows = shape.rows().output();
    let window = Window { shape, image: row / rows, row: row % rows };
    Row { window, x, weight, bias, rectifier, y }.run(cpu.isa());
}

/// The gradient of the input, `dx` (as `x`), from that of the output, `dy` (as `y`).
///
/// # Panics
/// When the sizes do not fit each other.
pub fn backward_input(cpu: &Cpu, shape: Shape, weight: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!(weight.len(), weights(&shape), "the filters have the wrong size");
    assert_eq!((dy.len(), dx.len()), (shape.outputs(), shape.inputs()), "the sizes do not match");
    let (multiplier, image_len) = (multiplier(&shape), dx.len() / shape.batch.max(1));
    cpu.for_rows(shape.batch, 1, rows_mut(dx, image_len), |images, dx| {
        dx.fill(0.0);
        each_tap(&shape, images.start, |y, x, tap| {
            let dx = &mut dx[x % image_len.max(1)..][..shape.in_channels];
            let dy = dy[y..].chunks(multiplier).zip(weight[tap..].chunks(multiplier));
            for (dx, (dy, weight)) in dx.iter_mut().zip(dy) {
                *dx += dy.iter().zip(weight).map(|(dy, w)| dy * w).sum::<f32>();
            }
        });
    });
}

/// The gradient of the filters, `d_weight` (as `weight`), from that of the output.
///
/// # Panics
/// When the sizes do not fit each other.
pub fn backward_weight(shape: Shape, x: &[f32], dy: &[f32], d_weight: &mut [f32]) {
    assert_eq!(d_weight.len(), weights(&shape), "the filters have the wrong size");
    assert_eq!((dy.len(), x.len()), (shape.outputs(), shape.inputs()), "the sizes do not match");
    let multiplier = multiplier(&shape);
    d_weight.fill(0.0);
    for image in 0..shape.batch {
        each_tap(&shape, image, |at_y, at_x, tap| {
            let to = d_weight[tap..][..shape.out_channels].chunks_mut(multiplier);
            let from = dy[at_y..].chunks(multiplier).zip(&x[at_x..]);
            for (d_weight, (dy, x)) in to.zip(from) {
                d_weight.iter_mut().zip(dy).for_each(|(d, dy)| *d += dy * x);
            }
        });
    }
}

/// Calls `work` for every tap of every window of an image, with the places of the output's, the
/// input's and the tap's first channel.
pub(super) fn each_tap(shape: &Shape, image: usize, mut work: impl FnMut(usize, usize, usize)) {
    let (rows, columns) = (shape.rows(), shape.columns());
    for row in 0..rows.output() {
        let window = Window { shape: *shape, image, row };
        for column in 0..columns.output() {
            let pixel = (image * rows.output() + row) * columns.output() + column;
            for (y, ky) in window.rows() {
                for (x, kx) in taps(columns, column) {
                    work(pixel * shape.out_channels, window.pixel(y, x), window.tap(ky, kx));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::window::Padding;

    /// Numbers of an independent engine:
    /// ```python
    /// import numpy as np, tensorflow as tf
    /// x = np.arange(2 * 5 * 4 * 3, dtype="f").reshape(2, 5, 4, 3) % 11 - 5
    /// for m, s, p in [(1, 1, "SAME"), (2, 2, "SAME"), (1, 2, "VALID")]:
    ///     w = np.arange(3 * 3 * 3 * m, dtype="f").reshape(3, 3, 3, m) % 7 - 3
    ///     y = tf.nn.depthwise_conv2d(x, w, [1, s, s, 1], p).numpy().ravel()
    ///     print(len(y), y[:6].tolist(), float(np.dot(y, np.arange(len(y)) % 5)))
    /// ```
    #[test]
    fn equals_tensorflow() {
        for (multiplier, stride, padding, len, first, checksum) in TENSORFLOW {
            let shape = Shape {
                batch: 2,
                height: 5,
                width: 4,
                in_channels: 3,
                out_channels: 3 * multiplier,
                kernel: [3; 2],
                stride: [stride; 2],
                padding,
            };
            let numbers = |len: usize, modulo: usize, less: f32| -> Vec<f32> {
                (0..len).map(|i| (i % modulo) as f32 - less).collect()
            };
            let (x, weight) = (numbers(120, 11, 5.0), numbers(weights(&shape), 7, 3.0));
            for isa in Isa::available() {
                let mut y = vec![f32::NAN; shape.outputs()];
                let bias = vec![0.0; shape.out_channels];
                let cpu = Cpu::new(isa, 2).unwrap();
                forward(&cpu, shape, &x, &weight, &bias, Rectifier::None, &mut y);
                assert_eq!((y.len(), &y[..6]), (len, &first[..]), "{isa:?}");
                let sum: f32 = y.iter().enumerate().map(|(i, y)| y * (i % 5) as f32).sum();
                assert_eq!(sum, checksum, "{isa:?}");
            }
        }
    }

    type Expected = (usize, usize, Padding, usize, [f32; 6], f32);
    const TENSORFLOW: [Expected; 3] = [
        (1, 1, Padding::Same, 120, [6.0, -5.0, 13.0, -2.0, -8.0, -2.0], 106.0),
        (2, 2, Padding::Same, 72, [11.0, -12.0, -18.0, 7.0, 12.0, -6.0], 153.0),
        (1, 2, Padding::Valid, 12, [13.0, -4.0, -3.0, 7.0, -17.0, -23.0], 121.0),
    ];
}
