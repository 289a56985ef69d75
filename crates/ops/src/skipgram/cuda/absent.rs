//! The stub of the GPU trainer in a tfm that is built without CUDA.

use anyhow::{Result, bail};
use candle_core::Device;

use super::{Sentences, Sizes, Trained};
use crate::rng::Stream;
use crate::skipgram::NegativeSampler;

/// Trains windows on a GPU: none can be made in this build.
pub enum WindowTrainer {}

impl WindowTrainer {
    /// See the type of a build with CUDA.
    ///
    /// # Errors
    /// Always.
    pub fn new(
        _: &Device,
        _: Sizes,
        _: &NegativeSampler,
        _: Stream,
        _: &[f32],
        _: &[f32],
    ) -> Result<Self> {
        bail!("this tfm was built without CUDA; build it with --features cuda, or use --device cpu")
    }

    /// Trains sentences.
    ///
    /// # Errors
    /// Never: a trainer cannot be made.
    pub fn train(&mut self, _: Sentences<'_>) -> Result<Trained> {
        match *self {}
    }

    /// Copies the tables from the GPU.
    ///
    /// # Errors
    /// Never: a trainer cannot be made.
    pub fn download(&self, _: &mut [f32], _: &mut [f32]) -> Result<()> {
        match *self {}
    }
}
