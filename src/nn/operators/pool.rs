//! Poolings.

use super::{
    Backward, Forward, IMAGES, Operations, Operator, Reference, Shapes, check_windows, rank,
    written,
};
use crate::ops::pool::reference::{avg_pool2d_reference, max_pool2d_reference};
use crate::ops::pool::{self, Floor, avg_pool2d, avg_pool2d_gradient};
use crate::ops::pool::{max_pool2d, max_pool2d_gradient};
use crate::ops::window::Padding;

/// The largest value of each window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxPool {
    pub(super) size: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
    /// A ReLU is before, and its gradient belongs to the pooling.
    pub(in crate::nn) relu: bool,
}

impl MaxPool {
    /// Windows of `size` × `size` at that stride.
    pub fn new(size: usize, stride: usize, padding: Padding) -> Self {
        Self { size, stride, padding, relu: false }
    }

    /// The sizes for images (batch, height, width, channels).
    pub(in crate::nn) fn sizes(&self, images: &[usize]) -> pool::Shape {
        sizes(images, [self.size; 2], self.stride, self.padding)
    }

    fn floor(&self) -> Floor {
        if self.relu { Floor::Zero } else { Floor::None }
    }
}

fn sizes(images: &[usize], kernel: [usize; 2], stride: usize, padding: Padding) -> pool::Shape {
    pool::Shape {
        batch: images[0],
        height: images[1],
        width: images[2],
        channels: images[3],
        kernel,
        stride: [stride; 2],
        padding,
    }
}

fn output(shape: pool::Shape) -> Result<Vec<usize>, String> {
    check_windows(shape.kernel, shape.stride)?;
    let (rows, columns) = (shape.rows().output(), shape.columns().output());
    if rows * columns == 0 {
        let images = written(&[shape.batch, shape.height, shape.width, shape.channels]);
        let [height, width] = shape.kernel;
        return Err(format!("windows of {height} × {width} are larger than images {images}"));
    }
    Ok(vec![shape.batch, rows, columns, shape.channels])
}

impl Operator for MaxPool {
    fn kind(&self) -> String {
        if self.relu { "relu + max_pool" } else { "max_pool" }.to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let images = &shapes.inputs[0];
        rank(images, &IMAGES)?;
        if self.size.saturating_mul(self.size) > usize::from(pool::NO_ARGMAX) {
            let size = self.size;
            return Err(format!("a window of {size} × {size} has more than 255 elements"));
        }
        output(self.sizes(images))
    }

    fn saved_bytes(&self, shapes: &Shapes) -> usize {
        shapes.outputs()
    }

    fn forward(&self, run: Forward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        max_pool2d(run.cpu, shape, self.floor(), run.x[0], run.y, run.bytes);
    }

    fn backward(&self, mut run: Backward) {
        let shape = self.sizes(&run.shapes.inputs[0]);
        if let Some(dx) = run.dx[0].take() {
            max_pool2d_gradient(run.cpu, shape, run.dy, run.bytes, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        Operations::per_value(shapes.outputs(), self.size * self.size)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let y = max_pool2d_reference(self.sizes(&run.shapes.inputs[0]), run.x[0]);
        if self.relu { y.into_iter().map(|y| y.max(0.0)).collect() } else { y }
    }
}

/// The mean of each window, padding left out, or of the whole image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AvgPool {
    /// Rows and columns of a window; none for the whole image.
    pub size: Option<usize>,
    /// Rows and columns from one window to the next.
    pub stride: usize,
    /// What happens at the border.
    pub padding: Padding,
}

impl AvgPool {
    fn sizes(&self, images: &[usize]) -> pool::Shape {
        let kernel = self.size.map_or([images[1], images[2]], |size| [size; 2]);
        sizes(images, kernel, self.stride, self.padding)
    }
}

impl Operator for AvgPool {
    fn kind(&self) -> String {
        if self.size.is_some() { "avg_pool" } else { "global_avg_pool" }.to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        rank(&shapes.inputs[0], &IMAGES)?;
        output(self.sizes(&shapes.inputs[0]))
    }

    fn forward(&self, run: Forward) {
        avg_pool2d(run.cpu, self.sizes(&run.shapes.inputs[0]), run.x[0], run.y);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            avg_pool2d_gradient(run.cpu, self.sizes(&run.shapes.inputs[0]), run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        let [height, width] = self.sizes(&shapes.inputs[0]).kernel;
        Operations::per_value(shapes.outputs(), height * width)
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        avg_pool2d_reference(self.sizes(&run.shapes.inputs[0]), run.x[0])
    }
}
