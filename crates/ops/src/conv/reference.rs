//! The plain loops in `f64`, against which the fast paths are held.

use super::{Shape, depthwise};

/// One product of the convolution: places in input, filters and output.
struct Term {
    x: usize,
    weight: usize,
    y: usize,
}

/// Calls `visit` for every product, the padding left out.
fn for_each_term(shape: Shape, mut visit: impl FnMut(Term)) {
    let (rows, columns) = (shape.rows(), shape.columns());
    let (ins, outs) = (shape.in_channels, shape.out_channels);
    for pixel in 0..shape.batch * rows.output() * columns.output() {
        let (image, place) = (
            pixel / (rows.output() * columns.output()),
            pixel % (rows.output() * columns.output()),
        );
        let (row, column) = (place / columns.output(), place % columns.output());
        for y in rows.inside(row) {
            for x in columns.inside(column) {
                let ky = y + rows.before() - row * rows.stride;
                let kx = x + columns.before() - column * columns.stride;
                for (c, n) in (0..ins).flat_map(|c| (0..outs).map(move |n| (c, n))) {
                    visit(Term {
                        x: ((image * shape.height + y) * shape.width + x) * ins + c,
                        weight: ((ky * columns.kernel + kx) * ins + c) * outs + n,
                        y: pixel * outs + n,
                    });
                }
            }
        }
    }
}

/// `y = x ⋆ weight + bias`; the layouts are those of [`Shape`].
pub fn conv_reference(shape: Shape, x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let mut y: Vec<f64> = (0..shape.outputs()).map(|i| bias[i % shape.out_channels]).collect();
    for_each_term(shape, |at| y[at.y] += x[at.x] * weight[at.weight]);
    y
}

/// The forward pass of a [`depthwise`] convolution, without rectifier.
pub fn depthwise_reference(shape: Shape, x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let multiplier = depthwise::multiplier(&shape);
    let mut y: Vec<f64> = bias.iter().copied().cycle().take(shape.outputs()).collect();
    for image in 0..shape.batch {
        depthwise::each_tap(&shape, image, |at_y, at_x, tap| {
            for (o, y) in y[at_y..][..shape.out_channels].iter_mut().enumerate() {
                *y += x[at_x + o / multiplier] * weight[tap + o];
            }
        });
    }
    y
}

/// The gradient of `Σ dy · y` with respect to `x`.
#[cfg(test)]
pub fn conv_reference_input(shape: Shape, weight: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; shape.inputs()];
    for_each_term(shape, |at| dx[at.x] += dy[at.y] * weight[at.weight]);
    dx
}

/// The gradient of `Σ dy · y` with respect to the filters.
#[cfg(test)]
pub fn conv_reference_weight(shape: Shape, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dweight = vec![0.0; shape.weights()];
    for_each_term(shape, |at| dweight[at.weight] += dy[at.y] * x[at.x]);
    dweight
}

/// The gradient of `Σ dy · y` with respect to the bias.
#[cfg(test)]
pub fn conv_reference_bias(shape: Shape, dy: &[f64]) -> Vec<f64> {
    let mut dbias = vec![0.0; shape.out_channels];
    for (i, dy) in dy.iter().enumerate() {
        dbias[i % shape.out_channels] += dy;
    }
    dbias
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::window::Padding;

    fn random(len: usize, name: &str) -> Vec<f64> {
        let mut numbers = Stream::new(5, name).at(0);
        (0..len).map(|_| f64::from(numbers.uniform_between(-1.0, 1.0))).collect()
    }

    /// The objective is linear in each argument, so a wide step is exact.
    fn differences(values: &[f64], objective: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut moved = values.to_vec();
        let mut difference = |i: usize| {
            moved[i] = values[i] + 0.5;
            let above = objective(&moved);
            moved[i] = values[i] - 0.5;
            let below = objective(&moved);
            moved[i] = values[i];
            above - below
        };
        (0..values.len()).map(&mut difference).collect()
    }

    fn close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-9, "{got} and {want}");
        }
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let same = Shape {
            batch: 2,
            height: 5,
            width: 4,
            in_channels: 2,
            out_channels: 3,
            kernel: [3, 2],
            stride: [2, 1],
            padding: Padding::Same,
        };
        let valid = Shape { kernel: [2, 1], stride: [3, 2], padding: Padding::Valid, ..same };
        for shape in [same, valid] {
            let (x, weight) = (random(shape.inputs(), "x"), random(shape.weights(), "weight"));
            let (bias, dy) = (random(3, "bias"), random(shape.outputs(), "dy"));
            let objective = |x: &[f64], weight: &[f64], bias: &[f64]| -> f64 {
                conv_reference(shape, x, weight, bias).iter().zip(&dy).map(|(y, d)| y * d).sum()
            };
            let dx = differences(&x, |x| objective(x, &weight, &bias));
            close(&conv_reference_input(shape, &weight, &dy), &dx);
            let dweight = differences(&weight, |weight| objective(&x, weight, &bias));
            close(&conv_reference_weight(shape, &x, &dy), &dweight);
            let dbias = differences(&bias, |bias| objective(&x, &weight, bias));
            close(&conv_reference_bias(shape, &dy), &dbias);
        }
    }
}
