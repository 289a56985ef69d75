//! A max pooling and a normalisation in one pass over each image, in either order. No graph is
//! built with these; a rewrite replaces two nodes by one.

use super::{Backward, Forward, LrnNode, MaxPool, Operations, Operator, Reads, Reference, Shapes};
use crate::ops::lrn::Lrn;
use crate::ops::lrn::reference::lrn_reference;
use crate::ops::pool::reference::max_pool2d_reference;
use crate::ops::pool_lrn::{self, lrn_pool, lrn_pool_gradient, pool_lrn, pool_lrn_gradient};

/// The pooling first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolLrn {
    /// The pooling.
    pub pool: MaxPool,
    /// The normalisation.
    pub lrn: Lrn,
}

impl PoolLrn {
    fn sizes(&self, shapes: &Shapes) -> pool_lrn::PoolLrn {
        let pool = self.pool.sizes(&shapes.inputs[0]);
        pool_lrn::PoolLrn { pool, lrn: self.lrn, relu: self.pool.relu }
    }
}

impl Operator for PoolLrn {
    fn kind(&self) -> String {
        format!("{} + lrn", self.pool.kind())
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        self.pool.shape(shapes)
    }

    fn saved(&self, shapes: &Shapes) -> usize {
        shapes.outputs()
    }

    fn saved_bytes(&self, shapes: &Shapes) -> usize {
        shapes.outputs()
    }

    fn forward(&self, run: Forward) {
        pool_lrn(run.cpu, &self.sizes(run.shapes), run.x[0], run.saved, run.bytes, run.y);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            let sizes = self.sizes(run.shapes);
            pool_lrn_gradient(run.cpu, &sizes, run.saved, run.bytes, run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        both(self.pool.operations(shapes), LrnNode(self.lrn), shapes.outputs())
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let channels = run.shapes.channels();
        lrn_reference(self.lrn, channels, &self.pool.reference(run))
    }
}

/// The normalisation first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrnPool {
    /// The normalisation.
    pub lrn: Lrn,
    /// The pooling. Where it has a ReLU, that is before the normalisation.
    pub pool: MaxPool,
}

impl LrnPool {
    fn sizes(&self, shapes: &Shapes) -> pool_lrn::PoolLrn {
        let pool = self.pool.sizes(&shapes.inputs[0]);
        pool_lrn::PoolLrn { pool, lrn: self.lrn, relu: self.pool.relu }
    }
}

impl Operator for LrnPool {
    fn kind(&self) -> String {
        if self.pool.relu { "relu + lrn + max_pool" } else { "lrn + max_pool" }.to_string()
    }

    fn shape(&self, shapes: &Shapes) -> Result<Vec<usize>, String> {
        self.pool.shape(shapes)
    }

    fn saved_bytes(&self, shapes: &Shapes) -> usize {
        shapes.outputs()
    }

    fn reads(&self) -> Reads {
        Reads { inputs: true, output: false }
    }

    fn forward(&self, run: Forward) {
        lrn_pool(run.cpu, &self.sizes(run.shapes), run.x[0], run.y, run.bytes);
    }

    fn backward(&self, mut run: Backward) {
        if let Some(dx) = run.dx[0].take() {
            let sizes = self.sizes(run.shapes);
            lrn_pool_gradient(run.cpu, &sizes, run.x[0], run.bytes, run.dy, dx);
        }
    }

    fn operations(&self, shapes: &Shapes) -> Operations {
        both(self.pool.operations(shapes), LrnNode(self.lrn), shapes.values())
    }

    fn reference(&self, run: Reference) -> Vec<f64> {
        let (shapes, lrn) = (run.shapes, self.lrn);
        // The rewrite leaves the ReLU's output as the input.
        let normalised = lrn_reference(lrn, shapes.channels(), run.x[0]);
        max_pool2d_reference(self.pool.sizes(&shapes.inputs[0]), &normalised)
    }
}

fn both(pool: Operations, lrn: LrnNode, normalised: usize) -> Operations {
    let shapes = Shapes { output: vec![normalised], ..Shapes::default() };
    let lrn = lrn.operations(&shapes);
    Operations {
        forward: pool.forward + lrn.forward,
        input_gradient: pool.input_gradient + lrn.input_gradient,
        parameter_gradient: 0,
    }
}
