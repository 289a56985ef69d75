//! A depthwise convolution and the pointwise convolution after it, some rows at a time, so that the
//! output of the first never leaves the cache. It is for inference, where nothing else reads that
//! output. No graph is built with it; a rewrite replaces two nodes by it.

use super::{
    Conv2d, DepthwiseConv2d, Forward, Operations, Operator, Parameters, Reference, Shapes,
};
use crate::ops::Cpu;
use crate::ops::conv::{Algorithm, PreparedFilters, separable};

/// The depthwise convolution first.
#[derive(Clone, Debug, PartialEq)]
pub struct SeparableConv2d {
    /// One filter for each channel.
    pub depthwise: DepthwiseConv2d,
    /// Filters of single pixels.
    pub pixels: Conv2d,
}

impl SeparableConv2d {
    /// The two as one, where that is likely to be faster on images of such a shape.
    pub(in crate::nn) fn of(
        depthwise: DepthwiseConv2d,
        pixels: Conv2d,
        images: &[usize],
    ) -> Option<Self> {
        let (first, filters) = (depthwise.sizes(images), pixels.filters);
        let are_pixels = filters.size == [1; 2] && filters.stride == 1;
        (are_pixels && separable::is_profitable(&first, filters.count))
            .then_some(Self { depthwise, pixels })
    }

    /// The sizes of the second for those of the whole.
    fn second(&self, shapes: &Shapes) -> Result<Shapes, String> {
        let between = self.depthwise.shape(shapes)?;
        Ok(Shapes { inputs: vec![between], ..shapes.clone() })
    }

    /// The sizes of the second in a plan, which the shape rules have passed.
    fn of_plan(&self, shapes: &Shapes) -> Shapes {
        match self.second(shapes) {
            Ok(shapes) => shapes,
            Err(error) => unreachable!("the images fit: {error}"),
        }
    }

    /// The filters for many passes on images of a shape.
    fn prepared(&self, cpu: &Cpu, all: Parameters, images: &[usize]) -> PreparedFilters {
        let inputs = [images.to_vec()];
        let (first, second) = all.indices.split_at(self.depthwise.parameters(&inputs).len());
        let shape = self.depthwise.sizes(images);
        let [first, second] = [first, second].map(|indices| Parameters { indices, ..all });
        let depthwise = self.depthwise.prepared(cpu, first, shape);
        let between =
            [shape.batch, shape.rows().output(), shape.columns().output(), shape.out_channels];
        let shape = self.pixels.sizes(&between);
        let pixels = self.pixels.prepared(cpu, Algorithm::Product, second, shape);
        PreparedFilters::separable(depthwise, self.depthwise.rectifier, pixels)
    }
}

impl Operator for SeparableConv2d {
    fn kind(&self) -> String {
        format!("{} + {}", self.depthwise.kind(), self.pixels.kind())
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        self.pixels.shape(&self.second(shapes)?)
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let channels = inputs[0].last().copied().unwrap_or(0) * self.depthwise.filters.count;
        let between = vec![vec![channels]];
        [self.depthwise.parameters(inputs), self.pixels.parameters(&between)].concat()
    }

    fn forward(&self, run: Forward) {
        let images = &run.shapes.inputs[0];
        let make = || self.prepared(run.cpu, run.parameters, images);
        let key = (run.parameters.indices, Algorithm::Separable, run.cpu.isa());
        let made;
        let filters = match run.parameters.are_constant() {
            true => run.packed.filters(key, make),
            false => {
                made = make();
                &made
            }
        };
        let shape = self.depthwise.sizes(images);
        filters.forward(run.cpu, shape, run.x[0], self.pixels.rectifier, run.y);
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        let second = self.pixels.operations(&self.of_plan(shapes));
        let first = self.depthwise.operations(shapes);
        Operations { forward: first.forward + second.forward, ..first }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let Reference { shapes, x, ids, parameters, states, pass } = run;
        let count = self.depthwise.parameters(&shapes.inputs).len();
        let (first, second) = parameters.split_at(count);
        let of_first = Reference { shapes, x, ids, parameters: first, states, pass };
        let x: &[&[f64]] = &[&self.depthwise.reference(of_first)];
        let shapes = &self.of_plan(shapes);
        self.pixels.reference(Reference { shapes, x, ids, parameters: second, states, pass })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Op;
    use super::super::cases::{Case, Cases, case};
    use super::*;
    use crate::nn::graph::Filters;
    use crate::ops::relu::Rectifier;

    impl Cases for SeparableConv2d {
        fn cases() -> Vec<Case> {
            let of = |stride, folded, biases, images: [usize; 4]| {
                let depthwise = DepthwiseConv2d {
                    rectifier: Rectifier::Relu6,
                    ..DepthwiseConv2d::new(Filters::new(1, 3).stride(stride))
                };
                let pixels = Conv2d {
                    folded,
                    rectifier: Rectifier::Relu,
                    ..Conv2d::new(Filters::new(19, 1), biases)
                };
                let op = Op::SeparableConv2d(Self { depthwise, pixels });
                let statistics = folded.map(|_| 0);
                Case { training: false, statistics, ..case(op, &[&images]) }
            };
            vec![
                of(1, None, true, [2, 5, 13, 18]),
                of(2, Some(1e-3), false, [1, 9, 30, 33]),
                of(1, None, true, [1, 1, 1, 16]),
            ]
        }
    }
}
