//! A convolution and the pooling after it, a few images at a time, so that the convolution's output
//! is never whole in memory. It is for inference, where nothing else reads that output. No graph is
//! built with it; a rewrite replaces two nodes by it.

use super::{Conv2d, Forward, Op, Operations, Operator, Reference, Shapes, StateRefs};

/// The convolution first.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvPool {
    /// The convolution.
    pub conv: Conv2d,
    /// The pooling, with a normalisation or without.
    pub pool: Box<Op>,
    /// Images at a time, at least one.
    pub images: usize,
}

impl ConvPool {
    /// The sizes of the convolution and of the pooling on this many images of the batch.
    ///
    /// # Errors
    /// As the shape rules of the two.
    fn sizes(&self, shapes: &Shapes, images: usize) -> Result<[Shapes; 2], String> {
        let input = shapes.inputs.iter().map(|input| with_images(input, images)).collect();
        let mut conv = Shapes { batch: images, ids: 0, inputs: input, output: Vec::new() };
        conv.output = self.conv.shape(&conv)?;
        let mut pool = Shapes { inputs: vec![conv.output.clone()], ..conv.clone() };
        pool.output = self.pool.get().shape(&pool)?;
        Ok([conv, pool])
    }

    /// The sizes of the first images of a plan, which the shape rules have passed.
    fn of_part(&self, shapes: &Shapes, images: usize) -> [Shapes; 2] {
        match self.sizes(shapes, images) {
            Ok(sizes) => sizes,
            Err(error) => unreachable!("the whole batch fits: {error}"),
        }
    }
}

fn with_images(shape: &[usize], images: usize) -> Vec<usize> {
    [&[images], shape.get(1..).unwrap_or_default()].concat()
}

impl Operator for ConvPool {
    fn kind(&self) -> String {
        let pool = self.pool.get().kind();
        // The pooling says again that a ReLU is before it.
        format!("{} + {}", self.conv.kind(), pool.strip_prefix("relu + ").unwrap_or(&pool))
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        let images = shapes.inputs[0].first().copied().unwrap_or(0);
        self.sizes(shapes, images).map(|[_, pool]| pool.output)
    }

    fn parameters(&self, inputs: &[Vec<usize>]) -> Vec<Vec<usize>> {
        self.conv.parameters(inputs)
    }

    /// What the convolution gives for a few images, and what the pooling leaves.
    fn saved(&self, shapes: &Shapes) -> usize {
        let [conv, pool] = self.of_part(shapes, self.images);
        conv.outputs() + self.pool.get().saved(&pool)
    }

    fn saved_bytes(&self, shapes: &Shapes) -> usize {
        let [_, pool] = self.of_part(shapes, self.images);
        self.pool.get().saved_bytes(&pool)
    }

    fn forward(&self, run: Forward) {
        let [inputs, outputs] = [run.shapes.values(), run.shapes.outputs()];
        let images = run.shapes.inputs[0][0];
        let (pooling, packed, states) = (self.pool.get(), run.packed, run.states.all);
        let x = run.x[0].chunks(inputs / images * self.images);
        let y = run.y.chunks_mut(outputs / images * self.images);
        for (x, y) in x.zip(y) {
            let [conv, pool] = self.of_part(run.shapes, x.len() * images / inputs);
            let (between, saved) = run.saved.split_at_mut(conv.outputs());
            let mut forward = |op: &dyn Operator, shapes, x, y: &mut [f32], bytes: &mut [u8]| {
                let saved = &mut saved[..op.saved(shapes)];
                op.forward(Forward {
                    shapes,
                    x: [x, &[], &[], &[]],
                    packed,
                    y,
                    saved,
                    bytes,
                    states: StateRefs { all: states, indices: &[] },
                    ..run
                });
            };
            forward(&self.conv, &conv, x, between, &mut []);
            let bytes = &mut run.bytes[..pooling.saved_bytes(&pool)];
            forward(pooling, &pool, between, y, bytes);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        let [conv, pool] = self.of_part(shapes, shapes.inputs[0][0]);
        let [conv, pool] = [self.conv.operations(&conv), self.pool.get().operations(&pool)];
        Operations { forward: conv.forward + pool.forward, ..conv }
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let [conv, pool] = self.of_part(run.shapes, run.shapes.inputs[0][0]);
        let Reference { x, ids, parameters, states, pass, .. } = run;
        let between = Reference { shapes: &conv, x, ids, parameters, states, pass };
        let x: &[&[f64]] = &[&self.conv.reference(between)];
        self.pool.get().reference(Reference { shapes: &pool, x, ids, parameters, states, pass })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Case, Cases, LRN, case};
    use super::super::{LrnPool, MaxPool, PoolLrn};
    use super::*;
    use crate::nn::graph::Filters;
    use crate::ops::relu::Rectifier;
    use crate::ops::window::Padding::{Same, Valid};

    impl Cases for ConvPool {
        fn cases() -> Vec<Case> {
            let pool = MaxPool { relu: true, ..MaxPool::new(3, 2, Same) };
            let conv =
                Conv2d { rectifier: Rectifier::Relu, ..Conv2d::new(Filters::new(4, 3), true) };
            let of = |pool, images| Case {
                training: false,
                ..case(Op::ConvPool(Self { conv, pool: Box::new(pool), images }), &[&[5, 6, 5, 3]])
            };
            vec![
                of(Op::MaxPool(pool), 2),
                of(Op::PoolLrn(PoolLrn { pool, lrn: LRN }), 2),
                of(Op::LrnPool(LrnPool { lrn: LRN, pool }), 3),
                of(Op::MaxPool(MaxPool::new(2, 2, Valid)), 8),
            ]
        }
    }
}
