//! An image that is worked on.

use super::Shape;

/// An image (height, width, depth) of numbers, and room for the next one.
#[derive(Clone, Debug, Default)]
pub struct Canvas {
    shape: Shape,
    values: Vec<f32>,
    spare: Vec<f32>,
}

impl Canvas {
    /// Takes in another image.
    ///
    /// # Panics
    /// When `image` has not the size of `shape`.
    pub fn load(&mut self, image: &[u8], shape: Shape) {
        assert_eq!(image.len(), shape.values(), "the image has the wrong size");
        self.shape = shape;
        self.values.clear();
        self.values.extend(image.iter().map(|&byte| f32::from(byte)));
    }

    /// The size of the image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values of the image.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Cuts `height` × `width` pixels out of the image with `pad` zeros on every side; `top` and
    /// `left` are counted from the begin of the padding.
    ///
    /// # Panics
    /// When the part leaves the padding.
    pub fn cut(&mut self, pad: usize, (top, left): (usize, usize), height: usize, width: usize) {
        let Shape { height: rows, width: columns, depth } = self.shape;
        let fits = top + height <= rows + 2 * pad && left + width <= columns + 2 * pad;
        assert!(fits, "the crop extends past the image");
        self.spare.clear();
        self.spare.resize(height * width * depth, 0.0);
        // The columns that are in the image, by their number in the image and in the part.
        let from = left.saturating_sub(pad).min(columns);
        let end = (left + width).saturating_sub(pad).min(columns);
        let to = (from + pad).saturating_sub(left).min(width);
        for (y, row) in self.spare.chunks_exact_mut(width * depth).enumerate() {
            if let Some(source) = (top + y).checked_sub(pad).filter(|&y| y < rows)
                && from < end
            {
                let source = &self.values[source * columns * depth..][from * depth..end * depth];
                row[to * depth..][..source.len()].copy_from_slice(source);
            }
        }
        std::mem::swap(&mut self.values, &mut self.spare);
        self.shape = Shape { height, width, depth };
    }

    /// Puts the pixels of every row in the opposite order.
    pub fn flip(&mut self) {
        let Shape { width, depth, .. } = self.shape;
        for row in self.values.chunks_exact_mut(width * depth) {
            // All values in the opposite order, then those of each pixel back in theirs.
            row.reverse();
            row.chunks_exact_mut(depth).for_each(<[f32]>::reverse);
        }
    }

    /// Adds `change` to every value.
    pub fn brighten(&mut self, change: f32) {
        self.values.iter_mut().for_each(|value| *value += change);
    }

    /// Multiplies the distances of every channel's values to their mean by `factor`.
    pub fn contrast(&mut self, factor: f32) {
        let Shape { height, width, depth } = self.shape;
        for channel in 0..depth {
            let values = || self.values.iter().skip(channel).step_by(depth);
            let sum: f64 = values().copied().map(f64::from).sum();
            let mean = (sum / (height * width) as f64) as f32;
            for value in self.values.iter_mut().skip(channel).step_by(depth) {
                *value = (*value - mean) * factor + mean;
            }
        }
    }

    /// Brings the image to mean 0 and deviation 1; the deviation counts as 1 / √n at least, n being
    /// the number of values, as in TensorFlow's `per_image_standardization`.
    pub fn standardise(&mut self) {
        let n = self.values.len() as f64;
        let mean = self.values.iter().copied().map(f64::from).sum::<f64>() / n;
        let square = |value: &f32| (f64::from(*value) - mean).powi(2);
        let variance = self.values.iter().map(square).sum::<f64>() / n;
        let deviation = variance.sqrt().max(1.0 / n.sqrt());
        for value in &mut self.values {
            *value = ((f64::from(*value) - mean) / deviation) as f32;
        }
    }
}
