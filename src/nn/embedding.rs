//! A table of word vectors with a sparse gradient.

use candle_core::Result;

use super::Parameter;
use crate::ops::{Buffer, Cpu, embedding, norm, sgd};

/// A table (ids, width) of which a step reads and changes a few rows.
#[derive(Debug)]
pub struct Embedding {
    /// (ids, width)
    pub table: Parameter,
    ids: Vec<u32>,
    gradient: Buffer,
}

impl Embedding {
    /// A table uniform in ±`scale`.
    ///
    /// # Errors
    /// When Candle cannot make the tensor.
    pub fn new(name: &str, ids: usize, width: usize, scale: f32, seed: u64) -> Result<Self> {
        let table = Parameter::uniform(name, &[ids, width], scale, seed)?;
        Ok(Self { table, ids: Vec::new(), gradient: Buffer::default() })
    }

    fn width(&self) -> usize {
        self.table.shape()[1]
    }

    /// The rows of `ids`: `rows` (tokens, width).
    pub fn forward(&mut self, cpu: &Cpu, ids: &[u32], rows: &mut [f32]) {
        embedding::gather(cpu, &self.table.values(), self.width(), ids, rows);
        self.ids.clear();
        self.ids.extend_from_slice(ids);
    }

    /// Where the gradient of the last forward pass's rows goes: (tokens, width).
    pub fn gradient(&mut self) -> &mut [f32] {
        let len = self.ids.len() * self.width();
        self.gradient.at_least(len)
    }

    /// The sum of squares of the gradient, in which a word that occurs twice enters twice,
    /// as the values of TensorFlow's `IndexedSlices` do in `tf.global_norm`.
    pub fn sum_of_squares(&mut self, cpu: &Cpu) -> f64 {
        norm::sum_of_squares(cpu, self.gradient())
    }

    /// `table[id] -= rate · clip · gradient`, a token at a time.
    ///
    /// # Errors
    /// What Candle reports of the storage.
    pub fn descend(&self, cpu: &Cpu, clip: f32, rate: f32) -> Result<()> {
        let (width, ids) = (self.width(), &self.ids);
        let gradient = &self.gradient[..ids.len() * width];
        self.table.update(|table, _| {
            sgd::descend_rows(cpu, table, width, ids, gradient, clip, rate);
        })
    }
}
