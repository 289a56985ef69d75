//! The poolings in plain `f64` loops, straight from their definitions.

use super::Shape;

/// Calls `work` with the index of each output and those of its window's inputs, row by row.
fn for_windows(shape: Shape, mut work: impl FnMut(usize, &[usize])) {
    let (rows, columns) = (shape.rows(), shape.columns());
    let mut output = 0;
    for image in 0..shape.batch {
        for row in 0..rows.output() {
            for column in 0..columns.output() {
                for channel in 0..shape.channels {
                    let index = |y: usize, x: usize| {
                        ((image * shape.height + y) * shape.width + x) * shape.channels + channel
                    };
                    let window: Vec<usize> = rows
                        .inside(row)
                        .flat_map(|y| columns.inside(column).map(move |x| index(y, x)))
                        .collect();
                    work(output, &window);
                    output += 1;
                }
            }
        }
    }
}

fn first_largest(x: &[f64], window: &[usize]) -> usize {
    window.iter().fold(window[0], |best, &i| if x[i] > x[best] { i } else { best })
}

/// The largest value of each window.
pub fn max_pool2d_reference(shape: Shape, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; shape.outputs()];
    for_windows(shape, |output, window| y[output] = x[first_largest(x, window)]);
    y
}

/// The gradient of [`max_pool2d_reference`]: `x` and `dy` give `dx`.
#[cfg(test)]
pub fn max_pool2d_reference_gradient(shape: Shape, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; shape.inputs()];
    for_windows(shape, |output, window| dx[first_largest(x, window)] += dy[output]);
    dx
}

/// The mean of each window, padding left out.
pub fn avg_pool2d_reference(shape: Shape, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; shape.outputs()];
    for_windows(shape, |output, window| {
        y[output] = window.iter().map(|&i| x[i]).sum::<f64>() / window.len() as f64;
    });
    y
}

/// The gradient of [`avg_pool2d_reference`]: `dy` gives `dx`.
#[cfg(test)]
pub fn avg_pool2d_reference_gradient(shape: Shape, dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; shape.inputs()];
    for_windows(shape, |output, window| {
        window.iter().for_each(|&i| dx[i] += dy[output] / window.len() as f64);
    });
    dx
}
