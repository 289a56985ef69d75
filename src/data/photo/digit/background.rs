//! What in a photograph is ink: what stands out from a background that may be lit unevenly.

use anyhow::Result;
use image::Luma;

use super::{Ink, ensure_ink, quantile};

/// Brightness that ink must at least differ by from its background, and by how many times the
/// background's own unevenness.
const MIN_CONTRAST: f32 = 16.0;
const MIN_RATIO: f32 = 4.5;
/// Ink takes at least this share of an image.
const MIN_INK: f64 = 0.002;
/// The number of terms of a plane, and of a surface of second degree.
const PLANE: usize = 3;
const QUADRATIC: usize = 6;

/// How much ink is at each pixel of a grey image, from 0 to 1.
///
/// # Errors
/// When nothing stands out from the background.
pub(super) fn ink(grey: &Ink) -> Result<Ink> {
    let border = quantile(border(grey), 0.5);
    let darkest = quantile(grey.iter().copied(), MIN_INK);
    let lightest = quantile(grey.iter().copied(), 1.0 - MIN_INK);
    // Ink on a light background becomes light on a dark one.
    let sign = if border - darkest > lightest - border { -1.0 } else { 1.0 };
    let mut above: Vec<f32> = grey.iter().map(|value| sign * (value - border)).collect();
    for n_terms in [PLANE, QUADRATIC, QUADRATIC] {
        flatten(&mut above, grey.width() as usize, n_terms);
    }

    let peak = peak(&above);
    let background = || above.iter().filter(|&&value| value < 0.5 * peak);
    let squares: f32 = background().map(|value| value * value).sum();
    let unevenness = (squares / background().count().max(1) as f32).sqrt();
    ensure_ink(peak, MIN_CONTRAST.max(MIN_RATIO * unevenness))?;
    // A quarter of the ink's strength is shadow or noise; beyond most of it, ink is full.
    let (low, high) = (0.25 * peak, 0.85 * peak);
    let stretched = |value: f32| ((value - low) / (high - low)).clamp(0.0, 1.0);
    let width = grey.width();
    let at = |x: u32, y: u32| above[(y * width + x) as usize];
    Ok(Ink::from_fn(width, grey.height(), |x, y| Luma([stretched(at(x, y))])))
}

/// The brightness of the strongest ink.
fn peak(above: &[f32]) -> f32 {
    quantile(above.iter().copied(), 1.0 - MIN_INK)
}

/// The pixels of the outermost twentieth on each side.
fn border(grey: &Ink) -> impl Iterator<Item = f32> {
    let (width, height) = grey.dimensions();
    let (at_side, at_end) = (width.div_ceil(20), height.div_ceil(20));
    let inner = move |x, y| {
        (at_side..width - at_side).contains(&x) && (at_end..height - at_end).contains(&y)
    };
    let outer = grey.enumerate_pixels().filter(move |&(x, y, _)| !inner(x, y));
    outer.map(|(_, _, &Luma([value]))| value)
}

/// Subtracts the surface that fits what is not ink best, by least squares.
fn flatten(above: &mut [f32], width: usize, n_terms: usize) {
    let height = above.len() / width;
    let half_peak = 0.5 * peak(above);
    let terms = |index: usize| {
        let scaled = |at: usize, length: usize| 2.0 * (at as f64 + 0.5) / length as f64 - 1.0;
        let (x, y) = (scaled(index % width, width), scaled(index / width, height));
        [1.0, x, y, x * x, x * y, y * y]
    };
    let mut equations = [[0.0; QUADRATIC + 1]; QUADRATIC];
    for (index, &value) in above.iter().enumerate() {
        if value <= half_peak {
            let terms = terms(index);
            for (equation, factor) in equations.iter_mut().zip(terms) {
                equation.iter_mut().zip(terms).for_each(|(sum, term)| *sum += factor * term);
                equation[QUADRATIC] += factor * f64::from(value);
            }
        }
    }
    let surface = solve(equations, n_terms);
    for (index, value) in above.iter_mut().enumerate() {
        let background: f64 = surface.iter().zip(terms(index)).map(|(c, term)| c * term).sum();
        *value -= background as f32;
    }
}

/// Solves the first `n` of the symmetric, positive equations by elimination; the other unknowns are
/// 0. A little is added to the diagonal, so that an image one pixel high has a solution too.
fn solve(mut equations: [[f64; QUADRATIC + 1]; QUADRATIC], n: usize) -> [f64; QUADRATIC] {
    for row in 0..n {
        equations[row][row] += 1e-6 * (1.0 + equations[0][0]);
    }
    for pivot in 0..n {
        let row = equations[pivot];
        for below in equations.iter_mut().take(n).skip(pivot + 1) {
            let factor = below[pivot] / row[pivot];
            below.iter_mut().zip(row).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let mut solution = [0.0; QUADRATIC];
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|at| equations[row][at] * solution[at]).sum();
        solution[row] = (equations[row][QUADRATIC] - known) / equations[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curved_ground_becomes_flat() {
        let (width, height) = (60, 40);
        let at = |index: usize| ((index % width) as f32, (index / width) as f32);
        let mut above: Vec<f32> = (0..width * height)
            .map(at)
            .map(|(x, y)| 20.0 - 0.4 * x + 0.2 * y + 0.004 * x * x - 0.003 * x * y)
            .collect();
        // A stroke of ink is on it.
        (10..30).for_each(|row| above[row * width + 30] += 90.0);
        for n_terms in [PLANE, QUADRATIC, QUADRATIC] {
            flatten(&mut above, width, n_terms);
        }
        for (index, value) in above.iter().enumerate() {
            let (x, y) = (index % width, index / width);
            let ink = if x == 30 && (10..30).contains(&y) { 90.0 } else { 0.0 };
            assert!((value - ink).abs() < 0.5, "{value} at {x} {y}");
        }
    }

    #[test]
    fn equations_are_solved() {
        let mut equations = [[0.0; QUADRATIC + 1]; QUADRATIC];
        equations[0] = [4.0, 1.0, 0.0, 0.0, 0.0, 0.0, 6.0];
        equations[1] = [1.0, 3.0, 0.0, 0.0, 0.0, 0.0, 7.0];
        let solution = solve(equations, 2);
        assert!((solution[0] - 1.0).abs() < 1e-4 && (solution[1] - 2.0).abs() < 1e-4);
    }
}
