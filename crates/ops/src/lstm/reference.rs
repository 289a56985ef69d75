//! The layer in plain `f64` loops, straight from the equations.

#[cfg(test)]
use super::GATES;
use super::Shape;

/// Everything a window computes.
#[derive(Clone, Debug)]
pub struct Reference {
    /// (steps + 1, batch, hidden), the initial state first.
    pub cells: Vec<f64>,
    /// (steps + 1, batch, hidden), the initial state first.
    pub hidden: Vec<f64>,
    /// Activated gates (steps · batch, 4 · hidden).
    pub gates: Vec<f64>,
}

/// The forward pass. `kernel` (input + hidden, 4 · hidden), `bias` (4 · hidden), `xs`
/// (steps · batch, input), initial `cell` and `hidden` (batch, hidden).
pub fn lstm_reference(
    shape: Shape,
    (kernel, bias): (&[f64], &[f64]),
    xs: &[f64],
    cell: &[f64],
    hidden: &[f64],
) -> Reference {
    let units = shape.hidden;
    let mut window = Reference { cells: cell.to_vec(), hidden: hidden.to_vec(), gates: Vec::new() };
    for row in 0..shape.rows() {
        let x = &xs[row * shape.input..(row + 1) * shape.input];
        let h = &window.hidden[row * units..(row + 1) * units];
        let mut z = bias.to_vec();
        for (value, weights) in x.iter().chain(h).zip(kernel.chunks(shape.gates())) {
            z.iter_mut().zip(weights).for_each(|(z, w)| *z += value * w);
        }
        for unit in 0..units {
            let gate = |g: usize| z[g * units + unit];
            let (i, j) = (sigmoid(gate(0)), gate(1).tanh());
            let (f, o) = (sigmoid(gate(2)), sigmoid(gate(3)));
            let c = window.cells[row * units + unit] * f + i * j;
            window.cells.push(c);
            window.hidden.push(o * c.tanh());
            for (g, value) in [i, j, f, o].into_iter().enumerate() {
                z[g * units + unit] = value;
            }
        }
        window.gates.extend(z);
    }
    window
}

/// The gradients of `kernel`, `bias` and `xs`, from that of the outputs.
#[cfg(test)]
pub fn lstm_reference_backward(
    shape: Shape,
    kernel: &[f64],
    xs: &[f64],
    window: &Reference,
    d_outputs: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (units, width) = (shape.hidden, shape.gates());
    let mut d_kernel = vec![0.0; kernel.len()];
    let mut d_bias = vec![0.0; width];
    let mut d_xs = vec![0.0; xs.len()];
    let mut d_hidden = vec![0.0; shape.state()];
    let mut d_cell = vec![0.0; shape.state()];
    for row in (0..shape.rows()).rev() {
        let b = row % shape.batch;
        let mut d_gates = vec![0.0; width];
        for unit in 0..units {
            let gate = |g: usize| window.gates[row * width + g * units + unit];
            let [i, j, f, o]: [f64; GATES] = std::array::from_fn(gate);
            let slot = b * units + unit;
            let old = window.cells[row * units + unit];
            let tanh_c = window.cells[(row + shape.batch) * units + unit].tanh();
            let dh = d_outputs[row * units + unit] + d_hidden[slot];
            let dc = d_cell[slot] + dh * o * (1.0 - tanh_c * tanh_c);
            d_cell[slot] = dc * f;
            let d = [
                dc * j * i * (1.0 - i),
                dc * i * (1.0 - j * j),
                dc * old * f * (1.0 - f),
                dh * tanh_c * o * (1.0 - o),
            ];
            for (g, d) in d.into_iter().enumerate() {
                d_gates[g * units + unit] = d;
            }
        }
        d_bias.iter_mut().zip(&d_gates).for_each(|(sum, d)| *sum += d);
        let x = &xs[row * shape.input..(row + 1) * shape.input];
        let h = &window.hidden[row * units..(row + 1) * units];
        for (k, value) in x.iter().chain(h).enumerate() {
            let weights = &kernel[k * width..(k + 1) * width];
            let sums = &mut d_kernel[k * width..(k + 1) * width];
            sums.iter_mut().zip(&d_gates).for_each(|(sum, d)| *sum += value * d);
            let back = weights.iter().zip(&d_gates).map(|(w, d)| w * d).sum();
            if k < shape.input {
                d_xs[row * shape.input + k] = back;
            } else {
                d_hidden[b * units + k - shape.input] = back;
            }
        }
    }
    (d_kernel, d_bias, d_xs)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
